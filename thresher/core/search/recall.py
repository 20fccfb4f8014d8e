"""Recall of a search, measured on rows that were also searched exhaustively."""

from __future__ import annotations

import numpy as np

from ..interval import wilson_interval
from ..neighbors import Recall


def measured_recall(found: np.ndarray, true: np.ndarray) -> Recall:
    """Estimate the share of true neighbors found, with a 95 % interval.

    Neighbors of one row are found or missed together, so pairs are not independent trials. The
    interval is Wilson's (1927) with the number of pairs divided by the design effect of sampling
    whole rows (Kish, 1965), and never with more trials than rows that have a neighbor when
    nothing was missed, since the design effect cannot be estimated then.

    Parameters
    ----------
    found, true : ndarray of int, shape (rows,)
        Neighbors found and existing, of each sampled row.

    Returns
    -------
    Recall
        1 with the interval 0–1 when no sampled row has a neighbor: nothing was measured.
    """
    total, rows = int(true.sum()), int((true > 0).sum())
    if not total:
        return Recall(1.0, 0.0, 1.0, len(true))
    share = found.sum() / total
    trials = min(total, rows)
    if 0 < share < 1 and rows > 1:
        residuals = (found - share * true)[true > 0]
        variance = (residuals**2).sum() * rows / (rows - 1) / total**2
        trials = min(total, share * (1 - share) / max(variance, 1e-12))
    low, high = wilson_interval(share * trials, trials)
    return Recall(float(share), low, high, len(true))
