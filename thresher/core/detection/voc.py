"""Pascal VOC's folders: an XML file for each image, and lists of the splits."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..file_names import shown
from ..files import walk_files
from ..hidden import is_hidden
from ..images import IMAGE_SUFFIXES
from ..split_names import SPLIT_NAMES
from ..text_arrays import text_array
from .detection_set import DetectionSet, Fault, Origin, unique_ids
from .image_files import absolute, local_name
from .label_files import LabelFiles, write_file
from .voc_objects import VocObject, VocObjects, VocPage, corners_of, read_page


@dataclass(frozen=True)
class _Read:
    """One file that could be read."""

    path: Path
    text: bytes
    page: VocPage


def read_voc(root: Path, *, images: Path | None) -> DetectionSet:
    """Read the XML files below a folder.

    Raises
    ------
    InputError
        When there are none that can be read.
    """
    root = absolute(root)
    faults: list[Fault] = []
    read = _files(root, faults)
    if not read:
        raise InputError(f"{root} has no annotations of Pascal VOC (.xml) that can be read.")
    objects: list[tuple[int, VocObject, list[float]]] = []
    for at, file in enumerate(read):
        for number, found in enumerate(file.page.objects, 1):
            try:
                corners = corners_of(found)
            except ValueError as error:
                line = file.text.count(b"\n", 0, found.start) + 1
                where = f"{shown(str(file.path.relative_to(root)))} line {line}"
                faults.append(Fault(where, f"object {number}: {error}"))
            else:
                objects.append((at, found, corners))
    return _assembled(root, read, objects, faults, images)


def _files(root: Path, faults: list[Fault]) -> list[_Read]:
    read = []
    for path in walk_files(root, skip=is_hidden):
        if path.suffix.lower() != ".xml":
            continue
        try:
            text = path.read_bytes()
            page = read_page(text)
        except (OSError, ValueError) as error:
            faults.append(Fault(shown(str(path.relative_to(root))), str(error)))
            continue
        if "filename" in page.values or page.objects or "size/width" in page.values:
            read.append(_Read(path, text, page))
    return read


def _assembled(
    root: Path,
    read: Sequence[_Read],
    objects: Sequence[tuple[int, VocObject, list[float]]],
    faults: list[Fault],
    images: Path | None,
) -> DetectionSet:
    named = [found.values.get("name", ("", 0, 0))[0] for _, found, _ in objects]
    classes = tuple(sorted(set(named) - {""}))
    code_of = {name: code for code, name in enumerate(classes)}
    codes = np.array([code_of.get(name, -1) for name in named], np.int64)
    file_of = np.array([at for at, *_ in objects], np.int64)
    boxes = np.array([corners for *_, corners in objects], np.float64).reshape(-1, 4)
    texts = [file.text for file in read]
    spans = [_with_space(texts[at], found) for at, found, _ in objects]
    row_ids, _ = unique_ids([_row_id(file.path, root) for file in read])
    sizes = np.array([_size(file.page) for file in read], np.int64).reshape(-1, 2)
    numbers: dict[int, int] = {}
    box_ids = []
    for at in file_of.tolist():
        numbers[at] = numbers.get(at, 0) + 1
        box_ids.append(f"{row_ids[at]}#{numbers[at]}")
    paths = [file.path for file in read]

    @cache
    def inside(folder: Path) -> frozenset[str]:
        return frozenset(path.name for path in folder.glob("*"))

    source = LabelFiles(
        dialect=VocObjects(),
        root=root,
        paths=paths,
        texts=texts,
        sizes=sizes,
        file_of=file_of,
        spans=np.array(spans, np.int64).reshape(-1, 2),
        boxes=boxes,
        codes=codes,
        new_path=paths.__getitem__,
        beside=_Lists(root),
    )
    return DetectionSet(
        row_ids=row_ids,
        files=text_array([_image(file, images, inside) for file in read]),
        sizes=sizes,
        splits=text_array(_splits(root, read)),
        classes=classes,
        box_ids=text_array(box_ids),
        image_of=file_of,
        boxes=boxes,
        codes=codes,
        crowd=np.zeros(len(boxes), bool),
        origin=Origin(source, np.arange(len(row_ids)), np.arange(len(boxes)), tuple(faults)),
    )


def _with_space(text: bytes, found: VocObject) -> tuple[int, int]:
    """Return an object's place with the space before it, which goes when it goes."""
    start = found.start
    while start and text[start - 1 : start].isspace():
        start -= 1
    return start, found.end


def _row_id(path: Path, root: Path) -> str:
    parts = [part for part in path.relative_to(root).parts if part != "Annotations"]
    return shown(str(Path(*parts).with_suffix("")))


def _size(page: VocPage) -> tuple[int, int]:
    try:
        width, height = (float(page.values[f"size/{side}"]) for side in ("width", "height"))
    except (KeyError, ValueError):
        return 0, 0
    good = 0 < width < 2**31 and 0 < height < 2**31
    return (int(width), int(height)) if good else (0, 0)


def _image(file: _Read, images: Path | None, inside: Callable[[Path], frozenset[str]]) -> str:
    """Return the path of an image, or its name where it is not found."""
    path = file.path
    name = local_name(file.page.values.get("filename", "")).rpartition("/")[2] or path.stem
    beside = [images] if images else [path.parent, path.parent.parent / "JPEGImages"]
    beside += [] if images else [path.parent.parent / "images"]
    names = {name, *(path.stem + suffix for suffix in IMAGE_SUFFIXES)}
    for folder in beside:
        there = names & inside(folder)
        if there:
            return str(folder / (name if name in there else min(there)))
    return name


def _splits(root: Path, read: Sequence[_Read]) -> list[str]:
    """Return splits by the lists in ``ImageSets/Main``, else by the folders' names."""
    listed: dict[str, str] = {}
    for name in ("train", "val", "test"):
        for path in sorted(root.glob(f"**/ImageSets/Main/{name}.txt")):
            for line in path.read_text(encoding="utf-8-sig", errors="surrogateescape").splitlines():
                listed.setdefault(line.split()[0] if line.strip() else "", name)
    found = []
    for file in read:
        parts = file.path.relative_to(root).parts[:-1]
        of_folder = next((part for part in parts if part in SPLIT_NAMES), "")
        found.append(listed.get(file.path.stem, of_folder))
    return found


@dataclass(frozen=True)
class _Lists:
    """Writes the lists of the splits without the images that went."""

    root: Path

    def __call__(self, dataset: DetectionSet, folder: Path, home: Path) -> list[Path]:
        del home
        stems = {row.rpartition("/")[2] for row in dataset.row_ids.tolist()}
        written = []
        for path in sorted(self.root.glob("**/ImageSets/**/*.txt")):
            lines = path.read_bytes().splitlines(keepends=True)
            kept = [line for line in lines if not line.strip() or shown(_first(line)) in stems]
            written.append(write_file(folder / path.relative_to(self.root), b"".join(kept)))
        return written


def _first(line: bytes) -> str:
    return line.removeprefix(BOM_UTF8).split()[0].decode("utf-8", "surrogateescape")
