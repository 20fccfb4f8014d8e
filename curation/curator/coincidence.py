"""Rows of a table that are equal or close by chance are no copies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from thresher.core.counted import counted
from thresher.core.embeddings import Embeddings
from thresher.core.encoders.protocol import Encoder
from thresher.core.errors import TooManyPairs
from thresher.core.neighbors import NeighborGraph

from ..duplicates.exact import group_by_content
from ..duplicates.leakage import exact_graph
from ..duplicates.tables.chance import (
    Coincidence,
    copies_by_chance,
    different_pairs,
    pairs_by_chance,
)
from .rows import Rows

NO_COPIES = "by chance, so that none is taken for a copy"


def equal_by_chance(rows: Rows, keys: np.ndarray) -> Coincidence:
    """Count the rows that equal an earlier one by their keys, and how many do by chance.

    Rows of numbers alone are counted: texts and images are not equal by chance.
    """
    if rows.modality != "features":
        return Coincidence(0, 0.0)
    group = group_by_content(keys)
    return copies_by_chance(
        rows.dataset,
        inputs=rows.columns,
        label=rows.label,
        ignored=rows.ignored,
        classes=rows.classes,
        found=len(group) - len(np.unique(group)),
    )


def close_by_chance(
    rows: Rows,
    graph: NeighborGraph,
    *,
    encoder: Encoder,
    search: Callable[[Embeddings], NeighborGraph],
) -> Coincidence:
    """Count the close pairs of different rows of a table, and how many are close by chance.

    Parameters
    ----------
    rows : Rows
        Of numbers.
    graph : NeighborGraph
        Its close pairs.
    encoder : Encoder
        What made their vectors.
    search : callable
        Finds the close pairs of vectors as those of `graph` were found.
    """
    numbers, classes, others = rows.values(), rows.classes, rows.others
    whole = np.flatnonzero(np.isfinite(numbers).all(axis=1))

    def close(mixed: np.ndarray) -> NeighborGraph:
        ids = np.arange(len(mixed)).astype(str)
        return search(Embeddings(ids, encoder.encode(mixed), encoder.name, encoder.fingerprint))

    found = different_pairs(graph)
    try:
        return pairs_by_chance(
            numbers[whole],
            None if others is None else others[whole],
            classes=None if classes is None else classes[whole],
            search=close,
            found=found,
        )
    except TooManyPairs:
        return Coincidence(found, float("inf"))


def only_equal(keys: np.ndarray, rows: Rows, *, threshold: float, why: str) -> NeighborGraph:
    """Return the graph of rows that are equal by their keys, and why of no others."""
    return replace(exact_graph(keys, row_ids=rows.ids), threshold=threshold, method=why)


def describe_equal(chance: Coincidence) -> str:
    """Say how equal rows were told, or why none is taken for a copy."""
    if not chance:
        return "Hash of the content; one row of each group stays"
    equal = counted(chance.found, "row equals an earlier one", "rows equal earlier ones")
    return f"{equal}, {_shuffled(chance)}"


def describe_close(chance: Coincidence) -> str:
    """Say why no close pair of different rows is taken for one of copies."""
    close = counted(chance.found, "pair of different rows is", "pairs of different rows are")
    return f"{close} as close, {_shuffled(chance)}"


def _shuffled(chance: Coincidence) -> str:
    many = "more than can be held" if np.isinf(chance.shuffled) else f"{chance.shuffled:,.1f}"
    return f"and {many} where each column is shuffled: {NO_COPIES}"
