"""What loading gives: the rows that are ready for work, and the rows as they came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any

from .broken_lines import BrokenLines
from .choice import Choice
from .columns import read_labels, read_row_ids, read_splits
from .issues import Issues
from .role_words import describe_roles, role_lines
from .schema import Schema
from .shown import Shown

if TYPE_CHECKING:
    from pathlib import Path

    import datasets
    import numpy as np
    import pyarrow as pa


@dataclass(frozen=True)
class FilePart:
    """What is remembered of one file or one split, beside its rows.

    Attributes
    ----------
    name : str
        The file or split, as it is called in messages; empty for a table in memory.
    folder : Path or None
        Folder of the file, from which paths in its cells start; None for a table in memory.
    features : mapping of str to datasets feature
        What a Hugging Face source says of its columns, such as the names behind class codes.
    titles : tuple of str or None
        Names of the columns as a file of delimited text has them, none where it has no header;
        None for other tables.
    stored : pyarrow.Schema or None
        Types and metadata in a Parquet file, before columns were brought to usual types.
    line_end : str or None
        What ends the lines of a file of text, where that is no newline.
    preamble : str or None
        What stands above the header of a file of delimited text: a line that says the delimiter,
        such as ``sep=;``, or titles.
    lines : pyarrow.LargeBinaryArray, shape (n,), or None
        The rows of a JSON or JSON Lines file, each on a line of its own, as UTF-8.
    order_mark : bool
        Whether a file of text begins with the byte order mark of UTF-8.
    broken : BrokenLines or None
        What of a file of text is no row.
    """

    name: str
    _: KW_ONLY
    folder: Path | None = None
    features: Mapping[str, Any] = field(default_factory=dict)
    titles: tuple[str, ...] | None = None
    stored: pa.Schema | None = None
    line_end: str | None = None
    preamble: str | None = None
    lines: pa.Array | None = field(default=None, repr=False)
    order_mark: bool = False
    broken: BrokenLines | None = field(default=None, repr=False)


@dataclass(frozen=True)
class GivenPart(FilePart):
    """A run of rows that came from one file or one split.

    Attributes
    ----------
    rows : int
    numbers : ndarray of int64, shape (rows,)
        Line or row numbers in the file, from 1.
    split : str or None
        The source's own name of the split, where a key, a file name or a folder says it.
    schema : pyarrow.Schema
        Columns and types of this part alone; other parts may have others.
    """

    rows: int
    numbers: np.ndarray
    split: str | None
    schema: pa.Schema


@dataclass(frozen=True, repr=False)
class GivenRows(Shown):
    """All rows of a source as it holds them, before anything was cleaned or set aside.

    Attributes
    ----------
    table : pyarrow.Table
        The user's columns and cells; images are ``{bytes, path}`` with the bytes filled in.
    row_ids : ndarray of str, shape (m,)
    positions : ndarray of int64, shape (n,)
        Where the usable rows stand in `table`.
    features : mapping of str to datasets feature
        What a Hugging Face source says of its columns.
    titles : tuple of str or None
        Names of the columns as a file of delimited text has them, none where it has no header;
        None for other sources.
    parts : tuple of GivenPart
        The files or splits that the rows of `table` came from, one after the other.
    """

    table: pa.Table
    row_ids: np.ndarray
    positions: np.ndarray
    features: Mapping[str, Any] = field(default_factory=dict)
    titles: tuple[str, ...] | None = None
    parts: tuple[GivenPart, ...] = ()


@dataclass(frozen=True, repr=False)
class LoadedDataset(Shown):
    """A dataset that is ready for work.

    Attributes
    ----------
    dataset : datasets.Dataset
        The usable rows, in the order of the source, without an indices mapping. Has the columns
        ``row_id`` (str, unique) and ``split`` (``train``, ``validation`` or ``test``) and, for
        images, the image column undecoded as ``{bytes, path}`` with the bytes filled in.
    schema : Schema
    set_aside : Issues
        Rows that cannot be used, each with its name and reason; they are not in `dataset`.
    origin : str
        Where the rows came from.
    fingerprint : str
        Identifies the content of the rows, their ids and the schema.
    choices : dict of str to Choice
        What was guessed or decided while loading (columns, split, delimiter, …), with reasons.
    given : GivenRows or None
        The rows as they came; None where they were read back from a run.
    """

    dataset: datasets.Dataset
    schema: Schema
    set_aside: Issues
    origin: str
    fingerprint: str
    choices: dict[str, Choice] = field(default_factory=dict)
    given: GivenRows | None = field(default=None, repr=False, compare=False)

    @property
    def row_ids(self) -> np.ndarray:
        """Row ids, ndarray of str, shape (n,)."""
        return read_row_ids(self.dataset)

    @property
    def labels(self) -> np.ndarray:
        """Class codes, ndarray of int64, shape (n,): positions in ``schema.classes``; -1 = none."""
        return read_labels(self.dataset, self.schema)

    @property
    def splits(self) -> np.ndarray:
        """Splits, ndarray of str, shape (n,): ``train``, ``validation`` or ``test``."""
        return read_splits(self.dataset)

    @property
    def roles(self) -> dict[str, str]:
        """Which columns were taken for what, in words: text, label, key, …."""
        schema = self.schema
        return describe_roles(
            self.choices, modality=schema.modality, inputs=schema.inputs, label=schema.label
        )

    @property
    def role_lines(self) -> list[str]:
        """The roles and what was guessed, as lines for people."""
        return role_lines(self.choices, self.roles)
