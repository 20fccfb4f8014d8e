"""A set whose boxes lie in many small files of text, one for each image."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from ..errors import InputError
from .detection_set import DetectionSet
from .segments import Segment
from .splicing import Edit, same_rows, spliced


class Dialect(Protocol):
    """How a format writes a box; places are of the element's own text."""

    @property
    def format(self) -> str:
        """Name of the format."""

    def changed(
        self, element: bytes, *, box: np.ndarray | None, label: str | None, size: tuple[int, int]
    ) -> bytes:
        """Return the text of a box with other corners, another class, or both."""

    def addition(
        self, text: bytes, boxes: np.ndarray, labels: Sequence[str], size: tuple[int, int]
    ) -> Edit:
        """Return the edit that adds boxes to a file."""

    def segment(self, element: bytes, *, size: tuple[int, int]) -> Segment | None:
        """Return the outline of a box."""

    def label(self, code: int, name: str) -> str:
        """Return how a class is written."""


@dataclass(frozen=True, repr=False)
class LabelFiles:
    """Files of labels, and where each box lies in them.

    Attributes
    ----------
    dialect : Dialect
    root : Path
        Above all files.
    paths : list of Path or None
        Label file of each image; None for an image without one.
    texts : list of bytes
    sizes : ndarray of int64, shape (n, 2)
        By which shares became pixels.
    file_of, spans : ndarray of int64, shape (m,) and (m, 2)
        Image and place in its file of each box, with the separator that goes with it.
    boxes, codes : ndarray, shape (m, 4) and (m,)
        As read.
    new_path : callable
        Takes an image's position and returns where its label file would lie.
    beside : callable
        Writes what a set has beside its labels: takes the set, the folder and where that will be
        moved to, and returns paths.
    """

    dialect: Dialect
    root: Path
    paths: Sequence[Path | None]
    texts: Sequence[bytes]
    sizes: np.ndarray
    file_of: np.ndarray
    spans: np.ndarray
    boxes: np.ndarray
    codes: np.ndarray
    new_path: Callable[[int], Path]
    beside: Callable[[DetectionSet, Path, Path], list[Path]]

    @property
    def format(self) -> str:
        """Name of the format."""
        return self.dialect.format

    def segment(self, element: int) -> Segment | None:
        """Return the outline of a box by its number over all files."""
        file = int(self.file_of[element])
        start, end = self.spans[element].tolist()
        return self.dialect.segment(self.texts[file][start:end], size=self._size(file))

    def _size(self, file: int) -> tuple[int, int]:
        width, height = self.sizes[file].tolist()
        return width, height

    def write(self, dataset: DetectionSet, folder: Path, *, home: Path) -> list[Path]:
        """Write the files of the images that stay."""
        edits = self._edits(dataset)
        written = []
        for image in range(len(dataset)):
            file = int(dataset.origin.images[image])
            path = self.paths[file]
            if path is None and file not in edits:
                continue
            source = self.new_path(file) if path is None else path
            target = folder / source.relative_to(self.root)
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as stream:
                stream.writelines(spliced(self.texts[file], edits.get(file, ())))
            written.append(target)
        return written + self.beside(dataset, folder, home)

    def _edits(self, dataset: DetectionSet) -> Mapping[int, list[Edit]]:
        found: dict[int, list[Edit]] = {}
        stays = np.zeros(len(self.file_of), bool)
        old = np.flatnonzero(dataset.origin.boxes >= 0)
        at = dataset.origin.boxes[old]
        stays[at] = True
        for element in np.flatnonzero(~stays).tolist():
            start, end = self.spans[element].tolist()
            found.setdefault(int(self.file_of[element]), []).append((start, end, b""))
        moved = ~same_rows(dataset.boxes[old], self.boxes[at])
        other = dataset.codes[old] != self.codes[at]
        for place in np.flatnonzero(moved | other).tolist():
            element, box = int(at[place]), int(old[place])
            file, (start, end) = int(self.file_of[element]), self.spans[element].tolist()
            new = self.dialect.changed(
                self.texts[file][start:end],
                box=dataset.boxes[box] if moved[place] else None,
                label=self._label(dataset, box) if other[place] else None,
                size=self._size(file),
            )
            found.setdefault(file, []).append((start, end, new))
        fresh = np.flatnonzero(dataset.origin.boxes < 0)
        for image in np.unique(dataset.image_of[fresh]).tolist():
            boxes = fresh[dataset.image_of[fresh] == image]
            file = int(dataset.origin.images[image])
            labels = [self._label(dataset, box) for box in boxes.tolist()]
            edit = self.dialect.addition(
                self.texts[file], dataset.boxes[boxes], labels, self._size(file)
            )
            found.setdefault(file, []).append(edit)
        return found

    def _label(self, dataset: DetectionSet, box: int) -> str:
        code = int(dataset.codes[box])
        if code < 0:
            raise InputError(f"The box {dataset.box_ids[box]!r} has no class: give it one.")
        return self.dialect.label(code, dataset.classes[code])


def write_file(path: Path, data: bytes) -> Path:
    """Write a file below a new folder, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
