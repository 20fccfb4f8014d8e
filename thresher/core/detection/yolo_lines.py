"""Lines of YOLO's label files: a class number, then a box or the corners of a polygon.

``class cx cy w h`` in shares of the image (detect); a sixth number is a model's confidence;
``class x1 y1 x2 y2 x3 y3 …`` with three corners or more is a polygon (segment), with four also an
oriented box.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..counted import counted
from ..errors import InputError
from .segments import Segment
from .splicing import Edit, number_text

_LINE = re.compile(rb"[^\n]*\n?")
_TOKEN = re.compile(rb"\S+")


@dataclass(frozen=True)
class Line:
    """One line: its place with the line end, its number from 1, and what it says in shares."""

    start: int
    end: int
    number: int
    code: int
    box: tuple[float, float, float, float]
    score: float | None


@dataclass(frozen=True)
class Wrong:
    """A line that cannot be read, and why."""

    number: int
    said: str


def lines_of(text: bytes) -> Iterator[Line | Wrong]:
    """Yield the lines of a label file that are not empty; a byte order mark belongs to none."""
    start = len(BOM_UTF8) if text.startswith(BOM_UTF8) else 0
    for number, match in enumerate(_LINE.finditer(text, start), 1):
        line = match.group()
        tokens = line.split()
        if tokens:
            try:
                code, values = _numbers(tokens)
            except ValueError as error:
                yield Wrong(number, f"{str(error)[:100]}")
            else:
                score = values[4] if len(values) == 5 else None
                yield Line(start, start + len(line), number, code, _bounds(values), score)
        start += len(line)


def _numbers(tokens: Sequence[bytes]) -> tuple[int, list[float]]:
    values = [float(token) for token in tokens]
    count = len(values) - 1
    if count not in (4, 5) and (count < 6 or count % 2):
        raise ValueError(
            f"{counted(count, 'number')} after the class: a box has four, a polygon three corners "
            "or more"
        )
    if not values[0].is_integer() or values[0] < 0:
        raise ValueError(f"{tokens[0].decode('utf-8', 'replace')} is no class number")
    return int(values[0]), values[1:]


def _bounds(values: list[float]) -> tuple[float, float, float, float]:
    if len(values) > 5:
        across, down = values[0::2], values[1::2]
        return min(across), min(down), max(across), max(down)
    x, y, width, height = values[:4]
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


class YoloLines:
    """How YOLO writes a box."""

    format = "yolo"

    def label(self, code: int, name: str) -> str:
        """Return the number of a class."""
        del name
        return str(code)

    def changed(
        self, element: bytes, *, box: np.ndarray | None, label: str | None, size: tuple[int, int]
    ) -> bytes:
        """Return a line with other numbers; what stands between them stays.

        Raises
        ------
        InputError
            For other corners of a polygon, which four numbers do not tell.
        """
        places = [match.span() for match in _TOKEN.finditer(element)]
        new = [element[start:end] for start, end in places]
        if label is not None:
            new[0] = label.encode()
        if box is not None:
            if len(places) > 6:
                said = element.decode("utf-8", "replace").strip()
                raise InputError(f"The line {said!r:.60} is a polygon: move its corners instead.")
            new[1:5] = [part.encode() for part in shares(box, size)]
        pieces, done = [], 0
        for (start, end), token in zip(places, new, strict=True):
            pieces += [element[done:start], token]
            done = end
        return b"".join(pieces) + element[done:]

    def addition(
        self, text: bytes, boxes: np.ndarray, labels: Sequence[str], size: tuple[int, int]
    ) -> Edit:
        """Return the edit that appends lines."""
        lines = [
            " ".join([label, *shares(box, size)]) + "\n"
            for box, label in zip(boxes, labels, strict=True)
        ]
        gap = "\n" if text and not text.endswith(b"\n") else ""
        return len(text), len(text), (gap + "".join(lines)).encode()

    def segment(self, element: bytes, *, size: tuple[int, int]) -> Segment | None:
        """Return the polygon of a line in pixels."""
        values = np.array([float(token) for token in element.split()[1:]])
        if len(values) <= 5:
            return None
        return [values.reshape(-1, 2) * np.maximum(size, 1)]


def shares(box: np.ndarray, size: tuple[int, int]) -> list[str]:
    """Return center and sides as shares of an image with a size in pixels (0: they are shares)."""
    x1, y1, x2, y2 = (box / np.maximum([*size, *size], 1)).tolist()
    return [number_text(one) for one in ((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1)]


def outline_line(outline: list[np.ndarray], label: str, size: tuple[int, int]) -> str:
    """Return a line with the corners of the polygon with the largest bounds."""
    largest = max(outline, key=lambda part: float(np.prod(np.ptp(part, axis=0))))
    corners = (largest / np.maximum(size, 1)).ravel().tolist()
    return " ".join([label, *map(number_text, corners)])
