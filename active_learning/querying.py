"""One query on arrays: which rows to label next."""

from __future__ import annotations

from typing import Any

import numpy as np

from thresher.core.embeddings import Embeddings
from thresher.core.errors import InputError, check_choice, check_count
from thresher.core.moved import moved_argument
from thresher.core.randomness import RandomState
from thresher.core.signatures import checked

from .pool.context import Context, make_context
from .pool.instances import Instances
from .pool.probabilities import MANY_LABELS, ONE_LABEL
from .pool.selection import Selection
from .strategies import get_strategy
from .strategies.strategy import Strategy
from .tasks import TASKS


def _is_strategy(given: Any) -> bool:
    return isinstance(given, str) or callable(getattr(given, "select", None))


@moved_argument("strategy", _is_strategy)
@checked
def query(
    embeddings: np.ndarray | Embeddings | None = None,
    *,
    n: int,
    strategy: str | Strategy = "auto",
    pred_probs: np.ndarray | None = None,
    ensemble_probs: np.ndarray | None = None,
    dropout_probs: np.ndarray | None = None,
    uncertainty: np.ndarray | Instances | None = None,
    predictions: np.ndarray | None = None,
    labeled: np.ndarray | None = None,
    exclude: np.ndarray | None = None,
    candidates: np.ndarray | None = None,
    costs: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    class_counts: np.ndarray | None = None,
    row_ids: np.ndarray | None = None,
    task: str = "classification",
    random_state: RandomState = 0,
) -> Selection:
    """Choose the rows of a pool to label next.

    Every array may be a torch tensor. Embeddings on a device other than the CPU are multiplied
    there, which is the heavy step; all else is done by numpy.

    Parameters
    ----------
    embeddings : Embeddings or ndarray, shape (n_pool, d), optional
        Made unit length.
    n : int
        Rows to choose.
    strategy : str or Strategy
        A name of `STRATEGIES`, or a strategy with its options, such as ``Mix(UHerding(),
        Random())``.
    pred_probs : ndarray, shape (n_pool, c), optional
        Class probabilities of the current model.
    ensemble_probs : ndarray, shape (k, n_pool, c), optional
        Probabilities of several models, for BALD and query by committee.
    dropout_probs : ndarray, shape (k, n_pool, c), optional
        Probabilities of passes with dropout, for DropQuery.
    uncertainty : ndarray, shape (n_pool,), or Instances, optional
        Your own uncertainty, at least 0, in place of the margin of `pred_probs`; with `Instances`
        that of spans, boxes or other parts of each row.
    predictions : ndarray, shape (k, n_pool), optional
        Numbers that several regression models predict: their standard deviation is the
        uncertainty.
    labeled, exclude, candidates : ndarray of bool, shape (n_pool,), or of int positions, optional
        Rows with a label; rows with an annotator (counted as covered, never picked); rows that may
        be picked at all (default all).
    costs, weights : ndarray, shape (n_pool,), optional
        Cost of a label (above 0) and importance of each row (at least 0); default 1.
    class_counts : ndarray, shape (c,), optional
        Labels so far of each class, for `Balance`.
    row_ids : ndarray of str, shape (n_pool,), optional
        Default those of `embeddings`, else ``"0"``, ``"1"``, ….
    task : {"classification", "multi_label", "regression", "spans", "boxes"}
        How probabilities are read: for all but ``"classification"`` each class on its own, so that
        rows need not sum to one.
    random_state : int, Generator or None

    Returns
    -------
    Selection
        Rows best first, with scores, propensities and reasons.

    Raises
    ------
    InputError
        When an array has the wrong shape or holds NaN, when probabilities do not sum to one, when
        the strategy needs an array that was not given, or when fewer than `n` rows are available.

    Examples
    --------
    >>> import numpy as np
    >>> probs = np.array([[0.9, 0.1], [0.5, 0.5], [0.7, 0.3]])
    >>> query(n=2, strategy="margin", pred_probs=probs).row_ids.tolist()
    ['1', '2']
    """
    check_choice("task", task, TASKS)
    context = make_context(
        embeddings=embeddings,
        pred_probs=pred_probs,
        ensemble_probs=ensemble_probs,
        dropout_probs=dropout_probs,
        uncertainty=uncertainty,
        predictions=predictions,
        labeled=labeled,
        exclude=exclude,
        candidates=candidates,
        costs=costs,
        weights=weights,
        class_counts=class_counts,
        row_ids=row_ids,
        kind=ONE_LABEL if task == "classification" else MANY_LABELS,
        random_state=random_state,
    )
    return query_context(get_strategy(strategy), context, n=n)


def query_context(strategy: Strategy, context: Context, *, n: int) -> Selection:
    """Run one strategy on a checked context; see `query`."""
    check_count("n", n, low=1)
    if n > len(context.available):
        raise InputError(
            f"{len(context.available)} rows available, {n} asked: {len(context)} in the pool, "
            f"{int(context.labeled.sum())} labelled, {int(context.pending.sum())} excluded. "
            "Ask for fewer."
        )
    missing = sorted(need for need in strategy.needs if not context.has(need))
    if missing:
        raise InputError(
            f"Strategy '{strategy.name}' needs {' and '.join(f'`{name}`' for name in missing)}."
        )
    picks = strategy.select(context, n)
    return Selection(
        row_ids=context.row_ids[picks.positions],
        positions=picks.positions,
        scores=picks.scores,
        propensities=picks.propensities,
        reasons=picks.reasons,
        strategy=strategy.name,
    )
