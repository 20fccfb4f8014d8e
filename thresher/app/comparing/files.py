"""CSV files of texts, replaced whole."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from ...core.csv_writing import write_csv
from ...core.errors import InputError
from ...core.files import atomic_path


def read_columns(path: Path, columns: Sequence[str] | None) -> list[dict[str, str]]:
    """Return rows of a file with ``row_id`` and these columns, or all that it has; none if missing.

    Raises
    ------
    InputError
        When a column is missing, or the file is no CSV in UTF-8.
    """
    if not path.exists():
        return []
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        try:
            named = list(reader.fieldnames or ())
            wanted = ["row_id", *(columns if columns is not None else named)]
            missing = set(wanted) - set(named)
            if missing:
                raise InputError(f"{path} has no column {sorted(missing)[0]!r}.")
            return [{name: row[name] or "" for name in wanted} for row in reader]
        except (UnicodeDecodeError, csv.Error) as error:
            raise InputError(
                f"{path} is no CSV in UTF-8 ({error}). Save it so, with commas between cells."
            ) from error


def write_columns(path: Path, columns: Mapping[str, Sequence[str]]) -> None:
    """Write columns of texts."""
    with atomic_path(path) as temporary:
        write_csv(
            pa.table({name: pa.array(cells, pa.string()) for name, cells in columns.items()}),
            temporary,
        )
