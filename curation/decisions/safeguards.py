"""What no set of findings may do: lose content that has no copy, or lose a class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

DUPLICATES = ("exact_duplicate", "near_duplicate")
# Reasons that name a row that stays instead.
LINKED = (*DUPLICATES, "leakage")
# Reasons that are guesses; a duplicate or a leak has a copy that stays, and an unusable row teaches
# nothing.
GUESSES = ("label", "outlier", "conflict", "coreset", "quality")
# What a row and its near copies have in common; how a row reads or looks, they need not.
SHARED_BY_NEAR = ("label", "outlier", "coreset")


@dataclass(frozen=True)
class Decision:
    """What happens to one row."""

    action: str = "keep"
    reason: str | None = None
    score: float | None = None
    twin: str | None = None
    new_label: str | None = None


@dataclass(frozen=True)
class Link:
    """From a row to the one at the end of its chain of twins, and what joins them."""

    end: int
    reason: str
    score: float | None


def differ(label: str | None, kept: str | None) -> bool:
    """Tell whether dropping a row would lose its label, for the kept row has another or none."""
    return label is not None and label != kept


def codes_differ(codes: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Tell what `differ` tells of many rows, by codes of their labels; −1 = missing."""
    lost: np.ndarray = (codes >= 0) & (codes != kept)
    return lost


def keep_twins(
    decisions: list[Decision],
    row_of: dict[str, int],
    labels: list[str | None],
    *,
    without_links: Callable[[int], Decision],
) -> None:
    """Make sure that no row is dropped for a twin that is dropped itself.

    Findings do not know of each other: the twin of a duplicate may be dropped as a copy of a third
    row, as a leak, or for its label. A chain of equal content is followed to the row that stays,
    which is then the twin; one step of it may be only near. Where the end of the chain is dropped
    for what it is, its copy goes for the same reason if that holds for it too: the label, if both
    have the same; being outside a core set. Otherwise the row is decided on by its other findings.

    Parameters
    ----------
    decisions : list of Decision
        One for each row; changed in place. Rows that stay are left as they are.
    row_of : dict
        Position of each row id.
    labels : list of str or None
    without_links : callable
        Decides on a row anew without its findings about duplicates and leaks.
    """
    ids = list(row_of)
    for row, decision in enumerate(decisions):
        if decision.action == "drop" and decision.reason in LINKED and decision.twin in row_of:
            settled = _settled(row, decisions, row_of, labels, ids)
            decisions[row] = settled or without_links(row)
    for row, decision in enumerate(decisions):
        twin = row_of.get(decision.twin or "")
        if decision.action == "drop" and twin is not None and decisions[twin].action == "drop":
            decisions[row] = replace(decision, twin=None)


def _settled(
    row: int,
    decisions: list[Decision],
    row_of: dict[str, int],
    labels: list[str | None],
    ids: list[str],
) -> Decision | None:
    """Decide on a row by the end of its chain; None where the chain gives no ground to drop it."""
    link = _follow(row, decisions, row_of)
    if link is None:
        return None
    end = decisions[link.end]
    if end.action != "drop" and decisions[row].twin == ids[link.end]:
        return decisions[row]
    if end.action != "drop":
        torn = link.reason in DUPLICATES and differ(labels[row], labels[link.end])
        action = "review" if torn else "drop"
        return Decision(action, link.reason, link.score, ids[link.end])
    equal = link.reason == "exact_duplicate"
    if end.reason == "leakage" and equal:  # of a row outside the data, which both give away
        return replace(end)
    same_fate = end.reason in (GUESSES if equal else SHARED_BY_NEAR)
    if end.reason == "coreset" or (same_fate and labels[row] == labels[link.end]):
        # Lower than the end's own, so that of a class that would be emptied the end stays.
        scores = [score for score in (end.score, decisions[row].score) if score is not None]
        return Decision("drop", end.reason, min(scores, default=None))
    return None


def _follow(row: int, decisions: list[Decision], row_of: dict[str, int]) -> Link | None:
    """Follow twins over equal content and at most one step that is only near.

    Returns None where the chain closes on itself or takes a second step that is only near, so that
    its end may be far from its start.
    """
    seen, reason, score = {row}, "exact_duplicate", decisions[row].score
    while decisions[row].action == "drop" and decisions[row].reason in LINKED:
        following = row_of.get(decisions[row].twin or "")
        if following is None:  # a twin outside the data
            break
        step = decisions[row].reason or ""
        if following in seen or (step != "exact_duplicate" and reason != "exact_duplicate"):
            return None
        if step != "exact_duplicate":
            reason, score = step, decisions[row].score
        seen.add(following)
        row = following
    return Link(row, reason, score)


def keep_classes(decisions: list[Decision], labels: list[str | None], *, fewest: int) -> None:
    """Turn drops and relabels into reviews where a class would keep fewer than `fewest` rows.

    Only decisions that rest on a guess are turned; rows with the highest scores stay first.
    """
    leaving: dict[str, list[int]] = {}
    staying: dict[str, int] = {}
    for row, (decision, label) in enumerate(zip(decisions, labels, strict=True)):
        if label is None:
            continue
        leaves = decision.action in ("drop", "relabel")
        staying[label] = staying.get(label, 0) + (not leaves)
        if leaves and decision.reason in GUESSES:
            leaving.setdefault(label, []).append(row)
    for label, rows in leaving.items():
        rows.sort(key=lambda row: (-(decisions[row].score or 0.0), row))
        for row in rows[: max(0, fewest - staying[label])]:
            old = decisions[row]
            decisions[row] = Decision("review", old.reason, old.score, old.twin)
