"""The audit arm: labeled rows that were drawn at random, and what they say about the model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..estimates.accuracy import DrawnLosses, Estimate
from ..learners.crossfit import FOLDS
from .batch_choice import Policy
from .state import State

LEAST_AUDITED = 5
POOL_SAMPLE = 20_000


@dataclass(frozen=True)
class Audit:
    """The labeled rows, and which of them the audit arm drew and the strategy never chose.

    Attributes
    ----------
    rows : ndarray of int64, shape (m,)
        All labeled rows.
    targets : ndarray, shape (m,) or (m, c)
    places : ndarray of int64, shape (k,)
        Where the audited ones are in `rows`.
    weights : ndarray of float64, shape (k,)
    unlabeled : ndarray of int64
        Candidates without a label.
    order : ndarray of int64, shape (m,)
        Places in `rows` in the order in which they were labeled.
    """

    policy: Policy
    rows: np.ndarray
    targets: np.ndarray
    places: np.ndarray
    weights: np.ndarray
    unlabeled: np.ndarray
    order: np.ndarray

    @classmethod
    def of(cls, policy: Policy, state: State, rows: np.ndarray, targets: np.ndarray) -> Audit:
        """Collect the audited rows of a state."""
        audited = state.audited()
        drawn = [state.drawn[int(place)] for place in audited]
        return cls(
            policy,
            rows,
            targets,
            np.searchsorted(rows, audited),
            np.array([1.0 / (row.available * row.propensity) for row in drawn]),
            np.flatnonzero(state.candidates & ~state.labeled),
            np.argsort([_first(state, int(place)) for place in rows], kind="stable"),
        )

    @property
    def enough(self) -> bool:
        """Whether an accuracy can be estimated."""
        return len(self.places) >= LEAST_AUDITED and len(self.unlabeled) > 0

    def folds(self) -> list[np.ndarray]:
        """Return parts of ``range(k)``, at random, ten at most."""
        order = np.random.default_rng((self.policy.seed, 7)).permutation(len(self.places))
        return [part for part in np.array_split(order, min(FOLDS, len(order))) if len(part)]

    def sample(self) -> np.ndarray:
        """Return the rows without a label, of very many a random sample."""
        rng = np.random.default_rng((self.policy.seed, 8))
        if len(self.unlabeled) <= POOL_SAMPLE:
            return self.unlabeled
        return np.asarray(rng.choice(self.unlabeled, POOL_SAMPLE, replace=False))

    def outputs(self, train: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Return outputs for rows of the pool of a model fitted on the labels at `train`."""
        fitted = self.policy.learner(
            self.policy.embeddings.vectors[self.rows[train]],
            self.targets[train],
            num_classes=len(self.policy.task.classes),
            random_state=self.policy.seed,
        )
        return fitted(self.policy.embeddings.vectors[positions])

    def judged(self) -> DrawnLosses:
        """Judge each tenth of the audited rows by a model of all other labels."""
        task, rest = self.policy.task, self.sample()
        loss, expected = np.zeros(len(self.places)), np.zeros(len(self.places))
        means = []
        for part in self.folds():
            held = self.places[part]
            train = np.setdiff1d(np.arange(len(self.rows)), held)
            outputs = self.outputs(train, np.concatenate([self.rows[held], rest]))
            own, others = outputs[: len(held)], outputs[len(held) :]
            loss[part] = task.loss(own, self.targets[held])
            expected[part] = task.expected_loss(own)
            means.append(task.expected_loss(others).mean())
        return DrawnLosses(loss, expected, self.weights, float(np.mean(means)), len(self.unlabeled))

    def estimate(self) -> Estimate | None:
        """Estimate the task's measure on unlabeled rows.

        The strategy knew nothing of the audited rows, so that they are like the rows without a
        label.
        """
        return self.policy.task.estimate(self.judged()) if self.enough else None

    def gain(self) -> Estimate | None:
        """Estimate how much better the chosen labels are than as many random ones.

        In each fold one model learns from the other audited rows and one from as many rows chosen
        by the strategy, the first ones; both are judged on the audited rows held out. Above 0, the
        chosen labels make fewer errors.
        """
        chosen = self.order[~np.isin(self.order, self.places)]
        if len(self.places) < 2 * LEAST_AUDITED or len(chosen) < len(self.places):
            return None
        difference = np.zeros(len(self.places))
        for part in self.folds():
            held = self.places[part]
            random = np.setdiff1d(self.places, held)
            for train, sign in ((chosen[: len(random)], -1.0), (random, 1.0)):
                outputs = self.outputs(train, self.rows[held])
                difference[part] += sign * self.policy.task.loss(outputs, self.targets[held])
        mean = float(np.average(difference, weights=self.weights))
        spread = float(difference.std(ddof=1) / np.sqrt(len(difference)))
        return Estimate(mean, mean - 2 * spread, mean + 2 * spread, len(difference))


def _first(state: State, position: int) -> int:
    return min(answer.id for answer in state.answers[position].values())
