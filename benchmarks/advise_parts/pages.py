"""The tables of `advise.py` for readers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .comparing import BY_BOTTLENECK, Found, is_fresh

Shares = Mapping[tuple[str, str], float]
HEADER = [
    "set",
    "for",
    "levers",
    "Spearman",
    "with ties",
    "half the seeds",
    "pairs apart, in order",
    "held apart, in order",
    "level, in order",
    "intervals that hold",
    "advised first",
    "regret",
    "CPU of a run",
    "with loading",
]


def shares(done: Mapping[str, Found], *, start: bool) -> dict[tuple[str, str], float]:
    """Return the CPU of each advice as a share of its set's whole run, by set and bottleneck.

    With ``start`` what loading Thresher takes counts for both, where a cell tells it.
    """
    return {
        (name, bottleneck): _cpu(found[f"advice {bottleneck}"], start) / _cpu(found["run"], start)
        for name, found in done.items()
        for bottleneck in BY_BOTTLENECK
        if {f"advice {bottleneck}", "run"} <= found.keys()
    }


def _cpu(cell: dict[str, Any], start: bool) -> float:
    return float(cell["cpu_s"]) + (float(cell.get("start_cpu_s", 0.0)) if start else 0.0)


def page(
    rows: Sequence[dict[str, Any]],
    pairs: Sequence[dict[str, Any]],
    *,
    inner: Shares,
    whole: Shares,
) -> dict[str, Any]:
    """Return the tables."""
    tables = [
        {
            "caption": caption,
            "header": HEADER,
            "rows": [
                _line(pair, rows, inner, whole) for pair in pairs if is_fresh(pair["set"]) == fresh
            ],
        }
        for caption, fresh in (
            ("sets that took no part in any choice", True),
            ("sets that spreads and usual values were chosen on", False),
        )
    ]
    return {
        "title": "Advice",
        "note": "What `thresher advise` predicts for each lever against what the lever really "
        "gave: the student of a run, trained by its recipe, judged on held-out rows; sizes, times "
        "and what they lose from a whole run. With ties: levers closer together than the seeds "
        "tell count as equal. Photographs, and pictures called “start”, are learned from the "
        "vectors of EfficientNet-Lite0, all others from their rows. Half the seeds: the order by "
        "one half of the seeds against that by the other. Pairs apart: those more than half a "
        "doubling apart in truth. Held apart, level: pairs as the advice tells them. Regret: "
        "doublings that the best lever returned beyond the one advised first.",
        "tables": tables,
    }


def _line(
    pair: dict[str, Any], rows: Sequence[dict[str, Any]], inner: Shares, whole: Shares
) -> list[str]:
    at = pair["set"], pair["bottleneck"]
    mine = [row for row in rows if (row["set"], row["bottleneck"]) == at]
    return [
        pair["set"],
        pair["bottleneck"],
        str(pair["levers"]),
        *(
            "" if pair[of] is None else f"{pair[of]:.2f}"
            for of in ("spearman", "spearman_with_ties", "spearman_of_half_the_seeds")
        ),
        f"{pair['in_order']} of {pair['apart']}",
        *(f"{pair[f'told_{how}_in_order']} of {pair[f'told_{how}']}" for how in ("apart", "level")),
        f"{sum(row['worth_holds'] for row in mine)} of {len(mine)}",
        pair["first"],
        f"{pair['regret']:.2f}",
        *("" if at not in share else f"{share[at]:.1%}" for share in (inner, whole)),
    ]


def spread(found: Shares) -> dict[str, float]:
    """Return median and extremes."""
    values = list(found.values()) or [float("nan")]
    told = {"median": np.median(values), "least": min(values), "most": max(values)}
    return {name: round(float(value), 4) for name, value in told.items()}
