"""File names from row ids, class names and the first bytes of an image."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

SIGNATURES = {
    b"\xff\xd8": ".jpg",
    b"\x89PNG": ".png",
    b"GIF8": ".gif",
    b"BM": ".bmp",
    b"RIFF": ".webp",
    b"II*\0": ".tif",
    b"MM\0*": ".tif",
}
# Windows takes these for devices, with any suffix.
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d) *", re.IGNORECASE)
# Of 255 bytes; the rest is room for a suffix and a part of a hash.
_LONGEST_NAME = 200
SPELLINGS = {".jpg": (".jpeg", ".jpe", ".jfif"), ".tif": (".tiff",), ".bmp": (".dib",)}


def shown(name: str) -> str:
    """Return a name of a file with bytes that are not UTF-8 written out, as no table can hold."""
    return name.encode(errors="backslashreplace").decode()


def image_suffix(data: bytes) -> str:
    """Return the suffix that an image's first bytes ask for, ``.img`` for unknown ones."""
    return next((suffix for start, suffix in SIGNATURES.items() if data.startswith(start)), ".img")


def image_name(image: dict[str, Any], row_id: str) -> str:
    """Return a file name for an image ``{bytes, path}``: its own, unless its bytes say otherwise.

    The suffix ``.JPEG`` stays as it is on a JPEG file, and becomes ``.png`` on a PNG file.
    """
    name = Path(image["path"] or row_id).name
    suffix, given = image_suffix(image["bytes"]), Path(name).suffix
    stem = safe_name(name[: len(name) - len(given)])
    same = given.lower() in (suffix, *SPELLINGS.get(suffix, ()))
    return stem + (given if same else suffix)


def safe_name(name: str) -> str:
    """Return a name that every file system takes and that leaves its folder nowhere."""
    name = re.sub(r'[\x00-\x1f/\\:*?"<>|\ud800-\udfff]', "_", name).strip(". ") or "_"
    name = name.encode()[:_LONGEST_NAME].decode(errors="ignore").rstrip(". ")
    return f"_{name}" if _RESERVED.fullmatch(name.partition(".")[0]) else name
