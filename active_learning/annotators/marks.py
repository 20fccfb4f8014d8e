"""One set of spans or boxes for each row: what more than half of the annotators marked.

Marks of one class that overlap by half or more (intersection over union) are the same mark; its
place is the median of theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from thresher.core.answer_table import AnswerTable
from thresher.core.text_arrays import text_array
from thresher.core.ties import first_highest

from .classes import Consensus

SAME = 0.5
Mark = dict[str, Any]


class Marking(Protocol):
    """What a consensus has to know of marks; a task for them tells it."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the numbers that place a mark."""

    @property
    def whole(self) -> bool:
        """Whether these are whole numbers."""

    def decode(self, text: str) -> Any:
        """Return the marks of a text that `encode` made."""

    def encode(self, label: Any) -> str:
        """Return marks as text."""

    def overlap(self, first: Mark, second: Mark) -> float:
        """Return the intersection over the union of two marks."""


def mark_consensus(opinions: AnswerTable, marking: Marking) -> Consensus:
    """Find the marks of each row.

    Returns
    -------
    Consensus
        ``labels`` are JSON lists of marks. A row's score is the mean agreement over its marks, kept
        or not: the share of annotators who made it, or who did not; 1 without any mark.
        ``annotator_quality`` is the share of each one's marks that were kept, ``probs`` is empty.
    """
    labels, scores = [], []
    quality = np.ones(len(opinions.labels))
    for places in opinions.by_row():
        given = [marking.decode(str(opinions.labels[place])) for place in places]
        groups = same_marks(given, marking)
        kept = [group for group in groups if 2 * len(group) > len(given)]
        labels.append(marking.encode([_middle(group, given, marking) for group in kept]))
        shares = [max(len(group), len(given) - len(group)) / len(given) for group in groups]
        scores.append(float(np.mean(shares)) if shares else 1.0)
        for number, place in enumerate(places):
            mine = sum(number in group for group in groups)
            right = sum(number in group for group in kept)
            missed = len(kept) - right
            quality[place] = right / (mine + missed) if mine + missed else 1.0
    return Consensus(
        opinions.row_ids,
        text_array(labels),
        np.array(scores),
        np.empty((len(labels), 0)),
        opinions.names,
        opinions.mean_by_annotator(quality),
        opinions.answers(),
        marking.classes,
        "majority",
    )


def same_marks(given: Sequence[Sequence[Mark]], marking: Marking) -> list[dict[int, int]]:
    """Group the marks of one row; each group maps an annotator's number to their mark's place.

    Marks join the group whose first mark they overlap most, one of each annotator at most.
    """
    groups: list[dict[int, int]] = []
    firsts: list[Mark] = []
    for number, marks in enumerate(given):
        for place, mark in enumerate(marks):
            overlaps = [
                marking.overlap(first, mark)
                if first["label"] == mark["label"] and number not in group
                else 0.0
                for first, group in zip(firsts, groups, strict=True)
            ]
            best = int(first_highest(np.array(overlaps))) if overlaps else -1
            if best >= 0 and overlaps[best] >= SAME:
                groups[best][number] = place
            else:
                groups.append({number: place})
                firsts.append(mark)
    return groups


def _middle(group: dict[int, int], given: Sequence[Sequence[Mark]], marking: Marking) -> Mark:
    marks = [given[number][place] for number, place in group.items()]
    placed = {name: float(np.median([mark[name] for mark in marks])) for name in marking.fields}
    if marking.whole:
        placed = {name: round(value) for name, value in placed.items()}
    return {**placed, "label": marks[0]["label"]}
