"""A number for each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from thresher.core.errors import InputError, check_choice

from ..estimates.accuracy import DrawnLosses, Estimate
from ..estimates.error import estimate_error
from ..pool.probabilities import ONE_LABEL, Kind

if TYPE_CHECKING:
    from thresher.core.answer_table import AnswerTable

    from ..annotators.classes import Consensus
    from ..learners.learner import Learner

# Mean of |error| over standard deviation of a normal error.
MEAN_OVER_DEVIATION = float(np.sqrt(2.0 / np.pi))


@dataclass(frozen=True)
class Regression:
    """Labels are numbers; outputs a mean and a standard deviation, shape (n, 2).

    Parameters
    ----------
    low, high : float, optional
        Labels outside are refused.
    """

    low: float | None = None
    high: float | None = None
    name: ClassVar[str] = "regression"
    kind: ClassVar[Kind] = ONE_LABEL
    measure: ClassVar[str] = "mean absolute error"
    methods: ClassVar[tuple[str, ...]] = ("auto", "median")
    offers: ClassVar[frozenset[str]] = frozenset({"embeddings", "uncertainty"})

    @property
    def classes(self) -> tuple[str, ...]:
        """There are none."""
        return ()

    def options(self) -> dict[str, Any]:
        """Return the limits."""
        return {"low": self.low, "high": self.high}

    def encode(self, label: Any) -> str:
        """Return the number as text that reads back as the same float."""
        try:
            value = float(label)
        except (TypeError, ValueError) as error:
            raise InputError(f"the label must be a number, got {label!r}.") from error
        above = self.low is None or value >= self.low
        below = self.high is None or value <= self.high
        if not (np.isfinite(value) and above and below):
            low = "-inf" if self.low is None else f"{self.low:g}"
            high = "inf" if self.high is None else f"{self.high:g}"
            raise InputError(f"the label must be a number in [{low}, {high}], got {label!r}.")
        return repr(value + 0.0)  # no negative zero

    def decode(self, text: str) -> float:
        """Return the number."""
        return float(text)

    def parse(self, text: str) -> str:
        """Return the text; `encode` reads it."""
        return text

    def targets(self, answers: Sequence[Sequence[str]]) -> np.ndarray:
        """Return the median of each row, float64."""
        return np.array([float(np.median([float(text) for text in given])) for given in answers])

    def counts(self, targets: np.ndarray) -> dict[str, int]:
        """Return nothing: there are no classes."""
        del targets
        return {}

    def learner(self) -> Learner:
        """Return ridge regression."""
        from ..learners.ridge import RidgeHead

        return RidgeHead()

    def signals(self, outputs: np.ndarray, targets: np.ndarray) -> dict[str, Any]:
        """Return the standard deviation as uncertainty."""
        del targets
        return {"given_uncertainty": outputs[:, 1].astype(np.float64)}

    def suggest(self, output: np.ndarray) -> tuple[str, None]:
        """Return the mean; a number has no probability."""
        return f"{float(output[0]):.6g}", None

    def confidence(self, outputs: np.ndarray) -> np.ndarray:
        """Return the share of the variance that the model explains of each row."""
        explained = outputs[:, 0].astype(np.float64).var()
        noise = outputs[:, 1].astype(np.float64) ** 2
        return np.asarray(explained / np.maximum(explained + noise, 1e-300))

    def support(self, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return the probability of a normal error at least as large."""
        from scipy.special import erfc

        deviation = np.maximum(outputs[:, 1].astype(np.float64), 1e-12)
        return np.asarray(erfc(self.loss(outputs, targets) / deviation / np.sqrt(2.0)))

    def loss(self, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return the absolute error."""
        return np.asarray(np.abs(outputs[:, 0] - targets), dtype=np.float64)

    def expected_loss(self, outputs: np.ndarray) -> np.ndarray:
        """Return the mean absolute error of a normal one with the model's deviation."""
        return np.asarray(MEAN_OVER_DEVIATION * outputs[:, 1], dtype=np.float64)

    def estimate(self, drawn: DrawnLosses) -> Estimate:
        """Return the mean absolute error."""
        return estimate_error(
            drawn.loss,
            weights=drawn.weights,
            expected=drawn.expected,
            expected_mean=drawn.expected_mean,
            pool_size=drawn.pool_size,
        )

    def loss_of(self, value: float) -> float:
        """Return the error itself."""
        return value

    def reached(self, estimate: Estimate, target: float) -> bool:
        """Whether the interval lies below `target`."""
        return estimate.high <= target

    def agreement(self, first: np.ndarray, second: np.ndarray) -> float:
        """Return one minus the mean squared difference over the variance."""
        one, other = first[:, 0].astype(np.float64), second[:, 0].astype(np.float64)
        variance = max(float(other.var()), 1e-300)
        return max(0.0, 1.0 - float(((one - other) ** 2).mean()) / variance)

    def consensus(
        self, opinions: AnswerTable, *, outputs: np.ndarray | None, method: str
    ) -> Consensus:
        """Find one number for each row; the model has no say."""
        from ..annotators.numbers import number_consensus

        del outputs
        check_choice("method", method, self.methods)
        values = opinions.labels.astype(np.float64)
        return number_consensus(opinions, values, encode=self._encode_inside, method=method)

    def _encode_inside(self, value: float) -> str:
        low = -np.inf if self.low is None else self.low
        high = np.inf if self.high is None else self.high
        return self.encode(float(np.clip(value, low, high)))
