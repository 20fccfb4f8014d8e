"""Parquet, CSV, TSV, JSON Lines, JSON and tar files; what does not parse is named."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq

from ..choice import Choice
from .class_labels import features_in_metadata
from .parts import Part, Source, bad_row, file_error, table_of
from .table_form import TableForm, find_layout
from .tar import read_tar

# What Windows programs write when they do not write UTF-8. Five bytes have no meaning in it.
FALLBACK_ENCODING = "cp1252"
COMPRESSED = ("gz", "bz2", "xz")


def read_table(
    path: Path, *, name: str, split: str | None = None, form: TableForm | None = None
) -> Source:
    """Read one file by its suffix; a file that cannot be read is set aside, not raised.

    Parameters
    ----------
    path : Path
    name : str
        How the file is called in messages: its path relative to the source.
    split : str, optional
        Split that its name stands for.
    form : TableForm, optional
        What the user says of files of delimited text.
    """
    source = Source(origin=str(path), form=form or TableForm())
    try:
        if path.stat().st_size == 0:
            source.bad.append(bad_row(name, "zero bytes"))
            return source
        part = _READERS[suffix(path)](path, name, source)
    except OSError as error:
        reason = file_error(error) if error.errno else f"unreadable file ({error})"
        source.bad.append(bad_row(name, reason))
    except (pa.ArrowException, csv.Error, ValueError) as error:
        source.bad.append(bad_row(name, f"unreadable file ({_first_line(error)})"))
    else:
        features = features_in_metadata(part.table)
        table = _plain(part.table)
        folder = path.parent.resolve()
        source.parts.append(Part(name, table, split, part.numbers, folder, features, part.titles))
    return source


def suffix(path: Path) -> str:
    """Return the lower-case suffix without a dot; ``jsonl`` also for ``ndjson``."""
    found = path.suffix.lower().lstrip(".")
    if found in COMPRESSED and path.with_suffix("").suffix.lower() == ".tar":
        return "tar"
    return {"ndjson": "jsonl", "pq": "parquet", "tab": "tsv", "tgz": "tar"}.get(found, found)


def is_table(path: Path) -> bool:
    """Tell whether a file's suffix is one that `read_table` knows."""
    return suffix(path) in _READERS


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:200]


def _read_parquet(path: Path, name: str, source: Source) -> Part:
    del source  # a Parquet file is read whole or not at all
    return Part(name, pq.ParquetFile(path).read())


def _read_csv(path: Path, name: str, source: Source) -> Part:
    data, kept = _utf8_lines(path.read_bytes(), name, source)
    layout = find_layout(data, source.form, usual="\t" if suffix(path) == "tsv" else None)
    source.choices |= layout.choices
    broken: list[int] = []

    def skip(row: pc_csv.InvalidRow) -> str:
        broken.append(row.number)
        reason = f"broken line ({row.actual_columns} columns, not {row.expected_columns})"
        source.bad.append(bad_row(f"{name}:{row.number}", reason))
        return "skip"

    table = pc_csv.read_csv(
        io.BytesIO(data),
        read_options=pc_csv.ReadOptions(
            use_threads=False, column_names=layout.names, skip_rows_after_names=layout.header
        ),
        parse_options=pc_csv.ParseOptions(
            delimiter=layout.delimiter, newlines_in_values=True, invalid_row_handler=skip
        ),
        # As text: a type guessed from the first block fails on a stray word further down.
        convert_options=pc_csv.ConvertOptions(
            column_types=dict.fromkeys(layout.names, pa.string()),
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            null_values=[""],
        ),
    )
    numbers = _line_numbers(len(table), broken, kept, first=1 + layout.header)
    return Part(name, table, numbers=numbers, titles=layout.titles)


def _line_numbers(rows: int, broken: list[int], removed: list[int], *, first: int) -> np.ndarray:
    """Return the lines of the rows that parsed, from the first on, without those that did not."""
    skipped = np.array(broken + removed, np.int64)
    candidates = np.arange(first, rows + len(skipped) + first)
    return candidates[~np.isin(candidates, skipped)][:rows]


def _utf8_lines(data: bytes, name: str, source: Source) -> tuple[bytes, list[int]]:
    """Return the data as UTF-8, and the numbers of single lines that were not and are left out."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        source.choices["encoding"] = Choice("utf-16", f"{name} begins with its byte order mark")
        return data.decode("utf-16").encode(), []
    data = data.removeprefix(b"\xef\xbb\xbf")
    if _is_utf8(data):
        return data, []
    lines = data.split(b"\n")
    bad = [number for number, line in enumerate(lines, 1) if not _is_utf8(line)]
    foreign = sum(not line.isascii() for line in lines)
    if len(bad) * 2 < foreign or (len(bad) <= 3 and len(lines) >= 100):
        source.bad += [bad_row(f"{name}:{number}", "not UTF-8") for number in bad]
        dropped = set(bad)
        kept = (line for number, line in enumerate(lines, 1) if number not in dropped)
        return b"\n".join(kept), bad
    reason = f"{len(bad)} of {len(lines)} lines of {name} are not UTF-8"
    source.choices["encoding"] = Choice(FALLBACK_ENCODING, reason)
    return data.decode(FALLBACK_ENCODING, errors="replace").encode(), []


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _read_jsonl(path: Path, name: str, source: Source) -> Part:
    data, removed = _utf8_lines(path.read_bytes(), name, source)
    dropped, number = set(removed), 0
    rows: list[dict[str, Any]] = []
    numbers: list[int] = []
    for line in data.split(b"\n"):
        number += 1
        while number in dropped:
            number += 1
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            source.bad.append(bad_row(f"{name}:{number}", f"broken line ({_first_line(error)})"))
            continue
        if not isinstance(row, dict):
            source.bad.append(bad_row(f"{name}:{number}", "broken line (not a JSON object)"))
            continue
        rows.append(row)
        numbers.append(number)
    return Part(name, _rows_table(rows, source), numbers=np.array(numbers, np.int64))


def _read_json(path: Path, name: str, source: Source) -> Part:
    data, _ = _utf8_lines(path.read_bytes(), name, source)
    try:
        value = json.loads(data)
    except ValueError as error:
        if "Extra data" in str(error):  # JSON Lines under the name .json
            return _read_jsonl(path, name, source)
        raise
    if isinstance(value, dict):
        lists = {key: item for key, item in value.items() if isinstance(item, list)}
        if len(lists) == 1 and all(isinstance(row, dict) for row in next(iter(lists.values()))):
            value = next(iter(lists.values()))
        elif lists and len({len(item) for item in lists.values()}) == 1:
            table, notes = table_of(lists)
            source.choices |= notes
            return Part(name, table)
    if not isinstance(value, list):
        raise ValueError("not a list of objects, nor columns of equal length")
    good = [row for row in value if isinstance(row, dict)]
    source.bad += [
        bad_row(f"{name}:{number}", "not a JSON object")
        for number, row in enumerate(value, 1)
        if not isinstance(row, dict)
    ]
    return Part(name, _rows_table(good, source))


def _rows_table(rows: list[dict[str, Any]], source: Source) -> pa.Table:
    names = dict.fromkeys(name for row in rows for name in row)
    table, notes = table_of({name: [row.get(name) for row in rows] for name in names})
    source.choices |= notes
    return table


def _plain(table: pa.Table) -> pa.Table:
    """Replace dictionary columns by their values."""
    for position, item in enumerate(table.schema):
        if pa.types.is_dictionary(item.type):
            decoded = table.column(position).cast(item.type.value_type)
            table = table.set_column(position, item.name, decoded)
    return table.replace_schema_metadata(None)


_READERS: dict[str, Callable[[Path, str, Source], Part]] = {
    "parquet": _read_parquet,
    "csv": _read_csv,
    "tsv": _read_csv,
    "jsonl": _read_jsonl,
    "json": _read_json,
    "tar": read_tar,
}
