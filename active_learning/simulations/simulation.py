"""Simulated active learning: what each strategy would have reached on data that has labels.

It runs the same code as a session: the same learner, strategies and rounds.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np

from thresher.core.classes import class_codes, class_texts
from thresher.core.counted import counted
from thresher.core.embeddings import Embeddings, as_embeddings
from thresher.core.errors import InputError, check_choice, check_count, check_number
from thresher.core.missing import read_numbers, read_values
from thresher.core.progress import track
from thresher.core.signatures import checked

from ..learners.learner import Learner, as_learner
from ..pool.context import make_context
from ..rounds import Fitted, choose, fit_pool, with_model
from ..sessions.settings import check_fit
from ..strategies import get_strategy
from ..strategies.strategy import Strategy
from ..tasks import Task
from ..tasks.classification import Classification
from ..tasks.multi_label import MultiLabel
from ..tasks.regression import Regression
from .curves import Curves

TARGETS = ("classification", "multi_label", "regression")


@dataclass(frozen=True)
class LabeledRows:
    """Embeddings whose targets are known: codes from 0, 0 and 1 for each class, or numbers."""

    embeddings: Embeddings
    targets: np.ndarray

    def take(self, positions: np.ndarray) -> LabeledRows:
        """Return the rows at `positions`."""
        return LabeledRows(self.embeddings.take(positions), self.targets[positions])


@checked
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
    task: str = "classification",
) -> Curves:
    """Run strategies from no labels up to the budgets.

    Parameters
    ----------
    embeddings : Embeddings or ndarray, shape (n, d)
    labels : ndarray, shape (n,) or (n, c)
        Classes of any type, none missing; 0 or 1 for each of c classes for ``"multi_label"``;
        numbers for ``"regression"``.
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
    task : {"classification", "multi_label", "regression"}

    Returns
    -------
    Curves
        Accuracy at each budget, seconds of each query. Several classes: share of rows of which all
        are right. Regression: one minus the mean absolute error over that of the mean.

    Raises
    ------
    InputError
        When a budget exceeds the pool, when labels are missing, and as `query` does.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from active_learning import simulate
    >>> pixels, labels = (array[:200] for array in load_digits(return_X_y=True))
    >>> curves = simulate(pixels, labels, strategies=["auto", "random"], budgets=(10, 20), seeds=2)
    >>> curves.strategies, curves.budgets
    (('auto', 'random'), (10, 20))
    """
    check_choice("task", task, TARGETS)
    names = _class_names(labels, test_labels, task=task)
    rows = _rows("labels", embeddings, labels, names=names)
    test = None
    if test_embeddings is not None and test_labels is not None:
        test = _rows("test_labels", test_embeddings, test_labels, names=names)
    elif test_embeddings is not None or test_labels is not None:
        raise InputError("Give both `test_embeddings` and `test_labels`, or neither.")
    check_number("test_fraction", test_fraction, low=0.01, high=0.99)
    chosen = [get_strategy(strategy) for strategy in strategies]
    budgets = [check_count("budgets", budget) for budget in read_values(budgets, name="budgets")[0]]
    seed_list = list(range(seeds)) if isinstance(seeds, int) else list(seeds)
    seed_list = [check_count("seeds", seed, low=0) for seed in seed_list]
    made = task_of(task, names)
    for strategy in chosen:
        check_fit(strategy, made)
    experiment = _Experiment(as_learner(learner or made.learner()), get_strategy(start), made)
    shape = (len(chosen), len(seed_list), len(budgets))
    accuracy, seconds = np.zeros(shape), np.zeros(shape)
    memory = np.zeros(len(chosen), dtype=np.int64)
    places = [(s, k) for k in range(shape[1]) for s in range(shape[0])]
    for s, k in track(places, description="Simulating"):
        seed = seed_list[k]
        pool, held_out = (rows, test) if test else _split(rows, fraction=test_fraction, seed=seed)
        check_budgets(budgets, rows=len(pool.targets))
        accuracy[s, k], seconds[s, k], last = experiment.run(
            chosen[s], pool, held_out, budgets=budgets, seed=seed
        )
        if k == 0:
            memory[s] = query_memory(last)
    return Curves(
        strategies=tuple(strategy.name for strategy in chosen),
        budgets=tuple(budgets),
        seeds=tuple(seed_list),
        accuracy=accuracy,
        query_seconds=seconds,
        query_bytes=memory,
    )


@dataclass(frozen=True)
class _Experiment:
    learner: Learner
    start: Strategy
    task: Task

    def run(
        self,
        strategy: Strategy,
        pool: LabeledRows,
        test: LabeledRows,
        *,
        budgets: Sequence[int],
        seed: int,
    ) -> tuple[np.ndarray, np.ndarray, Callable[[], object]]:
        """Return accuracy and CPU-seconds of the query at each budget, and the last query."""
        labeled = np.zeros(len(pool.targets), dtype=bool)
        accuracy, seconds = np.zeros(len(budgets)), np.zeros(len(budgets))
        fitted = None
        for place, budget in enumerate(budgets):
            context = make_context(
                embeddings=pool.embeddings,
                labeled=labeled.copy(),
                kind=self.task.kind,
                random_state=np.random.default_rng((seed, place)),
            )
            began = time.process_time()
            context = with_model(
                context,
                fitted,
                learner=self.learner,
                strategy=strategy,
                seed=seed,
                task=self.task,
            )
            n = budget - int(labeled.sum())
            query = partial(choose, strategy, context, n=n, start=self.start)
            labeled[query().positions] = True
            seconds[place] = time.process_time() - began
            fitted = self._fit(pool, np.flatnonzero(labeled), seed=seed)
            accuracy[place] = self._accuracy(fitted.predict(test.embeddings.vectors), test)
        return accuracy, seconds, query

    def _accuracy(self, outputs: np.ndarray, test: LabeledRows) -> float:
        loss = float(self.task.loss(outputs, test.targets).mean())
        if self.task.classes:
            return 1.0 - loss
        spread = float(np.abs(test.targets - test.targets.mean()).mean())
        return 1.0 - loss / max(spread, 1e-300)

    def _fit(self, pool: LabeledRows, rows: np.ndarray, *, seed: int) -> Fitted:
        return fit_pool(
            self.learner,
            pool.embeddings.vectors,
            rows=rows,
            targets=pool.targets[rows],
            num_classes=len(self.task.classes),
            random_state=seed,
        )


def query_memory(query: Callable[[], object]) -> int:
    """Return the bytes that a query has allocated at most, by running it once more."""
    traced = tracemalloc.is_tracing()  # by the caller, who goes on
    if not traced:
        tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    try:
        query()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        if not traced:
            tracemalloc.stop()


def task_of(name: str, classes: np.ndarray | None) -> Task:
    """Return the task for classes that may be a single one, which a session would not allow."""
    if classes is None:
        return Regression()
    names = tuple(str(given) for given in classes)
    return MultiLabel(names) if name == "multi_label" else Classification(names)


def check_budgets(budgets: Sequence[int], *, rows: int) -> None:
    """Raise unless `budgets` ascend from at least 1 to at most `rows`."""
    if not len(budgets) or any(b >= c for b, c in pairwise(budgets)) or budgets[0] < 1:
        raise InputError(f"`budgets` must be ascending numbers above 0, got {list(budgets)}.")
    if budgets[-1] > rows:
        raise InputError(
            f"{counted(rows, 'row')} available, {budgets[-1]} asked: the largest of `budgets` "
            "exceeds the pool that is left beside the test set."
        )


def _class_names(
    labels: np.ndarray, test_labels: np.ndarray | None, *, task: str
) -> np.ndarray | None:
    """Return the classes, or the numbers of the columns; None for regression."""
    if task == "regression":
        return None
    if task == "multi_label":
        shape = np.shape(labels)
        if len(shape) != 2:
            raise InputError(f"`labels` must have shape (rows, classes), got {shape}.")
        return np.arange(shape[1])
    parts = [class_texts(part) for part in (labels, test_labels) if part is not None]
    names = np.concatenate(parts)
    return np.unique(names[names != ""])


def _rows(
    name: str,
    embeddings: np.ndarray | Embeddings,
    labels: np.ndarray,
    *,
    names: np.ndarray | None,
) -> LabeledRows:
    embeddings = as_embeddings(embeddings)
    labels, missing = read_values(labels, name=name)
    if len(labels) != len(embeddings) or not all(labels.shape):
        raise InputError(
            f"`{name}` must hold {counted(len(embeddings), 'label')}, got shape {labels.shape}."
        )
    if missing.any():
        raise InputError(
            f"`{name}` holds NaN or other missing labels in "
            f"{counted(int(missing.sum()), 'place')}: simulate on rows whose label is known."
        )
    if names is None:
        return LabeledRows(embeddings, read_numbers(name, labels))
    if labels.ndim == 2:
        if not np.isin(labels, (0, 1)).all():
            raise InputError(f"`{name}` must hold 0 or 1 for each class.")
        return LabeledRows(embeddings, labels.astype(np.float32))
    return LabeledRows(embeddings, class_codes(class_texts(labels), names.tolist(), name=name))


def _split(rows: LabeledRows, *, fraction: float, seed: int) -> tuple[LabeledRows, LabeledRows]:
    order = np.random.default_rng((seed, 4)).permutation(len(rows.targets))
    held_out = max(1, round(fraction * len(order)))
    return rows.take(np.sort(order[held_out:])), rows.take(np.sort(order[:held_out]))
