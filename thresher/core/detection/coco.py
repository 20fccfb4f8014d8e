"""COCO's JSON: images, annotations and categories, in one file for each split.

Only what columns need is parsed, block by block: polygons and runs stay in the text until they are
asked for, and so does whatever else an entry holds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..text_arrays import text_array
from .detection_set import Fault
from .structure import Elements, find_elements, line_of

CHUNK = 20_000
_SEGMENTATION = b'"segmentation":'


@dataclass(frozen=True, repr=False)
class CocoFile:
    """One file, with places of its entries.

    Attributes
    ----------
    path : Path
    text : bytes
    lists : dict of str to Elements
        ``images``, ``annotations``, ``categories``.
    segments : ndarray of int64, shape (n, 2)
        Where each annotation's nested segmentation lies; 0, 0 where it has none.
    """

    path: Path
    text: bytes
    lists: dict[str, Elements]
    segments: np.ndarray


def read_file(path: Path) -> CocoFile:
    """Find the entries of a COCO file.

    Raises
    ------
    InputError
        When it cannot be read, is cut off, or lacks images or annotations.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from error
    lists = find_elements(text, name=str(path))
    lacking = [name for name in ("images", "annotations") if name not in lists]
    if lacking:
        raise InputError(
            f"{path} is no COCO file: it lacks the list {' and '.join(map(repr, lacking))}; it has "
            f"{', '.join(map(repr, lists)) or 'no lists'}."
        )
    return CocoFile(path, text, lists, _segments(text, lists["annotations"]))


def _segments(text: bytes, entries: Elements) -> np.ndarray:
    """Find which nested value of each annotation is its segmentation."""
    found = np.zeros((len(entries), 2), np.int64)
    starts = entries.nested_starts
    if not len(starts):
        return found
    width = len(_SEGMENTATION) + 1
    whole = np.frombuffer(text, np.uint8)
    before = whole[(starts[:, None] - np.arange(width, 0, -1)).clip(0)]
    wanted = np.frombuffer(_SEGMENTATION, np.uint8)
    tight, spaced = (before[:, 1:] == wanted).all(axis=1), (before[:, :-1] == wanted).all(axis=1)
    hits = tight | (spaced & (before[:, -1] == ord(" ")))
    for place in np.flatnonzero(~hits).tolist():
        ahead = text[max(0, int(starts[place]) - 60) : int(starts[place])].rstrip()
        hits[place] = ahead[-1:] == b":" and ahead[:-1].rstrip().endswith(_SEGMENTATION[:-1])
    owner = np.searchsorted(entries.starts, starts[hits], side="right") - 1
    found[owner] = np.stack([starts[hits], entries.nested_ends[hits]], axis=1)
    return found


def parsed(file: CocoFile, name: str) -> Iterator[list[dict[str, Any]]]:
    """Yield the entries of a list, block by block, with null for what is nested in them.

    Raises
    ------
    InputError
        For an entry that is not JSON; its line is named.
    """
    entries = file.lists.get(name)
    if entries is None:
        return
    _check_list(file, name, entries)
    for first in range(0, len(entries), CHUNK):
        last = min(first + CHUNK, len(entries))
        try:
            block = json.loads(
                decoded(b"[" + _without_nested(file.text, entries, first, last) + b"]")
            )
        except ValueError:
            raise _damaged(file, entries, first, last) from None
        if len(block) != last - first:
            raise _no_objects(file, name, int(entries.starts[first]))
        yield block


def _check_list(file: CocoFile, name: str, entries: Elements) -> None:
    """Check that nothing but objects stands where blocks meet, and at both ends."""
    edges = range(CHUNK, len(entries), CHUNK)
    between = [(int(entries.ends[at - 1]), int(entries.starts[at])) for at in edges]
    first, last = entries.opened + 1, entries.closed
    ends = [(first, int(entries.starts[0])), (int(entries.ends[-1]), last)] if len(entries) else []
    for start, end in between:
        if file.text[start:end].strip() != b",":
            raise _no_objects(file, name, start)
    for start, end in ends or [(first, last)]:
        if file.text[start:end].strip():
            raise _no_objects(file, name, start)


def _no_objects(file: CocoFile, name: str, place: int) -> InputError:
    line = line_of(file.text, place)
    return InputError(
        f"{file.path}: the list {name!r} holds something else than objects near line {line}."
    )


def decoded(data: bytes) -> str:
    """Return text; bytes that are not UTF-8 stay what they are in names of files."""
    return data.decode("utf-8", "surrogateescape")


def _without_nested(text: bytes, entries: Elements, first: int, last: int) -> bytes:
    start, end = int(entries.starts[first]), int(entries.ends[last - 1])
    low, high = np.searchsorted(entries.nested_starts, [start, end])
    pieces, done = [], start
    cuts = zip(
        entries.nested_starts[low:high].tolist(),
        entries.nested_ends[low:high].tolist(),
        strict=True,
    )
    for begin, finish in cuts:
        pieces += [text[done:begin], b"null"]
        done = finish
    pieces.append(text[done:end])
    return b"".join(pieces)


def _damaged(file: CocoFile, entries: Elements, first: int, last: int) -> InputError:
    """Find the entry of a block that is not JSON."""
    for place in range(first, last):
        start = int(entries.starts[place])
        try:
            json.loads(decoded(file.text[start : int(entries.ends[place])]))
        except ValueError as error:
            offset = getattr(error, "pos", 0)
            line = line_of(file.text, start + offset)
            return InputError(f"{file.path} is not valid JSON in line {line} ({error}).")
    line = line_of(file.text, int(entries.starts[first]))
    return InputError(f"{file.path} is not valid JSON between the entries after line {line}.")


@dataclass(frozen=True, repr=False)
class Annotations:
    """Columns of a file's annotations; `usable` tells which name an image of the file."""

    ids: np.ndarray
    image_of: np.ndarray
    category: np.ndarray
    boxes: np.ndarray
    crowd: np.ndarray


def read_annotations(
    file: CocoFile, images: dict[Any, int], categories: dict[Any, int], faults: list[Fault]
) -> Annotations:
    """Read the columns; boxes become corners. An image or class that is unknown is -1."""
    parts: list[tuple[np.ndarray, ...]] = []
    count = 0
    for block in parsed(file, "annotations"):
        ids = [_text(entry.get("id"), count + at) for at, entry in enumerate(block)]
        image_of = [images.get(id_of(entry.get("image_id")), -1) for entry in block]
        category = [categories.get(id_of(entry.get("category_id")), -1) for entry in block]
        boxes = _corners_of(file, block, count, faults)
        crowd = [bool(entry.get("iscrowd")) for entry in block]
        parts.append(
            (
                text_array(ids),
                np.array(image_of, np.int64),
                np.array(category, np.int64),
                boxes,
                np.array(crowd, bool),
            )
        )
        count += len(block)
    if not parts:
        empty = np.zeros(0, np.int64)
        return Annotations(text_array([]), empty, empty, np.zeros((0, 4)), empty.astype(bool))
    return Annotations(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def id_of(value: Any) -> int | str | None:
    """Return what an id is compared by: ``1.0``, as some programs write it, is 1; else None."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, (int, str)) else None


def _text(value: Any, number: int) -> str:
    known = id_of(value)
    return str(number if known is None else known)


def _corners_of(
    file: CocoFile, block: list[dict[str, Any]], count: int, faults: list[Fault]
) -> np.ndarray:
    try:
        boxes = np.array([entry["bbox"] for entry in block], dtype=np.float64)
        if boxes.shape != (len(block), 4):
            raise ValueError
    except (KeyError, TypeError, ValueError, OverflowError):
        boxes = np.full((len(block), 4), np.nan)
        for at, entry in enumerate(block):
            boxes[at] = _one_box(file, entry, count + at, faults)
    boxes[:, 2:] += boxes[:, :2]
    return boxes


def _one_box(file: CocoFile, entry: dict[str, Any], number: int, faults: list[Fault]) -> np.ndarray:
    given = entry.get("bbox")
    try:
        box = np.asarray(given, dtype=np.float64)
        if box.shape == (4,):
            return box
    except (TypeError, ValueError, OverflowError):
        pass
    line = line_of(file.text, int(file.lists["annotations"].starts[number]))
    faults.append(
        Fault(
            f"{file.path.name} line {line}",
            f"annotation {_text(entry.get('id'), number)} has no box of four numbers, but "
            f"{given!r:.60}",
        )
    )
    return np.full(4, np.nan)
