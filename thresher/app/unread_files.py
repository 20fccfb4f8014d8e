"""Files of an image folder that are no images: kept beside clean data, and back with ``undo``."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..core.files import atomic_path, walk_files
from ..core.loaded import LoadedDataset
from .given import given_rows

FOLDER = "unread"


def unread_files(loaded: LoadedDataset) -> dict[str, Path]:
    """Return the files of an image folder that are no rows, by their place in it."""
    given = given_rows(loaded)
    rows, found = set(given.row_ids.tolist()), dict[str, Path]()
    folders = [part.folder for part in given.parts if part.folder is not None]
    for name in {issue.row_id for issue in loaded.set_aside} - rows:
        # Behind the name of a split that a mapping gave, the place in that split's own folder.
        for place in (name, name.partition("/")[2]):
            file = next((folder / place for folder in folders if (folder / place).is_file()), None)
            if place and file is not None:
                found[name] = file
                break
    return found


def keep_files(files: dict[str, Path], folder: Path) -> None:
    """Copy files into the folder of the way back."""
    for name, file in sorted(files.items()):
        target = folder / FOLDER / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)


def bring_back(folder: Path, out: Path) -> None:
    """Copy the kept files to their places in a folder of images."""
    kept = folder / FOLDER
    for file in walk_files(kept) if kept.is_dir() else ():
        with atomic_path(out / file.relative_to(kept)) as temporary:
            shutil.copyfile(file, temporary)
