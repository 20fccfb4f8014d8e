"""The image files of a set: where they lie, their sizes, and how they are turned."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ..files import walk_files
from ..hidden import is_hidden
from ..images import IMAGE_SUFFIXES

TRIED = 20
ORIENTATION = 0x0112


def local_name(name: str) -> str:
    """Return a relative path as this system writes it: Windows has other separators."""
    return name.replace("\\", "/")


def absolute(path: Path) -> Path:
    """Return an absolute path without ``..``; links are not followed."""
    return Path(os.path.normpath(path.absolute()))


def link_or_copy(source: Path, target: Path) -> None:
    """Make a file below a new folder: a hard link where the disk allows, else a copy."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def find_folder(names: Sequence[str], candidates: Iterable[Path]) -> Path | None:
    """Return the first folder that holds one of the first images named, or None."""
    tried = [local_name(name) for name in names[:TRIED]]
    for folder in candidates:
        if folder.is_dir() and any((folder / name).is_file() for name in tried):
            return folder
    return None


def resolved(names: Sequence[str], folder: Path | None) -> list[str]:
    """Return the paths of images below a folder; the name itself for one that is not there."""
    if folder is None:
        return list(names)
    paths = [folder / local_name(name) for name in names]
    return [str(path) if path.is_file() else name for path, name in zip(paths, names, strict=True)]


def images_below(folder: Path) -> list[Path]:
    """Return all image files below a folder, sorted; loops of links are followed once."""
    found = walk_files(folder, skip=is_hidden)
    return [path for path in found if path.suffix.lower() in IMAGE_SUFFIXES]


def read_frame(path: str) -> tuple[int, int, int] | None:
    """Return width and height as stored, and the EXIF orientation (1–8); None if unreadable."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            turned = image.getexif().get(ORIENTATION, 1)
            return *image.size, int(turned) if turned in range(1, 9) else 1
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def read_sizes(paths: Sequence[str]) -> np.ndarray:
    """Return width and height of image files as stored, int64, shape (n, 2); 0 if unreadable."""
    frames = [read_frame(path) for path in paths]
    return np.array([(0, 0) if frame is None else frame[:2] for frame in frames], np.int64).reshape(
        -1, 2
    )
