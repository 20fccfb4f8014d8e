"""Simulated active learning: what each strategy would have reached on data that has labels.

It runs the same code as a session: the same learner, strategies and rounds.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from thresher.core.embeddings import Embeddings
from thresher.core.errors import InputError, check_number
from thresher.core.progress import track

from .context import make_context
from .curves import Curves
from .heads import LogisticHead
from .learners import Learner
from .rounds import Fitted, choose, fit_pool, with_model
from .strategies import get_strategy
from .strategies.strategy import Strategy


@dataclass(frozen=True)
class LabeledRows:
    """Embeddings whose classes are known, as codes from 0."""

    embeddings: Embeddings
    codes: np.ndarray

    def take(self, positions: np.ndarray) -> LabeledRows:
        """Return the rows at `positions`."""
        return LabeledRows(self.embeddings.take(positions), self.codes[positions])


def simulate(
    embeddings: np.ndarray | Embeddings,
    labels: np.ndarray,
    *,
    strategies: Sequence[str | Strategy] = ("auto", "random"),
    budgets: Sequence[int] = (10, 20, 40, 80, 160, 320),
    seeds: int | Sequence[int] = 5,
    test_embeddings: np.ndarray | Embeddings | None = None,
    test_labels: np.ndarray | None = None,
    test_fraction: float = 0.25,
    learner: Learner | None = None,
    start: str | Strategy = "random",
) -> Curves:
    """Run strategies from no labels up to the budgets.

    Parameters
    ----------
    embeddings : Embeddings or ndarray, shape (n, d)
    labels : ndarray, shape (n,)
        Classes of any type, none missing.
    strategies : sequence of str or Strategy
    budgets : sequence of int
        Numbers of labels at which a model is fitted and tested, ascending; each query asks for the
        difference to the next.
    seeds : int or sequence of int
        Repetitions. A seed decides the split, the strategies' randomness and the model's.
    test_embeddings, test_labels : optional
        A test set; without one, each seed splits off `test_fraction` of the rows.
    learner : Learner, optional
        Default `LogisticHead`.
    start : str or Strategy
        Chooses the first batch for strategies that need a model.

    Returns
    -------
    Curves
        Accuracy at each budget, seconds of each query.

    Raises
    ------
    InputError
        When a budget exceeds the pool, when labels are missing, and as `query` does.
    """
    classes = _classes(labels, test_labels)
    rows = _rows("labels", embeddings, labels, classes=classes)
    test = None
    if test_embeddings is not None and test_labels is not None:
        test = _rows("test_labels", test_embeddings, test_labels, classes=classes)
    elif test_embeddings is not None or test_labels is not None:
        raise InputError("Give both `test_embeddings` and `test_labels`, or neither.")
    check_number("test_fraction", test_fraction, low=0.01, high=0.99)
    chosen = [get_strategy(strategy) for strategy in strategies]
    seed_list = list(range(seeds)) if isinstance(seeds, int) else list(seeds)
    experiment = _Experiment(
        learner=learner or LogisticHead(), start=get_strategy(start), n_classes=len(classes)
    )
    shape = (len(chosen), len(seed_list), len(budgets))
    accuracy, seconds = np.zeros(shape), np.zeros(shape)
    places = [(s, k) for k in range(shape[1]) for s in range(shape[0])]
    for s, k in track(places, description="Simulating"):
        seed = seed_list[k]
        pool, held_out = (rows, test) if test else _split(rows, fraction=test_fraction, seed=seed)
        check_budgets(budgets, rows=len(pool.codes))
        accuracy[s, k], seconds[s, k] = experiment.run(
            chosen[s], pool, held_out, budgets=budgets, seed=seed
        )
    return Curves(
        strategies=tuple(strategy.name for strategy in chosen),
        budgets=tuple(budgets),
        seeds=tuple(seed_list),
        accuracy=accuracy,
        query_seconds=seconds,
    )


@dataclass(frozen=True)
class _Experiment:
    learner: Learner
    start: Strategy
    n_classes: int

    def run(
        self,
        strategy: Strategy,
        pool: LabeledRows,
        test: LabeledRows,
        *,
        budgets: Sequence[int],
        seed: int,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return test accuracy and CPU-seconds of the query at each budget."""
        labeled = np.zeros(len(pool.codes), dtype=bool)
        accuracy, seconds = np.zeros(len(budgets)), np.zeros(len(budgets))
        fitted = None
        for place, budget in enumerate(budgets):
            context = make_context(
                embeddings=pool.embeddings,
                labeled=labeled.copy(),
                random_state=np.random.default_rng((seed, place)),
            )
            began = time.process_time()
            context = with_model(
                context, fitted, learner=self.learner, strategy=strategy, seed=seed
            )
            n = budget - int(labeled.sum())
            labeled[choose(strategy, context, n=n, start=self.start).positions] = True
            seconds[place] = time.process_time() - began
            fitted = self._fit(pool, np.flatnonzero(labeled), seed=seed)
            predicted = fitted.predict(test.embeddings.vectors).argmax(axis=1)
            accuracy[place] = float((predicted == test.codes).mean())
        return accuracy, seconds

    def _fit(self, pool: LabeledRows, rows: np.ndarray, *, seed: int) -> Fitted:
        return fit_pool(
            self.learner,
            pool.embeddings.vectors,
            rows=rows,
            targets=pool.codes[rows],
            n_classes=self.n_classes,
            random_state=seed,
        )


def check_budgets(budgets: Sequence[int], *, rows: int) -> None:
    """Raise unless `budgets` ascend from at least 1 to at most `rows`."""
    if not len(budgets) or any(b >= c for b, c in pairwise(budgets)) or budgets[0] < 1:
        raise InputError(f"`budgets` must be ascending numbers above 0, got {list(budgets)}.")
    if budgets[-1] > rows:
        raise InputError(
            f"{rows} rows available, {budgets[-1]} asked: the largest of `budgets` exceeds the "
            "pool that is left beside the test set."
        )


def _classes(labels: np.ndarray, test_labels: np.ndarray | None) -> np.ndarray:
    parts = [np.asarray(part) for part in (labels, test_labels) if part is not None]
    return np.unique(np.concatenate(parts))


def _rows(
    name: str, embeddings: np.ndarray | Embeddings, labels: np.ndarray, *, classes: np.ndarray
) -> LabeledRows:
    if not isinstance(embeddings, Embeddings):
        embeddings = Embeddings.from_vectors(embeddings)
    labels = np.asarray(labels)
    if labels.shape != (len(embeddings),):
        raise InputError(f"`{name}` must hold {len(embeddings)} labels, got shape {labels.shape}.")
    if labels.dtype.kind == "f" and np.isnan(labels).any():
        raise InputError(f"`{name}` holds NaN: simulate on rows whose label is known.")
    return LabeledRows(embeddings, np.searchsorted(classes, labels))


def _split(rows: LabeledRows, *, fraction: float, seed: int) -> tuple[LabeledRows, LabeledRows]:
    order = np.random.default_rng((seed, 4)).permutation(len(rows.codes))
    held_out = max(1, round(fraction * len(order)))
    return rows.take(np.sort(order[held_out:])), rows.take(np.sort(order[:held_out]))
