"""Claim: looking after every row promotes a model wrongly in at most 1 % of comparisons.

Two models see the same rows and disagree on a tenth of them. Ours: the confidence sequence of
`lifecycle.Shadow` with its default of 0.02 for both sides, looked at after every row. Beside it, on
the same rows: a test that looks at z after every 100 rows and stops at 1.96, and a test of fixed
size that looks once, at the rows which `rows_needed` names for a difference of one point.

Canary: a candidate with 1 % failed requests, and one that fails on more, from the first request or
after 10,000 good ones; the limit is 2 %. Counted: bad candidates' requests until the way back, how
many of them failed, and good candidates put back. Beside it, what a likelihood ratio reaches that
knows the rate and when it began, at the same chance of a false way back.

Run: python benchmarks/lifecycle_comparing.py --out comparing.json
"""

from __future__ import annotations

import argparse
import platform
from pathlib import Path
from typing import Any

import numpy as np

from lifecycle import AsymptoticSequence, Guard, rows_needed
from thresher.core.files import write_json
from thresher.core.interval import wilson_interval

ROWS, DISAGREE = 20_000, 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--canaries", type=int, default=300)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    shadows = {points: shadow(rng, points / 100, options.runs) for points in (0, 1, 2)}
    canaries = canary(rng, options.canaries)
    write_json(options.out, report(shadows, canaries, options))


def shadow(rng: np.random.Generator, better: float, runs: int) -> dict[str, Any]:
    """Return how often and when each way finds the candidate better."""
    size = rows_needed(0.01, accuracy=0.9, disagreement=DISAGREE).paired
    when, peeked, once = [], 0, 0
    chances = [DISAGREE / 2 - better / 2, 1 - DISAGREE, DISAGREE / 2 + better / 2]
    for _ in range(runs):
        values = rng.choice([-1.0, 0.0, 1.0], ROWS, p=chances)
        bounds = AsymptoticSequence(alpha=0.02, best_at=2000).add(values)
        over = np.flatnonzero(bounds.lower > 0)
        under = np.flatnonzero(bounds.upper < 0)
        first = over[0] + 1 if len(over) else None
        if first is not None and len(under) and under[0] < first:
            first = None  # the old model was kept before
        when.append(first)
        z = scores(values)
        peeked += bool((z[99::100] > 1.96).any())
        once += bool(z[size - 1] > 1.96)
    found = sorted(each for each in when if each is not None)
    return {
        "sequence": len(found),
        "median_rows": float(np.median(found)) if found else None,
        "median_labels": float(np.median(found)) * DISAGREE if found else None,
        "peeking": peeked,
        "once": once,
        "once_rows": size,
        "runs": runs,
    }


def scores(values: np.ndarray) -> np.ndarray:
    """Return McNemar's z after each row."""
    spread = np.sqrt(np.maximum(np.cumsum(values**2), 1))
    shown: np.ndarray = np.cumsum(values) / spread
    return shown


def canary(rng: np.random.Generator, runs: int) -> dict[str, Any]:
    """Return requests until the way back, and good candidates put back."""
    good = 0
    for _ in range(runs):
        guard = Guard(limit=0.02, alpha=0.005)
        guard.add(rng.random(ROWS) < 0.01)
        good += guard.tripped_at is not None
    bad = {}
    for rate in (0.1, 0.2, 0.5):
        for before in (0, 10_000):
            took, failed, best = [], [], []
            for _ in range(runs):
                guard = Guard(limit=0.02, alpha=0.005)
                guard.add(rng.random(before) < 0.005)
                hits = rng.random(2000) < rate
                guard.add(hits)
                took.append((guard.tripped_at or np.inf) - before)
                failed.append(int(hits[: int(min(took[-1], 2000))].sum()))
                gains = np.where(hits, np.log(rate / 0.02), np.log((1 - rate) / 0.98))
                best.append(int((np.cumsum(gains) >= np.log(1 / 0.005)).argmax()) + 1)
            bad[f"{rate:g} after {before}"] = {
                "median": float(np.median(took)),
                "most": float(max(took)),
                "most_failed": max(failed),
                "within_200": float(np.mean(np.array(took) <= 200)),
                "best_within_200": float(np.mean(np.array(best) <= 200)),
            }
    return {"good_back": good, "runs": runs, "requests": ROWS, "bad": bad}


def share(count: int, runs: int) -> str:
    low, high = wilson_interval(count, runs)
    return f"{100 * count / runs:.1f} % ({100 * low:.1f}–{100 * high:.1f})"


def report(
    shadows: dict[int, dict[str, Any]], canaries: dict[str, Any], options: argparse.Namespace
) -> dict[str, Any]:
    """Return the numbers, and the tables for readers."""
    rows = [
        [
            f"{points} points better" if points else "equal",
            share(one["sequence"], one["runs"]),
            "" if not points else f"{one['median_rows']:,.0f}",
            "" if not points else f"{one['median_labels']:,.0f}",
            share(one["peeking"], one["runs"]),
            share(one["once"], one["runs"]),
        ]
        for points, one in shadows.items()
    ]
    size = shadows[0]["once_rows"]
    return {
        "shadow": shadows,
        "canary": canaries,
        "versions": {"python": platform.python_version(), "numpy": np.__version__},
        "page": {
            "title": "Two models compared while in use",
            "note": f"{options.runs:,} comparisons of at most {ROWS:,} rows, the models disagree "
            f"on {100 * DISAGREE:.0f} % of them.",
            "tables": [
                {
                    "caption": "How often the candidate is promoted, with 95 % intervals.",
                    "header": [
                        "truth",
                        "sequence, a look after every row",
                        "median rows",
                        "median labels",
                        "z, a look every 100 rows",
                        f"one look at {size:,} rows",
                    ],
                    "rows": rows,
                },
                {
                    "caption": "Requests of a bad candidate until it is put back, where 2 % failed "
                    f"ones are fine; of {canaries['runs']} good ones (1 % failed, {ROWS:,} "
                    f"requests) {canaries['good_back']} were put back.",
                    "header": [
                        "fails on",
                        "good requests before",
                        "median",
                        "most",
                        "of them failed, most",
                        "within 200",
                        "within 200, where the rate is known",
                    ],
                    "rows": [
                        [
                            f"{100 * float(name.split()[0]):.0f} %",
                            f"{int(name.split()[2]):,}",
                            f"{each['median']:.0f}",
                            f"{each['most']:.0f}",
                            str(each["most_failed"]),
                            f"{100 * each['within_200']:.0f} %",
                            f"{100 * each['best_within_200']:.0f} %",
                        ]
                        for name, each in canaries["bad"].items()
                    ],
                },
            ],
        },
    }


if __name__ == "__main__":
    main()
