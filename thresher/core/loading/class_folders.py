"""Folders for classes: one for each class, whatever its name, on every file system.

A class is named by its folder. A name that a file system does not take (``a/b``), that another one
equals there (``Cat`` and ``cat``), or that says something else to a reader of image folders (a
hidden file, an image, a split) gets another folder, and the file ``.classes.json`` says which.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..errors import InputError
from ..file_names import safe_name
from ..files import read_json, write_json
from ..fingerprint import fingerprint
from ..hidden import is_hidden
from ..images import IMAGE_SUFFIXES
from ..split_names import SPLIT_NAMES

NAMES = ".classes.json"


def class_folders(classes: Iterable[str], *, in_splits: bool) -> dict[str, str]:
    """Return the folder of each class; equal classes give equal folders, in any order.

    Parameters
    ----------
    classes : iterable of str
    in_splits : bool
        The folders stand below one for each split, so that a class may be called ``test``.
    """
    names = sorted(set(classes))
    fit = [name for name in names if _is_fit(name, in_splits=in_splits)]
    twins = Counter(name.casefold() for name in fit)
    folders = {name: name for name in fit if twins[name.casefold()] == 1}
    taken = {name.casefold() for name in folders}
    for name in names:
        folder, tries = name, 0
        while name not in folders and (tries == 0 or folder.casefold() in taken):
            folder, tries = f"{safe_name(name)}-{fingerprint(name, tries)[:8]}", tries + 1
        taken.add(folder.casefold())
        folders.setdefault(name, folder)
    return folders


def _is_fit(name: str, *, in_splits: bool) -> bool:
    return not (
        name != safe_name(name)
        or is_hidden(name)
        or Path(name).suffix.lower() in IMAGE_SUFFIXES
        or (not in_splits and name.lower() in SPLIT_NAMES)
    )


def write_class_names(root: Path, folders: Mapping[str, str]) -> None:
    """Write which class a folder stands for, where its name does not say it."""
    renamed = {folder: name for name, folder in folders.items() if folder != name}
    if renamed:
        write_json(root / NAMES, renamed)


def read_class_names(root: Path) -> dict[str, str]:
    """Return the classes of the folders whose names do not say them.

    Raises
    ------
    InputError
        When the file is damaged.
    """
    if not (root / NAMES).is_file():
        return {}
    found = read_json(root / NAMES)
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found.values()):
        raise InputError(
            f"{root / NAMES} must be a JSON object from folder to class name. Mend it, or delete "
            "it to name classes by their folders."
        )
    return found
