"""What tasks share whose rows are right or wrong: the measure is the share of right ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ..estimates.accuracy import DrawnLosses, Estimate, estimate_accuracy


@dataclass(frozen=True)
class RightOrWrong:
    """Labels are made of classes; the loss of a row is 0 or 1."""

    classes: tuple[str, ...] = ()
    offers: ClassVar[frozenset[str]] = frozenset(
        {"embeddings", "pred_probs", "ensemble_probs", "dropout_probs", "uncertainty"}
    )

    def options(self) -> dict[str, Any]:
        """Return nothing: classes are a setting of every task."""
        return {}

    def estimate(self, drawn: DrawnLosses) -> Estimate:
        """Return the share of right rows."""
        return estimate_accuracy(
            1.0 - drawn.loss,
            weights=drawn.weights,
            expected=1.0 - drawn.expected,
            expected_mean=1.0 - drawn.expected_mean,
            pool_size=drawn.pool_size,
            cross_fitted=True,
        )

    def loss_of(self, value: float) -> float:
        """Return one minus the share."""
        return 1.0 - value

    def reached(self, estimate: Estimate, target: float) -> bool:
        """Whether the interval lies above `target`."""
        return estimate.low >= target
