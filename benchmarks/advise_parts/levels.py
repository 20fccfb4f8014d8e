"""Levers that the advice calls level, beside the raw order: what its places are worth.

Of two levers held apart the measured order should be the one told; of two that are level it may be
either. Pairs that came out exactly alike have no order and do not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from thresher.app.advising.levers import Estimate
from thresher.app.advising.places import surely_ahead


def held_apart(rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Count the pairs of one list that are told apart and those told level, and of both the right.

    Parameters
    ----------
    rows : sequence of dict
        Levers with ``returns``, ``returns_low``, ``returns_high`` and ``measured_returns``.
    """
    found = {"told_apart": 0, "told_apart_in_order": 0, "told_level": 0, "told_level_in_order": 0}
    for pair in combinations(rows, 2):
        behind, ahead = sorted(pair, key=lambda row: row["returns"])
        gap = ahead["measured_returns"] - behind["measured_returns"]
        if gap != 0:
            kind = "apart" if surely_ahead(_told(ahead), _told(behind)) else "level"
            found[f"told_{kind}"] += 1
            found[f"told_{kind}_in_order"] += gap > 0
    return found


def _told(row: dict[str, Any]) -> Estimate:
    return Estimate(row["returns"], row["returns_low"], row["returns_high"])
