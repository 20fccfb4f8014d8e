"""Which of several answers to one prompt is the best: by a score, else sound and long."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from thresher.core.errors import InputError
from thresher.core.missing import read_numbers

from .order import Fault
from .plain import plain_answer

KEEP = ("best", "first")
# An answer with a fault below this is taken only where there is no other.
POOR = 0.35


def rank_answers(
    keep: str,
    answers: Sequence[str],
    faults: Sequence[Sequence[Fault]],
    scores: np.ndarray | Sequence[float] | None,
) -> tuple[np.ndarray, str]:
    """Return the place of each row, int64 (n,), 0 for the first to stay, and the rule in words."""
    n = len(answers)
    if keep == "first":
        return np.arange(n), "the first one"
    poor = np.array([min((f[2] for f in row), default=1.0) < POOR for row in faults], bool)
    if scores is not None:
        given = read_numbers("scores", scores)
        if given.shape != (n,):
            raise InputError(f"`scores` must have shape ({n},), got {given.shape}.")
        # A row without a score stays only where no copy has one.
        order = np.lexsort((np.arange(n), -np.nan_to_num(given, nan=-np.inf)))
        rule = "the one with the highest score"
    else:
        lengths = np.array([len(plain_answer(answer)) for answer in answers], np.int64)
        order = np.lexsort((np.arange(n), -lengths, poor))
        rule = "the one with the longest answer that is no refusal and has no other fault"
    rank = np.empty(n, np.int64)
    rank[order] = np.arange(n)
    return rank, rule
