"""From whatever the user names (path, pattern, mapping, object, Hub id) to tables."""

from __future__ import annotations

import difflib
import glob
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..choice import Choice
from ..class_columns import arrow_class_names
from ..class_labels import with_class_names
from ..classes import class_key
from ..counted import counted
from ..errors import InputError, check_column, did_you_mean
from ..files import walk_files
from ..hidden import is_hidden
from ..images import IMAGE_SUFFIXES
from ..schema import ROW_ID
from ..split_names import SPLIT_NAMES, split_name
from ..usual_types import usual_table
from .digits import read_digits
from .files import check_folder
from .foreign import what_to_do
from .frames import HalfCharacters, is_frame, read_frame, taken_rows
from .hub import is_saved, read_hub, read_object, read_saved
from .image_folder import count_images, read_image_folder
from .image_metadata import OWN_NAME
from .json_files import HALF
from .parts import UNNAMED, Part, Source, bad_row, split_in_path
from .table_form import TableForm
from .tables import can_be_read, is_table, read_table

HUB_NAME = re.compile(r"^[\w.-]+(/[\w.-]+)?(:[\w.-]+)?$")
PAIRS = re.compile(rf"^\s*({'|'.join(SPLIT_NAMES)})\s*=", re.IGNORECASE)


def read_source(source: Any, form: TableForm | None = None) -> Source:
    """Read any source that `load_dataset` takes; `form` is what is said of delimited text."""
    form = form or TableForm()
    if isinstance(source, Source):
        return source  # by someone who looked at the columns first
    if isinstance(source, (str, os.PathLike)):
        return _read_name(str(source), form)
    if isinstance(source, Mapping):
        return _read_mapping(source, form)
    if hasattr(source, "features") and hasattr(source, "info"):
        return read_object(source)
    if is_frame(source):
        return _read_frame(source)
    if (
        isinstance(source, Sequence)
        and source
        and all(isinstance(s, (str, os.PathLike)) for s in source)
    ):
        return _read_paths([Path(s) for s in source], form, origin=counted(len(source), "file"))
    raise InputError(
        f"`source` must be a path, a name, a mapping of splits, a datasets.Dataset, a DataFrame, "
        f"an Arrow table or a list of rows, got {type(source).__name__}."
    )


def _read_name(name: str, form: TableForm) -> Source:
    path = Path(name).expanduser()
    if path.is_dir():
        return _read_folder(path, form)
    if path.exists():
        return _read_one_file(path, form)
    if name == "digits":
        return read_digits()
    if PAIRS.match(name):
        pairs = (piece.partition("=") for piece in name.split(","))
        return _read_mapping({key.strip(): value.strip() for key, _, value in pairs}, form)
    if glob.has_magic(name):
        found = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207 — absolute patterns too
        if not found:
            raise InputError(f"No file matches {name!r}.")
        return _read_paths([Path(item) for item in found], form, origin=name)
    if not _may_be_on_hub(name):
        raise InputError(f"There is no file or folder {name!r}.{_similar_file(path)}")
    return read_hub(name)


def _may_be_on_hub(name: str) -> bool:
    """Tell whether a name that is no file may be a dataset's name rather than a mistyped path."""
    path = Path(name)
    like_path = is_table(path) or name.startswith((".", "/", "~"))
    in_folder = path.parent.name != "" and path.parent.is_dir()
    if did_you_mean(name, ["digits"]):
        return False
    return bool(HUB_NAME.match(name)) and not like_path and not in_folder


def _similar_file(path: Path) -> str:
    if did_you_mean(path.name, ["digits"]):
        return did_you_mean(path.name, ["digits"])
    folder = path.parent
    if not folder.is_dir():
        return f" There is no folder {str(folder)!r} either."
    close = difflib.get_close_matches(path.name, [p.name for p in folder.iterdir()], n=1)
    return f" Did you mean {str(folder / close[0])!r}?" if close else ""


def _read_one_file(path: Path, form: TableForm) -> Source:
    if not can_be_read(path):
        raise _not_a_table(path)
    return read_table(path, name=path.name, form=form)


def _not_a_table(path: Path) -> InputError:
    said = f"{path} is not a Parquet, CSV, TSV, JSON Lines, JSON or tar file, nor text."
    return InputError(f"{said} {what_to_do(path)}".rstrip())


def _read_folder(folder: Path, form: TableForm) -> Source:
    check_folder(folder)
    if is_saved(folder):
        return read_saved(folder)
    visible = sorted(path for path in walk_files(folder, skip=is_hidden) if is_table(path))
    described = any(path.name.lower().startswith(f"{OWN_NAME}.") for path in visible)
    if visible and count_images(folder) <= (0 if described else len(visible)):
        return _read_paths(visible, form, origin=str(folder), root=folder)
    return read_image_folder(folder, form)


def _read_paths(
    paths: list[Path], form: TableForm, *, origin: str, root: Path | None = None
) -> Source:
    """Read several files; their names may say which split they are."""
    source = Source(origin=origin)
    names = [str(path.relative_to(root)) if root else path.name for path in paths]
    splits = [split_in_path(name) for name in names]
    if any(splits) and not all(splits):
        unclear = [name for name, split in zip(names, splits, strict=True) if split is None]
        raise InputError(
            f"Some file names say their split and some do not: {', '.join(unclear[:5])}. Say it "
            'with {"train": …, "test": …}, or "train=FILE,test=FILE".'
        )
    for path, name, split in zip(paths, names, splits, strict=True):
        if path.suffix.lower() in IMAGE_SUFFIXES or not can_be_read(path):
            raise _not_a_table(path)
        source.extend(read_table(path, name=name, split=split, form=form))
    if any(splits):
        source.choices["split files"] = Choice(
            ", ".join(sorted({split for split in splits if split})), "from the file names"
        )
    return source


def _read_mapping(mapping: Mapping[Any, Any], form: TableForm) -> Source:
    """Read a mapping of split names to anything that `read_source` reads."""
    if not mapping:
        raise InputError('`source` is an empty mapping. Give {"train": …, "test": …}.')
    origin = ", ".join(f"{key}={_short(value)}" for key, value in mapping.items())
    result = Source(origin=origin)
    for key, value in mapping.items():
        split = split_name(str(key))
        found = read_source(value, form)
        if not found.parts and not found.bad:
            raise InputError(f"The {key} source holds no rows.")
        if found.roles.get("row_id") == ROW_ID:
            found = _named_apart(found, str(key))
        found.parts = [
            replace(
                part,
                name=str(key) if part.name == UNNAMED else part.name,
                split=split,
                key=str(key),
            )
            for part in found.parts
        ]
        found.roles.pop("split", None)
        result.extend(found)
    return result


def _named_apart(found: Source, key: str) -> Source:
    """Put the split before the names of an image folder's files, which are those of rows."""
    parts = []
    for part in found.parts:
        names = pc.binary_join_element_wise(key, part.table.column(ROW_ID), "/")
        at = part.table.column_names.index(ROW_ID)
        parts.append(replace(part, table=part.table.set_column(at, ROW_ID, names)))
    bad = [replace(issue, row_id=f"{key}/{issue.row_id}") for issue in found.bad]
    return replace(found, parts=parts, bad=bad)


def _short(value: Any) -> str:
    return str(value) if isinstance(value, (str, os.PathLike)) else type(value).__name__


def _read_frame(frame: Any) -> Source:
    """Read a table in memory; a column of mixed types becomes text."""
    source = Source(origin="rows" if isinstance(frame, list) else type(frame).__name__)
    numbers = None
    try:
        table, source.choices = read_frame(frame)
    except HalfCharacters as error:
        whole = np.ones(error.rows, bool)
        whole[error.positions] = False
        numbers = np.flatnonzero(whole) + 1
        source.bad = [bad_row(f"row {row + 1}", HALF) for row in error.positions]
        table, source.choices = read_frame(taken_rows(frame, numbers - 1))
    source.parts.append(Part(UNNAMED, usual_table(table), numbers=numbers))
    return source


def keep_where(source: Source, where: Mapping[str, Any] | None) -> Source:
    """Keep the rows whose columns hold the wanted values (one value, or any of a list)."""
    for name, wanted in (where or {}).items():
        one = isinstance(wanted, (str, int, float))
        values = {class_key(v): v for v in ([wanted] if one else wanted)}
        present: set[str] = set()
        parts = []
        for part in source.parts:
            check_column(name, part.table.column_names, role="column of `where`")
            named = with_class_names(part.table, part.features).column(name)
            column, _ = arrow_class_names(named, name=name)
            names = pc.unique(column.drop_null()).to_pylist()
            present.update(names)
            those = [text for text in names if class_key(text) in values]
            mask = pc.is_in(column, value_set=pa.array(those, pa.string()))
            numbers = part.row_numbers()[mask.to_numpy()]
            lines = None if part.lines is None else part.lines.filter(mask.combine_chunks())
            rows = part.table.filter(mask)
            # Nobody knows whether a line that is no row would have been wanted.
            parts.append(replace(part, table=rows, numbers=numbers, lines=lines, broken=None))
        there = set(map(class_key, present))
        missing = [str(value) for key, value in values.items() if key not in there]
        if missing:
            shown = ", ".join(map(repr, sorted(present)[:10]))
            raise InputError(f"No row has {name!r} equal to {missing[0]!r}. It holds: {shown}.")
        source.parts = parts
    return source


def split_of_parts(source: Source) -> np.ndarray | None:
    """Return the split of each row as the files or keys say it, ndarray of str, or None."""
    if not any(part.split for part in source.parts):
        return None
    return np.repeat(
        [part.split or "train" for part in source.parts], [len(part.table) for part in source.parts]
    )


def locate(source: Source, positions: np.ndarray) -> list[str]:
    """Say where rows of the stacked table came from: ``train.csv, row 17``."""
    names = np.repeat([part.name for part in source.parts], [len(p.table) for p in source.parts])
    numbers = np.concatenate([np.empty(0, np.int64), *(p.row_numbers() for p in source.parts)])
    prefixes = {p.name: f"{p.name}, " if p.name != UNNAMED else "" for p in source.parts}
    return [f"{prefixes[str(names[i])]}row {numbers[i]}" for i in positions]
