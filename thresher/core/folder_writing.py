"""Datasets as folders of images, ``split/class/name.jpg``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .columns import class_names, read_row_ids, read_splits, strings
from .errors import InputError, check_column
from .file_names import image_name, safe_name
from .fingerprint import fingerprint
from .loading.class_folders import class_folders, write_class_names
from .progress import track
from .schema import ROW_ID, SPLIT
from .split_names import SPLIT_NAMES

if TYPE_CHECKING:
    import datasets


def write_image_folder(dataset: datasets.Dataset, path: Path, *, image: str, label: str) -> None:
    """Write every image as a file of its own; see `image_paths` for the names."""
    column = dataset.data.table.column(image)
    path.mkdir()
    write_class_names(path, _folders(dataset, label))
    places = image_paths(dataset, image=image, label=label)
    for row, place in enumerate(track(places, description="write images", total=len(dataset))):
        file = path / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(column[row].as_py()["bytes"])


def image_paths(dataset: datasets.Dataset, *, image: str, label: str) -> Iterator[Path]:
    """Yield where each image goes, relative to the folder: below its split and its class.

    Images whose ids are their paths stay in the folders that they had below their class, unless
    that has changed. A name that is taken, in capitals or not, gets a part of the row id's hash.

    Parameters
    ----------
    dataset : datasets.Dataset
        Without an indices mapping, images undecoded with their bytes.
    image, label : str
        Columns of the images and of the class names.
    """
    check_column(label, dataset.column_names, role="label column")
    table = dataset.data.table
    classes = strings(class_names(dataset, label))
    folders = _folders(dataset, label)
    splits = read_splits(dataset) if SPLIT in dataset.column_names else None
    names, taken = row_names(dataset), set[str]()
    for row in range(len(dataset)):
        value: dict[str, Any] = table.column(image)[row].as_py()
        if value is None or value["bytes"] is None:
            raise InputError(f"Row {names[row]} has no image: drop it first.")
        folder = Path() if splits is None else Path(safe_name(splits[row]))
        if classes[row]:
            folder /= folders[classes[row]]
            folder /= _deeper_folders(str(names[row]), folder.name)
        place = folder / image_name(value, str(names[row]))
        if str(place).casefold() in taken:
            place = place.with_stem(f"{place.stem}-{fingerprint(str(names[row]))[:8]}")
        taken.add(str(place).casefold())
        yield place


def _deeper_folders(row_id: str, class_folder: str) -> Path:
    """Return the folders that a row had below its class, where its id is its path."""
    *folders, _ = row_id.split("/")
    if folders and folders[0] != class_folder and folders[0].lower() in SPLIT_NAMES:
        folders = folders[1:]
    deeper = folders[1:] if folders[:1] == [class_folder] else []
    return Path(*map(safe_name, deeper))


def _folders(dataset: datasets.Dataset, label: str) -> dict[str, str]:
    """Return the folder of each class that occurs."""
    classes = class_names(dataset, label).unique().to_pylist()
    return class_folders(filter(None, classes), in_splits=SPLIT in dataset.column_names)


def row_names(dataset: datasets.Dataset) -> np.ndarray:
    """Return what rows are called in messages and names: their ids, or their positions."""
    if ROW_ID in dataset.column_names:
        return read_row_ids(dataset)
    return np.arange(len(dataset)).astype(str)
