"""Labels that people have told, each checked before any is kept."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...core.errors import InputError, did_you_mean
from .files import read_columns, write_columns

NEITHER, UNKNOWABLE = "-", "?"


def labels_told(
    folder: Path,
    more: Sequence[str | os.PathLike[str]],
    answers: Mapping[str, tuple[str, str]],
    classes: Sequence[str],
) -> dict[str, str]:
    """Return labels told earlier and now, each checked before any is kept.

    Parameters
    ----------
    folder : Path
        Of ``labels.csv``, and of ``to_label.csv`` as somebody has filled it.
    more : sequence of path-like
        Further files with columns ``row_id`` and ``label``.
    answers : mapping of str to (str, str)
        Of both models.
    classes : sequence of str
        Of either model.

    Raises
    ------
    InputError
        For a label that is unknown, of a row that needs none, or another than before.
    """
    kept, filled = folder / "labels.csv", folder / "to_label.csv"
    told: dict[str, str] = {}
    for path in (kept, filled, *map(Path, more)):
        if path not in (kept, filled) and not path.is_file():
            raise InputError(f"There is no file {path} with labels.")
        for row in read_columns(path, ("label",)):
            name, label = row["row_id"], row["label"].strip()
            if label:
                _check_label(path, name, label, answers, classes)
                if told.setdefault(name, label) != label:
                    raise InputError(
                        f"Row {name!r} has the label {told[name]!r}, in {path} it is {label!r}. "
                        "The first label has counted; correct the file."
                    )
    write_columns(kept, {"row_id": list(told), "label": list(told.values())})
    return told


def _check_label(
    path: Path,
    row: str,
    label: str,
    answers: Mapping[str, tuple[str, str]],
    classes: Sequence[str],
) -> None:
    if row not in answers:
        raise InputError(f"{path} has a label of row {row!r}, which no model was asked about.")
    if answers[row][0] == answers[row][1]:
        raise InputError(
            f"{path} has a label of row {row!r}, on which the models agree. Only rows of "
            "to_label.csv need labels; leave it out."
        )
    if label not in (*classes, NEITHER, UNKNOWABLE):
        raise InputError(
            f"{path} says {label!r} of row {row!r}, which is no class of either model."
            f"{did_you_mean(label, classes)} Write {NEITHER} where no class of theirs is right, "
            f"{UNKNOWABLE} where nobody can tell."
        )
