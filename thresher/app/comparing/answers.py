"""What two models say of a user's rows."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...core.columns import read_row_ids, read_texts, take_rows
from ...core.errors import InputError
from ...core.images import image_bytes
from ...core.loaded import LoadedDataset
from ..exported_models import answered
from .shown_rows import Shown, numbers_shown

PathLike = str | os.PathLike[str]


@dataclass(frozen=True, eq=False)
class Answers:
    """What two models say of rows.

    Attributes
    ----------
    both : dict of str to (str, str)
        Answers of the old and the new model, by row id.
    classes : list of str
        Of either model.
    shown : callable
        Returns rows, given by their ids, as a person sees them.
    """

    both: dict[str, tuple[str, str]]
    classes: list[str]
    shown: Callable[[Sequence[str]], Shown]


def answers_to_data(old: PathLike, new: PathLike, data: Any, options: Mapping[str, Any]) -> Answers:
    """Ask both models about a user's rows; one that either cannot read is left out.

    Raises
    ------
    InputError
        When there is no row that both can read.
    """
    said, classes = [], set[str]()
    for path in (old, new):
        found = answered(path, data, options)
        pairs = zip(*(found.table[name].to_pylist() for name in ("row_id", "label")), strict=True)
        said.append({str(row): str(label) for row, label in pairs})
        classes |= set(map(str, found.classes))
    both = {row: (said[0][row], said[1][row]) for row in said[0] if row in said[1]}
    if not both:
        raise InputError("There is no row that both models can read.")
    places = {str(row): at for at, row in enumerate(read_row_ids(found.rows.dataset).tolist())}

    def shown(names: Sequence[str]) -> Shown:
        return _shown(found.rows, np.array([places[name] for name in names]))

    return Answers(both, sorted(classes), shown)


def _shown(loaded: LoadedDataset, places: np.ndarray) -> Shown:
    rows, names = take_rows(loaded.dataset, places), loaded.schema.inputs
    if loaded.schema.modality == "text":
        return Shown({"text": read_texts(rows, names[0])})
    if loaded.schema.modality == "image":
        paths = [image["path"] or "" for image in rows.data.column(names[0]).to_pylist()]
        if all(path and Path(path).is_file() for path in paths):
            return Shown({"image": paths})
        return Shown(images=[data or b"" for data in image_bytes(rows, names[0]).to_pylist()])
    return numbers_shown({name: rows.data.column(name).to_pylist() for name in names})
