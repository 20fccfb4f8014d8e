"""What a reader says on the way: how files were taken, and what was left out."""

from __future__ import annotations

from collections.abc import Sequence

from ..issues import Issue
from ..progress import message
from .parts import Source

TOLD = ("encoding", "packed", "quotes", "long rows")
SHOWN = 5


def tell(found: Source) -> None:
    """Show whoever is watching what was found out about files of text, and what was left out."""
    for name in TOLD:
        choice = found.choices.get(name)
        if choice is not None:
            also = "; what is written is UTF-8" if name == "encoding" else ""
            message(f"{name}: {choice.value} ({choice.reason}{also})")
    _tell_first("not read", [f"{issue.row_id}: {issue.detail}" for issue in found.bad])


def tell_set_aside(rows: Sequence[Issue]) -> None:
    """Show which rows were read but cannot be used, and why."""
    _tell_first("set aside", [issue.detail or issue.row_id for issue in rows])


def _tell_first(what: str, lines: Sequence[str]) -> None:
    for line in lines[:SHOWN]:
        message(f"{what}: {line}")
    if len(lines) > SHOWN:
        message(f"{what}: {len(lines) - SHOWN:,} more")
