"""Lines above the header, as exports of spreadsheets have them: titles, dates, sources."""

from __future__ import annotations

from statistics import mean

from ..choice import Choice
from .cells import MOSTLY
from .table_form import (
    DELIMITERS,
    SAMPLE_BYTES,
    TableForm,
    delimited_records,
    has_header,
    header_vote,
)

MOST_TITLES = 10
# Rows below the header without which nothing says that it is one.
FEWEST_ROWS = 3
SURE_VOTE = 1.0


def without_titles(data: bytes, form: TableForm) -> tuple[bytes, str | None]:
    """Return delimited text with titles made empty, so that lines keep their numbers, and them.

    Titles are lines of one cell, or with all cells but one empty, above a line that plainly names
    the columns of the lines below it. Where the user says whether there is a header, or nothing
    is plain, the first line is none of them.

    Parameters
    ----------
    data : bytes
        UTF-8 without a byte order mark.
    form : TableForm
        What the user says of the file.

    Returns
    -------
    (bytes, str or None)
        The titles without their last line end.
    """
    if form.preamble and data.startswith(form.preamble.encode()):
        return _emptied(data, form.preamble), form.preamble
    if form.header is not None:
        return data, None
    sample = data[:SAMPLE_BYTES].decode(errors="ignore")
    lines = sample.split("\n", MOST_TITLES + 1)
    for delimiter in DELIMITERS if form.delimiter is None else (form.delimiter,):
        count = _count(lines, delimiter)
        if not 0 < count <= MOST_TITLES:
            continue
        rest = sample.split("\n", count)[-1]
        if _is_table(delimited_records(rest, delimiter)):
            above = "\n".join(lines[:count]).removesuffix("\r")
            return _emptied(data, above), above
    return data, None


def _emptied(data: bytes, above: str) -> bytes:
    return b"\n" * above.count("\n") + data[len(above.encode()) :]


def said_of_titles(titles: str) -> Choice:
    """Say which lines stand above the header."""
    lines = titles.split("\n")
    first = next(line.strip() for line in lines if line.strip())
    shown = first if len(first) <= 40 else f"{first[:39]}…"
    where = "line 1" if len(lines) == 1 else f"lines 1 to {len(lines)}"
    return Choice(where, f"{shown!r}; line {len(lines) + 1} names the columns")


def _count(lines: list[str], delimiter: str) -> int:
    """Return how many lines, one of them filled, come before the first with several cells."""
    any_filled = False
    for place, line in enumerate(lines[: MOST_TITLES + 1]):
        if line.count('"') % 2:
            return 0
        cells = delimited_records(line.rstrip("\r"), delimiter)
        filled = sum(bool(cell.strip()) for record in cells for cell in record)
        if filled > 1:
            return place if any_filled else 0
        any_filled = any_filled or filled == 1
    return 0


def _is_table(records: list[list[str]]) -> bool:
    """Tell whether the first record plainly names the columns of the others."""
    if len(records) <= FEWEST_ROWS:
        return False
    head, *rest = records
    body = [record for record in rest if len(record) == len(head)]
    several = mean(sum(bool(cell.strip()) for cell in record) > 1 for record in rest)
    if len(body) < MOSTLY * len(rest) or several < MOSTLY or not has_header(head, rest)[0]:
        return False
    votes = [
        header_vote(cell.strip(), [record[place].strip() for record in body])[0]
        for place, cell in enumerate(head)
    ]
    return min(votes) >= 0 and max(votes) >= SURE_VOTE
