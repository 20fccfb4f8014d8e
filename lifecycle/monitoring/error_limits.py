"""The chance of an error that confidence and answer of a model allow, as a reference shows it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_MOST = 0.999
_PRIOR = 1.0  # variance of what an answer adds to the log-odds of an error


class ErrorLimits:
    """Limits for the chance of an error of each row.

    A logistic line in the confidence (Platt, 1999), and for each answer an effect that is shrunk to
    0 (some classes are harder than their confidence says; a few rows do not prove it). Both are
    raised until the reference cannot exclude, one-sided at 95 %, that errors over their
    allowed chance are 1 on average: then a bet loses on average, whether the line fits or not.

    Parameters
    ----------
    confidence : array, shape (n,)
    correct : array, shape (n,)
        1 where the model was right, else 0.
    answers : sequence of str, length n
        Of the model.
    """

    def __init__(self, confidence: np.ndarray, correct: np.ndarray, answers: Sequence[str]) -> None:
        # A reference without an error among its surest rows does not prove that there are none.
        self._least = float(np.clip(4 / len(confidence), 0.001, 0.02))
        self._effects: dict[str, float] = {}
        self._line, self._scale = _logistic_line(confidence, correct), 1.0
        names, codes = np.unique(np.asarray(answers, dtype=str), return_inverse=True)
        effects = _shrunk_effects(self._odds(confidence), 1 - correct, codes)
        self._effects = dict(zip(names.tolist(), effects.tolist(), strict=True))
        ratio = (1 - correct) / self.of(confidence, answers)
        self._scale = max(1.0, float(ratio.mean() + 1.645 * ratio.std() / len(ratio) ** 0.5))

    def _odds(self, confidence: np.ndarray) -> np.ndarray:
        odds: np.ndarray = -(self._line[0] + self._line[1] * _log_odds(confidence))
        return odds

    def of(self, confidence: np.ndarray, answers: Sequence[str]) -> np.ndarray:
        """Return the allowed chance, shape (n,); an answer unknown to the reference has no effect.

        Parameters
        ----------
        confidence : array, shape (n,)
        answers : sequence of str, length n
        """
        effects = np.array([self._effects.get(str(name), 0.0) for name in answers])
        wrong = _sigmoid(self._odds(confidence) + effects)
        allowed: np.ndarray = np.clip(
            np.maximum(wrong, self._least) * self._scale, self._least, _MOST
        )
        return allowed


def _logistic_line(confidence: np.ndarray, correct: np.ndarray) -> np.ndarray:
    x = np.column_stack([np.ones(len(confidence)), _log_odds(confidence)])
    weights = np.array([0.0, 1.0])
    for _ in range(30):
        right = _sigmoid(x @ weights)
        slope = x.T @ (correct - right) - 1e-3 * weights
        curve = (x * (right * (1 - right))[:, None]).T @ x + 1e-3 * np.eye(2)
        weights = weights + np.linalg.solve(curve, slope)
    return weights


def _shrunk_effects(odds: np.ndarray, wrong: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return the most likely effect of each answer on the log-odds, by Newton's method."""
    effects = np.zeros(codes.max(initial=0) + 1)
    for _ in range(20):
        chance = _sigmoid(odds + effects[codes])
        slope = np.bincount(codes, wrong - chance) - effects / _PRIOR
        curve = np.bincount(codes, chance * (1 - chance)) + 1 / _PRIOR
        effects = effects + slope / curve
    return effects


def _sigmoid(values: np.ndarray) -> np.ndarray:
    shares: np.ndarray = 1 / (1 + np.exp(-np.clip(values, -30, 30)))
    return shares


def _log_odds(confidence: np.ndarray) -> np.ndarray:
    inside = np.clip(confidence, 1e-4, 1 - 1e-4)
    shown: np.ndarray = np.log(inside / (1 - inside))
    return shown
