"""Probe of copies: equal rows among all, nearly equal ones among all texts or the sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from curation import content_keys, find_exact_duplicates, find_near_duplicates, text_graph
from curation.duplicates.tables.chance import Coincidence, copies_by_chance

from ...core.columns import read_labels, read_texts, take_rows
from ...core.counted import counted
from ...core.interval import wilson_interval
from ...core.loaded import LoadedDataset
from ...core.schema import Schema
from .levers import Z80, Estimate, Lever
from .sample import keyed_rows
from .transfer import widened

if TYPE_CHECKING:
    import datasets

BY = {"text": "text", "features": "columns", "image": "pixels"}
# Texts are compared by their words from this similarity on: cheap for tens of thousands of them.
NEAR_TEXTS, MOST_TEXTS = 0.8, 30_000
# Of the rows of a table: fewer equal ones are worth less than asking whether they are so by chance.
MANY = 0.05


@dataclass(frozen=True, eq=False)
class Copies:
    """Rows that another one makes needless.

    Attributes
    ----------
    positions : ndarray of int64
        In the dataset: labeled training rows to leave out.
    rows : int
        Labeled training rows in all.
    equal : float
        Share of them that equals an earlier one: that of requests that a cache would answer, if
        requests were like the rows.
    looked : str
        What was looked at.
    """

    positions: np.ndarray
    rows: int
    equal: float
    looked: str

    def lever(self) -> Lever:
        """Say what leaving them out would save."""
        count = len(self.positions)
        low, high = wilson_interval(count, self.rows, z=Z80)
        return Lever(
            name="leave out copies",
            command="thresher curate",
            acts_on=("labels", "cost"),
            times=Estimate(*(1 / (1 - min(x, 0.999)) for x in (count / self.rows, low, high))),
            # They teach nothing new; that a network is trained anew on fewer rows shows.
            points=widened(Estimate(0.0, 0.0, 0.0), "copies"),
            cost=0.1,
            evidence=f"{count:,} of {counted(self.rows, 'row')}: {self.looked}",
            found=count > 0,
        )


def find_copies(loaded: LoadedDataset) -> Copies:
    """Look for equal rows, and among texts for nearly equal ones."""
    # Of equal rows the one with the lowest key stays, whatever their order.
    train = keyed_rows(loaded)
    rows, inputs = take_rows(loaded.dataset, train), list(loaded.schema.inputs)
    modality = loaded.schema.modality
    columns = inputs if modality == "features" else inputs[0]
    equal = ~find_exact_duplicates(content_keys(rows, by=BY[modality], columns=columns)).kept
    copied, looked = equal, "equal rows among all"
    if modality == "features" and equal.sum() > MANY * len(rows):
        chance = _coincidence(rows, loaded.schema, found=int(equal.sum()))
        if chance:
            copied = np.zeros_like(equal)
            looked = (
                f"{chance.found:,} equal earlier ones, and {chance.shuffled:,.0f} where each "
                "column is shuffled: by chance"
            )
    if modality == "text" and len(rows) <= MOST_TEXTS:
        graph = text_graph(read_texts(rows, inputs[0]), threshold=NEAR_TEXTS)
        copied = equal | ~find_near_duplicates(graph).kept
        looked = "equal and nearly equal texts among all"
    return Copies(train[copied], len(train), float(equal.mean()), looked)


def _coincidence(rows: datasets.Dataset, schema: Schema, *, found: int) -> Coincidence:
    """Ask, as a run does, whether rows of numbers are equal by chance."""
    return copies_by_chance(
        rows,
        inputs=schema.inputs,
        label=schema.label,
        classes=read_labels(rows, schema).astype(str),
        found=found,
    )
