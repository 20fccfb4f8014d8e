"""Short paired training runs: every candidate on the same rows with the same seed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from thresher.core.errors import InputError
from thresher.core.progress import message

from .policy import Policy
from .screen import mean_interval
from .teacher import stratified_folds

Fit: TypeAlias = Callable[[Policy, np.ndarray, np.ndarray, int], float]

FOLDS = 4
MOST_ROUNDS = 12


@dataclass(frozen=True)
class Pilot:
    """One candidate's runs: accuracies, and what they gained on *none* in the same rounds.

    ``gain``, ``low`` and ``high`` are percentage points with a 95 % interval; unbounded after one
    round.
    """

    policy: Policy
    accuracies: tuple[float, ...]
    gain: float
    low: float
    high: float

    @property
    def rounds(self) -> int:
        """Runs of this candidate."""
        return len(self.accuracies)

    @property
    def mean(self) -> float:
        """Mean accuracy."""
        return float(np.mean(self.accuracies)) if self.accuracies else 0.0

    @property
    def summary(self) -> str:
        """The gain in words."""
        return f"{self.gain:+.1f} points against none [{self.low:+.1f}, {self.high:+.1f}]"


def run_pilots(
    candidates: Sequence[Policy], fit: Fit, labels: Any, *, seed: int, deadline: float
) -> tuple[Pilot, ...]:
    """Fit the candidates in rounds until one and *none* are left or time is up.

    The last candidate must be *none*: it stays in every round, as what the others are paired with.
    At least one round is always run.
    """
    codes = np.unique(np.asarray(labels).astype(str), return_inverse=True)[1]
    fold = stratified_folds(codes, folds=FOLDS, generator=np.random.default_rng(seed))
    scores: list[list[float]] = [[] for _ in candidates]
    alive = list(range(len(candidates)))
    for turn in range(MOST_ROUNDS):
        start = time.perf_counter()
        test = fold == turn % FOLDS
        for number in alive:
            accuracy = fit(
                candidates[number], np.flatnonzero(~test), np.flatnonzero(test), seed + turn
            )
            scores[number].append(_check(accuracy))
        spent = time.perf_counter() - start
        alive = _survivors(alive, scores)
        message(f"pilot round {turn + 1}: {len(alive)} candidates left")
        if len(alive) < 2 or time.perf_counter() + spent > deadline:
            break
    baseline = np.array(scores[-1])
    return tuple(
        _pilot(policy, own, baseline) for policy, own in zip(candidates, scores, strict=True)
    )


def _check(accuracy: Any) -> float:
    if not isinstance(accuracy, (int, float, np.floating)) or not 0 <= accuracy <= 1:
        raise InputError(f"`fit` must return an accuracy in [0, 1], got {accuracy!r}.")
    return float(accuracy)


def _survivors(alive: list[int], scores: list[list[float]]) -> list[int]:
    baseline = len(scores) - 1
    others = sorted(
        (one for one in alive if one != baseline), key=lambda one: -np.mean(scores[one])
    )
    return [*sorted(others[: max(1, -(-len(others) // 2))]), baseline]


def _pilot(policy: Policy, own: list[float], baseline: np.ndarray) -> Pilot:
    gains = 100 * (np.array(own) - baseline[: len(own)])
    gain, low, high = mean_interval(gains)
    return Pilot(policy, tuple(own), gain, low, high)
