"""Folders of images: their classes and splits by the folders' names, or by a table beside them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa

from ..file_names import shown
from ..files import folders_above, walk_files
from ..hidden import is_hidden, left_out
from ..images import IMAGE_SUFFIXES
from ..schema import ROW_ID
from ..split_names import SPLIT_NAMES
from .class_folders import NAMES, read_class_names
from .column_names import LABEL_NAMES
from .files import read_files
from .image_metadata import Metadata, read_metadata
from .parts import Part, Source, bad_row, file_error
from .table_form import TableForm


def read_image_folder(root: Path, form: TableForm) -> Source:
    """Read ``class/name.jpg`` or ``split/class/name.jpg``; the row id is the relative path.

    Everything that is not a whole image is set aside by name; what is hidden or left there by
    programs is left out. Symbolic links are followed, loops of them reported. Files in deeper
    folders belong to the class of the first one. Where a table such as ``metadata.csv`` describes
    the images, its columns come with them, and the folders are classes only if there are several
    and the table has no label.
    """
    source = Source(origin=str(root), roles={"image": "image", "row_id": ROW_ID}, form=form)
    hidden: list[str] = []
    paths = sorted(_named(_walk(root, "", folders_above(root), source, hidden), source))
    source.choices |= left_out(hidden)
    split_layout, classes = _has_split_folders(root), read_class_names(root)
    rows = [_place(path, split_layout, classes) for path in paths]
    several = len({folder for _, folder in rows if folder is not None}) > 1
    metadata = read_metadata(root, paths, source, any_name=not several)
    tables = frozenset() if metadata is None else metadata.files
    placed = [(path, *row) for path, row in zip(paths, rows, strict=True) if path not in tables]
    if split_layout:
        outside = [path for path, split, _ in placed if split is None]
        source.bad += [bad_row(path, "outside the split folders") for path in outside]
        placed = [row for row in placed if row[1] is not None]
    names = pa.array([path for path, _, _ in placed], pa.string())
    images, reasons = read_files(pa.chunked_array([names]), root)
    bad = zip(names.to_pylist(), reasons, strict=True)
    source.bad += [bad_row(path, reason) for path, reason in bad if reason is not None]
    good = pa.array([reason is None for reason in reasons], pa.bool_())
    kept = [placed[row] for row in np.flatnonzero(good)]
    columns: dict[str, pa.Array | pa.ChunkedArray] = {
        ROW_ID: names.filter(good),
        "image": images.filter(good),
    }
    if _folders_are_classes(metadata, several=several):
        columns["label"] = pa.array([folder for _, _, folder in kept], pa.string())
        source.roles["label"] = "label"
    if split_layout:
        columns["split"] = pa.array([split for _, split, _ in kept], pa.string())
        source.roles["split"] = "split"
    if metadata is not None:
        described = metadata.of(path for path, _, _ in kept)
        columns |= {n: described[n] for n in described.column_names if n not in columns}
    source.parts.append(Part(root.name, pa.table(columns), folder=root))
    source.verified = True
    return source


def _folders_are_classes(metadata: Metadata | None, *, several: bool) -> bool:
    if metadata is None:
        return True
    named = {name.lower() for name in metadata.table.column_names}
    return several and not named & set(LABEL_NAMES)


def _has_split_folders(root: Path) -> bool:
    entries = [entry for entry in root.iterdir() if not is_hidden(entry.name)]
    folders = {entry.name.lower() for entry in entries if entry.is_dir()}
    if folders and folders <= set(SPLIT_NAMES):
        return True
    # Beside folders of other names, "train" may be a class: of vehicles, for example.
    return any(
        SPLIT_NAMES.get(entry.name.lower()) == "train" and _has_folders(Path(entry))
        for entry in entries
        if entry.is_dir()
    )


def _has_folders(folder: Path) -> bool:
    return any(entry.is_dir() and not is_hidden(entry.name) for entry in folder.iterdir())


def _place(
    path: str, split_layout: bool, classes: Mapping[str, str]
) -> tuple[str | None, str | None]:
    """Return split, as its folder is called, and class of a relative path."""
    *folders, _ = path.split("/")
    split = None
    if split_layout and folders:
        first = folders.pop(0)
        split = first if first.lower() in SPLIT_NAMES else None
    return split, classes.get(folders[0], folders[0]) if folders else None


def _walk(
    folder: Path, prefix: str, above: frozenset[str], source: Source, hidden: list[str]
) -> Iterator[str]:
    """Yield the relative paths of all files below a folder that are not hidden, in any order."""
    real = os.path.realpath(folder)
    if real in above:
        source.bad.append(bad_row(prefix.rstrip("/"), "symbolic link loop"))
        return
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        source.bad.append(bad_row(prefix.rstrip("/"), file_error(error)))
        return
    for entry in entries:
        name = prefix + entry.name
        if name == NAMES:
            continue
        if is_hidden(entry.name):
            hidden.append(shown(name))
        elif not entry.is_dir():
            yield name
        elif Path(entry.name).suffix.lower() in IMAGE_SUFFIXES:
            source.bad.append(bad_row(name, "a folder, not an image"))
        else:
            yield from _walk(Path(entry.path), name + "/", above | {real}, source, hidden)


def _named(paths: Iterable[str], source: Source) -> Iterator[str]:
    """Yield the paths that are text; set the others aside, which no table can hold."""
    for path in paths:
        if shown(path) == path:
            yield path
        else:
            source.bad.append(bad_row(shown(path), "a file name that is not UTF-8: rename it"))


def count_images(root: Path, *, limit: int = 1000) -> int:
    """Count image files below a folder by suffix, up to a limit; hidden ones do not count."""
    images = (
        path for path in walk_files(root, skip=is_hidden) if path.suffix.lower() in IMAGE_SUFFIXES
    )
    return sum(1 for _ in islice(images, limit))
