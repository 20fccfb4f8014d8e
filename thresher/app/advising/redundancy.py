"""Probe of redundancy: half of the rows as a core set or as chosen labels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from active_learning import query
from curation import select_coreset

from ...core.counted import counted
from ...core.numerics.softmax import softmax
from .curve import Curve
from .levers import Estimate, Lever
from .sample import Sample
from .transfer import combined, recovered, widened

HALF = Estimate(2.0, 2.0, 2.0)
# Repeats of the dear choices: their differences are paired, and the curve carries the rest.
CHOICES = 2
# Other rows to choose from would change the gain too, by about as much as other rows to judge on.
AGAIN, FLOOR = 1.5, 0.3
ROUNDS = 3
Choose = Callable[[Sample, np.ndarray, int], tuple[np.ndarray, np.ndarray | None]]


def core_set(sample: Sample | None, curve: Curve) -> Lever:
    """Say what training on half of the rows, chosen as a core set, would lose.

    Without a sample nothing is tried: what a random half loses by the curve, and what choosing
    recovered of that on other sets.
    """
    return Lever(
        name="train on a core set of half the rows",
        command=f"thresher run --rows {curve.half}",
        acts_on=("cost",),
        times=HALF,
        points=widened(_half(sample, curve, _core_set, "core set"), "core set"),
        cost=0.1,
        evidence=_seen("core sets", sample, curve),
    )


def chosen_labels(sample: Sample | None, curve: Curve) -> Lever:
    """Say what labeling half as many rows, chosen by a query, would lose; as `core_set`."""
    return Lever(
        name="label half as many rows, chosen",
        command=f"thresher run --labels {curve.half}, or thresher label init",
        acts_on=("labels",),
        times=HALF,
        points=widened(_half(sample, curve, _chosen, "chosen labels"), "chosen labels"),
        cost=0.1,
        evidence=_seen(f"rows chosen in {ROUNDS} rounds", sample, curve),
    )


def _seen(what: str, sample: Sample | None, curve: Curve) -> str:
    lost = f"a random half of all rows loses {-_lost(curve).value:.1f} points by the learning curve"
    if sample is None:
        return f"{lost}; what choosing recovered of that on other sets"
    return (
        f"{what} against random halves of {counted(sample.fitted_rows, 'row')} in {CHOICES} "
        f"repeats, and what choosing recovered on other sets; {lost}"
    )


def _half(sample: Sample | None, curve: Curve, choose: Choose, kind: str) -> Estimate:
    """Return the points lost at all rows.

    What choice gains over chance on the sample shrinks with more rows as all differences do: by as
    much as the loss of a random half does. Of few rows it is known badly; what it recovered of that
    loss on other sets counts beside it, each by its precision.
    """
    lost = _lost(curve)
    gain = recovered(-lost.value, kind)
    if sample is not None:
        gain = combined(_tried(sample, curve, choose, lost=-lost.value), gain)
    change = lost.value + gain.value
    below = float(np.hypot(lost.value - lost.low, gain.value - gain.low))
    above = float(np.hypot(lost.high - lost.value, gain.high - gain.value))
    return Estimate(change, change - below, change + above)


def _tried(sample: Sample, curve: Curve, choose: Choose, *, lost: float) -> Estimate:
    """Return the points that choosing is ahead of chance, as on all rows."""
    differences = []
    for train, test in sample.splits[:CHOICES]:
        half = len(train) // 2
        by_chance = sample.head.right(train[:half], test).astype(float)
        rows, weights = choose(sample, train, half)
        differences.append(sample.head.right(rows, test, weights=weights) - by_chance)
    here, seen = curve.slope(sample.fitted_rows), 100 * np.concatenate(differences)
    shrink = float(np.clip(lost / here, 0.0, 1.0)) if here > 0 else 0.0
    return Estimate.around(
        shrink * float(seen.mean()),
        shrink * AGAIN * float(seen.std()) / np.sqrt(len(seen)) + FLOOR,
    )


def _lost(curve: Curve) -> Estimate:
    """Return what half of the rows given lose as different ones: of many copies, little."""
    return curve.points(curve.of, curve.half)


def _as_wide_as_long(vectors: np.ndarray) -> np.ndarray:
    """Return rows with the same inner products, of no more columns than rows.

    What chooses among them costs the third power of the columns.
    """
    if vectors.shape[1] <= len(vectors):
        return vectors
    _, triangle = np.linalg.qr(vectors.T.astype(np.float64))
    return np.asarray(triangle.T, dtype=vectors.dtype)


def _core_set(sample: Sample, train: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray | None]:
    core = select_coreset(_as_wide_as_long(sample.vectors[train]), n=n, labels=sample.codes[train])
    return train[core.positions], core.weights


def _chosen(sample: Sample, train: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Choose as a labeling loop would, doubling the labels in each round."""
    labeled = np.zeros(len(train), dtype=bool)
    labeled[: n // 2 ** (ROUNDS - 1)] = True
    for at in range(ROUNDS - 2, -1, -1):
        scores = sample.head.scores(train[labeled], train)
        picked = query(
            sample.vectors[train],
            n=n // 2**at - int(labeled.sum()),
            labeled=labeled,
            pred_probs=softmax(4.0 * scores),
        )
        labeled[picked.positions] = True
    return train[labeled], None
