"""Writing a set of boxes: as it came, with what changed spliced in, or in another format."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np

from ..counted import counted
from ..errors import InputError, ThresherWarning, check_choice
from ..file_names import safe_name, shown
from ..files import atomic_path
from ..leftovers import holds_nothing
from ..signatures import checked
from .coco_source import sides_of
from .detection_set import DetectionSet
from .image_files import link_or_copy
from .loading import FORMATS
from .segments import Segment
from .voc_objects import object_text
from .yolo_lines import outline_line, shares


@checked
def write_detection_set(
    dataset: DetectionSet,
    path: str | os.PathLike[str],
    *,
    format: str | None = None,  # noqa: A002 — as in write_dataset
) -> list[Path]:
    r"""Write a set into a folder.

    In the format that it came in, the files keep every byte of what did not change: ids, order,
    fields that nobody asked for, and the text of numbers. YOLO's images come along, as hard links
    where the disk allows. In another format boxes, classes and outlines are written anew.

    Parameters
    ----------
    dataset : DetectionSet
    path : path-like
        A folder; it must not exist, or be empty.
    format : {"coco", "yolo", "voc"}, optional
        By default the one that the set was read from.

    Returns
    -------
    list of Path
        Files of annotations.

    Raises
    ------
    InputError
        When the folder holds something, or sizes of images are needed and none is known.

    Examples
    --------
    >>> from pathlib import Path
    >>> from thresher.core import load_detection_set, write_detection_set
    >>> _ = Path("photo.txt").write_text("0 0.5 0.5  0.20 0.2\n1 0.1 0.1 0 0\n")
    >>> photos = load_detection_set(".", format="yolo")
    >>> solid = photos.keep(images=[True], boxes=photos.boxes[:, 2] > photos.boxes[:, 0])
    >>> written = write_detection_set(solid, "clean")
    >>> Path("clean/photo.txt").read_text()
    '0 0.5 0.5  0.20 0.2\n'
    """
    folder = Path(path)
    wanted = format or (dataset.origin.source.format if dataset.origin.source else "coco")
    check_choice("format", wanted, FORMATS)
    if folder.is_file() or not holds_nothing(folder):
        raise InputError(f"{folder} must be a new or empty folder: it holds something already.")
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        if dataset.origin.source is not None and dataset.origin.source.format == wanted:
            written = dataset.origin.source.write(dataset, temporary, home=folder)
        else:
            written = list(_ANEW[wanted](dataset, temporary))
        inside = [one.relative_to(temporary) for one in written]
    return [folder / one for one in inside]


@dataclass
class _Damaged:
    """Outlines that cannot be read, and so not be written in another format."""

    boxes: list[str] = field(default_factory=list)

    def outline(self, dataset: DetectionSet, box: int) -> Segment | None:
        """Return the outline of a box; None for one that is damaged."""
        try:
            return dataset.segment(box)
        except InputError:
            self.boxes.append(str(dataset.box_ids[box]))
            return None

    def tell(self) -> None:
        """Warn of those that were found."""
        if self.boxes:
            warnings.warn(
                f"{counted(len(self.boxes), 'outline is', 'outlines are')} damaged and left out, "
                f"such as that of {self.boxes[0]!r}; their boxes were written. `find_mask_issues` "
                "names them all.",
                ThresherWarning,
                stacklevel=2,
            )


def _names(dataset: DetectionSet) -> list[str]:
    """Return a name of its own for each image, without its ending."""
    taken: set[str] = set()
    names = []
    for row_id in dataset.row_ids.tolist():
        name = stem = safe_name(row_id.replace("/", "-"))
        number = 1
        while name.casefold() in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name.casefold())
        names.append(name)
    return names


def _bring(dataset: DetectionSet, image: int, folder: Path, name: str) -> str:
    """Put an image under a name into a folder, if its file is there; return its file's name."""
    source = Path(dataset.files[image])
    if dataset.files[image] and source.is_file():
        link_or_copy(source, folder / f"{name}{source.suffix}")
        return f"{name}{source.suffix}"
    return f"{name}{source.suffix or '.jpg'}"


def _coco(dataset: DetectionSet, folder: Path) -> Iterator[Path]:
    dataset = _writable(dataset, sized=False)
    every = np.ones(len(dataset.boxes), bool)
    names = [
        _bring(dataset, image, folder / "images", name)
        for image, name in enumerate(_names(dataset))
    ]
    for split in dict.fromkeys(dataset.splits.tolist()):
        chosen = dataset.splits == split
        part = dataset.keep(images=chosen, boxes=every)
        listed = [names[at] for at in np.flatnonzero(chosen).tolist()]
        file = folder / f"instances_{safe_name(split)}.json" if split else folder / "instances.json"
        with file.open("w", encoding="utf-8", errors="surrogateescape") as stream:
            stream.writelines(_coco_text(part, names=listed))
        yield file


def _coco_text(dataset: DetectionSet, *, names: Sequence[str]) -> Iterator[str]:
    """Yield a COCO file of a set from another format, with its outlines and these file names."""
    damaged = _Damaged()
    yield '{"images": ['
    for at, name in enumerate(names):
        width, height = dataset.sizes[at].tolist()
        image = {"id": at + 1, "file_name": name, "width": width, "height": height}
        yield (",\n" if at else "\n") + json.dumps(image)
    yield '\n],\n"annotations": ['
    for number, box in enumerate(dataset.order.tolist(), 1):
        corners = dataset.boxes[box]
        entry: dict[str, Any] = {
            "id": number,
            "image_id": int(dataset.image_of[box]) + 1,
            "category_id": int(dataset.codes[box]) + 1,
            "bbox": [float(side) for side in sides_of(corners)],
            "area": float(np.prod(corners[2:] - corners[:2])),
            "iscrowd": int(dataset.crowd[box]),
        }
        outline = damaged.outline(dataset, box)
        if isinstance(outline, list):
            entry["segmentation"] = [part.ravel().round(4).tolist() for part in outline]
        elif outline is not None:
            entry["segmentation"] = {"counts": outline.to_text(), "size": list(outline.size)}
        yield (",\n" if number > 1 else "\n") + json.dumps(entry)
    damaged.tell()
    listed = [{"id": code + 1, "name": name} for code, name in enumerate(dataset.classes)]
    yield f'\n],\n"categories": {json.dumps(listed)}}}\n'


def _yolo(dataset: DetectionSet, folder: Path) -> Iterator[Path]:
    dataset = _writable(dataset, sized=True)
    damaged = _Damaged()
    every = range(len(dataset.boxes))
    segments = bool(every) and all(isinstance(damaged.outline(dataset, at), list) for at in every)
    for image, name in enumerate(_names(dataset)):
        lines = []
        width, height = dataset.sizes[image].tolist()
        for box in dataset.of_image(image).tolist():
            label = str(int(dataset.codes[box]))
            outline = dataset.segment(box) if segments else None
            if isinstance(outline, list):
                lines.append(outline_line(outline, label, (width, height)))
            else:
                lines.append(" ".join([label, *shares(dataset.boxes[box], (width, height))]))
        split = safe_name(dataset.splits[image] or "train")
        _bring(dataset, image, folder / "images" / split, name)
        file = folder / "labels" / split / f"{name}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        yield file
    damaged.tell()
    yield _data_yaml(dataset, folder)


def _data_yaml(dataset: DetectionSet, folder: Path) -> Path:
    splits = dict.fromkeys(safe_name(split or "train") for split in dataset.splits.tolist())
    for split in splits:  # there without images too, or nothing could read the set
        (folder / "images" / split).mkdir(parents=True, exist_ok=True)
    lines = [f"{split}: images/{split}" for split in splits]
    lines += ["names:", *(f"  {at}: {json.dumps(one)}" for at, one in enumerate(dataset.classes))]
    file = folder / "data.yaml"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def _voc(dataset: DetectionSet, folder: Path) -> Iterator[Path]:
    dataset = _writable(dataset, sized=True)
    names = _names(dataset)
    (folder / "Annotations").mkdir()
    for image, name in enumerate(names):
        width, height = dataset.sizes[image].tolist()
        picture = _bring(dataset, image, folder / "JPEGImages", name)
        boxes = dataset.of_image(image)
        labels = dataset.class_names(dataset.codes[boxes])
        objects = "".join(map(object_text, dataset.boxes[boxes], labels))
        file = folder / "Annotations" / f"{name}.xml"
        file.write_text(
            f"<annotation>\n\t<filename>{escape(shown(picture))}</filename>\n"
            f"\t<size>\n\t\t<width>{width}</width>\n\t\t<height>{height}</height>\n"
            f"\t\t<depth>3</depth>\n\t</size>{objects}\n</annotation>\n",
            encoding="utf-8",
        )
        yield file
    yield from _image_sets(dataset, folder, names)


def _image_sets(dataset: DetectionSet, folder: Path, names: Sequence[str]) -> Iterator[Path]:
    for split in filter(None, dict.fromkeys(dataset.splits.tolist())):
        file = folder / "ImageSets" / "Main" / f"{safe_name(split)}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        inside = np.flatnonzero(dataset.splits == split).tolist()
        file.write_text("".join(f"{names[at]}\n" for at in inside), encoding="utf-8")
        yield file


def _writable(dataset: DetectionSet, *, sized: bool) -> DetectionSet:
    """Return the part of a set that another format can hold, and warn of the rest."""
    boxes = np.isfinite(dataset.boxes).all(axis=1) & (dataset.codes >= 0)
    images = (dataset.sizes > 0).all(axis=1) | (not sized)
    if len(dataset) and not images.any():
        raise InputError(
            f"The size of no image is known, such as {dataset.row_ids[0]!r}, and the format needs "
            "it: put the images beside the annotations, or name their folder when the set is read."
        )
    lost = (
        (dataset.row_ids[~images], "image has", "images have", "known size"),
        (dataset.box_ids[~boxes], "box has", "boxes have", "class or no numbers"),
    )
    for ids, one, many, what in lost:
        if len(ids):
            warnings.warn(
                f"Left out: {counted(len(ids), one, many)} no {what}, such as {ids[0]!r}.",
                ThresherWarning,
                stacklevel=4,
            )
    return dataset.keep(images=np.asarray(images), boxes=boxes)


_ANEW: dict[str, Callable[[DetectionSet, Path], Iterator[Path]]] = {
    "coco": _coco,
    "yolo": _yolo,
    "voc": _voc,
}
