"""One query on arrays: which rows to label next."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from thresher.core.counted import counted
from thresher.core.embeddings import Embeddings
from thresher.core.errors import InputError, check_choice, check_count
from thresher.core.moved import moved_argument
from thresher.core.randomness import RandomState
from thresher.core.signatures import checked

from .pool.context import Context, make_context
from .pool.options import PoolOptions
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
    task: str = "classification",
    random_state: RandomState = 0,
    **options: Unpack[PoolOptions],
) -> Selection:
    """Choose the rows of a pool to label next.

    Every array may be a torch tensor. Embeddings on a device other than the CPU are multiplied
    there, which is the heavy step; all else is done by numpy.

    Parameters
    ----------
    embeddings : Embeddings or ndarray, shape (n, d), optional
        Made unit length.
    n : int
        Rows to choose.
    strategy : str or Strategy
        A name of `STRATEGIES`, or a strategy with its options, such as ``Mix(UHerding(),
        Random())``.
    task : {"classification", "multi_label", "regression", "spans", "boxes"}
        How probabilities are read: for all but ``"classification"`` each class on its own, so that
        rows need not sum to one.
    random_state : int, Generator or None
    **options

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
    >>> from active_learning import query
    >>> probs = np.array([[0.9, 0.1], [0.5, 0.5], [0.7, 0.3]])
    >>> query(n=2, strategy="margin", pred_probs=probs).row_ids.tolist()
    ['1', '2']
    """
    check_choice("task", task, TASKS)
    kind = ONE_LABEL if task == "classification" else MANY_LABELS
    context = make_context(embeddings, kind=kind, random_state=random_state, **options)
    return query_context(get_strategy(strategy), context, n=n)


def query_context(strategy: Strategy, context: Context, *, n: int) -> Selection:
    """Run one strategy on a checked context; see `query`."""
    check_count("n", n, low=1)
    if n > len(context.available):
        raise InputError(
            f"{counted(len(context.available), 'row')} available, {n} asked: {len(context)} in the "
            f"pool, {int(context.labeled.sum())} labeled, {int(context.pending.sum())} excluded. "
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
