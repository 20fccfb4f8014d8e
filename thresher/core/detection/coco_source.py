"""COCO files written anew: entries taken out, changed or added, every other byte as it was."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from .coco import Annotations, CocoFile
from .detection_set import DetectionSet
from .segments import Segment, segment_of
from .splicing import Edit, number_text, removals, same_rows, spliced
from .structure import line_of

_SPACE = re.compile(r"[ \t\n\r]*")


@dataclass(frozen=True, repr=False)
class CocoSource:
    """Files of a set, and what was read of each.

    Attributes
    ----------
    files : tuple of CocoFile
    folder : Path
        From which their places below a written folder are told.
    images : list of list
        Ids of each file's images, as JSON has them.
    categories : list of dict
        Category id of each class's position, of each file.
    read : list of Annotations
    """

    files: tuple[CocoFile, ...]
    folder: Path
    images: list[list[Any]]
    categories: list[dict[int, Any]]
    read: list[Annotations]

    format = "coco"

    def segment(self, element: int) -> Segment | None:
        """Return the outline of an annotation, by its number over all files."""
        file, place = self._place(element)
        start, end = self.files[file].segments[place].tolist()
        what = f"annotation {self.read[file].ids[place]}"
        if not end:
            return None
        try:
            value = json.loads(self.files[file].text[start:end])
        except ValueError as error:
            line = line_of(self.files[file].text, start)
            raise InputError(f"The segmentation of {what} in line {line} is no JSON.") from error
        return segment_of(value, what=what)

    def _place(self, element: int) -> tuple[int, int]:
        starts = np.cumsum([0, *(len(part.ids) for part in self.read)])
        file = int(np.searchsorted(starts, element, side="right")) - 1
        return file, element - int(starts[file])

    def write(self, dataset: DetectionSet, folder: Path, *, home: Path) -> list[Path]:
        """Write each file below a folder, spliced where it changed."""
        del home
        written = []
        first_box = first_image = 0
        for number, file in enumerate(self.files):
            boxes = slice(first_box, first_box + len(self.read[number].ids))
            images = slice(first_image, first_image + len(self.images[number]))
            edits = list(self._edits(dataset, number, boxes, images))
            target = folder / file.path.relative_to(self.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as stream:
                stream.writelines(spliced(file.text, edits))
            written.append(target)
            first_box, first_image = boxes.stop, images.stop
        return written

    def _edits(
        self, dataset: DetectionSet, number: int, boxes: slice, images: slice
    ) -> Iterator[Edit]:
        file, read = self.files[number], self.read[number]
        entries = file.lists["annotations"]
        stays = np.zeros(len(entries), bool)
        of_file = np.flatnonzero(
            (dataset.origin.boxes >= boxes.start) & (dataset.origin.boxes < boxes.stop)
        )
        at = dataset.origin.boxes[of_file] - boxes.start
        stays[at] = True
        stays |= read.image_of < 0  # never part of the set: left as it was
        yield from removals(entries.starts, entries.ends, ~stays)
        pictures = np.zeros(images.stop - images.start, bool)
        inside = (dataset.origin.images >= images.start) & (dataset.origin.images < images.stop)
        pictures[dataset.origin.images[inside] - images.start] = True
        listed = file.lists["images"]
        yield from removals(listed.starts, listed.ends, ~pictures)
        moved = ~same_rows(dataset.boxes[of_file], read.boxes[at])
        other = dataset.codes[of_file] != read.category[at]
        for place in np.flatnonzero(moved | other).tolist():
            start, end = (int(ends[at[place]]) for ends in (entries.starts, entries.ends))
            code = int(dataset.codes[of_file[place]]) if other[place] else None
            box = dataset.boxes[of_file[place]] if moved[place] else None
            yield from self._changes(number, (start, end), box=box, code=code)
        new = np.flatnonzero((dataset.origin.boxes < 0) & inside[dataset.image_of])
        if len(new):
            yield self._addition(dataset, number, new, images.start, stays)

    def _changes(
        self, number: int, span: tuple[int, int], *, box: np.ndarray | None, code: int | None
    ) -> Iterator[Edit]:
        """Yield what replaces the numbers of one annotation."""
        text = self.files[number].text[span[0] : span[1]]
        members = members_of(text)
        if code is not None:
            yield _put(members, "category_id", json.dumps(self._category(number, code)), span[0])
        if box is None:
            return
        old, area = (members.get(name) for name in ("bbox", "area"))
        yield _put(members, "bbox", f"[{', '.join(sides_of(box))}]", span[0])
        # The area of a mask stays; that of a box goes with it.
        if old is not None and area is not None and "segmentation" not in members:
            size = (box[2] - box[0]) * (box[3] - box[1])
            yield _put(members, "area", number_text(float(size)), span[0])

    def _category(self, number: int, code: int) -> Any:
        if code not in self.categories[number]:
            raise InputError(
                f"{self.files[number].path} has no category for the class with the position "
                f"{code}: add it there first."
            )
        return self.categories[number][code]

    def _addition(
        self, dataset: DetectionSet, number: int, new: np.ndarray, first: int, stays: np.ndarray
    ) -> Edit:
        """Return the edit that appends annotations."""
        entries = self.files[number].lists["annotations"]
        ids = [int(name) for name in self.read[number].ids.tolist() if name.lstrip("-").isdigit()]
        made = []
        for offset, box in enumerate(new.tolist(), 1):
            image = self.images[number][dataset.origin.images[dataset.image_of[box]] - first]
            corners = dataset.boxes[box]
            area = number_text(float((corners[2] - corners[0]) * (corners[3] - corners[1])))
            category = json.dumps(self._category(number, int(dataset.codes[box])))
            made.append(
                f'{{"id": {max(ids, default=0) + offset}, "image_id": {json.dumps(image)}, '
                f'"category_id": {category}, "bbox": [{", ".join(sides_of(corners))}], '
                f'"area": {area}, "iscrowd": 0}}'
            )
        comma = ", " if stays.any() else ""
        end = int(entries.ends[-1]) if len(entries) else entries.opened + 1
        return end, end, (comma + ", ".join(made)).encode()


def sides_of(box: np.ndarray) -> list[str]:
    """Return x, y, width and height of corners as texts."""
    x, y, right, bottom = box.tolist()
    return [number_text(value) for value in (x, y, right - x, bottom - y)]


def _put(members: Mapping[str, tuple[int, int]], name: str, value: str, start: int) -> Edit:
    """Return the edit that replaces a member's value, or puts the member first."""
    if name in members:
        low, high = members[name]
        return start + low, start + high, value.encode()
    return start + 1, start + 1, f'"{name}": {value}, '.encode()


def members_of(text: bytes) -> dict[str, tuple[int, int]]:
    """Return where the values of a JSON object's members lie in its bytes."""
    said = text.decode("latin-1")  # one character a byte: places in both are the same
    decoder, found = json.JSONDecoder(), {}
    place = _skip(said, 1)
    while said[place] != "}":
        name, place = decoder.raw_decode(said, place)
        place = _skip(said, _skip(said, place) + 1)
        start = place
        _, place = decoder.raw_decode(said, place)
        found[str(name)] = (start, place)
        place = _skip(said, place)
        if said[place] == ",":
            place = _skip(said, place + 1)
    return found


def _skip(text: str, place: int) -> int:
    match = _SPACE.match(text, place)
    return place if match is None else match.end()
