"""Short paired training runs: every candidate on the same rows with the same seed.

Ten rows a class cannot tell policies apart by their test accuracy: one fold of 25 rows moves it by
7 points. Gains are therefore estimated by empirical Bayes: shrunk towards nothing, and towards
those of candidates that share operations (`augment.choosing.prior`), the more so the less the
spread of the runs lets them say; where *none* leaves training rows unlearned, the more operations a
candidate does the less it is expected to gain. Candidates leave the race when they can hardly be
the best any more (Maron and Moore, NeurIPS 1993).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from thresher.core.counted import counted
from thresher.core.errors import InputError, told
from thresher.core.interval import Z
from thresher.core.progress import message, track
from thresher.core.ties import first_highest

from ..operations.policy import Policy
from .kernel_ridge import stratified_folds
from .prior import expected_gains, gain_covariance
from .sampling import class_names

Fit: TypeAlias = Callable[[Policy, np.ndarray, np.ndarray, int], float | tuple[float, float]]

FOLDS = 4
MOST_ROUNDS = 12
# The spread of a few runs is uncertain: it counts as much as this many runs of the spread that
# sampling the held-out rows alone explains.
PRIOR_RUNS = 4
# A candidate leaves at this many standard deviations behind the best.
BEHIND = 1.5


@dataclass(frozen=True)
class Pilot:
    """One candidate's runs and what it gains on *none*.

    ``accuracies`` are as measured. ``gain``, ``low`` and ``high`` are the estimate in percentage
    points with its 95 % interval, nearer to 0 than the measured mean when the runs say little.
    ``behind`` is how far the gain lies below that of the best candidate, in standard deviations of
    their difference. ``error`` is what ended a run of this candidate, which then is not chosen;
    empty otherwise.
    """

    policy: Policy
    accuracies: tuple[float, ...]
    gain: float
    low: float
    high: float
    behind: float
    error: str = ""

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
        """The gain in words, or the error."""
        if self.error:
            return f"failed: {self.error}"
        return f"{self.gain:+.1f} points against none [{self.low:+.1f}, {self.high:+.1f}]"


def run_pilots(
    candidates: Sequence[Policy],
    fit: Fit,
    labels: Any,
    *,
    seed: int,
    deadline: float,
    rounds: int = MOST_ROUNDS,
) -> tuple[Pilot, ...]:
    """Fit the candidates in rounds until one is left, time is up or `rounds` are done.

    The last candidate must be *none*: it stays in every round, as what the others are paired with.
    At least one round is always run. Rows whose label is missing take no part. `fit` may return a
    pair: beside the accuracy on held-out rows that on the rows that it trained on, unaugmented.
    A candidate that `fit` raises an error for leaves with it; an error of *none*, which shares
    rows and network with all others, is raised.
    """
    rows, codes = labeled_rows(labels)
    scores: list[list[float]] = [[] for _ in candidates]
    failed: dict[int, str] = {}
    learned: list[float] = []
    alive, held_out = list(range(len(candidates))), len(codes) // FOLDS
    for turn in range(rounds):
        start = time.perf_counter()
        test = held_out_rows(codes, turn=turn, seed=seed)
        for number in track(alive, description=f"pilot round {turn + 1} of {rounds}"):
            none = number == len(candidates) - 1
            try:
                accuracy, own = one_run(
                    fit, candidates[number], rows[~test], rows[test], seed + turn
                )
            except Exception as error:
                if none:
                    raise
                failed[number] = told(error)
                message(f"pilot of {candidates[number].name}: failed, {failed[number]}")
                continue
            scores[number].append(accuracy)
            if none:
                learned.append(own)
        spent = time.perf_counter() - start
        running = [number for number in range(len(candidates)) if number not in failed]
        means, covariance = _estimate(candidates, scores, running, learned, held_out=held_out)
        alive = _survivors([number for number in alive if number in running], means, covariance)
        message(f"pilot round {turn + 1}: {counted(len(alive), 'candidate')} left")
        if len(alive) < 2 or time.perf_counter() + spent > deadline:
            break
    halves = Z * np.sqrt(np.diag(covariance))
    behind = _behind(means, covariance, running[int(first_highest(means[running]))])
    numbers = np.stack([means, means - halves, means + halves, behind], axis=1).tolist()
    return tuple(
        Pilot(policy, tuple(scores[number]), gain, low, high, gap, failed.get(number, ""))
        for number, (policy, (gain, low, high, gap)) in enumerate(
            zip(candidates, numbers, strict=True)
        )
    )


def labeled_rows(labels: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of the rows that have a label, and their classes as codes, (m,) each."""
    names = class_names(labels, len(labels))
    rows = np.flatnonzero(names != "")
    return rows, np.unique(names[rows], return_inverse=True)[1]


def held_out_rows(codes: np.ndarray, *, turn: int, seed: int) -> np.ndarray:
    """Return which rows a round holds out, boolean (n,): a quarter of every class, in turns."""
    # Once all rows were held out, they are partitioned anew.
    generator = np.random.default_rng([seed, turn // FOLDS])
    folds = stratified_folds(codes, folds=FOLDS, generator=generator)
    return np.asarray(folds == turn % FOLDS)


def one_run(
    fit: Fit, policy: Policy, train: np.ndarray, test: np.ndarray, seed: int
) -> tuple[float, float]:
    """Train once; return the accuracies on `test` and on `train`, the latter 1 if not told."""
    found = fit(policy, train, test, seed)
    accuracy, own = found if isinstance(found, tuple) else (found, 1.0)
    return _check(accuracy), _check(own)


def _estimate(
    candidates: Sequence[Policy],
    scores: Sequence[Sequence[float]],
    running: Sequence[int],
    learned: Sequence[float],
    *,
    held_out: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Estimate the gains of the candidates that run; those that failed may gain anything."""
    others = [candidates[number] for number in running[:-1]]
    found, spread = estimate_gains(
        [scores[number] for number in running],
        expected=expected_gains(others, unlearned=1 - float(np.mean(learned))),
        prior=gain_covariance(others),
        held_out=held_out,
    )
    means = np.zeros(len(candidates))
    covariance = np.diag(np.full(len(candidates), (100 / Z) ** 2))
    means[running] = found
    covariance[np.ix_(running, running)] = spread
    return means, covariance


def estimate_gains(
    scores: Sequence[Sequence[float]],
    *,
    expected: np.ndarray,
    prior: np.ndarray,
    held_out: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Estimate what each candidate gains on the last one: means (k,), covariance (k, k), in points.

    Parameters
    ----------
    scores
        Accuracies in [0, 1] of each candidate, one a round from the first on; the last candidate
        ran in all rounds.
    expected, prior
        Mean and covariance of the other candidates' gains before any run, (k − 1,) and
        (k − 1, k − 1).
    held_out
        Rows that one accuracy was measured on.

    The posterior of normal gains after differences with normal noise of one pooled variance.
    """
    baseline = np.array(scores[-1])
    gains = [100 * (np.array(own) - baseline[: len(own)]) for own in scores[:-1]]
    if not gains:
        return np.zeros(1), np.zeros((1, 1))
    rounds = np.array([len(own) for own in gains])
    measured = np.array([own.mean() for own in gains])
    noise = difference_noise(gains, float(baseline.mean()), held_out)
    # All gains have the runs of *none* in common: half of a difference's variance is shared.
    shared = np.minimum.outer(rounds, rounds) / np.outer(rounds, rounds)
    spread = noise * (0.5 * shared + 0.5 * np.diag(1 / rounds))
    pull = prior @ np.linalg.inv(prior + spread)
    covariance = np.zeros((len(scores), len(scores)))
    covariance[:-1, :-1] = prior - pull @ prior
    return np.append(expected + pull @ (measured - expected), 0.0), covariance


def difference_noise(gains: Sequence[np.ndarray], accuracy: float, held_out: int) -> float:
    """Return the variance of one paired difference, in points squared."""
    # Two runs agree on most rows, so the difference varies about as much as one accuracy does.
    wrong = np.clip(accuracy * (1 - accuracy), 0.05, None)
    expected = 100**2 * wrong / max(1, held_out)
    squares = sum(float(((own - own.mean()) ** 2).sum()) for own in gains)
    freedom = sum(len(own) - 1 for own in gains)
    return float((PRIOR_RUNS * expected + squares) / (PRIOR_RUNS + freedom))


def _check(accuracy: Any) -> float:
    if not isinstance(accuracy, (int, float, np.floating)) or not 0 <= accuracy <= 1:
        raise InputError(f"`fit` must return an accuracy in [0, 1], got {accuracy!r}.")
    return float(accuracy)


def _survivors(alive: list[int], means: np.ndarray, covariance: np.ndarray) -> list[int]:
    best = alive[int(first_highest(means[alive]))]
    behind = _behind(means, covariance, best)
    return [one for one in alive if behind[one] <= BEHIND or one == len(means) - 1]


def _behind(means: np.ndarray, covariance: np.ndarray, best: int) -> np.ndarray:
    """Return how far each mean lies below that of `best`, in deviations of the difference, (k,)."""
    variances = np.diag(covariance)
    apart = np.sqrt(np.maximum(variances + variances[best] - 2 * covariance[best], 0))
    apart[best] = 1.0
    return np.asarray((means[best] - means) / np.maximum(apart, 1e-12))
