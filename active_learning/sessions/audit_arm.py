"""The audit arm: labeled rows that were drawn at random, and what they say about the model.

A drawn row that the strategy chose too is no longer like the rows without a label, and is left out.
In a small pool that soon leaves too few, or no row is without a label. Then all drawn rows count,
each by the chance that it had to be drawn: they are like the whole pool, and like new rows of its
kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..estimates.accuracy import DrawnLosses, Estimate
from ..learners.crossfit import FOLDS
from .batch_choice import Policy
from .state import State

LEAST_AUDITED = 5
POOL_SAMPLE = 20_000
UNLABELED, WHOLE = "rows without a label", "rows like those of the pool"


@dataclass(frozen=True)
class Audit:
    """The labeled rows, and those of them that are judged: drawn before the strategy chose them.

    Attributes
    ----------
    rows : ndarray of int64, shape (m,)
        All labeled rows.
    targets : ndarray, shape (m,) or (m, c)
    places : ndarray of int64, shape (k,)
        Where the judged ones are in `rows`.
    weights : ndarray of float64, shape (k,)
    unlabeled : ndarray of int64
        Candidates without a label.
    order : ndarray of int64, shape (m,)
        Places in `rows` in the order in which they were labeled.
    about : str
        Which rows the judged ones stand for, `UNLABELED` or `WHOLE`.
    """

    policy: Policy
    rows: np.ndarray
    targets: np.ndarray
    places: np.ndarray
    weights: np.ndarray
    unlabeled: np.ndarray
    order: np.ndarray
    about: str

    @classmethod
    def of(cls, policy: Policy, state: State, rows: np.ndarray, targets: np.ndarray) -> Audit:
        """Collect the audited rows of a state."""
        audited = state.audited()
        drawn = [state.drawn[int(place)] for place in audited]
        weights = np.array([1.0 / (row.available * row.propensity) for row in drawn])
        unlabeled = np.flatnonzero(state.candidates & ~state.labeled)
        about = UNLABELED
        if len(audited) < LEAST_AUDITED or not len(unlabeled):
            about = WHOLE
            audited, weights = state.drawn_first()
        return cls(
            policy,
            rows,
            targets,
            np.searchsorted(rows, audited),
            weights,
            unlabeled,
            np.argsort([_first(state, int(place)) for place in rows], kind="stable"),
            about,
        )

    @property
    def missing(self) -> int:
        """How many more audited rows an estimate of the accuracy takes."""
        return max(0, LEAST_AUDITED - len(self.places))

    def folds(self) -> list[np.ndarray]:
        """Return parts of ``range(k)``, at random, ten at most."""
        order = np.random.default_rng((self.policy.seed, 7)).permutation(len(self.places))
        return [part for part in np.array_split(order, min(FOLDS, len(order))) if len(part)]

    def sample(self) -> np.ndarray:
        """Return rows without a label beside the judged ones, of very many a random sample.

        None where the judged rows stand for others.
        """
        if self.about == WHOLE:
            return self.unlabeled[:0]
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
        return self.judged_by(np.arange(len(self.rows)), parts=self.folds(), rest=self.sample())

    def judged_by(
        self, among: np.ndarray, *, parts: Sequence[np.ndarray], rest: np.ndarray
    ) -> DrawnLosses:
        """Judge each part of the audited rows by a model of the other labels at `among`.

        Without `rest`, rows of the pool to say what the model expects of itself there, that is
        taken to be what it expects on the audited ones.
        """
        task = self.policy.task
        loss, expected = np.zeros(len(self.places)), np.zeros(len(self.places))
        means = []
        for part in parts:
            held = self.places[part]
            train = np.setdiff1d(among, held)
            outputs = self.outputs(train, np.concatenate([self.rows[held], rest]))
            own, others = outputs[: len(held)], outputs[len(held) :]
            loss[part] = task.loss(own, self.targets[held])
            expected[part] = task.expected_loss(own)
            if len(rest):
                means.append(task.expected_loss(others).mean())
        if not means:
            mean = float(np.average(expected, weights=self.weights))
            return DrawnLosses(loss, expected, self.weights, mean, None)
        return DrawnLosses(loss, expected, self.weights, float(np.mean(means)), len(self.unlabeled))

    def estimate(self) -> Estimate | None:
        """Estimate the task's measure on the rows that the audit is about.

        The strategy knew nothing of the audited rows, so that those which it did not choose are
        like the rows without a label, and all of them, weighted, like the pool.
        """
        return None if self.missing else self.policy.task.estimate(self.judged())

    def gain(self) -> Estimate | None:
        """Estimate how much better the chosen labels are than as many random ones.

        In each fold one model learns from the other audited rows and one from as many rows chosen
        by the strategy, the first ones; both are judged on the audited rows held out. Above 0, the
        chosen labels make fewer errors.
        """
        chosen = self.order[~np.isin(self.order, self.places)]
        few = len(self.places) < 2 * LEAST_AUDITED or len(chosen) < len(self.places)
        if few or self.about == WHOLE:  # some of them were chosen too
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
