"""Delimited text cut into records, so that one bad line costs one row and no other.

A quote that opens a cell and is not closed where a cell can end swallows all lines up to the next
quote. Lines whose quotes pair are passed over in numpy; only the others are matched as records. A
record that does not match, or has the wrong number of columns while the lines inside it have the
right one, is judged line by line. Cost: O(bytes), a few passes without Python objects.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from .kept_records import Records

QUOTE, NEWLINE, RETURN = 0x22, 0x0A, 0x0D
BLOCK = 2**24
MOSTLY = 0.9
HIDDEN_LINES = 10  # lines inside one cell that all look like rows are taken for rows from here on


def cut_records(
    data: bytes, *, delimiter: str, mark: bytes = b"", fault: str = "not UTF-8"
) -> Records:
    """Cut delimited text into records and leave out those that are broken.

    Parameters
    ----------
    data : bytes
        UTF-8 without a byte order mark.
    delimiter : str
        One ASCII character.
    mark : bytes
        Stands where the bytes of the file meant nothing; records with it are left out.
    fault : str
        What is said of those.
    """
    return _Cutter(data, delimiter.encode(), mark, fault).cut()


def first_record(data: bytes, *, delimiter: str) -> list[str]:
    """Return the cells of the first record that is not empty, of any length."""
    cutter = _Cutter(data, delimiter.encode())
    at = len(data) - len(data.lstrip(b"\r\n"))
    found = cutter.record.match(data, at)
    text = found[0] if found else data[at:].partition(b"\n")[0]
    if not text.strip(b"\r\n"):
        return []
    return cutter.cells(text)


def read_cells(records: Records, *, delimiter: str) -> Iterator[list[str]]:
    """Yield the cells of each record: slower than Arrow, and for any number of columns."""
    cutter = _Cutter(records.data, delimiter.encode())
    at = 0
    while at < len(records.data):
        found = cutter.record.match(records.data, at) or cutter.line.match(records.data, at)
        assert found is not None  # every byte stands on a line
        at = found.end()
        if found[0].strip(b"\r\n"):
            yield cutter.cells(found[0])


def _unquoted(cell: bytes) -> bytes:
    if not cell.startswith(b'"'):
        return cell
    inside, quote, after = cell[1:].replace(b'""', b"\0").rpartition(b'"')
    return (inside if quote else after).replace(b"\0", b'"') + (after if quote else b"")


@dataclass
class _Cutter:
    data: bytes
    delimiter: bytes
    mark: bytes = b""
    fault: str = ""
    bad: dict[int, str] = field(default_factory=dict)
    rewritten: dict[int, bytes] = field(default_factory=dict)
    mended: list[int] = field(default_factory=list)
    width: int = 0
    loose: bool = False  # quotes stand in cells that are not quoted: the file follows no rule

    @cached_property
    def starts(self) -> np.ndarray:
        """Where each line begins, and the end of the data."""
        ends = _positions(self.data, NEWLINE) + 1
        last = len(self.data)
        tail = [] if len(ends) and ends[-1] == last else [last]
        return np.concatenate([[0], ends, tail]).astype(np.int64)

    def cut(self) -> Records:
        inside = np.zeros(len(self.starts) - 1, bool)  # lines that go on with the record above
        suspects = np.union1d(self._unpaired(), self._lone_returns())
        if len(suspects):
            self.width = self._width(int(suspects[0]))
            self._match(suspects, inside)
            if self.loose:  # what was read by the rule so far may hold rows together
                self.bad, self.rewritten, self.mended = {}, {}, []
                inside[:] = False
                self._match(suspects, inside)
        self._leave_out(b"\0", "NUL bytes", inside)
        if self.mark:
            self._leave_out(self.mark, self.fault, inside)
        return self._records(inside)

    def _unpaired(self) -> np.ndarray:
        """Return the lines whose quotes do not open and close cells in turn."""
        if b'"' not in self.data:
            return np.empty(0, np.int64)
        cuts = np.arange(0, len(self.data) + BLOCK, BLOCK)
        cuts = np.unique(np.searchsorted(self.starts, cuts).clip(0, len(self.starts) - 1))
        pairs = zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True)
        return np.concatenate([self._unpaired_between(*pair) for pair in pairs])

    def _unpaired_between(self, first: int, stop: int) -> np.ndarray:
        begin = int(self.starts[first])
        view = np.frombuffer(self.data, np.uint8)
        quotes = np.flatnonzero(view[begin : self.starts[stop]] == QUOTE) + begin
        if not len(quotes):
            return quotes
        line = np.searchsorted(self.starts, quotes, side="right") - 1
        heads = np.flatnonzero(np.r_[True, line[1:] != line[:-1]])
        counts = np.diff(np.r_[heads, len(quotes)])
        opening = (np.arange(len(quotes)) - np.repeat(heads, counts)) % 2 == 0
        beside = np.where(opening, quotes - 1, quotes + 1)
        outside = (beside < 0) | (beside >= len(view))
        byte = np.where(outside, NEWLINE, view[beside.clip(0, len(view) - 1)])
        edges = (NEWLINE, RETURN, QUOTE, self.delimiter[0])
        fits = np.isin(byte, edges)
        return np.union1d(line[heads][counts % 2 == 1], line[~fits])

    def _lone_returns(self) -> np.ndarray:
        returns = _positions(self.data, RETURN)
        if not len(returns):
            return returns
        bytes_ = np.frombuffer(self.data, np.uint8)
        after = bytes_[np.minimum(returns + 1, len(bytes_) - 1)]
        lone = returns[(after != NEWLINE) & (returns + 1 < len(bytes_))]
        return np.unique(np.searchsorted(self.starts, lone, side="right") - 1)

    def _width(self, suspect: int) -> int:
        """Return the number of columns of the header, the first line that is not empty."""
        at = next((i for i in range(len(self.starts) - 1) if self._line(i).strip(b"\r\n")), suspect)
        whole = self.record.match(self.data, int(self.starts[at]))
        return self._columns(whole[0] if whole else self._line(at))

    def _match(self, suspects: np.ndarray, inside: np.ndarray) -> None:
        done = 0
        for line in suspects.tolist():
            if line < done:
                continue
            done = line + 1
            found = self.record.match(self.data, int(self.starts[line]))
            stop, record = (self._line_at(found.end()), found[0]) if found else (line, b"")
            if stop == line or self._hides(line, stop, record):
                self._alone(line)
                continue
            if stop == line + 1 and self._goes_on(record) and self._as_plain(line):
                continue
            if b"\r" in record.strip(b"\r\n"):
                self._requote(line, record)
            self.loose |= stop == line + 1 and self._has_plain_quote(record)
            inside[line + 1 : stop] = True
            done = stop

    def _has_plain_quote(self, record: bytes) -> bool:
        """Tell whether a cell without quotes around it holds one, as no rule of quoting has it."""
        cells = (found[1] for found in self.cell.finditer(record.rstrip(b"\r\n")))
        return any(b'"' in cell and not cell.startswith(b'"') for cell in cells)

    def _line_at(self, offset: int) -> int:
        """Return the line that begins at or after a place."""
        return int(np.searchsorted(self.starts, offset))

    def _line(self, line: int) -> bytes:
        return self.data[self.starts[line] : self.starts[line + 1]]

    def _hides(self, line: int, stop: int, record: bytes) -> bool:
        """Tell whether a record of several lines is rows that a stray quote holds together."""
        rest = [self._columns(self._line(i)) == self.width for i in range(line + 1, stop)]
        if not rest or self.width == 1:
            return False
        if self._columns(record) != self.width:
            return len(rest) >= 3 and bool(sum(rest) >= MOSTLY * len(rest))
        least = 1 if self.delimiter == b"\t" else HIDDEN_LINES
        first = self._plain(self._line(line))
        return self.loose and len(rest) >= least and len(first) == self.width and all(rest)

    def _alone(self, line: int) -> None:
        """Judge a line without those below it."""
        if not self._one_line.fullmatch(self._line(line)) and not self._as_plain(line):
            self.bad[line] = "broken line (a quote that is not closed)"

    def _as_plain(self, line: int) -> bool:
        """Take the quotes of a line in a file of tabs as characters, if it has all columns then."""
        cells = self._plain(self._line(line))
        if self.delimiter != b"\t" or len(cells) != self.width:
            return False
        self.rewritten[line] = self.delimiter.join(map(_quoted, cells)) + b"\n"
        self.mended.append(line + 1)
        return True

    def _goes_on(self, record: bytes) -> bool:
        """Tell whether a cell goes on behind its closing quote, as ``"Hi" he said`` in tabs."""
        cells = (found[1] for found in self.cell.finditer(record.rstrip(b"\r\n")))
        return any(c.startswith(b'"') and not c.endswith(b'"') for c in cells)

    def _requote(self, line: int, record: bytes) -> None:
        """Put quotes around cells that hold a return, which would end the row elsewhere."""
        cells = [(found[1], found[2]) for found in self.cell.finditer(record.rstrip(b"\r\n"))]
        bare = [b"\r" in cell and not cell.startswith(b'"') for cell, _ in cells]
        parts = [_quoted(c) + d if b else c + d for (c, d), b in zip(cells, bare, strict=True)]
        self.rewritten[line] = b"".join(parts) + b"\n"

    def _plain(self, text: bytes) -> list[bytes]:
        """Cut a line as if quotes were plain characters."""
        return text.rstrip(b"\r\n").split(self.delimiter)

    def _columns(self, text: bytes) -> int:
        found = self.cell.finditer(text.rstrip(b"\r\n"))
        return 1 + sum(1 for each in found if each[2])

    def cells(self, record: bytes) -> list[str]:
        """Return the cells of a record without their quotes."""
        found = [(each[1], each[2]) for each in self.cell.finditer(record.rstrip(b"\r\n"))]
        last = next(place for place, (_, ending) in enumerate(found) if not ending)
        return [_unquoted(cell).decode() for cell, _ in found[: last + 1]]

    def _leave_out(self, what: bytes, reason: str, inside: np.ndarray) -> None:
        at = self.data.find(what)
        while at >= 0:
            line = int(np.searchsorted(self.starts, at, side="right")) - 1
            while inside[line]:
                line -= 1
            self.bad.setdefault(line, reason)
            stop = line + 1
            while stop < len(inside) and inside[stop]:
                stop += 1
            at = self.data.find(what, int(self.starts[stop]))

    def _records(self, inside: np.ndarray) -> Records:
        starts, size = self.starts, np.diff(self.starts)
        blank = size == 0
        for ending in (b"\n", b"\r\n", b"\r\r\n"):
            short = np.flatnonzero(size == len(ending))
            blank[short] = [self._line(line) == ending for line in short.tolist()]
        first = np.flatnonzero(~inside & ~blank)
        heads = np.flatnonzero(~inside)
        ends = np.r_[heads[1:], len(inside)][np.searchsorted(heads, first)]
        kept = ~np.isin(first, list(self.bad))
        spans = (ends - first)[kept]
        over = dict(zip(first.tolist(), (ends - first).tolist(), strict=True))
        return Records(
            self._joined(first, ends),
            first[kept] + 1,
            bool((spans > 1).any()),
            int((starts[ends] - starts[first]).max(initial=0)),
            spans,
            sorted((line + 1, reason) for line, reason in self.bad.items()),
            self.mended,
            [over.get(line, 1) for line in sorted(self.bad)],
        )

    def _joined(self, first: np.ndarray, ends: np.ndarray) -> bytes:
        """Put the data together again without what is bad, and with what was rewritten."""
        if not self.bad and not self.rewritten:
            return self.data
        changes = [(line, b"") for line in self.bad] + list(self.rewritten.items())
        stop_of = dict(zip(first.tolist(), ends.tolist(), strict=True))
        pieces, at = [], 0
        for line, new in sorted(changes):
            pieces += [self.data[at : self.starts[line]], new]
            at = int(self.starts[stop_of.get(line, line + 1)])
        return b"".join([*pieces, self.data[at:]])

    @cached_property
    def record(self) -> re.Pattern[bytes]:
        """A whole record, over as many lines as its quotes say, with its line end."""
        d = re.escape(self.delimiter)
        cell = (
            rb'(?:"(?:[^"]++|"")*+"(?=' + d + rb"|\r?\n|\Z)"
            rb'|"(?:[^"\n]++|"")*+"[^\n' + d + rb"]*+"
            rb'|(?!")[^\n' + d + rb"]*+)"
        )
        return re.compile(cell + rb"(?:" + d + cell + rb")*+(?:\r?\n|\Z)")

    @cached_property
    def line(self) -> re.Pattern[bytes]:
        """A line, whatever is on it."""
        return re.compile(rb"[^\n]*+(?:\n|\Z)")

    @cached_property
    def _one_line(self) -> re.Pattern[bytes]:
        d = re.escape(self.delimiter)
        cell = rb'(?:"(?:[^"\n]++|"")*+"[^\n' + d + rb']*+|(?!")[^\n' + d + rb"]*+)"
        return re.compile(cell + rb"(?:" + d + cell + rb")*+\n?")

    @cached_property
    def cell(self) -> re.Pattern[bytes]:
        """A cell and the delimiter after it, from the beginning of a cell on."""
        d = re.escape(self.delimiter)
        return re.compile(rb'((?:"(?:[^"]++|"")*+")?+[^' + d + rb"]*+)(" + d + rb"|\Z)")


def _quoted(cell: bytes) -> bytes:
    return b'"' + cell.replace(b'"', b'""') + b'"'


def _positions(data: bytes, byte: int) -> np.ndarray:
    """Return where a byte stands, int64, block by block."""
    if bytes([byte]) not in data:
        return np.empty(0, np.int64)
    view = np.frombuffer(data, np.uint8)
    found = [
        np.flatnonzero(view[start : start + BLOCK] == byte) + start
        for start in range(0, len(view), BLOCK)
    ]
    return np.concatenate(found)
