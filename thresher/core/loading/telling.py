"""What a reader says on the way: how files were taken, and which lines were not read."""

from __future__ import annotations

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
    for issue in found.bad[:SHOWN]:
        message(f"not read: {issue.row_id}: {issue.detail}")
    if len(found.bad) > SHOWN:
        message(f"not read: {len(found.bad) - SHOWN:,} more")
