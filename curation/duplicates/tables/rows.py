"""Rows of a table are equal, or nearly, only where the columns that are no numbers agree too.

Vectors of a table hold its numbers alone. Two people of one age and income who differ in occupation
are not one person twice, so what stands in the other columns (words, dates, flags) has to be equal.
A column in which every row has a value of its own is a key and says nothing about copies, unless
its entries are words or dates: of two people of one age each has a name, and of two days with the
same weather each was a day.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from thresher.core.arrow_kinds import is_number, is_string
from thresher.core.columns import read_column
from thresher.core.loading.column_kinds import DATE_TEXT
from thresher.core.neighbors import NeighborGraph
from thresher.core.numerics.ragged import positions
from thresher.core.rows import hexadecimal, row_hashes
from thresher.core.schema import ROW_ID, SPLIT

if TYPE_CHECKING:
    import datasets

LOOKED_AT = 1000  # entries by which a key is told from names


def other_columns(
    dataset: datasets.Dataset,
    inputs: Sequence[str],
    *,
    label: str | None,
    ignored: Sequence[str] = (),
) -> np.ndarray | None:
    """Hash what each row of a table holds beside its numbers, uint64, shape (n,).

    Parameters
    ----------
    dataset : datasets.Dataset
    inputs : sequence of str
        The columns that are looked at.
    label : str or None
    ignored : sequence of str
        Columns in which copies may differ.

    Returns
    -------
    ndarray of uint64, shape (n,), or None
        None where `inputs` are no columns of numbers, or no other column can tell rows apart.
    """
    if not all(is_number(read_column(dataset, name).type) for name in inputs):
        return None
    names = telling_columns(dataset, {*inputs, *ignored, label})
    return row_hashes(dataset, names) if names else None


def describing_columns(
    dataset: datasets.Dataset, inputs: Sequence[str], *, label: str | None
) -> list[str]:
    """Return the columns of a table beside its numbers that say what a row is: text and dates.

    Parameters
    ----------
    dataset : datasets.Dataset
    inputs : sequence of str
        Its columns of numbers.
    label : str or None
    """
    names = telling_columns(dataset, {*inputs, label})
    return [name for name in names if describes(read_column(dataset, name).type)]


def describes(kind: pa.DataType) -> bool:
    """Tell whether a column of a table holds text or dates."""
    return is_string(kind) or pa.types.is_temporal(kind)


def telling_columns(dataset: datasets.Dataset, known: set[str | None]) -> list[str]:
    """Return the columns not `known` that tell rows apart: neither ours nor keys."""
    names = [name for name in dataset.column_names if name not in {*known, ROW_ID, SPLIT}]
    return [name for name in names if not _is_key(dataset, name)]


def with_other_columns(content: np.ndarray, others: np.ndarray | None) -> np.ndarray:
    """Join hashes of the content, str (n,), with those of the other columns of a table."""
    if others is None:
        return content
    return np.asarray(content.astype(object) + hexadecimal(others.reshape(-1, 1)).astype(object))


def where_equal(graph: NeighborGraph, others: np.ndarray | None) -> NeighborGraph:
    """Return a threshold graph without the pairs of rows that differ in the other columns.

    Costs O(n log n + pairs · different rows of equal numbers).
    """
    if others is None:
        return graph
    codes = np.unique(others, return_inverse=True)[1]
    width = np.int64(codes.max(initial=0) + 1)
    keys, first, inverse = np.unique(
        graph.first_rows * width + codes, return_index=True, return_inverse=True
    )
    rows, neighbors, similarities = graph.stored()
    once = rows < neighbors
    rows, neighbors, similarities = rows[once], neighbors[once], similarities[once]
    start, stop = (np.searchsorted(keys, at * width) for at in (rows, rows + 1))
    counts = stop - start
    pair = np.repeat(np.arange(len(rows)), counts)
    left = positions(start, counts)
    wanted = neighbors[pair] * width + keys[left] % width
    right = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    equal = keys[right] == wanted if len(keys) else np.zeros(0, bool)
    same_as = first[inverse]
    return NeighborGraph.from_pairs(
        graph.row_ids,
        (first[left[equal]], first[right[equal]], similarities[pair[equal]]),
        threshold=graph.threshold or 0.0,
        exact=graph.exact,
        recall=graph.recall,
        method=f"{graph.method}; the other columns equal",
        same_as=None if len(keys) == len(same_as) else same_as,
    )


def _is_key(dataset: datasets.Dataset, name: str) -> bool:
    column = read_column(dataset, name)
    if not (is_string(column.type) or is_number(column.type)) or len(column) < 2:
        return False
    if pc.count_distinct(column, mode="all").as_py() < len(column):
        return False
    return not is_string(column.type) or not _says_something(column)


def _says_something(column: pa.ChunkedArray) -> bool:
    """Tell whether most entries are several words, or a date."""
    telling = rf"\S\s+\S|{DATE_TEXT}"
    several = pc.match_substring_regex(column.slice(0, LOOKED_AT), telling).fill_null(False)
    return bool(pc.mean(several).as_py() > 0.5)
