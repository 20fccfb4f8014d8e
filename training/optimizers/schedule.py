"""The learning rate over a run, as a share of its peak."""

from __future__ import annotations

import math

from thresher.core.errors import check_choice, check_number

SCHEDULES = ("one_cycle", "cosine", "constant")
DEFAULT_WARMUP = {"one_cycle": 0.25, "cosine": 0.05, "constant": 0.0}


def learning_rate_factor(
    step: int, total: int, *, schedule: str = "one_cycle", warmup: float | None = None
) -> float:
    """Return the share of the peak rate that `step` of `total` trains with, in (0, 1].

    ``"one_cycle"`` rises for a quarter of the run and falls in a line to nearly 0 (Smith &
    Topin, "Super-Convergence", 2017); ``"cosine"`` rises shortly and falls along half a cosine
    (Loshchilov & Hutter, "SGDR", 2016); ``"constant"`` stays. `warmup` is the share of the run
    that rises.
    """
    check_choice("schedule", schedule, SCHEDULES)
    share = DEFAULT_WARMUP[schedule] if warmup is None else warmup
    check_number("warmup", share, low=0, high=1)
    rising = share * total
    if step + 1 <= rising:
        return (step + 1) / rising
    if schedule == "constant":
        return 1.0
    left = (total - step) / max(total - math.floor(rising), 1)
    return left if schedule == "one_cycle" else 0.5 - 0.5 * math.cos(math.pi * left)
