"""Running a batch so that a row which fails takes no other row with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# From the state of b rows to logits (b, classes), which rows leave (b,), and the next state.
Step = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]
_SHOWN = 200


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a batch gave.

    Attributes
    ----------
    rows : ndarray of int, shape (m,)
        Places in the batch of the rows that were answered.
    logits : ndarray of float32, shape (m, classes)
    leaves : ndarray of bool, shape (m,)
    state : ndarray, shape (m, …)
    failed : dict of int to str
        Why the other rows were not, by place.
    """

    rows: np.ndarray
    logits: np.ndarray
    leaves: np.ndarray
    state: np.ndarray
    failed: dict[int, str]


def run_isolated(step: Step, state: np.ndarray) -> Outcome:
    """Run a batch; if it fails, run its halves, down to single rows.

    With f rows that fail among b, the model runs at most 2 f (1 + log2 b) times more. Rows whose
    logits are not finite fail too.
    """
    failed: dict[int, str] = {}
    parts = _halves(step, state, 0, failed)
    if not parts:
        empty = np.zeros(0, dtype=np.int64)
        return Outcome(empty, np.zeros((0, 0), np.float32), empty.astype(bool), state[:0], failed)
    joined = [np.concatenate(column) if len(parts) > 1 else column[0] for column in zip(*parts)]  # noqa: B905
    rows, logits, leaves, following = joined
    good = np.isfinite(logits).all(axis=1)
    if not good.all():
        said = "the model's answer is not finite"
        failed |= dict.fromkeys(rows[~good].tolist(), said)
        rows, logits, leaves, following = rows[good], logits[good], leaves[good], following[good]
    return Outcome(rows, logits, leaves, following, failed)


def _halves(
    step: Step, state: np.ndarray, start: int, failed: dict[int, str]
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    n = len(state)
    try:
        logits, leaves, following = step(state)
    except Exception as error:  # runtimes raise classes of their own, and memory may run out
        if n == 1:
            failed[start] = f"the model cannot answer it: {str(error)[:_SHOWN]}"
            return []
        middle = n // 2
        return _halves(step, state[:middle], start, failed) + _halves(
            step, state[middle:], start + middle, failed
        )
    return [(np.arange(start, start + n), logits, leaves, following)]
