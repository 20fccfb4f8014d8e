"""One alarm for all that is watched, right however often one looks.

Three guards bet, each on something of its own: that labels contradict the model more often than
its confidence allows, that rows of a day can be told from those of the reference, that
confidence has fallen. Each begins anew every day, and all beginnings of a year together have a
capital of 1, so that the alarm is false in at most a share alpha of all years, whatever is looked
at and when. What is watched is an effect: rows that can be told from the reference, but hardly, are
no alarm however many there are, and neither is half a point of confidence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as entry
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from thresher.core.classes import class_texts
from thresher.core.counted import counted
from thresher.core.errors import InputError, check_choice, check_count, check_number
from thresher.core.matrices import as_matrix
from thresher.core.signatures import checked

from ..comparing.sequence_state import check_alpha, field
from .accuracy import _shares
from .drift import design, fit_direction, ranks_among, scaling
from .error_limits import ErrorLimits
from .label_guard import LabelGuard, suspected
from .mean_guard import MeanGuard

_WORDS = {
    "labels": "labels contradict the model more often than its confidence allows",
    "rows": "rows can be told from those of the reference",
    "confidence": "confidence has fallen",
}
FEWEST = 20
_KEPT, _ROWS = 3, 1000  # windows that the classifier is fitted on, and rows of each
_POINTS = 0.005  # of confidence that may be lost; and twice the error of the reference's mean
# Of the capital. Changes of rows and of confidence show within days; labels are few.
LABELS_WEIGHT = 0.6
_WEIGHTS = {"labels": LABELS_WEIGHT, "rows": 0.2, "confidence": 0.2}
_NAMED = 5
_SUSPECT = 0.5  # chance of having changed, from which an answer is named


@dataclass(frozen=True)
class WatchState:
    """What a watch has seen.

    Attributes
    ----------
    alarm : bool
    reason : str
        What spoke for it the most, in a sentence; empty without an alarm.
    evidence : dict of str to float
        Of each guard; the alarm comes when 0.6 times that of labels and 0.2 times each of the
        others reach 1/alpha together.
    windows, labels : int
        That were seen.
    suspects : list of str
        Answers that more likely than not became wrong as a whole, the most likely first.
    """

    alarm: bool
    reason: str
    evidence: dict[str, float]
    windows: int
    labels: int
    suspects: list[str] = entry(default_factory=list)


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
    answers : sequence of str, length n, optional
        Of the model, to these rows. With them a change of some classes is found much sooner.
    alpha : float
        Share of monitors that give a false alarm within `horizon` windows.
    effect : float
        AUC up to which rows may differ from the reference without an alarm.
    horizon : int
        Windows, such as the days of a year.

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

    @checked
    def __init__(
        self,
        reference: ArrayLike,
        *,
        confidence: ArrayLike,
        correct: ArrayLike,
        answers: Sequence[str] | None = None,
        alpha: float = 0.05,
        effect: float = 0.55,
        horizon: int = 365,
    ) -> None:
        rows = as_matrix("reference", reference).astype(np.float64)
        trust, right = _shares(confidence, "confidence"), _shares(correct, "correct")
        if rows.ndim != 2 or not len(rows) == len(trust) == len(right):
            raise InputError(
                f"`reference` must have a line for each confidence and label, got {rows.shape}, "
                f"{len(trust)} and {len(right)}."
            )
        _check_no_infinity(rows, "reference")
        if len(rows) < 10 * FEWEST:
            raise InputError(
                f"The reference has {counted(len(rows), 'row')}; at least {10 * FEWEST} are needed."
            )
        check_number("effect", effect, low=0.5, high=0.99)
        check_count("horizon", horizon)
        self.alpha, self.effect = check_alpha(alpha), float(effect)
        self._known: list[str] | None = None
        if answers is not None:
            self._known = sorted(set(class_texts(answers, name="answers").ravel().tolist()))
        self._center, self._scale = scaling(rows)
        designed = design(rows, self._center, self._scale)
        # One half is what the classifier is fitted on, the other what ranks are taken among.
        self._fitted, self._ranked = designed[::2], designed[1::2]
        self._trust_spread = float(trust.std())
        slack = _POINTS + 2 * self._trust_spread / len(trust) ** 0.5
        fallen = min(1.0, 1 - float(trust.mean()) + slack)
        self._limits = ErrorLimits(trust, right, self._names(answers, len(right)))
        self._labels = LabelGuard(horizon=horizon)
        self._means = {
            "rows": MeanGuard(limit=effect, horizon=horizon),
            "confidence": MeanGuard(limit=fallen, horizon=horizon),
        }
        self._recent: list[np.ndarray] = []
        self._alarm = ""

    def _names(self, answers: Sequence[str] | None, rows: int) -> list[str]:
        """Return an answer for each row; one name for all where answers are not watched."""
        if (answers is None) != (self._known is None):
            raise InputError(
                "`answers` must be given for the reference and for all labels, or for neither."
            )
        names = [""] * rows
        if answers is not None:
            names = class_texts(answers, name="answers").tolist()
        if len(names) != rows or any(isinstance(name, list) for name in names):
            raise InputError(
                f"{counted(rows, 'label')} came with "
                f"{counted(len(names), 'answer')}; give one each."
            )
        return names

    @checked
    def window(self, rows: ArrayLike, *, confidence: ArrayLike) -> None:
        """Take the rows of a day, or of another stretch of time; fewer than 20 tell too little.

        Where rows change by the hour, as between night and noon, a stretch should hold a whole day.

        Parameters
        ----------
        rows : array, shape (m, d)
            Columns as in the reference.
        confidence : array, shape (m,)
        """
        given = as_matrix("rows", rows).astype(np.float64)
        trust = _shares(confidence, "confidence")
        if given.ndim != 2 or given.shape[1] != len(self._center) or len(given) != len(trust):
            raise InputError(
                f"A window must have {counted(len(self._center), 'column')} and a confidence a "
                f"row, got {given.shape} and {len(trust)}."
            )
        _check_no_infinity(given, "rows")
        self._labels.begin()
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

    @checked
    def labels(
        self, confidence: ArrayLike, correct: ArrayLike, *, answers: Sequence[str] | None = None
    ) -> None:
        """Take labels of rows that were chosen without regard to whether the model is right.

        They may be chosen by confidence, answer, and what earlier labels said, as by `suspects`.

        Parameters
        ----------
        confidence : array, shape (m,)
        correct : array of bool, shape (m,)
        answers : sequence of str, length m, optional
            Of the model; needed where the reference has them.
        """
        trust, right = _shares(confidence, "confidence"), _shares(correct, "correct")
        if len(trust) != len(right):
            raise InputError(
                f"{counted(len(right), 'label')} came with {counted(len(trust), 'confidence')}."
            )
        names = self._names(answers, len(right))
        self._labels.add(1 - right, self._limits.of(trust, names), names)
        self._look()

    def suspects(self) -> list[str]:
        """Return all answers, the one whose rows should be labeled next first.

        Empty where answers are not watched.
        """
        if self._known is None:
            return []
        return suspected(self._labels.suspicion(), known=self._known)

    def _look(self) -> None:
        evidence = self._evidence()
        shares = {name: weight * evidence[name] for name, weight in _WEIGHTS.items()}
        if not self._alarm and sum(shares.values()) >= 1 / self.alpha:
            self._alarm = max(shares, key=lambda name: shares[name])

    def _evidence(self) -> dict[str, float]:
        means = {name: guard.evidence for name, guard in self._means.items()}
        return {"labels": self._labels.evidence, **means}

    def state(self) -> WatchState:
        """Return what was seen; an alarm, once given, stays."""
        chances = {} if self._known is None else self._labels.suspicion()
        likely = {name: chance for name, chance in chances.items() if chance > _SUSPECT}
        wrong = suspected(likely, known=())
        reason = _WORDS[self._alarm] if self._alarm else ""
        if self._alarm == "labels" and wrong:
            more = f" and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
            reason += f", most of all where it answers {', '.join(wrong[:_NAMED])}{more}"
        return WatchState(
            alarm=bool(self._alarm),
            reason=reason,
            evidence=self._evidence(),
            windows=self._means["confidence"].n,
            labels=self._labels.n,
            suspects=wrong,
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
        self._labels = LabelGuard.from_json(field(state, "labels", dict, where=where), where=where)
        recent = field(state, "recent", list, where=where)
        try:
            self._recent = [np.asarray(rows, dtype=np.float64) for rows in recent]
        except (TypeError, ValueError) as error:
            raise InputError(f"{where}: 'recent' must hold rows of numbers ({error}).") from error
        columns = self._fitted.shape[1]
        if any(rows.ndim != 2 or rows.shape[1] != columns for rows in self._recent):
            raise InputError(
                f"{where}: 'recent' must hold rows of {counted(columns, 'number')}. It is of a "
                "watch with another reference, or damaged; restore the file, or start a new one."
            )
        alarm = field(state, "alarm", str, where=where)
        self._alarm = check_choice(f"alarm in {where}", alarm, ("", *_WORDS))
        return self


def _check_no_infinity(rows: np.ndarray, name: str) -> None:
    if np.isinf(rows).any():
        at = int(np.argwhere(np.isinf(rows))[0, 0])
        raise InputError(f"`{name}` must be finite or NaN; row {at} holds an infinite number.")
