"""CSV with quotes only where they are needed, so that a cleaned file differs in its rows alone.

Arrow's own writer puts quotes around every text. Rows are put together column by column in Arrow,
without a Python loop over cells. A missing value is nothing, an empty text is ``""``.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from .arrow_kinds import is_binary, is_string
from .broken_lines import spliced
from .counted import counted
from .errors import InputError

ROWS = 50_000
QUOTE = '"'


def write_csv(
    table: pa.Table,
    path: Path,
    *,
    delimiter: str = ",",
    titles: Sequence[str] | None = None,
    line_end: str = "\n",
    preamble: str | None = None,
    order_mark: bool = False,
    broken: Sequence[tuple[int, bytes]] = (),
) -> None:
    """Write a table as UTF-8 CSV.

    Parameters
    ----------
    table : pyarrow.Table
        Columns of texts, numbers, booleans or times.
    path : Path
    delimiter : str
        One character.
    titles : sequence of str, optional
        The first line, some of which may be empty or repeat; default the names of the columns.
        Without any there is no first line.
    line_end : str
        A newline, or a return and a newline.
    preamble : str, optional
        Comes first: what says the delimiter, such as ``"sep=;"``, or titles.
    order_mark : bool
        Whether the file begins with a byte order mark.
    broken : sequence of (int, bytes)
        Lines that are no rows: how many rows come before each, and what it holds.

    Raises
    ------
    InputError
        For a column of bytes, lists or structs, and as many titles as there are no columns.
    """
    for item in table.schema:
        if is_binary(item.type) or pa.types.is_nested(item.type):
            raise InputError(
                f"A CSV file cannot hold the column {item.name!r} ({item.type}). Use .parquet."
            )
    names = table.column_names if titles is None else list(titles)
    if len(names) not in (0, table.num_columns):
        raise InputError(
            f"There are {counted(table.num_columns, 'column')}, but {counted(len(names), 'title')}."
        )
    quoted = _quoted(pa.array(names, pa.string()), delimiter).to_pylist()
    # Nothing is enough for a column without a title, unless it is alone: an empty line is none.
    header = [
        cell if name or len(names) == 1 else "" for name, cell in zip(names, quoted, strict=True)
    ]
    end = line_end.encode()
    with open(path, "wb") as file:
        file.write(codecs.BOM_UTF8 if order_mark else b"")
        file.write(b"" if preamble is None else preamble.encode() + end)
        file.write(delimiter.join(header).encode() + end if names else b"")
        if broken:
            rows = (line.encode() for batch in _lines(table, delimiter) for line in batch)
            file.writelines(line + end for line in spliced(rows, broken))
            return
        for batch in _lines(table, delimiter):
            file.write("".join(f"{line}{line_end}" for line in batch).encode())


def _lines(table: pa.Table, delimiter: str) -> Iterator[list[str]]:
    """Yield batches of rows as lines without their ends."""
    for batch in table.to_batches(max_chunksize=ROWS):
        cells = [_cells(column, delimiter) for column in batch.columns]
        if len(cells) == 1:  # an empty line is no row
            cells = [pc.if_else(pc.equal(cells[0], ""), QUOTE * 2, cells[0])]
        lines = pc.binary_join_element_wise(*cells, pa.scalar(delimiter, pa.large_string()))
        yield lines.to_pylist()


def _cells(column: pa.Array, delimiter: str) -> pa.Array:
    texts = column.cast(pa.large_string())
    return (_quoted(texts, delimiter) if is_string(column.type) else texts).fill_null("")


def _quoted(texts: pa.Array, delimiter: str) -> pa.Array:
    doubled = pc.replace_substring(texts, QUOTE, QUOTE * 2)
    quote = pa.scalar(QUOTE, texts.type)
    quoted = pc.binary_join_element_wise(quote, doubled, quote, pa.scalar("", texts.type))
    needed = pc.match_substring_regex(texts, rf'["\r\n{_escaped(delimiter)}]|^$|^\s|\s$')
    return pc.if_else(needed, quoted, texts)


def _escaped(delimiter: str) -> str:
    return f"\\x{ord(delimiter):02x}"
