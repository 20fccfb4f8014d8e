"""The names in a tar file in the WebDataset layout, read in one way by all that take such files.

Members of equal name up to the first dot, folders included, are one sample. Layout: Aizman, Maltby,
Breuel, "High performance I/O for large scale deep learning", IEEE BigData 2019.
"""

from __future__ import annotations

from .hidden import is_inside_hidden
from .images import IMAGE_SUFFIXES


def member_name(path: str) -> str | None:
    """Return the name of a member, without ``./``; None for what programs leave beside data."""
    parts = [part for part in path.split("/") if part not in ("", ".", "..")]
    return None if is_inside_hidden(parts) else path.removeprefix("./")


def key_and_suffix(name: str) -> tuple[str, str]:
    """Return the key of a member's sample (with folders), and what it is in it: its suffix."""
    folder, slash, base = name.rpartition("/")
    stem, _, suffix = base.partition(".")
    return folder + slash + stem, suffix


def is_image(kind: str) -> bool:
    """Tell whether a member with this last suffix, such as ``"jpg"``, is an image."""
    return f".{kind.lower()}" in IMAGE_SUFFIXES
