"""What a session has to say: accuracy, gain, speed, cost, and whether to stop."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from thresher.core.labels import Answer, latest

from .crossfit import FOLDS
from .estimate import Estimate, estimate_accuracy
from .serving import Policy
from .state import State
from .stopping import Advice, advise

LEAST_AUDITED = 5
POOL_SAMPLE = 20_000


@dataclass(frozen=True)
class Report:
    """Numbers of a session.

    Attributes
    ----------
    pool, labeled, answers, skips : int
        Candidate rows, rows with a label, answers that count, skips that count.
    classes : dict of str to int
        Rows of each class, by majority.
    annotators : dict of str to int
        Labels of each.
    accuracy : Estimate or None
        Of the model of all labels on the rows without a label; None below five audited rows.
    gain : Estimate or None
        Accuracy of a model of labels that the strategy chose less that of one of as many random
        labels, at the number of audited rows; None below ten of them.
    seconds_per_label, labels_per_hour : float or None
        From the times that annotators took, where they were told.
    cost : float
        Sum of the costs of all labels that count.
    advice : Advice
        Whether to stop, and why.
    """

    pool: int
    labeled: int
    answers: int
    skips: int
    classes: dict[str, int]
    annotators: dict[str, int]
    accuracy: Estimate | None
    gain: Estimate | None
    seconds_per_label: float | None
    labels_per_hour: float | None
    cost: float
    advice: Advice


def make_report(
    policy: Policy, state: State, *, answers: list[Answer], target: float | None
) -> Report:
    """Put the report of a session together; fits about twenty small models."""
    counting = latest(answers)
    labels = [answer for answer in counting if answer.kind == "label"]
    rows, codes = state.majority()
    audit = Audit.of(policy, state, rows, codes)
    times = [answer.seconds for answer in labels if answer.seconds is not None]
    seconds = float(np.median(times)) if times else None
    costs = np.ones(len(state.row_ids)) if policy.costs is None else np.asarray(policy.costs)
    counts = np.bincount(codes, minlength=len(state.classes)).tolist()
    accuracy = audit.accuracy()
    return Report(
        pool=int(state.candidates.sum()),
        labeled=len(rows),
        answers=len(labels),
        skips=len(counting) - len(labels),
        classes=dict(zip(state.classes, counts, strict=True)),
        annotators=dict(Counter(answer.annotator for answer in labels)),
        accuracy=accuracy,
        gain=audit.gain(),
        seconds_per_label=seconds,
        labels_per_hour=3600.0 / seconds if seconds else None,
        cost=float(sum(costs[state.position(answer.row_id)] for answer in labels)),
        advice=advise(policy, rows, codes, audited=audit.places, accuracy=accuracy, target=target),
    )


@dataclass(frozen=True)
class Audit:
    """The labelled rows, and which of them the audit arm drew and the strategy never chose.

    Attributes
    ----------
    rows, codes : ndarray of int64, shape (m,)
        All labelled rows and their classes.
    places : ndarray of int64, shape (k,)
        Where the audited ones are in `rows`.
    weights : ndarray of float64, shape (k,)
    unlabeled : ndarray of int64
        Candidates without a label.
    """

    policy: Policy
    n_classes: int
    rows: np.ndarray
    codes: np.ndarray
    places: np.ndarray
    weights: np.ndarray
    unlabeled: np.ndarray

    @classmethod
    def of(cls, policy: Policy, state: State, rows: np.ndarray, codes: np.ndarray) -> Audit:
        """Collect the audited rows of a state."""
        audited = state.audited()
        drawn = [state.drawn[int(place)] for place in audited]
        return cls(
            policy,
            len(state.classes),
            rows,
            codes,
            np.searchsorted(rows, audited),
            np.array([1.0 / (row.available * row.propensity) for row in drawn]),
            np.flatnonzero(state.candidates & ~state.labeled),
        )

    def _folds(self) -> list[np.ndarray]:
        order = np.random.default_rng((self.policy.seed, 7)).permutation(len(self.places))
        return [part for part in np.array_split(order, min(FOLDS, len(order))) if len(part)]

    def _probs(self, train: np.ndarray, positions: np.ndarray) -> np.ndarray:
        fitted = self.policy.learner(
            self.policy.embeddings.vectors[self.rows[train]],
            self.codes[train],
            n_classes=self.n_classes,
            random_state=self.policy.seed,
        )
        return fitted(self.policy.embeddings.vectors[positions])

    def accuracy(self) -> Estimate | None:
        """Estimate the accuracy on unlabelled rows.

        Each tenth of the audited rows is judged by a model of all other labels. The strategy knew
        nothing of the audited rows, so that they are like the rows without a label.
        """
        if len(self.places) < LEAST_AUDITED or not len(self.unlabeled):
            return None
        rng = np.random.default_rng((self.policy.seed, 8))
        rest = self.unlabeled
        if len(rest) > POOL_SAMPLE:
            rest = rng.choice(rest, POOL_SAMPLE, replace=False)
        correct, expected = np.zeros(len(self.places)), np.zeros(len(self.places))
        means = []
        for part in self._folds():
            held = self.places[part]
            train = np.setdiff1d(np.arange(len(self.rows)), held)
            probs = self._probs(train, np.concatenate([self.rows[held], rest]))
            own, others = probs[: len(held)], probs[len(held) :]
            correct[part] = own.argmax(axis=1) == self.codes[held]
            expected[part] = own.max(axis=1)
            means.append(others.max(axis=1).mean())
        return estimate_accuracy(
            correct,
            weights=self.weights,
            expected=expected,
            expected_mean=float(np.mean(means)),
            pool_size=len(self.unlabeled) + len(self.places),
        )

    def gain(self) -> Estimate | None:
        """Estimate how much better the chosen labels are than as many random ones.

        In each fold one model learns from the other audited rows and one from as many rows chosen
        by the strategy, the first ones; both are judged on the audited rows held out.
        """
        chosen = np.setdiff1d(np.arange(len(self.rows)), self.places)
        if len(self.places) < 2 * LEAST_AUDITED or len(chosen) < len(self.places):
            return None
        difference = np.zeros(len(self.places))
        for part in self._folds():
            held = self.places[part]
            random = np.setdiff1d(self.places, held)
            for train, sign in ((chosen[: len(random)], 1.0), (random, -1.0)):
                right = self._probs(train, self.rows[held]).argmax(axis=1) == self.codes[held]
                difference[part] += sign * right
        mean = float(np.average(difference, weights=self.weights))
        spread = float(difference.std(ddof=1) / np.sqrt(len(difference)))
        return Estimate(mean, mean - 2 * spread, mean + 2 * spread, len(difference))
