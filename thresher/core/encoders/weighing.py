"""How much meaning counts beside surface: what the labels of the data say.

Joined vectors have the similarity ``(1 - weight) · surface + weight · meaning``. For each weight
the nearest other row of sampled rows is looked up; the weight under which it has the row's own
label most often wins, if it is ahead of the usual one by more than chance would make it. n² d
products for n sampled rows, once for all weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..choice import Choice
from ..classes import label_texts
from ..counted import counted, percent
from ..grid import exact_rows

# Neither part ever vanishes: copies are found by the surface alone.
WEIGHTS = (0.05, 0.25, 0.5, 0.75, 0.95)
FEWEST_ROWS = 100
# Standard errors of the difference in accuracy by which a weight must be ahead of the usual one.
AHEAD = 1.0


@dataclass(frozen=True)
class Weighing:
    """The weight of meaning, 0–1, and why this one."""

    weight: float
    reason: str

    @property
    def choice(self) -> Choice:
        """The same in words."""
        shares = f"{percent(self.weight)} meaning, {percent(1 - self.weight)} surface"
        return Choice(shares, self.reason)


def weigh_by_labels(
    surface: np.ndarray, meaning: np.ndarray, labels: np.ndarray | None, *, usual: Weighing
) -> Weighing:
    """Choose a weight by the labels of sampled rows, or keep the usual one.

    Parameters
    ----------
    surface, meaning : ndarray of float32, shape (n, d) and (n, e)
        Of unit length; rows of zeros have no content.
    labels : array of str or int, shape (n,), or None
        Empty texts are no labels.
    usual : Weighing
        Taken without enough labels, and where no other one is surely better.
    """
    if labels is None:
        return usual
    names = label_texts(labels, rows=len(surface))
    use = np.flatnonzero((names != "") & surface.any(axis=1) & meaning.any(axis=1))
    names = names[use]
    if len(use) < FEWEST_ROWS or len(set(names.tolist())) < 2:
        return usual
    parts = [_similarities(vectors[use]) for vectors in (surface, meaning)]
    weights = sorted({*WEIGHTS, usual.weight})
    right = {weight: _right(parts, names, weight) for weight in weights}
    shares = {weight: float(found.mean()) for weight, found in right.items()}
    # Of equally good ones that which is nearest to the usual one.
    best = min(weights, key=lambda weight: (-shares[weight], abs(weight - usual.weight)))
    ahead = right[best].astype(np.float64) - right[usual.weight]
    if ahead.mean() <= AHEAD * ahead.std() / np.sqrt(len(ahead)):
        best = usual.weight
    compared = ", ".join(
        f"{percent(shares[weight], digits=1)} at {percent(weight)}" for weight in weights
    )
    return Weighing(
        best,
        f"the nearest of {counted(len(use), 'row')} has the same label in {compared} meaning",
    )


def _similarities(vectors: np.ndarray) -> np.ndarray:
    rows = exact_rows(vectors)
    found = (rows @ rows.T).astype(np.float64)
    np.fill_diagonal(found, -np.inf)
    return np.asarray(found)


def _right(parts: list[np.ndarray], names: np.ndarray, weight: float) -> np.ndarray:
    """Return which rows have the label of their nearest row, of equally near ones the first."""
    surface, meaning = parts
    nearest = ((1 - weight) * surface + weight * meaning).argmax(axis=1)
    return np.asarray(names[nearest] == names)
