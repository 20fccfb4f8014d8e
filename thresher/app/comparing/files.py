"""CSV files of texts, replaced whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from ...core.csv_writing import write_csv
from ...core.errors import InputError
from ...core.files import atomic_path
from ...core.loading.csv_rows import csv_rows
from ...core.loading.encoding import Decoded


def read_columns(path: Path, columns: Sequence[str] | None) -> list[dict[str, str]]:
    """Return rows of a file with ``row_id`` and these columns, or all that it has; none if missing.

    Commas, semicolons or tabs may stand between the cells.

    Raises
    ------
    InputError
        When a column is missing, the file is no CSV in UTF-8, or a line of it cannot be read: a
        quote that is not closed would hide all rows below it.
    """
    if not path.exists():
        return []
    try:
        found = csv_rows(Decoded(path.read_bytes().decode("utf-8-sig").encode()), name=str(path))
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is no CSV in UTF-8 ({error}). Save it so, with commas between cells."
        ) from error
    wanted = ["row_id", *(columns if columns is not None else found.names)]
    missing = set(wanted) - set(found.names)
    if missing:
        raise InputError(f"{path} has no column {sorted(missing)[0]!r}.")
    return [{name: row[name] or "" for name in wanted} for _, row in found.rows]


def write_columns(path: Path, columns: Mapping[str, Sequence[str]]) -> None:
    """Write columns of texts."""
    with atomic_path(path) as temporary:
        write_csv(
            pa.table({name: pa.array(cells, pa.string()) for name, cells in columns.items()}),
            temporary,
        )
