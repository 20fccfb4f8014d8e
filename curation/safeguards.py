"""What no set of findings may do: lose content that has no copy, or lose a class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

DUPLICATES = ("exact_duplicate", "near_duplicate")
# Reasons that are guesses; a duplicate or a leak has a copy that stays, and an unusable row teaches
# nothing.
GUESSES = ("label", "outlier", "conflict", "coreset", "quality")


@dataclass(frozen=True)
class Decision:
    """What happens to one row."""

    action: str = "keep"
    reason: str | None = None
    score: float | None = None
    twin: str | None = None
    new_label: str | None = None


def keep_twins(
    decisions: list[Decision],
    row_of: dict[str, int],
    labels: list[str | None],
    *,
    without_duplicates: Callable[[int], Decision],
) -> None:
    """Make sure that every duplicate that is dropped has a twin that stays.

    Findings do not know of each other: the twin of a duplicate may be dropped as a leak or for its
    label. A copy of it then stays in its place, unless it has the same label and the twin was
    dropped for what it is (its label, its quality), which goes for the copy too, or the twin was
    left out of a core set. A chain of equal content is followed.

    Parameters
    ----------
    decisions : list of Decision
        One for each row; changed in place.
    row_of : dict
        Position of each row id.
    labels : list of str or None
    without_duplicates : callable
        Decides on a row anew without its findings about duplicates.
    """
    for row, decision in enumerate(decisions):
        if decision.action != "drop" or decision.reason not in DUPLICATES:
            continue
        last = _end_of_chain(row, decisions, row_of)
        if last is None or decisions[last].action != "drop":
            decisions[row] = decision if last is not None else without_duplicates(row)
            continue
        why = decisions[last]
        if why.reason == "coreset" or (why.reason in GUESSES and labels[row] == labels[last]):
            decisions[row] = replace(decision, reason=why.reason)
        else:
            decisions[row] = without_duplicates(row)


def _end_of_chain(row: int, decisions: list[Decision], row_of: dict[str, int]) -> int | None:
    """Follow twins over equal content and at most one step that is only near.

    Returns the row at the end, or None where the chain closes on itself, leaves the data, or takes
    a second step that is only near, so that its end may be far from its start.
    """
    seen, near = {row}, 0
    while decisions[row].action == "drop" and decisions[row].twin is not None:
        if decisions[row].reason not in (*DUPLICATES, "leakage"):
            break
        near += decisions[row].reason != "exact_duplicate"
        following = row_of.get(decisions[row].twin or "")
        if following is None or following in seen or near > 1:
            return None
        seen.add(following)
        row = following
    return row


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
