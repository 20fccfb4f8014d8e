"""Small tables as CSV, JSON Lines or Parquet, by the name's ending; one dict a row."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from thresher.core.errors import InputError
from thresher.core.files import atomic_path
from thresher.core.loading.foreign import what_to_do
from thresher.core.sheet_cells import escape_cell

if TYPE_CHECKING:
    from thresher.core.loading.encoding import Decoded

# Excel's "Unicode text" ends in .txt.
ENDINGS = {
    ".csv": "csv",
    ".jsonl": "lines",
    ".ndjson": "lines",
    ".parquet": "parquet",
    ".tsv": "csv",
    ".tab": "csv",
    ".txt": "csv",
}


def file_format(
    path: str | os.PathLike[str], *, allowed: Sequence[str] = ("csv", "lines", "parquet")
) -> str:
    """Return ``"csv"``, ``"lines"`` or ``"parquet"`` by the ending of `path`.

    Raises
    ------
    InputError
        For another ending, or one that is not `allowed` here.
    """
    ending = Path(path).suffix.lower()
    found = ENDINGS.get(ending)
    if found not in allowed:
        fine = [ending for ending, name in ENDINGS.items() if name in allowed]
        said = f"{path} must end in {', '.join(fine[:-1])} or {fine[-1]}."
        # Of a file that is yet to be written there is nothing more to say.
        hint = what_to_do(Path(path)) if Path(path).is_file() else ""
        raise InputError(f"{said} {hint}".rstrip())
    return str(found)


def write_rows(
    path: str | os.PathLike[str],
    rows: Sequence[dict[str, Any]],
    *,
    columns: Sequence[str],
    escape: bool = False,
) -> None:
    """Write rows atomically. In CSV, lists and mappings are JSON, and None is empty.

    With `escape`, CSV cells that a spreadsheet would run as formulas get an apostrophe.
    """
    kind = file_format(path)
    with atomic_path(path) as temporary:
        if kind == "parquet":
            values = {name: [row.get(name) for row in rows] for name in columns}
            pq.write_table(pa.table(values), temporary)
            return
        with open(temporary, "w", encoding="utf-8", newline="") as file:
            if kind == "lines":
                file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
                return
            delimiter = "," if Path(path).suffix.lower() == ".csv" else "\t"
            writer = csv.DictWriter(file, columns, restval="", delimiter=delimiter)
            writer.writeheader()
            made = escape_cell if escape else _same
            writer.writerows(
                {name: made(_cell(value)) for name, value in row.items()} for row in rows
            )


def read_rows(
    path: str | os.PathLike[str], *, needed: Sequence[str]
) -> list[tuple[int, dict[str, Any]]]:
    """Return line numbers and rows of a CSV or JSON Lines file, or numbers of those of Parquet.

    CSV may be separated by commas, semicolons or tabs, with or without a byte order mark, in the
    encodings in which spreadsheets write it.

    Raises
    ------
    InputError
        When the file or a line of it cannot be read (so that no answer is lost unseen), or a row
        lacks one of the columns `needed`.
    """
    kind = file_format(path)
    found = _READERS[kind](path)
    unit = "row" if kind == "parquet" else "line"
    for number, row in found:
        missing = [name for name in needed if name not in row]
        if missing:
            raise InputError(
                f"{path}, {unit} {number}: no column '{missing[0]}'. Columns: "
                f"{', '.join(str(name) for name in row)}."
            )
    return found


def _decoded(path: str | os.PathLike[str]) -> Decoded:
    from thresher.core.loading.encoding import UnclearEncoding, to_utf8

    try:
        return to_utf8(Path(path).read_bytes(), name=str(path))
    except UnclearEncoding as error:
        told = str(error).partition(" Say it with")[0]
        raise InputError(f"{told} Save it as UTF-8.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error}).") from error


def _read_parquet(path: str | os.PathLike[str]) -> list[tuple[int, dict[str, Any]]]:
    from thresher.core.class_labels import features_in_metadata, with_class_names

    try:
        table = pq.read_table(path, use_threads=False)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path} cannot be read ({error}).") from error
    table = with_class_names(table, features_in_metadata(table))
    return list(enumerate(table.to_pylist(), 1))


def _read_csv(path: str | os.PathLike[str]) -> list[tuple[int, dict[str, Any]]]:
    from thresher.core.loading.csv_rows import csv_rows

    return list(csv_rows(_decoded(path), name=str(path)).rows)


def read_lines(path: str | os.PathLike[str]) -> list[tuple[int, dict[str, Any]]]:
    """Return line numbers and objects of a file of JSON Lines, whatever its name ends in.

    Raises
    ------
    InputError
        When the file or a line of it cannot be read.
    """
    from thresher.core.loading.json_files import read_row

    decoded = _decoded(path)
    found = []
    for number, line in enumerate(decoded.data.split(b"\n"), 1):
        if not line.strip():
            continue
        row, reason = read_row(line, decoded)
        if row is None:
            raise InputError(f"{path}, line {number}: {reason}.")
        found.append((number, row))
    return found


_READERS = {"csv": _read_csv, "lines": read_lines, "parquet": _read_parquet}


def _same(value: Any) -> Any:
    return value


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return (
        json.dumps(value, ensure_ascii=False) if isinstance(value, (list, tuple, dict)) else value
    )
