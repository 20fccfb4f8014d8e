"""Soft cap sampling: good pairs are drawn more often, and each draw makes a pair less likely.

In each round some pairs are drawn without replacement, with probabilities by the softmax of their
scores (by adding Gumbel noise and taking the highest: W. Kool et al., ICML 2019); the score of each
drawn pair then sinks by a penalty (M. Shechter and Y. Carmon, "Filter Like You Test", NeurIPS
2025). Costs n random numbers a round.
"""

from __future__ import annotations

import numpy as np

from thresher.core.counted import counted
from thresher.core.errors import InputError, check_count, check_number
from thresher.core.missing import read_numbers
from thresher.core.randomness import RandomState, check_random_state

ROUNDS = 20


def soft_cap_sample(
    scores: np.ndarray,
    draws: int,
    *,
    penalty: float = 0.15,
    temperature: float = 1.0,
    most: int | None = None,
    rounds: int = ROUNDS,
    random_state: RandomState = 0,
) -> np.ndarray:
    """Return how often each row is drawn.

    Parameters
    ----------
    scores : ndarray of float, shape (n,)
        Higher is better; −inf rows are never drawn. Scaled to a standard deviation of one first.
    draws : int
        Rows in all, repetitions counted.
    penalty : float
        What a draw takes off the scaled score, at least 0; the higher, the more even.
    temperature : float
        Scaled scores are divided by it: near 0 the best are drawn first, large ones draw evenly.
    most : int, optional
        No row is drawn more often.
    rounds : int
        The draws are spread over so many rounds, over more where `most` asks for it; a row is drawn
        at most once a round.
    random_state : int, Generator or None

    Returns
    -------
    ndarray of int64, shape (n,)
        Sums to `draws`.

    Raises
    ------
    InputError
        When so many draws cannot be made of these rows.

    Examples
    --------
    >>> import numpy as np
    >>> from curation.pairs import soft_cap_sample
    >>> counts = soft_cap_sample(np.array([3.0, 0.0, -3.0]), 30, most=20, rounds=30)
    >>> bool(counts[0] > counts[2]), int(counts.sum())
    (True, 30)
    """
    values = read_numbers("scores", scores)
    check_count("draws", draws, low=0)
    check_count("rounds", rounds)
    check_number("penalty", penalty, low=0)
    check_number("temperature", temperature, low=0, low_open=True)
    cap = rounds if most is None else min(rounds, check_count("most", most))
    if np.isnan(values).any():
        raise InputError(
            f"{int(np.isnan(values).sum())} of the scores are NaN: give a number or −inf."
        )
    usable = np.flatnonzero(values > -np.inf)
    if draws > cap * len(usable):
        raise InputError(
            f"{counted(draws, 'draw')} cannot be made of {counted(len(usable), 'row')} with at "
            f"most {cap} of each: raise `rounds` and `most`, or draw fewer."
        )
    rng = check_random_state(random_state)
    logits = _scaled(values[usable]) / temperature
    counts = np.zeros(len(usable), np.int64)
    left = rounds
    while (missing := draws - int(counts.sum())) > 0:
        free = counts < cap
        size = min(-(-missing // max(1, left)), int(free.sum()))
        drawn = _draw(np.where(free, logits, -np.inf), size, rng)
        counts[drawn] += 1
        logits[drawn] -= penalty / temperature
        left -= 1
    result = np.zeros(len(values), np.int64)
    result[usable] = counts
    return result


def _scaled(values: np.ndarray) -> np.ndarray:
    spread = values.std() if len(values) else 0.0
    return (values - values.mean()) / spread if spread > 0 else np.zeros(len(values))


def _draw(logits: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return `size` different rows, each step by the softmax of those that are left."""
    noisy = logits + rng.gumbel(size=len(logits))
    result: np.ndarray = np.argpartition(-noisy, size - 1)[:size]
    return result
