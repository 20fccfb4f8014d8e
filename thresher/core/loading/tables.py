"""Parquet, CSV, TSV, JSON Lines, JSON and tar files; what does not parse is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ..class_labels import features_in_metadata
from ..usual_types import described_schema, usual_table
from .compression import SUFFIXES, TooLarge
from .delimited import read_delimited
from .encoding import UnclearEncoding
from .json_files import read_json, read_json_lines
from .parts import Part, Source, bad_row, file_error, first_line
from .plain_text import is_plain_text, read_plain_text
from .table_form import TableForm
from .tar import read_tar


def read_table(
    path: Path, *, name: str, split: str | None = None, form: TableForm | None = None
) -> Source:
    """Read one file by its suffix, as plain text where that stands for nothing.

    A file that cannot be read is set aside, not raised.

    Parameters
    ----------
    path : Path
    name : str
        How the file is called in messages: its path relative to the source.
    split : str, optional
        Split that its name stands for.
    form : TableForm, optional
        What the user says of files of delimited text.

    Raises
    ------
    InputError
        For text whose encoding cannot be told, and packed files that are too large.
    """
    source = Source(origin=str(path), form=form or TableForm())
    try:
        if path.stat().st_size == 0:
            source.bad.append(bad_row(name, "zero bytes"))
            return source
        part = _READERS.get(suffix(path), read_plain_text)(path, name, source)
    except OSError as error:
        reason = file_error(error) if error.errno else f"unreadable file ({error})"
        source.bad.append(bad_row(name, reason))
    except (UnclearEncoding, TooLarge):
        raise
    except (pa.ArrowException, ValueError) as error:
        source.bad.append(bad_row(name, f"unreadable file ({first_line(error)})"))
    else:
        source.parts.append(
            replace(
                part,
                table=usual_table(part.table),
                split=split,
                folder=path.parent.resolve(),
                features=features_in_metadata(part.table),
                stored=described_schema(part.table) if suffix(path) == "parquet" else None,
            )
        )
    return source


def suffix(path: Path) -> str:
    """Return the lower-case suffix without a dot, that of packing left out; one for each format."""
    found = path.suffix.lower().lstrip(".")
    if found in SUFFIXES:
        found = path.with_suffix("").suffix.lower().lstrip(".")
    return {"ndjson": "jsonl", "pq": "parquet", "tab": "tsv", "tgz": "tar"}.get(found, found)


def is_table(path: Path) -> bool:
    """Tell whether a file's suffix is one that `read_table` knows."""
    return suffix(path) in _READERS


def can_be_read(path: Path) -> bool:
    """Tell whether a file that was named can be read: a table by its suffix, or plain text."""
    return is_table(path) or is_plain_text(path, suffix(path))


def _read_parquet(path: Path, name: str, source: Source) -> Part:
    del source  # a Parquet file is read whole or not at all
    return Part(name, pq.ParquetFile(path).read())


def _read_csv(path: Path, name: str, source: Source) -> Part:
    return read_delimited(path, name, source, usual="\t" if suffix(path) == "tsv" else None)


_READERS: dict[str, Callable[[Path, str, Source], Part]] = {
    "parquet": _read_parquet,
    "csv": _read_csv,
    "tsv": _read_csv,
    "jsonl": read_json_lines,
    "json": read_json,
    "tar": read_tar,
}
