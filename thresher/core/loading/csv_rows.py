"""Small tables of delimited text as one dict a row: read whole, or refused with the line."""

from __future__ import annotations

from dataclasses import dataclass

from ..counted import counted
from ..errors import InputError
from .csv_records import cut_records, read_cells
from .encoding import Decoded
from .sep_line import delimiter_in, without_sep_line

DELIMITERS = ",;\t"


@dataclass(frozen=True)
class CsvRows:
    """A table of delimited text.

    Attributes
    ----------
    names : list of str
        Of the columns.
    rows : list of (int, dict of str to str or None)
        The line that each row begins on, and its cells by name; None where a spreadsheet left out
        the last ones.
    """

    names: list[str]
    rows: list[tuple[int, dict[str, str | None]]]


def csv_rows(decoded: Decoded, *, name: str) -> CsvRows:
    """Read a table that is separated by commas, semicolons or tabs.

    Parameters
    ----------
    decoded : Decoded
        The file as UTF-8.
    name : str
        How the file is called in messages.

    Raises
    ------
    InputError
        When a line cannot be read, such as one with a quote that is not closed: nothing is taken
        then, so that no row is lost unseen.
    """
    data, said = without_sep_line(decoded.data)
    head = data.lstrip(b"\r\n").partition(b"\n")[0].decode()
    delimiter = max(DELIMITERS, key=head.count) if said is None else delimiter_in(said)
    records = cut_records(data, delimiter=delimiter, mark=decoded.mark, fault=decoded.fault)
    if records.bad:
        listed = "; ".join(f"line {line}: {reason}" for line, reason in records.bad[:5])
        raise InputError(f"{name}, {listed}. Mend that first: nothing was read.")
    rows = zip(records.lines.tolist(), read_cells(records, delimiter=delimiter), strict=True)
    _, names = next(rows, (0, []))
    return CsvRows(names, [(line, _row(names, cells, name, line)) for line, cells in rows])


def _row(names: list[str], cells: list[str], name: str, line: int) -> dict[str, str | None]:
    if any(cells[len(names) :]):
        raise InputError(
            f"{name}, line {line}: {counted(len(cells), 'cell')}, but there are "
            f"{counted(len(names), 'column')}. Mend that first: nothing was read."
        )
    cells = cells[: len(names)]
    return dict(zip(names, [*cells, *[None] * (len(names) - len(cells))], strict=True))
