"""What the advice predicted against what the levers gave: orders, intervals and their fair limits.

Raw Spearman compares the orders as they come out. Many levers are worth about nothing in truth too,
in an order that is chance; so beside it there is one in which levers tie that lie closer together
than the seeds tell, on both sides, with average ranks. What one half of the seeds says of the other
half is about the most that raw Spearman can reach.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from scipy.stats import rankdata, spearmanr

from .levels import held_apart
from .sets import TASKS

Found = dict[str, dict[str, Any]]
# Doublings that the seeds do not tell.
APART = 0.5
LEVERS = {
    "copies": "leave out copies",
    "wrong labels": "leave out wrong labels",
    "twice": "label twice as many rows",
    "chosen": "label half as many rows, chosen",
    "core set": "train on a core set of half the rows",
    "epochs": "train for half the epochs",
    "augmented": "augment the training images",
    "student": "take the compact student",
    "int8": "take the student in integers",
    "batches": "send rows in batches",
    "cache": "cache equal requests",
}
BY_BOTTLENECK = {
    "labels": ("copies", "wrong labels", "twice", "chosen", "augmented"),
    "cost": ("copies", "core set", "epochs"),
    "size": ("student", "int8"),
    "latency": ("student", "int8", "batches", "cache"),
}
# Told by the files of a whole run, not by networks trained for the lever.
ON_FILES = ("size", "latency")


@dataclass(frozen=True)
class Truth:
    """How many times less of the bottleneck a lever needed, and the points it changed by seed."""

    times: float
    points: tuple[float, ...]

    @property
    def worth(self) -> float:
        """Doublings, by all seeds."""
        return math.log2(self.times) + float(np.mean(self.points))

    @property
    def error(self) -> float:
        """Standard error of the worth; 0 of one seed."""
        n = len(self.points)
        return float(np.std(self.points, ddof=1) / math.sqrt(n)) if n > 1 else 0.0


def measured(found: Found, bottleneck: str, arm: str) -> Truth | None:
    """Return what a lever really changed, None where it was not pulled."""
    if bottleneck in ON_FILES:
        return _on_files(found.get("run"), bottleneck, arm)
    seeds = [seed for seed in range(10) if f"{arm}|{seed}" in found and f"all|{seed}" in found]
    if not seeds:
        return None
    own, base = ([found[f"{name}|{seed}"] for seed in seeds] for name in (arm, "all"))
    unit = "rows" if bottleneck == "labels" else "rows_seen"
    times = float(np.mean([b[unit] for b in base]) / np.mean([o[unit] for o in own]))
    if arm in ("wrong labels", "augmented"):
        times = 1.0
    changes = [100 * (o["accuracy"] - b["accuracy"]) for o, b in zip(own, base, strict=True)]
    if arm == "epochs":
        # A run tries short lengths first: what fewer epochs win it has won already.
        changes = [min(0.0, change) for change in changes]
    return Truth(times, tuple(changes))


def _on_files(run: dict[str, Any] | None, bottleneck: str, arm: str) -> Truth | None:
    models = {} if run is None else run["models"]
    # A run that starts from shipped weights leaves no file of a teacher.
    needed = {"student", "int8", *(["teacher"] if arm == "student" else [])}
    if run is None or not needed <= {name for name, one in models.items() if "single_ms" in one}:
        return None
    student = models["student"]
    if arm == "cache":
        return Truth(run["cache_times"], (0.0,))
    if arm == "batches":
        return Truth(student["single_ms"] / student["batched_ms"], (0.0,))
    before, after = (models["teacher"], student) if arm == "student" else (student, models[arm])
    unit = "megabytes" if bottleneck == "size" else "single_ms"
    return Truth(before[unit] / after[unit], (100 * (after["accuracy"] - before["accuracy"]),))


def compared(name: str, found: Found) -> list[dict[str, Any]]:
    """Return predicted and measured worth of each lever of a set, by bottleneck."""
    rows = []
    for bottleneck, arms in BY_BOTTLENECK.items():
        told = found.get(f"advice {bottleneck}", {"levers": []})["levers"]
        levers = {lever["name"]: lever for lever in told if lever["probed"]}
        for arm in arms:
            lever, truth = levers.get(LEVERS[arm]), measured(found, bottleneck, arm)
            if lever is not None and truth is not None:
                rows.append({"set": name, "bottleneck": bottleneck} | _row(lever, truth))
    return rows


def _row(lever: dict[str, Any], truth: Truth) -> dict[str, Any]:
    worth, points, measured_points = lever["worth"], lever["points"], float(np.mean(truth.points))
    half = len(truth.points) // 2
    halves = [truth.points[:half], truth.points[half:]] if half else []
    scale = 1 + lever["cost"]
    return {
        "lever": lever["name"],
        "points": round(points["value"], 2),
        "points_low": round(points["low"], 2),
        "points_high": round(points["high"], 2),
        "measured_points": round(measured_points, 2),
        "points_hold": _holds(points, measured_points),
        "times": round(lever["times"]["value"], 3),
        "measured_times": round(truth.times, 3),
        "worth": round(worth["value"], 2),
        "worth_low": round(worth["low"], 2),
        "worth_high": round(worth["high"], 2),
        "measured_worth": round(truth.worth, 2),
        "standard_error": round(truth.error, 2),
        "seeds": len(truth.points),
        "worth_holds": _holds(worth, truth.worth),
        "nothing_to_do": truth.times == 1 and not any(truth.points),
        "returns": lever["returns"],
        "returns_low": worth["low"] / scale,
        "returns_high": worth["high"] / scale,
        "measured_returns": truth.worth / scale,
        "by_halves": [(math.log2(truth.times) + float(np.mean(part))) / scale for part in halves],
    }


def _holds(interval: dict[str, float], value: float) -> bool:
    return interval["low"] - 1e-9 <= value <= interval["high"] + 1e-9


def pairs_of(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the figures of each set and bottleneck with at least two levers."""
    found = []
    for name in dict.fromkeys(row["set"] for row in rows):
        own = [row for row in rows if row["set"] == name]
        noise = seed_noise(own)
        for bottleneck in BY_BOTTLENECK:
            mine = [row for row in own if row["bottleneck"] == bottleneck]
            if len(mine) > 1:
                found.append({"set": name, "bottleneck": bottleneck} | _pair(mine, noise))
    return found


def seed_noise(rows: Sequence[dict[str, Any]]) -> float:
    """Return by how much two levers of a set differ by chance, from the errors of all of them."""
    errors = [row["standard_error"] for row in rows if row["standard_error"] > 0]
    return math.sqrt(2 * float(np.mean(np.square(errors)))) if errors else 0.0


def _pair(rows: list[dict[str, Any]], noise: float) -> dict[str, Any]:
    predicted, real = ([row[of] for row in rows] for of in ("returns", "measured_returns"))
    best = max(rows, key=lambda row: row["returns"])
    told, right = ordered(rows)
    halves = [row["by_halves"] for row in rows]
    return {
        "levers": len(rows),
        "spearman": _rounded(correlation(predicted, real)),
        "spearman_with_ties": _rounded(correlation(tied(predicted, noise), tied(real, noise))),
        "spearman_of_half_the_seeds": _rounded(
            correlation(*np.transpose(halves)) if all(halves) else None
        ),
        "noise": round(noise, 2),
        "apart": told,
        "in_order": right,
        **held_apart(rows),
        "first": best["lever"],
        "regret": round(max(real) - best["measured_returns"], 2),
    }


def correlation(predicted: Sequence[float], real: Sequence[float]) -> float | None:
    """Return Spearman's correlation; None without an order in truth, 0 without one predicted."""
    if len(set(real)) == 1:
        return None
    if len(set(predicted)) == 1:
        return 0.0
    return float(spearmanr(predicted, real).statistic)


def tied(values: Sequence[float], noise: float) -> np.ndarray:
    """Return average ranks, where values that lie closer together than `noise` are equal.

    A value ties with the lowest of its group, so that a long chain of close values is not one tie.
    """
    order = np.argsort(values, kind="stable")
    groups, start = np.zeros(len(values)), -math.inf
    for at in order:
        if values[at] - start > noise:
            start = values[at]
        groups[at] = start
    return np.asarray(rankdata(groups))


def ordered(rows: Sequence[dict[str, Any]]) -> tuple[int, int]:
    """Count the pairs of levers further apart than half a doubling, and the right ones of them."""
    apart = [
        (one, other)
        for one, other in combinations(rows, 2)
        if abs(one["measured_returns"] - other["measured_returns"]) > APART
    ]
    right = [
        (one["returns"] - other["returns"]) * (one["measured_returns"] - other["measured_returns"])
        for one, other in apart
    ]
    return len(apart), sum(sign > 0 for sign in right)


def summary(
    rows: Sequence[dict[str, Any]],
    pairs: Sequence[dict[str, Any]],
    of: Callable[[str], bool] = lambda _: True,
) -> dict[str, Any]:
    """Return the figures of the claim over some sets."""
    mine, kept = [r for r in rows if of(r["set"])], [p for p in pairs if of(p["set"])]
    longer = [p for p in kept if p["levers"] > 2]
    told = [r for r in mine if not r["nothing_to_do"]]
    return {
        "sets": len({p["set"] for p in kept}),
        "pairs": len(kept),
        "spearman": _mean(kept, "spearman"),
        "spearman_of_three_or_more": _mean(longer, "spearman"),
        "spearman_with_ties": _mean(kept, "spearman_with_ties"),
        "spearman_with_ties_of_three_or_more": _mean(longer, "spearman_with_ties"),
        "spearman_of_half_the_seeds": _mean(kept, "spearman_of_half_the_seeds"),
        "spearman_where_halves_can_tell": _mean(
            [p for p in kept if p["spearman_of_half_the_seeds"] is not None], "spearman"
        ),
        "levers_apart": sum(p["apart"] for p in kept),
        "of_them_in_order": sum(p["in_order"] for p in kept),
        **{
            f"pairs_{name}": sum(p[name] for p in kept)
            for name in ("told_apart", "told_apart_in_order", "told_level", "told_level_in_order")
        },
        "mean_regret": _mean(kept, "regret"),
        "intervals": len(mine),
        "points_hold": _mean(mine, "points_hold"),
        "worth_holds": _mean(mine, "worth_holds"),
        "intervals_of_levers_with_something_to_do": len(told),
        "worth_holds_of_them": _mean(told, "worth_holds"),
        "mean_width": _rounded(
            float(np.mean([r["worth_high"] - r["worth_low"] for r in mine])) if mine else None
        ),
    }


def widths(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return for each lever how well its intervals would hold at other widths, set by set.

    The factor is that by which all half-widths would have to be multiplied to hold 80 % of what
    was measured (split conformal: the ⌈0.8 (n + 1)⌉-th smallest). ``left_out`` counts the sets that
    hold where the factor comes from the others alone.
    """
    found = []
    for lever in dict.fromkeys(row["lever"] for row in rows):
        for bottleneck in BY_BOTTLENECK:
            mine = [
                row
                for row in rows
                if (row["lever"], row["bottleneck"]) == (lever, bottleneck)
                and not row["nothing_to_do"]
            ]
            if mine:
                needed = np.array([_needed(row) for row in mine])
                held = [need <= _factor(np.delete(needed, at)) for at, need in enumerate(needed)]
                found.append(
                    {
                        "lever": lever,
                        "bottleneck": bottleneck,
                        "sets": len(mine),
                        "holds": sum(row["worth_holds"] for row in mine),
                        "factor": round(_factor(needed), 2),
                        "left_out": int(sum(held)),
                        "off_by": round(
                            float(np.mean([r["measured_worth"] - r["worth"] for r in mine])), 2
                        ),
                    }
                )
    return found


def _needed(row: dict[str, Any]) -> float:
    """Return how many of its half-widths a measured worth lies from the predicted one."""
    off = row["measured_worth"] - row["worth"]
    half = row["worth_high"] - row["worth"] if off > 0 else row["worth"] - row["worth_low"]
    return abs(off) / max(half, 0.01)


def _factor(needed: np.ndarray) -> float:
    rank = min(len(needed), math.ceil(0.8 * (len(needed) + 1)))
    return float(np.sort(needed)[rank - 1]) if len(needed) else math.inf


def is_fresh(name: str) -> bool:
    """Tell whether a set took no part in any choice of the advice."""
    return TASKS[name].fresh


def is_late(name: str) -> bool:
    """Tell whether a set came last."""
    return TASKS[name].late


def _mean(rows: Sequence[dict[str, Any]], of: str) -> float | None:
    values = [row[of] for row in rows if row[of] is not None]
    return _rounded(float(np.mean(values))) if values else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
