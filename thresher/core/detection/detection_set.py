"""Images with boxes, as columns: what detectors learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from ..counted import counted
from ..errors import InputError
from ..shown import Shown
from .segments import Segment


@dataclass(frozen=True)
class Fault:
    """What could not be used of a file.

    Attributes
    ----------
    place : str
        File, and line where there is one.
    said : str
        What is wrong, in words.
    row_id : str
        Of the image or box that it is about; empty where neither was read.
    """

    place: str
    said: str
    row_id: str = ""


class Source(Protocol):
    """The files that a set was read from, which know how to write it with its changes."""

    @property
    def format(self) -> str:
        """One of the names of `thresher.core.detection.writing.FORMATS`."""

    def segment(self, element: int) -> Segment | None:
        """Return the outline of one box as it was read."""

    def write(self, dataset: DetectionSet, folder: Path, *, home: Path) -> list[Path]:
        """Write the files anew below a folder, which will be moved to `home`."""


@dataclass(frozen=True)
class Origin:
    """Where a set came from.

    Attributes
    ----------
    source : Source or None
    images, boxes : ndarray of int64, shape (n,) and (m,)
        Number of each in the source; -1 for a box that was added. Unused without a source.
    faults : tuple of Fault
        What was set aside in reading.
    """

    source: Source | None = None
    images: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    boxes: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    faults: tuple[Fault, ...] = ()

    def keep(self, images: np.ndarray, boxes: np.ndarray) -> Origin:
        """Return that of a set without some images and boxes."""
        if self.source is None:
            return self
        return replace(self, images=self.images[images], boxes=self.boxes[boxes])

    def added(self, boxes: int) -> Origin:
        """Return that of a set with further boxes."""
        if self.source is None:
            return self
        return replace(self, boxes=np.concatenate([self.boxes, np.full(boxes, -1)]))


@dataclass(frozen=True, repr=False)
class DetectionSet(Shown):
    r"""Images and their boxes; n images, m boxes, k classes.

    Attributes
    ----------
    row_ids : ndarray of str, shape (n,)
        Of the images.
    files : ndarray of str, shape (n,)
        Paths of the images, absolute where they were found, else as the annotations name them.
    sizes : ndarray of int64, shape (n, 2)
        Width and height in pixels; 0 where unknown.
    splits : ndarray of str, shape (n,)
        Empty where there are none.
    classes : tuple of str, length k
    box_ids : ndarray of str, shape (m,)
        ``image#number``.
    image_of : ndarray of int64, shape (m,)
        Position of the box's image.
    boxes : ndarray of float64, shape (m, 4)
        Corners x1, y1, x2, y2 in pixels; in shares of the image where its size is unknown (YOLO).
    codes : ndarray of int64, shape (m,)
        Position in `classes`; -1 for a number that the list of classes lacks.
    crowd : ndarray of bool, shape (m,)
        Whether a box stands for a group (COCO's ``iscrowd``).
    origin : Origin
        The files that it came from, and what was set aside in reading.

    Examples
    --------
    >>> from pathlib import Path
    >>> from thresher.core import DetectionSet, load_detection_set
    >>> _ = Path("photo.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    >>> found = load_detection_set(".", format="yolo")
    >>> isinstance(found, DetectionSet), found.boxes.round(2).tolist()
    (True, [[0.4, 0.4, 0.6, 0.6]])
    """

    row_ids: np.ndarray
    files: np.ndarray
    sizes: np.ndarray
    splits: np.ndarray
    classes: tuple[str, ...]
    box_ids: np.ndarray
    image_of: np.ndarray
    boxes: np.ndarray
    codes: np.ndarray
    crowd: np.ndarray
    origin: Origin = field(default_factory=Origin, repr=False)

    def __len__(self) -> int:
        return len(self.row_ids)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What was set aside in reading."""
        return self.origin.faults

    @cached_property
    def order(self) -> np.ndarray:
        """Boxes image by image, ndarray of int64, shape (m,)."""
        return np.argsort(self.image_of, kind="stable")

    @cached_property
    def offsets(self) -> np.ndarray:
        """Where each image's boxes begin in `order`, ndarray of int64, shape (n + 1,)."""
        return np.concatenate([[0], np.cumsum(np.bincount(self.image_of, minlength=len(self)))])

    def of_image(self, position: int) -> np.ndarray:
        """Return the positions of one image's boxes, ndarray of int64."""
        return np.asarray(self.order[self.offsets[position] : self.offsets[position + 1]])

    def class_names(self, codes: np.ndarray) -> list[str]:
        """Return the names of class codes; empty for -1."""
        return [self.classes[code] if code >= 0 else "" for code in codes.tolist()]

    def segment(self, box: int) -> Segment | None:
        """Return a box's polygons or runs, in pixels; None where it has none.

        Raises
        ------
        InputError
            When they are damaged.
        """
        source = self.origin.source
        at = -1 if source is None else int(self.origin.boxes[box])
        return None if source is None or at < 0 else source.segment(at)

    def keep(self, *, images: np.ndarray, boxes: np.ndarray) -> DetectionSet:
        """Return a set without some images and boxes, given as masks of what stays.

        The boxes of an image go with it.
        """
        images = np.asarray(images, bool)
        stays = np.asarray(boxes, bool) & images[self.image_of]
        position = np.cumsum(images) - 1
        of_images = ("row_ids", "files", "sizes", "splits")
        of_boxes = ("box_ids", "boxes", "codes", "crowd")
        return replace(
            self,
            image_of=position[self.image_of[stays]],
            origin=self.origin.keep(images, stays),
            **{name: getattr(self, name)[images] for name in of_images},
            **{name: getattr(self, name)[stays] for name in of_boxes},
        )

    def changed(
        self, *, boxes: np.ndarray | None = None, codes: np.ndarray | None = None
    ) -> DetectionSet:
        """Return a set with other corners, shape (m, 4), or classes, shape (m,), of its boxes."""
        result = replace(
            self,
            boxes=self.boxes if boxes is None else np.asarray(boxes, np.float64),
            codes=self.codes if codes is None else np.asarray(codes, np.int64),
        )
        if result.boxes.shape != self.boxes.shape or result.codes.shape != self.codes.shape:
            raise InputError(
                f"There are {counted(len(self.codes), 'box', 'boxes')}: `boxes` must have shape "
                f"({len(self.codes)}, 4) and `codes` ({len(self.codes)},), got "
                f"{result.boxes.shape} and {result.codes.shape}."
            )
        if len(result.codes) and not -1 <= result.codes.min() <= result.codes.max() < len(
            self.classes
        ):
            raise InputError(f"`codes` must lie in [0, {len(self.classes) - 1}].")
        return result

    def added(self, *, image_of: np.ndarray, boxes: np.ndarray, codes: np.ndarray) -> DetectionSet:
        """Return a set with further boxes: their images' positions, corners and classes."""
        new = len(image_of)
        taken = set(self.box_ids.tolist())
        names: list[str] = []
        for image in np.asarray(image_of).tolist():
            number = 1
            while (name := f"{self.row_ids[image]}#new{number}") in taken:
                number += 1
            taken.add(name)
            names.append(name)
        return replace(
            self,
            box_ids=np.concatenate([self.box_ids, np.array(names, dtype=object)]),
            image_of=np.concatenate([self.image_of, np.asarray(image_of, np.int64)]),
            boxes=np.concatenate([self.boxes, np.asarray(boxes, np.float64).reshape(new, 4)]),
            codes=np.concatenate([self.codes, np.asarray(codes, np.int64)]),
            crowd=np.concatenate([self.crowd, np.zeros(new, bool)]),
            origin=self.origin.added(new),
        )

    def to_targets(self) -> list[dict[str, np.ndarray]]:
        """Return torchvision's dictionaries: ``boxes`` and ``labels`` of each image."""
        return [
            {"boxes": self.boxes[at], "labels": self.codes[at]}
            for at in map(self.of_image, range(len(self)))
        ]


def unique_ids(names: Sequence[str]) -> tuple[np.ndarray, list[int]]:
    """Return ids, each once: a name that was there before gets ``~2``, ``~3``, …; and where."""
    seen: dict[str, int] = {}
    result, repeated = np.empty(len(names), dtype=object), []
    for place, name in enumerate(names):
        count = seen.get(name, 0) + 1
        seen[name] = count
        result[place] = name if count == 1 else f"{name}~{count}"
        if count > 1:
            repeated.append(place)
    return result, repeated
