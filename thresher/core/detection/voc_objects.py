"""Pascal VOC's XML: the objects of one image, with the places of what they say."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape

import numpy as np

from .segments import Segment
from .splicing import Edit, number_text, spliced

SIDES = ("xmin", "ymin", "xmax", "ymax")
_SPACE = re.compile(rb"\s*\Z")


@dataclass
class VocObject:
    """One ``object``: its place, and texts and places of its values by their path in it."""

    start: int
    end: int = 0
    values: dict[str, tuple[str, int, int]] = field(default_factory=dict)


@dataclass
class VocPage:
    """What a file says of an image: texts by path, and its objects."""

    values: dict[str, str]
    objects: list[VocObject]


class _Reader:
    """Collects places while expat walks over a file."""

    def __init__(self, text: bytes, encoding: str | None) -> None:
        self.text, self.page = text, VocPage({}, [])
        self.above: list[str] = []
        self.said: list[str] = []
        self.opened: list[int] = []
        self.parser = expat.ParserCreate(encoding)
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.said.append
        self.parser.EntityDeclHandler = self.refuse

    def refuse(self, name: str, *_: Any) -> None:
        raise ValueError(f"it declares the entity {name!r}, which labels never need")

    def start(self, name: str, _: Mapping[str, str]) -> None:
        self.above.append(name)
        self.said.clear()
        place = self.parser.CurrentByteIndex
        self.opened.append(self.text.find(b">", place) + 1)
        if self.above[1:] == ["object"]:
            self.page.objects.append(VocObject(place))

    def end(self, _: str) -> None:
        place, path = self.parser.CurrentByteIndex, self.above[1:]
        begin, value = self.opened.pop(), "".join(self.said).strip()
        self.above.pop()
        self.said.clear()
        if path == ["object"]:
            self.page.objects[-1].end = self.text.find(b">", place) + 1
        elif path[:1] == ["object"]:
            self.page.objects[-1].values.setdefault("/".join(path[1:]), (value, begin, place))
        else:
            self.page.values.setdefault("/".join(path), value)


def read_page(text: bytes, *, encoding: str | None = None) -> VocPage:
    """Read a VOC file, in the encoding that it states unless another is given.

    Raises
    ------
    ValueError
        When it is not XML; the line is named.
    """
    reader = _Reader(text, encoding)
    try:
        reader.parser.Parse(text, True)
    except expat.ExpatError as error:
        raise ValueError(f"it is not XML ({error})") from error
    return reader.page


def corners_of(found: VocObject) -> list[float]:
    """Return x1, y1, x2, y2 of an object.

    Raises
    ------
    ValueError
        When a side is missing or no number.
    """
    lacking = [side for side in SIDES if f"bndbox/{side}" not in found.values]
    if lacking:
        raise ValueError(f"an object has no {', '.join(lacking)}")
    return [float(found.values[f"bndbox/{side}"][0]) for side in SIDES]


class VocObjects:
    """How VOC writes a box."""

    format = "voc"

    def label(self, code: int, name: str) -> str:
        """Return the name of a class."""
        del code
        return name

    def changed(
        self, element: bytes, *, box: np.ndarray | None, label: str | None, size: tuple[int, int]
    ) -> bytes:
        """Return an object with other values."""
        del size
        ahead = element[: len(element) - len(element.lstrip())]
        inner = element[len(ahead) :]
        # Any encoding of single bytes tells the places; what is put in is ASCII.
        (found,) = read_page(b"<a>" + inner + b"</a>", encoding="iso-8859-1").objects
        new = {} if label is None else {"name": escape(label)}
        if box is not None:
            new |= {
                f"bndbox/{side}": number_text(value)
                for side, value in zip(SIDES, box.tolist(), strict=True)
            }
        edits = [
            (found.values[path][1] - 3, found.values[path][2] - 3, _ascii(value))
            for path, value in new.items()
        ]
        return ahead + b"".join(spliced(inner, edits))

    def addition(
        self, text: bytes, boxes: np.ndarray, labels: Sequence[str], size: tuple[int, int]
    ) -> Edit:
        """Return the edit that puts objects before the end."""
        del size
        place = text.rfind(b"</")
        space = _SPACE.search(text[:place])
        at = place if space is None else space.start()
        new = "".join(object_text(box, label) for box, label in zip(boxes, labels, strict=True))
        return at, at, _ascii(new)

    def segment(self, element: bytes, *, size: tuple[int, int]) -> Segment | None:
        """Return None: VOC's objects are boxes."""
        del element, size
        return None


def _ascii(text: str) -> bytes:
    return text.encode("ascii", "xmlcharrefreplace")


def object_text(box: np.ndarray, label: str) -> str:
    """Return an object as text, on lines of its own."""
    sides = "".join(
        f"\n\t\t\t<{side}>{number_text(value)}</{side}>"
        for side, value in zip(SIDES, box.tolist(), strict=True)
    )
    return (
        f"\n\t<object>\n\t\t<name>{escape(label)}</name>\n\t\t<bndbox>{sides}\n\t\t</bndbox>"
        "\n\t</object>"
    )
