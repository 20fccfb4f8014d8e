"""YOLO's folders: images, and for each a file of lines; an image without one is background.

Read by ``data.yaml``, or without it by the folders alone. The label file of an image lies where
``labels`` stands for the last ``images`` in its path, or beside it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..file_names import shown
from ..files import walk_files
from ..hidden import is_hidden
from ..images import IMAGE_SUFFIXES
from ..text_arrays import text_array
from .detection_set import DetectionSet, Fault, Origin, unique_ids
from .image_files import absolute, images_below, link_or_copy, local_name, read_frame
from .label_files import LabelFiles, write_file
from .yolo_lines import Wrong, YoloLines, lines_of

BOM = "\ufeff"
NO_LABELS = frozenset({"classes.txt", "labels.txt", "obj.names", "readme.txt", "requirements.txt"})
_PATH = re.compile(rb"^path:.*$", re.MULTILINE)


@dataclass(frozen=True)
class Layout:
    """What a folder holds.

    Attributes
    ----------
    root : Path
    images : list of (str, Path or None, Path)
        Split, image and label file of each image; a label file without an image has None.
    names : tuple of str or None
        Classes; None where nothing names them.
    further : tuple of Path
        Files to copy beside the labels: ``data.yaml``, lists of images, names of classes.
    """

    root: Path
    images: list[tuple[str, Path | None, Path]]
    names: tuple[str, ...] | None
    further: tuple[Path, ...]


def read_yolo(path: Path) -> DetectionSet:
    """Read a folder, or the ``data.yaml`` of one.

    Raises
    ------
    InputError
        When there is neither an image nor a label file.
    """
    path = absolute(path)
    layout = _of_yaml(path) if path.is_file() else _of_folder(path)
    if not layout.images:
        raise InputError(f"{path} has no images and no label files of YOLO.")
    faults: list[Fault] = []
    texts, rows, sizes = [], [], []
    for at, (_, image, label) in enumerate(layout.images):
        text = label.read_bytes() if label.is_file() else b""
        texts.append(text)
        sizes.append(_shown_size(image))
        where = shown(str(_below(label, layout.root)))
        for line in lines_of(text):
            if isinstance(line, Wrong):
                faults.append(Fault(f"{where} line {line.number}", line.said))
            else:
                rows.append((at, line))
    return _assembled(layout, texts, np.array(sizes, np.int64).reshape(-1, 2), rows, faults)


def _assembled(
    layout: Layout, texts: list[bytes], sizes: np.ndarray, rows: list[Any], faults: list[Fault]
) -> DetectionSet:
    numbers = np.array([line.code for _, line in rows], np.int64)
    names = layout.names
    if names is None:
        names = tuple(map(str, range(int(numbers.max(initial=-1)) + 1)))
    codes = np.where(numbers < len(names), numbers, -1)
    file_of = np.array([at for at, _ in rows], np.int64)
    scale = np.maximum(np.tile(sizes, 2)[file_of], 1)
    boxes = np.array([line.box for _, line in rows], np.float64).reshape(-1, 4) * scale
    row_ids, _ = unique_ids([_row_id(one, layout.root) for one in layout.images])
    owners = row_ids[file_of].tolist()
    labels = [label for _, _, label in layout.images]
    source = LabelFiles(
        dialect=YoloLines(),
        root=layout.root,
        paths=[label if label.is_file() else None for label in labels],
        texts=texts,
        sizes=sizes,
        file_of=file_of,
        spans=np.array([(line.start, line.end) for _, line in rows], np.int64).reshape(-1, 2),
        boxes=boxes,
        codes=codes,
        new_path=labels.__getitem__,
        beside=_Beside(layout),
    )
    return DetectionSet(
        row_ids=row_ids,
        files=text_array([str(image or "") for _, image, _ in layout.images]),
        sizes=sizes,
        splits=text_array([split for split, *_ in layout.images]),
        classes=names,
        box_ids=text_array(
            [f"{owner}#{line.number}" for owner, (_, line) in zip(owners, rows, strict=True)]
        ),
        image_of=file_of,
        boxes=boxes,
        codes=codes,
        crowd=np.zeros(len(rows), bool),
        origin=Origin(source, np.arange(len(row_ids)), np.arange(len(rows)), tuple(faults)),
    )


def _shown_size(image: Path | None) -> tuple[int, int]:
    """Return the size that programs see which follow EXIF, as YOLO's do; 0, 0 if unknown."""
    frame = None if image is None else read_frame(str(image))
    if frame is None:
        return 0, 0
    width, height, turned = frame
    return (height, width) if turned > 4 else (width, height)


def _row_id(one: tuple[str, Path | None, Path], root: Path) -> str:
    _, image, label = one
    below = _below(label if image is None else image, root)
    parts = [part for part in below.parts if part not in ("images", "labels")]
    return shown(str(Path(*parts).with_suffix("")) if parts else below.stem)


def _below(path: Path, root: Path) -> Path:
    return path.relative_to(root) if path.is_relative_to(root) else path


def label_path(image: Path, root: Path) -> Path:
    """Return where the label file of an image lies; folders above `root` do not count."""
    parts = list(image.parts)
    above = len(root.parts) if image.is_relative_to(root) else 0
    places = [at for at, part in enumerate(parts[:-1]) if part == "images" and at >= above]
    if places:
        parts[places[-1]] = "labels"
    return Path(*parts).with_suffix(".txt")


def _of_folder(root: Path) -> Layout:
    for name in ("data.yaml", "data.yml", "dataset.yaml"):
        if (root / name).is_file():
            return _of_yaml(root / name)
    images = images_below(root)
    named = [("", image, label_path(image, root)) for image in images]
    labels = _labels_below(root, {label for *_, label in named})
    listed = root / "classes.txt"
    names = tuple(listed.read_text(encoding="utf-8-sig").split("\n")) if listed.is_file() else None
    if names is not None:
        names = tuple(name.strip() for name in names if name.strip())
    return Layout(
        root,
        [*((_split_of(image, root), image, label) for _, image, label in named), *labels],
        names,
        (listed,) if listed.is_file() else (),
    )


def _labels_below(root: Path, known: set[Path]) -> list[tuple[str, None, Path]]:
    """Return label files without an image."""
    return [
        (_split_of(path, root), None, path)
        for path in walk_files(root, skip=is_hidden)
        if path.suffix == ".txt"
        and path not in known
        and path.name.lower() not in NO_LABELS
        and not _lists_images(path)
    ]


def _lists_images(path: Path) -> bool:
    """Tell whether a file of text names images, as lists of splits do."""
    with path.open("rb") as stream:
        first = stream.readline(4096).strip().decode("utf-8", "surrogateescape")
    return Path(local_name(first)).suffix.lower() in IMAGE_SUFFIXES


def _split_of(path: Path, root: Path) -> str:
    known = ("train", "training", "val", "valid", "validation", "test")
    return next((part for part in _below(path, root).parts[:-1] if part in known), "")


def _of_yaml(path: Path) -> Layout:
    settings = _read_yaml(path)
    given = settings.get("path")
    root = path.parent if given is None else _existing(path.parent, str(given))
    images: list[tuple[str, Path | None, Path]] = []
    lists: list[Path] = []
    single: dict[Path, str] = {}
    for split in ("train", "val", "test"):
        places = settings.get(split) or ()
        for place in [places] if isinstance(places, str) else places:
            found = _existing(root, str(place))
            if not found.exists():
                raise InputError(f"{path} names {place!r} for {split}, and there is no {found}.")
            if found.is_file():
                lists.append(found)
            else:
                single[label_path(found / "any.jpg", root).parent] = split
            images += [(split, image, label_path(image, root)) for image in _listed(found, root)]
    known = {label for *_, label in images}
    single |= {label.parent: split for split, _, label in images}
    folders = sorted(single)
    root = Path(os.path.commonpath([path.parent, *folders, *(i.parent for _, i, _ in images if i)]))
    for folder in folders:
        if folder.is_dir():
            images += [(single[folder], None, one) for _, _, one in _labels_below(folder, known)]
    return Layout(root, images, _names(settings, path), (path, *lists))


def _existing(base: Path, name: str) -> Path:
    """Return a place named in ``data.yaml``; exports say ``../train`` for what lies beside it."""
    path = base / local_name(name)
    inner = base / local_name(name).removeprefix("../")
    return absolute(inner if not path.exists() and inner.exists() else path)


def _listed(place: Path, root: Path) -> Iterator[Path]:
    if place.is_dir():
        yield from images_below(place)
        return
    for line in place.read_text(encoding="utf-8-sig", errors="surrogateescape").splitlines():
        if line.strip():
            yield absolute(root / local_name(line.strip()))


def _read_yaml(path: Path) -> Mapping[str, Any]:
    import yaml

    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as YAML ({error}).") from error
    if not isinstance(found, Mapping):
        raise InputError(f"{path} must hold `names` and folders of images, got {found!r:.60}.")
    return found


def _names(settings: Mapping[str, Any], path: Path) -> tuple[str, ...] | None:
    names = settings.get("names")
    if isinstance(names, Mapping):
        numbers = list(names)
        if not all(isinstance(number, int) and number >= 0 for number in numbers):
            raise InputError(f"{path}: the keys of `names` must be class numbers, got {numbers}.")
        return tuple(str(names.get(code, code)) for code in range(max(numbers, default=-1) + 1))
    if isinstance(names, list):
        return tuple(map(str, names))
    count = settings.get("nc")
    return tuple(map(str, range(count))) if isinstance(count, int) else None


@dataclass(frozen=True)
class _Beside:
    """Writes the images (as hard links where the disk allows), ``data.yaml`` and lists."""

    layout: Layout

    def __call__(self, dataset: DetectionSet, folder: Path, home: Path) -> list[Path]:
        layout = self.layout
        for file in filter(None, dataset.files.tolist()):
            link_or_copy(Path(file), folder / Path(file).relative_to(layout.root))
        stays = set(dataset.files.tolist())
        written = []
        for path in layout.further:
            data = path.read_bytes()
            if path.suffix == ".txt" and _lists_images(path):
                data = self._without(data, stays)
            elif path.suffix != ".txt":
                data = _PATH.sub(f"path: {absolute(home)}".encode(), data)
                data = data.replace(f"{layout.root}/".encode(), f"{absolute(home)}/".encode())
            inside = (
                path.relative_to(layout.root) if path.is_relative_to(layout.root) else path.name
            )
            written.append(write_file(folder / inside, data))
        return written

    def _without(self, data: bytes, stays: set[str]) -> bytes:
        lines = data.decode("utf-8", "surrogateescape").splitlines(keepends=True)
        kept = [
            line
            for line in lines
            if not line.strip()
            or str(absolute(self.layout.root / local_name(line.removeprefix(BOM).strip()))) in stays
        ]
        return "".join(kept).encode("utf-8", "surrogateescape")
