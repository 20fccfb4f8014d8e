"""Boxes that are there twice, objects with two classes, and classes that cover each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from thresher.core.counted import counted, percent
from thresher.core.detection.detection_set import DetectionSet
from thresher.core.issues import Issues

from .overlaps import Pairs, overlapping_pairs

NEAR = 0.9
# A class of at least so many boxes, of which so many lie on boxes of another, is covered by it.
FEWEST, COVERED = 10, 0.5


@dataclass(frozen=True)
class CoveredClass:
    """A class whose boxes mostly lie where another class has one too.

    Attributes
    ----------
    name, by : str
    share : float
        Of the boxes of the class.
    boxes : int
    """

    name: str
    by: str
    share: float
    boxes: int

    def said(self) -> str:
        """Return it as a sentence."""
        return (
            f"{percent(self.share)} of the {counted(self.boxes, 'box', 'boxes')} of {self.name!r} "
            f"lie on a box of {self.by!r}: are these two names of one class?"
        )


def find_repeated_boxes(dataset: DetectionSet) -> tuple[Issues, list[CoveredClass]]:
    """Find equal and nearly equal boxes, and boxes of two classes in one place.

    The first of them in the file stays and is the twin of the others.
    """
    pairs = overlapping_pairs(dataset, least=NEAR)
    same = dataset.codes[pairs.first] == dataset.codes[pairs.second]
    equal = (dataset.boxes[pairs.first] == dataset.boxes[pairs.second]).all(axis=1)
    kinds = (
        ("exact_duplicate", same & equal, "equal to the box {twin}"),
        ("near_duplicate", same & ~equal, "overlaps the box {twin} by {overlap}"),
        ("conflict", ~same, "overlaps the box {twin}, a {other}, by {overlap}"),
    )
    issues = []
    for check, chosen, said in kinds:
        rows = list(_described(dataset, pairs, chosen, said))
        scores = [0.0 if check == "exact_duplicate" else 1 - overlap for *_, overlap, _ in rows]
        issues.append(
            Issues.from_columns(
                check,
                row_ids=[row[0] for row in rows],
                twins=[row[1] for row in rows],
                scores=scores,
                details=[row[3] for row in rows],
            )
        )
    return Issues.concat(issues), _covered(dataset, pairs, same)


def _described(
    dataset: DetectionSet, pairs: Pairs, chosen: np.ndarray, said: str
) -> Iterator[tuple[str, str, float, str]]:
    """Yield box, twin, overlap and words, once for each box: that with the first of its twins."""
    at = np.flatnonzero(chosen)
    at = at[np.lexsort((pairs.first[at], pairs.second[at]))]
    _, once = np.unique(pairs.second[at], return_index=True)
    for place in at[once].tolist():
        first, second = int(pairs.first[place]), int(pairs.second[place])
        overlap, twin = float(pairs.overlap[place]), str(dataset.box_ids[first])
        other = dataset.class_names(dataset.codes[[first]])[0]
        words = said.format(twin=twin, overlap=percent(overlap), other=other)
        yield str(dataset.box_ids[second]), twin, overlap, words


def _covered(dataset: DetectionSet, pairs: Pairs, same: np.ndarray) -> list[CoveredClass]:
    known = ~same & (dataset.codes[pairs.first] >= 0) & (dataset.codes[pairs.second] >= 0)
    box = np.concatenate([pairs.first[known], pairs.second[known]])
    other = dataset.codes[np.concatenate([pairs.second[known], pairs.first[known]])]
    # A box counts once for each class that lies on it.
    once = np.unique(np.stack([box, other], axis=1), axis=0) if len(box) else np.zeros((0, 2), int)
    totals = np.bincount(dataset.codes[dataset.codes >= 0], minlength=len(dataset.classes))
    kinds, counts = np.unique(
        np.stack([dataset.codes[once[:, 0]], once[:, 1]], axis=1), axis=0, return_counts=True
    )
    found = []
    for (code, by), count in zip(kinds.tolist(), counts.tolist(), strict=True):
        share = count / totals[code]
        if totals[code] >= FEWEST and share >= COVERED:
            names = dataset.classes[code], dataset.classes[by]
            found.append(CoveredClass(*names, float(share), int(totals[code])))
    return sorted(found, key=lambda one: (-one.share, one.name))
