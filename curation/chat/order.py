"""Faults in the order of turns: who may speak when, and what must not be empty."""

from __future__ import annotations

from collections.abc import Sequence

from .turns import Turn

# Kind, words and score (0–1, low = bad) of a fault.
Fault = tuple[str, str, float]
UNUSABLE, ODD = 0.0, 0.3


def turn_faults(turns: Sequence[Turn] | None) -> list[Fault]:
    """Return what is wrong with the turns of one row, the worst first."""
    if turns is None:
        return [("empty", "no turns with a role and a content", UNUSABLE)]
    if not turns:
        return [("empty", "no turn", UNUSABLE)]
    unknown = [(at, turn) for at, turn in enumerate(turns, 1) if not turn.known]
    if unknown:
        at, turn = unknown[0]
        return [("unknown role", f"turn {at} is by {turn.role!r}", 0.1)]
    if all(turn.empty for turn in turns if turn.role == "assistant"):
        return [("empty", "no answer by the assistant", UNUSABLE)]
    if all(turn.empty for turn in turns if turn.role == "user"):
        return [("empty", "nothing is asked by a user", UNUSABLE)]
    return [*_empty(turns), *_out_of_order(turns)]


def _empty(turns: Sequence[Turn]) -> list[Fault]:
    found = [(at, turn) for at, turn in enumerate(turns, 1) if turn.empty and turn.role != "system"]
    return [("no content", f"turn {at} ({turn.role}) is empty", 0.2) for at, turn in found[:1]]


def _out_of_order(turns: Sequence[Turn]) -> list[Fault]:
    """Return the first turn that does not fit the one before it, and an end without an answer."""
    before = ""
    for at, turn in enumerate(turns, 1):
        reason = _misplaced(turn, before, turns[at - 2] if at > 1 else None)
        if reason:
            return [("turn order", f"turn {at}: {reason}", ODD)]
        if turn.role != "system":
            before = turn.role
    if before != "assistant":
        return [("turn order", f"the last turn is by the {before}: nobody answers it", ODD)]
    return []


def _misplaced(turn: Turn, before: str, last: Turn | None) -> str:
    if turn.role == "system" and before:
        return "the system speaks in the middle"
    if turn.role == "user" and before == "user":
        return "the user speaks twice in a row"
    if turn.role == "assistant" and not before:
        return "the assistant speaks first"
    if turn.role == "assistant" and before == "assistant" and last is not None and not last.calls:
        return "the assistant speaks twice in a row"
    if turn.role == "tool" and before not in ("assistant", "tool"):
        return "a tool answers that nobody called"
    return ""
