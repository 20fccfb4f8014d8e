"""The formats in which answers go out and come back, by name, and how a file's is told."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from thresher.core.errors import InputError, check_choice

from . import prodigy, table_reading, table_writing
from .label_studio import file_reading, file_writing
from .records import Inbox
from .row_files import ENDINGS, file_format

Where = str | os.PathLike[str]


@dataclass(frozen=True)
class FileFormat:
    """One format.

    Attributes
    ----------
    name : str
    endings : tuple of str
        The first is that of new files.
    read : callable
        Takes the answers of a file into an `Inbox`.
    write_answers : callable
        Writes answers, with the content of their rows where the format holds it.
    write_batch : callable or None
        Writes rows that are to be labeled.
    holds_content : bool
        Whether it holds what the rows are, and the classes to choose from.
    written : tuple of str
        Endings of files that are written; default all.
    """

    name: str
    endings: tuple[str, ...]
    read: Callable[[Inbox, Where], None]
    write_answers: Callable[..., None]
    write_batch: Callable[..., None] | None = None
    holds_content: bool = False
    written: tuple[str, ...] = ()


def _table(name: str, kind: str, *, batches: bool) -> FileFormat:
    return FileFormat(
        name,
        tuple(ending for ending, of in ENDINGS.items() if of == kind),
        table_reading.read_table,
        table_writing.write_answers,
        table_writing.write_batch if batches else None,
    )


_LISTED = (
    _table("csv", "csv", batches=True),
    _table("jsonl", "lines", batches=True),
    _table("parquet", "parquet", batches=False),
    FileFormat(
        "prodigy",
        (".jsonl", ".ndjson"),
        prodigy.read,
        prodigy.write_answers,
        prodigy.write_batch,
        holds_content=True,
    ),
    FileFormat(
        "label-studio",
        (".json", ".csv", ".tsv"),
        file_reading.read,
        file_writing.write_answers,
        file_writing.write_batch,
        holds_content=True,
        written=(".json",),
    ),
)
FORMATS: dict[str, FileFormat] = {each.name: each for each in _LISTED}
# Asked of a file in this order; the first that knows it as its own reads it.
_CLAIMS: tuple[tuple[str, Callable[[Path], bool]], ...] = (
    ("prodigy", prodigy.is_prodigy),
    ("label-studio", file_reading.is_label_studio),
)
_OF_KIND = {"csv": "csv", "lines": "jsonl", "parquet": "parquet"}


def format_of(path: Where, *, wanted: str | None = None, by_ending: bool = False) -> FileFormat:
    """Return the format of a file.

    Parameters
    ----------
    path : path-like
    wanted : str, optional
        Its name; the ending must be one of that format's.
    by_ending : bool
        Go by the ending alone, for a file that is not there yet; otherwise what the file holds
        counts too.

    Raises
    ------
    InputError
        For an unknown name, or an ending of another format.
    """
    if wanted is not None:
        check_choice("format", wanted, FORMATS)
        chosen = FORMATS[wanted]
        endings = (by_ending and chosen.written) or chosen.endings
        if Path(path).suffix.lower() not in endings:
            raise InputError(f"{path} must end in {' or '.join(endings)} in the format {wanted!r}.")
        return chosen
    if not by_ending:
        for name, claims in _CLAIMS:
            if Path(path).suffix.lower() in FORMATS[name].endings and claims(Path(path)):
                return FORMATS[name]
    return FORMATS[_OF_KIND[file_format(path)]]


def batch_format(path: Where | None, *, wanted: str | None) -> FileFormat:
    """Return the format in which a batch goes out; without a path and a name, CSV.

    Raises
    ------
    InputError
        As `format_of`, and for a format that holds no batches.
    """
    if path is None:
        check_choice("format", wanted or "csv", FORMATS)
        chosen = FORMATS[wanted or "csv"]
    else:
        chosen = format_of(path, wanted=wanted, by_ending=True)
    if chosen.write_batch is None:
        names = [each.name for each in _LISTED if each.write_batch is not None]
        raise InputError(
            f"A batch goes out as {', '.join(names[:-1])} or {names[-1]}, not as {chosen.name}."
        )
    return chosen
