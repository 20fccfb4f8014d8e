"""Which pages a folder has."""

from __future__ import annotations

from pathlib import Path

from ...core.errors import InputError
from ..label_folder import HEAD
from .label.opening import LabelOptions, label_site
from .page import Site


def open_site(folder: Path, options: LabelOptions) -> Site:
    """Return the site of a folder: of a labeling session its rows to label.

    Raises
    ------
    InputError
        When the folder is none of them.
    """
    if (folder / HEAD).is_file():
        return label_site(folder, options)
    raise InputError(
        f"{folder} holds no labeling session. Start one with: thresher label init DATA --out "
        f"{folder} --classes yes,no"
    )
