"""Core sets of so many tokens instead of so many rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from thresher.core.counted import counted
from thresher.core.errors import InputError, check_number

# Rows of a first choice beyond what the budget holds on average: chosen rows may be short.
SPARE = 1.25


def checked_counts(counts: np.ndarray | None, total: int) -> np.ndarray | None:
    """Return the tokens of each row as int64, (n,); raise an `InputError` where they are none."""
    if counts is None:
        return None
    found = np.asarray(counts)
    if found.shape != (total,) or found.dtype.kind not in "iu" or (found < 0).any():
        raise InputError(
            f"`token_counts` must be {counted(total, 'whole number')} of at least 0, got "
            f"{found.dtype} of shape "
            f"{found.shape}; `TokenCounter.of(tokenizer).count(texts)` gives them."
        )
    return found.astype(np.int64)


def choose_within(
    choose: Callable[[int], np.ndarray], counts: np.ndarray | None, tokens: float
) -> np.ndarray:
    """Choose rows, in the order of a method, as long as their tokens fit.

    Parameters
    ----------
    choose : callable
        From a number of rows to their positions, best first.
    counts : ndarray of int64, shape (n_rows,)
        Tokens of each row.
    tokens : float
        The budget.

    Returns
    -------
    ndarray of int64
        Positions, in the order of choice.

    Raises
    ------
    InputError
        Without counts, and when not even the first row fits.
    """
    check_number("tokens", tokens, low=0, low_open=True)
    if counts is None:
        raise InputError("`tokens` needs `token_counts`: how many tokens each row has.")
    total = len(counts)
    if counts.sum() <= tokens:
        return choose(total)
    n = min(total, max(1, int(SPARE * total * tokens / counts.sum())))
    while True:
        positions = choose(n)
        spent = np.cumsum(counts[positions])
        if spent[-1] > tokens or n == total:
            break
        n = min(total, 2 * n)
    fitting = int(np.searchsorted(spent, tokens, side="right"))
    if not fitting:
        raise InputError(
            f"A budget of {tokens:,g} tokens does not hold the first row, which has {spent[0]:,}."
        )
    return positions[:fitting]
