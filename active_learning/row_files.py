"""Small tables as CSV, JSON Lines or Parquet, by the name's ending; one dict a row."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from thresher.core.errors import InputError
from thresher.core.files import atomic_path
from thresher.core.sheet_cells import escape_cell

ENDINGS = {".csv": "csv", ".jsonl": "lines", ".ndjson": "lines", ".parquet": "parquet"}
DELIMITERS = ",;\t"


def file_format(
    path: str | os.PathLike[str], *, allowed: Sequence[str] = ("csv", "lines", "parquet")
) -> str:
    """Return ``"csv"``, ``"lines"`` or ``"parquet"`` by the ending of `path`.

    Raises
    ------
    InputError
        For another ending, or one that is not `allowed` here.
    """
    found = ENDINGS.get(Path(path).suffix.lower())
    if found not in allowed:
        fine = [ending for ending, name in ENDINGS.items() if name in allowed]
        raise InputError(f"{path} must end in {', '.join(fine[:-1])} or {fine[-1]}.")
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
            writer = csv.DictWriter(file, columns, restval="")
            writer.writeheader()
            made = escape_cell if escape else _same
            writer.writerows(
                {name: made(_cell(value)) for name, value in row.items()} for row in rows
            )


def read_rows(
    path: str | os.PathLike[str], *, needed: Sequence[str]
) -> list[tuple[int, dict[str, Any]]]:
    """Return line numbers and rows of a CSV or JSON Lines file.

    CSV may be separated by commas, semicolons or tabs, with or without a byte order mark, as
    spreadsheets write it.

    Raises
    ------
    InputError
        When the file cannot be read, or a row lacks one of the columns `needed`.
    """
    kind = file_format(path, allowed=("csv", "lines"))
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 ({error}). Save it as UTF-8.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error}).") from error
    found = _read_lines(path, text) if kind == "lines" else _read_csv(text)
    for number, row in found:
        missing = [name for name in needed if name not in row]
        if missing:
            raise InputError(
                f"{path}, line {number}: no column '{missing[0]}'. Columns: "
                f"{', '.join(str(name) for name in row)}."
            )
    return found


def _read_csv(text: str) -> list[tuple[int, dict[str, Any]]]:
    head = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=head.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    return [(reader.line_num, row) for row in reader]


def _read_lines(path: str | os.PathLike[str], text: str) -> list[tuple[int, dict[str, Any]]]:
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"{path}, line {number}: not JSON ({error}).") from error
        if not isinstance(row, dict):
            raise InputError(f"{path}, line {number}: not a JSON object.")
        found.append((number, row))
    return found


def _same(value: Any) -> Any:
    return value


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return (
        json.dumps(value, ensure_ascii=False) if isinstance(value, (list, tuple, dict)) else value
    )
