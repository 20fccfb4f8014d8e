"""Strategies of scikit-activeml and modAL behind the contract of ours, for the quality benchmark.

Each gets unit vectors and, where it needs a model, a scikit-learn logistic regression of the same
strength as our head; before there are labels of two classes it starts at random, as ours do.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import skactiveml.pool as pool
from modAL.batch import uncertainty_batch_sampling
from modAL.density import information_density
from modAL.disagreement import vote_entropy_sampling
from modAL.models import ActiveLearner, Committee
from modAL.uncertainty import (
    classifier_uncertainty,
    entropy_sampling,
    margin_sampling,
    uncertainty_sampling,
)
from skactiveml.classifier import ParzenWindowClassifier, SklearnClassifier
from sklearn.ensemble import BaggingClassifier
from sklearn.linear_model import LogisticRegression

from active_learning import Context, Picks, Strategy

STRENGTH = 20.0
MODEL = frozenset({"pred_probs"})
Pick = Callable[[np.ndarray, np.ndarray, Context, int, int], np.ndarray]


@dataclass(frozen=True)
class Peer:
    """A strategy of another library.

    ``pick(X, labels, context, n, seed)`` gets unit vectors and codes, NaN where unlabeled, and
    returns positions.
    """

    name: str
    pick: Pick
    truth: dict[str, int]
    needs: frozenset[str] = frozenset()

    def select(self, context: Context, n: int) -> Picks:
        """Ask the peer."""
        labels = np.full(len(context), np.nan)
        for place in np.flatnonzero(context.labeled):
            labels[place] = self.truth[str(context.row_ids[place])]
        seed = int(context.rng.integers(2**31))
        known = labels[~np.isnan(labels)]
        if self.needs and len(np.unique(known)) < 2:
            rows = context.rng.choice(context.available, n, replace=False)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                rows = self.pick(context.vectors.astype(np.float64), labels, context, n, seed)
        return Picks.of(np.asarray(rows)[:n], scores=np.zeros(n), reason=self.name)


def peer_strategies(truth: dict[str, int]) -> list[Strategy]:
    """Return the strategies that take a pool of vectors and several classes."""
    classes = np.unique(list(truth.values()))
    found: list[Strategy] = [
        Peer(f"skactiveml {name}", pick, truth, needs) for name, pick, needs in _skactiveml(classes)
    ]
    return found + [Peer(f"modAL {name}", pick, truth, MODEL) for name, pick in _modal().items()]


def _logistic() -> LogisticRegression:
    return LogisticRegression(C=STRENGTH, max_iter=300)


def _skactiveml(classes: np.ndarray) -> list[tuple[str, Pick, frozenset[str]]]:
    def free(name: str, **options: Any) -> tuple[str, Pick, frozenset[str]]:
        def pick(X: np.ndarray, y: np.ndarray, _: Context, n: int, seed: int) -> np.ndarray:
            strategy = getattr(pool, name)(random_state=seed, **options)
            return np.asarray(strategy.query(X, y, batch_size=n))

        return name, pick, frozenset()

    def fitted(
        name: str,
        *,
        label: str = "",
        argument: str = "clf",
        model: str = "logistic",
        **options: Any,
    ) -> tuple[str, Pick, frozenset[str]]:
        def pick(X: np.ndarray, y: np.ndarray, _: Context, n: int, seed: int) -> np.ndarray:
            strategy = getattr(pool, name)(random_state=seed, **options)
            given = {argument: _classifier(model, classes, seed=seed)}
            return np.asarray(strategy.query(X, y, batch_size=n, **given))

        return label or name, pick, MODEL

    return [
        free("CoreSet"),
        free("TypiClust"),
        free("ProbCover", n_classes=len(classes)),
        free("MaxHerding"),
        fitted("UncertaintySampling", label="margin", method="margin_sampling"),
        fitted("UncertaintySampling", label="entropy", method="entropy"),
        fitted("UncertaintySampling", label="least confident", method="least_confident"),
        fitted("Badge"),
        fitted("DropQuery"),
        fitted("Clue", argument="estimator"),
        fitted("Falcun"),
        fitted("ContrastiveAL"),
        fitted("DiscriminativeAL", argument="discriminator", greedy_selection=True),
        fitted("ProbabilisticAL", model="parzen"),
        fitted(
            "QueryByCommittee",
            argument="ensemble",
            model="bagged",
            sample_predictions_method_name=None,
        ),
        fitted("BatchBALD", argument="ensemble", model="bagged"),
        fitted("MonteCarloEER"),
    ]


def _classifier(kind: str, classes: np.ndarray, *, seed: int) -> Any:
    if kind == "parzen":
        return ParzenWindowClassifier(classes=classes, random_state=seed)
    inner = _logistic()
    if kind == "bagged":
        inner = BaggingClassifier(inner, 5, random_state=seed)
    return SklearnClassifier(inner, classes=classes, random_state=seed)


def _modal() -> dict[str, Pick]:
    def scored(score: Callable[..., Any]) -> Pick:
        def pick(X: np.ndarray, y: np.ndarray, context: Context, n: int, _: int) -> np.ndarray:
            known = ~np.isnan(y)
            learner = ActiveLearner(_logistic(), X_training=X[known], y_training=y[known])
            found = score(learner, X[context.available], n_instances=n)
            return np.asarray(context.available[found[0] if isinstance(found, tuple) else found])

        return pick

    def density(X: np.ndarray, y: np.ndarray, context: Context, n: int, _: int) -> np.ndarray:
        known, rows = ~np.isnan(y), context.available
        learner = ActiveLearner(_logistic(), X_training=X[known], y_training=y[known])
        utility = classifier_uncertainty(learner, X[rows]) * information_density(X[rows], "cosine")
        return np.asarray(rows[np.argsort(-utility, kind="stable")[:n]])

    def committee(X: np.ndarray, y: np.ndarray, context: Context, n: int, seed: int) -> np.ndarray:
        known = ~np.isnan(y)
        np.random.seed(seed % 2**32)  # noqa: NPY002 - modAL draws from the global generator
        members = [
            ActiveLearner(
                _logistic(), X_training=X[known], y_training=y[known], bootstrap_init=number > 0
            )
            for number in range(5)
        ]
        found = vote_entropy_sampling(Committee(members), X[context.available], n_instances=n)
        return np.asarray(context.available[found[0] if isinstance(found, tuple) else found])

    return {
        "margin": scored(margin_sampling),
        "entropy": scored(entropy_sampling),
        "uncertainty": scored(uncertainty_sampling),
        "ranked batch": scored(uncertainty_batch_sampling),
        "information density": density,
        "vote entropy": committee,
    }
