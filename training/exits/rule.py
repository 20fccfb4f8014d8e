"""When a row may leave: the lowest confidence at which accuracy is still proven to hold.

Confidences are tempered stage by stage (Guo et al., ICML 2017). The threshold is then lowered from
"nobody leaves early" for as long as an upper confidence bound on the accuracy lost, on rows that
the temperatures were not fitted on, stays within what is allowed; testing in this fixed order needs
no correction for the many thresholds tried ("Learn then Test", Angelopoulos et al., 2021).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from thresher.core.counted import counted
from thresher.core.errors import InputError, check_number
from thresher.core.interval import wilson_interval
from thresher.core.numerics.softmax import confidence
from thresher.core.numerics.temperature import likeliest_temperature

STEPS = 200
CURVE_POINTS = 25
# Of the one-sided bound: 95 %.
DEVIATES = 1.645


@dataclass(frozen=True)
class ExitRule:
    """When a row leaves, and what that gave on the calibration rows.

    Attributes
    ----------
    threshold : float
        Tempered confidence from which a row leaves; above 1, none leaves early.
    temperatures : tuple of float
        Of each stage.
    accuracy, last_accuracy : float
        With the rule, and of the last stage alone. Without labels, agreement with the last stage.
    drop_bound : float
        The accuracy lost is smaller than this with 95 % confidence.
    cost : float
        Mean cost of a row, in units of the whole way.
    shares : tuple of float
        Of the rows that leave at each stage.
    rows : int
        That the threshold was chosen on.
    """

    threshold: float
    temperatures: tuple[float, ...]
    accuracy: float
    last_accuracy: float
    drop_bound: float
    cost: float
    shares: tuple[float, ...]
    rows: int

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return vars(self) | {"temperatures": list(self.temperatures), "shares": list(self.shares)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> ExitRule:
        """Read what `to_json` gave."""
        tuples = {name: tuple(value[name]) for name in ("temperatures", "shares")}
        return cls(**(value | tuples))


@dataclass(frozen=True)
class CurvePoint:
    """What one threshold gives: mean cost of a row (1 = the whole way), accuracy, shares."""

    threshold: float
    cost: float
    accuracy: float
    shares: tuple[float, ...]


def choose_rule(
    logits: Sequence[np.ndarray],
    labels: np.ndarray | None,
    *,
    costs: Sequence[float],
    max_drop: float | None = None,
    min_accuracy: float | None = None,
) -> ExitRule:
    """Choose when rows may leave.

    Parameters
    ----------
    logits : sequence of ndarray of float, each (n, classes)
        Of every row at every stage, on rows that no stage was trained on.
    labels : ndarray of int, shape (n,), or None
        Without labels, what is bounded is the disagreement with the last stage.
    costs : sequence of float
        Of passing through each stage, in any unit (FLOPs, milliseconds).
    max_drop : float, optional
        Accuracy that may be lost against the last stage; 0.003 by default.
    min_accuracy : float, optional
        Instead: the accuracy to be kept.

    Returns
    -------
    ExitRule
        With a threshold above 1 when no early exit is proven to hold.

    Raises
    ------
    InputError
        On shapes that do not fit, both limits, fewer than 20 rows.
    """
    _check(logits, labels, costs)
    if max_drop is not None and min_accuracy is not None:
        raise InputError("Give either `max_drop` or `min_accuracy`, not both.")
    allowed = check_number("max_drop", 0.003 if max_drop is None else max_drop, low=0, high=1)
    if min_accuracy is not None:
        check_number("min_accuracy", min_accuracy, low=0, high=1)
    truth = logits[-1].argmax(axis=1) if labels is None else np.asarray(labels)
    fitted, judged = np.arange(len(truth)) % 2 == 0, np.arange(len(truth)) % 2 == 1
    temperatures = tuple(fit_temperature(stage[fitted], truth[fitted]) for stage in logits)
    table = _Table.of([stage[judged] for stage in logits], truth[judged], temperatures, costs)
    best = table.at(np.inf)
    for threshold in _thresholds(table.confidences):
        found = table.at(threshold)
        if min_accuracy is None:
            holds = found.drop_bound <= allowed
        else:
            holds = found.accuracy_bound >= min_accuracy
        if not holds:
            break
        best = found
    return ExitRule(
        threshold=float(min(best.threshold, 2.0)),
        temperatures=temperatures,
        accuracy=best.accuracy,
        last_accuracy=table.at(np.inf).accuracy,
        drop_bound=best.drop_bound,
        cost=best.cost,
        shares=best.shares,
        rows=int(judged.sum()),
    )


def exit_curve(
    logits: Sequence[np.ndarray],
    labels: np.ndarray,
    *,
    costs: Sequence[float],
    temperatures: Sequence[float] | None = None,
) -> list[CurvePoint]:
    """Return accuracy against cost over thresholds, cheapest first; arguments as `choose_rule`."""
    _check(logits, labels, costs)
    scales = temperatures or [1.0] * len(logits)
    table = _Table.of(list(logits), np.asarray(labels), tuple(scales), costs)
    thresholds = _thresholds(table.confidences)[:: STEPS // CURVE_POINTS]
    found = [table.at(threshold) for threshold in [np.inf, *thresholds, 0.0]]
    points = [
        CurvePoint(float(min(one.threshold, 2.0)), one.cost, one.accuracy, one.shares)
        for one in found
    ]
    return sorted(points, key=lambda point: point.cost)


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature with the highest likelihood, from 1/8 to 8 in steps of a tenth."""
    return likeliest_temperature(logits, labels, temperatures=2.0 ** np.arange(-3, 3.01, 0.1375))


@dataclass(frozen=True)
class _Outcome:
    threshold: float
    accuracy: float
    accuracy_bound: float
    drop_bound: float
    cost: float
    shares: tuple[float, ...]


@dataclass(frozen=True)
class _Table:
    """Confidence (n, stages − 1) and correctness (n, stages) of every row at every stage."""

    confidences: np.ndarray
    correct: np.ndarray
    reached: np.ndarray

    @classmethod
    def of(
        cls,
        logits: list[np.ndarray],
        truth: np.ndarray,
        temperatures: tuple[float, ...],
        costs: Sequence[float],
    ) -> _Table:
        early = zip(logits[:-1], temperatures[:-1], strict=True)
        confidences = np.stack([confidence(*stage) for stage in early], axis=1)
        correct = np.stack([stage.argmax(axis=1) == truth for stage in logits], axis=1)
        return cls(confidences, correct, np.cumsum(costs) / np.sum(costs))

    def at(self, threshold: float) -> _Outcome:
        """Say what a threshold gives."""
        n, stages = self.correct.shape
        sure = np.concatenate([self.confidences >= threshold, np.ones((n, 1), bool)], axis=1)
        left = sure.argmax(axis=1)
        right, last = self.correct[np.arange(n), left], self.correct[:, -1]
        return _Outcome(
            threshold=threshold,
            accuracy=float(right.mean()),
            accuracy_bound=wilson_interval(int(right.sum()), n)[0],
            drop_bound=_drop_bound(last, right),
            cost=float(self.reached[left].mean()),
            shares=tuple((np.bincount(left, minlength=stages) / n).tolist()),
        )


def _drop_bound(before: np.ndarray, after: np.ndarray) -> float:
    """Bound the accuracy lost on the same rows from above (Agresti and Min, 2005)."""
    n = len(before) + 2
    lost, won = int((before & ~after).sum()), int((~before & after).sum())
    spread = np.sqrt((lost + won + 1) - (lost - won) ** 2 / n) / n
    return float((lost - won) / n + DEVIATES * spread)


def _thresholds(confidences: np.ndarray) -> np.ndarray:
    """Return thresholds from high to low, evenly over the rows."""
    return np.unique(np.quantile(confidences, np.linspace(0, 1, STEPS)))[::-1]


def _check(logits: Sequence[np.ndarray], labels: np.ndarray | None, costs: Sequence[float]) -> None:
    if len(logits) < 2:
        raise InputError(f"An early exit needs at least two stages, got {len(logits)}.")
    shapes = {stage.shape for stage in logits}
    if len(shapes) > 1:
        raise InputError(f"Every stage must have the same rows and classes, got {sorted(shapes)}.")
    n = len(logits[0])
    if n < 20:
        raise InputError(f"At least 20 rows are needed to choose a threshold, got {n}.")
    if labels is not None and len(labels) != n:
        raise InputError(f"There are {counted(n, 'row')}, but {counted(len(labels), 'label')}.")
    if len(costs) != len(logits) or min(costs) < 0 or not sum(costs):
        raise InputError(f"`costs` must name {len(logits)} costs of at least 0, got {costs}.")
    for stage, values in enumerate(logits):
        if not np.isfinite(values).all():
            raise InputError(f"The logits of stage {stage} are not all finite.")
