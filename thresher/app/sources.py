"""What is read to find something: the rows, and vectors or probabilities of the user's own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..core.columns import read_texts
from ..core.counted import counted
from ..core.embeddings import Embeddings
from ..core.errors import FormError, InputError
from ..core.lifted import warn_of_one_direction
from ..core.loaded import LoadedDataset
from ..core.loading import load_dataset
from ..core.loading.cells import without_markers
from ..core.loading.hub import is_saved
from ..core.loading.parts import joined
from ..core.loading.several_texts import names_of
from ..core.loading.table_form import form_of
from ..core.loading.tables import is_table, read_table
from ..core.loading.telling import tell
from ..core.manifest import Manifest
from ..core.progress import messages
from ..core.text_arrays import unpacked_texts
from .given import given_rows
from .places import HASHED
from .read_options import ColumnOptions

ANSWERS = ("row_id", "annotator", "label")


def read_rows(
    data: Any, *, split: str | None = None, **columns: Unpack[ColumnOptions]
) -> LoadedDataset:
    """Read a user's rows as they are, and say which columns were taken for what.

    No test rows are held out, and none needs a label.
    """
    loaded = load_dataset(data, split=split, keep_unlabeled=True, test_fraction=0, **columns)
    messages(loaded.role_lines)
    return loaded


def read_again(data: Any, manifest: Manifest) -> LoadedDataset:
    """Read the rows that a manifest was made of, by the columns that its header names."""
    said = dict(manifest.header.get("columns", {}))
    if said.get("features"):
        said["features"] = said["features"].split(",")
    if isinstance(said.get("where"), list):  # as of version 0.1
        said["where"] = dict(item.split("=", 1) for item in said["where"])
    return read_rows(data, **{name: value for name, value in said.items() if value is not None})


def path_of(data: Any) -> str:
    """Return what was given as the name of files, or an empty text for rows in memory."""
    return os.fspath(data) if isinstance(data, (str, os.PathLike)) else ""


@contextmanager
def asked_with(of: str) -> Iterator[None]:
    """Name the options of one source where its file cannot be read without one."""
    try:
        yield
    except FormError as error:
        option = error.option.replace("_", "-")
        raise error.called(f"--{of}-{option}" if of else f"--{option}") from error


def read_text_rows(
    data: Any,
    *,
    text: str | None,
    of: str = "",
    row_id: str | None = None,
    form: Mapping[str, Any],
) -> LoadedDataset:
    """Read rows of text without labels; the names of the options for them begin with `of`."""
    with asked_with(of):
        loaded = read_rows(data, label="none", text=text, row_id=row_id, **form)
    if loaded.schema.modality != "text":
        option = f"--{of}-text" if of else "--text"
        raise InputError(
            f"{data} was read as {loaded.schema.modality}. Name its text columns: {option}."
        )
    return loaded


def columns_of(loaded: LoadedDataset, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `read_rows` needs to read the same rows with the same ids again.

    `said` is what it was given beside the columns' roles.
    """
    schema = loaded.schema
    row_id = loaded.choices.get("row_id")
    names = ",".join(schema.inputs)
    if schema.modality == "text":
        names = names_of(names, given_rows(loaded).table.column_names)
    return {
        "label": names_of(schema.label or "none", given_rows(loaded).table.column_names),
        schema.modality: names,
        **{name: value or None for name, value in said.items() if name != "header"},
        "header": said.get("header"),
        "row_id": row_id.value if row_id is not None and row_id.value != HASHED else None,
    }


def row_numbers(loaded: LoadedDataset) -> dict[str | None, int]:
    """Return the place of each row in the data, counted from 1 without headers."""
    return {row_id: at for at, row_id in enumerate(given_rows(loaded).row_ids.tolist(), 1)}


def clean_format(data: Any, loaded: LoadedDataset, wanted: str | None, out: Path) -> str | None:
    """Return the format of clean data: what was asked for, or that of an image folder read."""
    named = path_of(data)
    path = Path(named).expanduser()
    of_images = loaded.schema.modality == "image" and bool(named) and path.is_dir()
    if wanted is not None or out.suffix or not of_images:
        return wanted
    tables = is_saved(path) or any(is_table(found) for found in path.iterdir())
    return None if tables else "imagefolder"


def read_vectors(
    given: str | os.PathLike[str] | Embeddings | None, loaded: LoadedDataset
) -> Embeddings | None:
    """Read vectors of the user's own: .npy or .npz in the order of the data, or a saved folder."""
    if given is None or isinstance(given, Embeddings):
        return given
    path = Path(given)
    ids = given_rows(loaded).row_ids[given_rows(loaded).positions]
    if path.is_dir():
        return Embeddings.load(path)
    matrix, row_ids = _read_matrix(path, names=("embeddings", "vectors", "X", "emb"))
    warn_of_one_direction(matrix)
    if row_ids is not None:
        return Embeddings.from_vectors(matrix, row_ids=row_ids)
    return Embeddings.from_vectors(_of_usable_rows(matrix, loaded, path), row_ids=ids)


def read_probabilities(
    given: str | os.PathLike[str] | np.ndarray | None, loaded: LoadedDataset
) -> np.ndarray | None:
    """Read probabilities, float64, shape (n, K), of the sorted class names.

    A file .npz may hold ``classes``, the names of its columns, in an order of its own. An array is
    taken as it is, one line for each usable row.
    """
    if given is None or not isinstance(given, (str, os.PathLike)):
        return given
    path = Path(given)
    matrix, row_ids = _read_matrix(path, names=("pred_probs", "probs", "probabilities"))
    classes = loaded.schema.classes
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as file:
            named = [str(name) for name in file["classes"]] if "classes" in file.files else None
        if named is not None:
            matrix = _sorted_classes(matrix, named, classes, path)
    if matrix.shape[1] != len(classes):
        raise InputError(
            f"{path} has {counted(matrix.shape[1], 'column')}, but the label has "
            f"{counted(len(classes), 'class', 'classes')}: "
            f"{', '.join(classes[:8])}{', …' if len(classes) > 8 else ''}."
        )
    if row_ids is None:
        return _of_usable_rows(matrix, loaded, path)
    ids = given_rows(loaded).row_ids[given_rows(loaded).positions]
    place = {row_id: at for at, row_id in enumerate(row_ids.tolist())}
    lost = [row_id for row_id in ids.tolist() if row_id not in place]
    if lost:
        raise InputError(
            f"{counted(len(lost), 'row is', 'rows are')} not in {path}, such as "
            f"{', '.join(lost[:5])}."
        )
    return np.asarray(matrix[[place[row_id] for row_id in ids.tolist()]])


def read_annotations(given: Any, form: Mapping[str, Any]) -> pa.Table:
    """Read annotators' answers: a table with ``row_id``, ``annotator`` and ``label`` as text."""
    return _read_answers(given, form, columns=ANSWERS, what="Annotations")


def read_judgments(given: Any) -> pa.Table:
    """Read one label a row: a table with ``row_id`` and ``label`` as text."""
    return _read_answers(given, {}, columns=("row_id", "label"), what="Labels")


def _read_answers(
    given: Any, form: Mapping[str, Any], *, columns: tuple[str, ...], what: str
) -> pa.Table:
    named = path_of(given) or f"The table of {what.lower()}"
    if path_of(given):
        table = _annotation_file(Path(given), form, what)
    else:
        try:
            table = pa.table(given)  # of Arrow, a mapping of columns, a DataFrame
        except (TypeError, ValueError, pa.ArrowException) as error:
            raise InputError(
                f"{what} are a file or a table, got {type(given).__name__} ({error})."
            ) from error
    missing = [name for name in columns if name not in table.column_names]
    if missing:
        raise InputError(
            f"{named} has no column {missing[0]!r}; one row for each answer is needed, with "
            f"{', '.join(columns)}. It has {', '.join(table.column_names)}."
        )
    return pa.table({name: pc.cast(table[name], pa.string()) for name in columns})


def _annotation_file(path: Path, form: Mapping[str, Any], what: str) -> pa.Table:
    said = dict(form)
    absent = said.pop("na", ())
    if not is_table(path):
        raise InputError(f"{what} are a .csv, .jsonl or .parquet file, got {path}.")
    with asked_with(what.lower()):
        source = read_table(path, name=path.name, form=form_of(**said))
    tell(source)
    if not source.parts:
        raise InputError(f"{path} cannot be read: {source.bad[0].detail}.")
    return without_markers(joined(source.parts), absent)


def read_benchmark(data: Any, *, text: str | None, form: Mapping[str, Any]) -> list[str]:
    """Read the texts of a benchmark in their order; rows without one are empty."""
    loaded = read_text_rows(data, text=text, of="benchmark", form=form)
    given = given_rows(loaded)
    texts = [""] * len(given.row_ids)
    read = read_texts(loaded.dataset, loaded.schema.inputs[0])
    for place, found in zip(given.positions.tolist(), read, strict=True):
        texts[place] = found
    return texts


def _sorted_classes(
    matrix: np.ndarray, named: list[str], classes: tuple[str, ...], path: Path
) -> np.ndarray:
    if sorted(named) != list(classes):
        raise InputError(
            f"The classes in {path} ({', '.join(named[:8])}) are not those of the label "
            f"({', '.join(classes[:8])})."
        )
    return np.asarray(matrix[:, [named.index(name) for name in classes]])


def _of_usable_rows(matrix: np.ndarray, loaded: LoadedDataset, path: Path) -> np.ndarray:
    given = given_rows(loaded)
    if len(matrix) != len(given.row_ids):
        raise InputError(
            f"{path} has {counted(len(matrix), 'row')}, but the data has {len(given.row_ids)}. "
            "Give one for each row, in the same order, or an .npz file with `row_ids`."
        )
    return np.asarray(matrix[given.positions])


def _read_matrix(path: Path, *, names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the matrix of an .npy or .npz file, and the row ids that an .npz file may hold."""
    try:
        file = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as .npy or .npz ({error}).") from error
    if isinstance(file, np.ndarray):
        return _matrix(file, path), None
    with file:
        found = [name for name in file.files if file[name].ndim == 2]
        named = [name for name in names if name in found] or found
        if not named or (len(found) > 1 and named == found):
            raise InputError(
                f"{path} holds {', '.join(file.files) or 'nothing'}; call the matrix {names[0]!r}."
            )
        row_ids = unpacked_texts(file["row_ids"]) if "row_ids" in file.files else None
        return _matrix(file[named[0]], path), row_ids


def _matrix(array: np.ndarray, path: Path) -> np.ndarray:
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        raise InputError(
            f"{path} holds {array.dtype} of shape {array.shape}; a matrix of numbers is needed, "
            "one row for each row of the data."
        )
    return array
