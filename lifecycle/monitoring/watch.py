"""One alarm for all that is watched, right however often and however long one looks.

Three guards bet, each on something of its own: that labels contradict the model more often than
its confidence allows, that rows of a day can be told from those of the reference, that
confidence has fallen. Their mean is one e-process, so the alarm is false in at most a share alpha
of all lives of a monitor, whatever is looked at and when. What is watched is an effect: rows that
can be told from the reference, but hardly, are no alarm however many there are, and neither is
half a point of confidence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from thresher.core.errors import InputError, check_number

from ..comparing.guard import Guard
from ..comparing.sequence_state import field
from .accuracy import _shares
from .drift import design, fit_direction, ranks_among, scaling
from .mean_guard import MeanGuard

_WORDS = {
    "labels": "labels contradict the model more often than its confidence allows",
    "rows": "rows can be told from those of the reference",
    "confidence": "confidence has fallen",
}
FEWEST = 20
_LEAST = 0.01  # chance of an error: no confidence makes a single one a proof
_KEPT, _ROWS = 3, 1000  # windows that the classifier is fitted on, and rows of each
_POINTS = 0.005  # of confidence that may be lost; and twice the error of the reference's mean
_LABELS = 20  # after which a change of meaning may begin, for the bets


@dataclass(frozen=True)
class WatchState:
    """What a watch has seen.

    Attributes
    ----------
    alarm : bool
    reason : str
        What spoke for it the most, in a sentence; empty without an alarm.
    evidence : dict of str to float
        Of each guard; the alarm comes when their mean reaches 1/alpha.
    windows, labels : int
        That were seen.
    """

    alarm: bool
    reason: str
    evidence: dict[str, float]
    windows: int
    labels: int


class Watch:
    """Watch rows, confidence and labels together.

    Parameters
    ----------
    reference : array, shape (n, d)
        Rows from the time when all was well, such as probabilities or inputs; NaN is taken as a
        value of its own. Held-out rows, not those the model was trained on.
    confidence : array, shape (n,)
        Of these rows.
    correct : array of bool, shape (n,)
        Whether the model was right about them.
    alpha : float
        Share of monitors that ever give a false alarm.
    effect : float
        AUC up to which rows may differ from the reference without an alarm.

    Examples
    --------
    >>> import numpy as np
    >>> from lifecycle import Watch
    >>> rng = np.random.default_rng(0)
    >>> confidence = rng.uniform(0.6, 1, 1000)
    >>> watch = Watch(
    ...     confidence[:, None], confidence=confidence, correct=rng.random(1000) < confidence
    ... )
    >>> for day in range(12):
    ...     low = rng.uniform(0.5, 0.8, 100)
    ...     watch.window(low[:, None], confidence=low)
    >>> watch.state().alarm
    True
    """

    def __init__(
        self,
        reference: ArrayLike,
        *,
        confidence: ArrayLike,
        correct: ArrayLike,
        alpha: float = 0.05,
        effect: float = 0.55,
    ) -> None:
        rows = np.asarray(reference, dtype=np.float64)
        trust, right = _shares(confidence, "confidence"), _shares(correct, "correct")
        if rows.ndim != 2 or not len(rows) == len(trust) == len(right):
            raise InputError(
                f"`reference` must have a line for each confidence and label, got {rows.shape}, "
                f"{len(trust)} and {len(right)}."
            )
        if len(rows) < 10 * FEWEST:
            raise InputError(
                f"The reference has {len(rows)} rows; at least {10 * FEWEST} are needed."
            )
        check_number("effect", effect, low=0.5, high=0.99)
        self.alpha, self.effect = float(alpha), float(effect)
        self._center, self._scale = scaling(rows)
        designed = design(rows, self._center, self._scale)
        # One half is what the classifier is fitted on, the other what ranks are taken among.
        self._fitted, self._ranked = designed[::2], designed[1::2]
        self._trust_spread = float(trust.std())
        slack = _POINTS + 2 * self._trust_spread / len(trust) ** 0.5
        fallen = min(1.0, 1 - float(trust.mean()) + slack)
        self._limits = _ErrorLimits(trust, right)
        self._labels = Guard(limit=0.5, alpha=alpha, every=_LABELS)
        self._means = {"rows": MeanGuard(limit=effect), "confidence": MeanGuard(limit=fallen)}
        self._recent: list[np.ndarray] = []
        self._alarm = ""

    def window(self, rows: ArrayLike, *, confidence: ArrayLike) -> None:
        """Take the rows of a day, or of another stretch of time; fewer than 20 tell too little.

        Where rows change by the hour, as between night and noon, a stretch should hold a whole day.

        Parameters
        ----------
        rows : array, shape (m, d)
            Columns as in the reference.
        confidence : array, shape (m,)
        """
        given = np.asarray(rows, dtype=np.float64)
        trust = _shares(confidence, "confidence")
        if given.ndim != 2 or given.shape[1] != len(self._center) or len(given) != len(trust):
            raise InputError(
                f"A window must have {len(self._center)} columns and a confidence a row, got "
                f"{given.shape} and {len(trust)}."
            )
        if len(given) < FEWEST:
            return
        designed = design(given, self._center, self._scale)
        if self._recent:
            # Fitted on windows before this one: the window is judged by what knew nothing of it.
            weights = fit_direction(self._fitted, np.vstack(self._recent))
            shares = ranks_among(designed @ weights, self._ranked @ weights)
            self._means["rows"].add(float(shares.mean()), spread=(1 / 12 / len(given)) ** 0.5)
        spread = self._trust_spread / len(given) ** 0.5
        self._means["confidence"].add(1 - float(trust.mean()), spread=max(spread, 1e-6))
        self._recent = [*self._recent, designed[:_ROWS]][-_KEPT:]
        self._look()

    def labels(self, confidence: ArrayLike, correct: ArrayLike) -> None:
        """Take labels of rows that were chosen without regard to whether the model is right.

        Parameters
        ----------
        confidence : array, shape (m,)
        correct : array of bool, shape (m,)
        """
        trust, right = _shares(confidence, "confidence"), _shares(correct, "correct")
        if len(trust) != len(right):
            raise InputError(f"{len(right)} labels came with {len(trust)} confidences.")
        self._labels.add(1 - right, limits=self._limits.of(trust))
        self._look()

    def _look(self) -> None:
        evidence = self._evidence()
        if not self._alarm and np.mean(list(evidence.values())) >= 1 / self.alpha:
            self._alarm = max(evidence, key=lambda name: evidence[name])

    def _evidence(self) -> dict[str, float]:
        means = {name: guard.evidence for name, guard in self._means.items()}
        return {"labels": self._labels.evidence, **means}

    def state(self) -> WatchState:
        """Return what was seen; an alarm, once given, stays."""
        return WatchState(
            alarm=bool(self._alarm),
            reason=_WORDS[self._alarm] if self._alarm else "",
            evidence=self._evidence(),
            windows=self._means["confidence"].n,
            labels=self._labels.n,
        )

    def to_json(self) -> dict[str, Any]:
        """Return what was seen, without the reference."""
        means = {name: guard.to_json() for name, guard in self._means.items()}
        recent = [rows.tolist() for rows in self._recent]
        labels = self._labels.to_json()
        return {"labels": labels, "means": means, "recent": recent, "alarm": self._alarm}

    def restore(self, state: Mapping[str, Any], *, where: str = "The state") -> Self:
        """Go on from `to_json` of a watch with the same reference."""
        means = field(state, "means", dict, where=where)
        self._means = {
            name: MeanGuard.from_json(field(means, name, dict, where=where), where=where)
            for name in self._means
        }
        self._labels = Guard.from_json(field(state, "labels", dict, where=where), where=where)
        recent = field(state, "recent", list, where=where)
        self._recent = [np.asarray(rows, dtype=np.float64) for rows in recent]
        self._alarm = field(state, "alarm", str, where=where)
        return self


class _ErrorLimits:
    """The chance of an error that a confidence allows.

    Fitted to the reference by a logistic line (Platt, 1999), then raised until the reference cannot
    exclude, one-sided at 95 %, that errors over their allowed chance are 1 on average: then each
    bet of the guard loses on average, whether the line fits everywhere or not.
    """

    def __init__(self, confidence: np.ndarray, correct: np.ndarray) -> None:
        x = np.column_stack([np.ones(len(confidence)), _log_odds(confidence)])
        weights = np.array([0.0, 1.0])
        for _ in range(30):
            right = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
            slope = x.T @ (correct - right) - 1e-3 * weights
            curve = (x * (right * (1 - right))[:, None]).T @ x + 1e-3 * np.eye(2)
            weights = weights + np.linalg.solve(curve, slope)
        self._weights, self._scale = weights, 1.0
        ratio = (1 - correct) / self.of(confidence)
        self._scale = float(ratio.mean() + 1.645 * ratio.std() / len(ratio) ** 0.5)

    def of(self, confidence: np.ndarray) -> np.ndarray:
        """Return the allowed chance, shape (n,)."""
        line = self._weights[0] + self._weights[1] * _log_odds(confidence)
        wrong = 1 / (1 + np.exp(np.clip(line, -30, 30)))
        allowed: np.ndarray = np.clip(np.maximum(wrong, _LEAST) * self._scale, _LEAST, 0.999)
        return allowed


def _log_odds(confidence: np.ndarray) -> np.ndarray:
    inside = np.clip(confidence, 1e-4, 1 - 1e-4)
    shown: np.ndarray = np.log(inside / (1 - inside))
    return shown
