"""Files and folders that programs leave beside data: never rows, never classes."""

from __future__ import annotations

from collections.abc import Iterable

from .choice import Choice

# Of macOS, Windows, network drives and Python; whatever begins with a dot is hidden anyway.
LEFT_BY_PROGRAMS = frozenset(
    {"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "@eadir", "@tmp", "@recycle"}
    | {"#recycle", "$recycle.bin", "system volume information", "lost+found", "__pycache__"}
)
SHOWN = 5


def is_hidden(name: str) -> bool:
    """Tell whether a file or folder of this name, without its path, is no data."""
    return name.startswith(".") or name.lower() in LEFT_BY_PROGRAMS


def is_inside_hidden(parts: Iterable[str]) -> bool:
    """Tell whether any part of a relative path is hidden."""
    return any(is_hidden(part) for part in parts)


def left_out(names: list[str]) -> dict[str, Choice]:
    """Say which hidden files and folders were not read."""
    if not names:
        return {}
    shown = ", ".join(sorted(names)[:SHOWN])
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return {"left out": Choice(shown + more, "hidden, or left there by programs")}
