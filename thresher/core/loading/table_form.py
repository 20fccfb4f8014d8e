"""How a file of delimited text is laid out: what stands between columns, and what they are called.

What the user says holds; the rest is judged by the first lines of the file, and said.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean

from ..choice import Choice
from ..counted import counted, percent
from ..errors import InputError, check_number
from .cells import MOSTLY, NUMBER
from .csv_records import first_record
from .encoding import check_encoding

DELIMITERS = ("\t", ";", "|", ",")
WORDS_FOR_DELIMITERS = {"tab": "\t", "\\t": "\t", "space": " ", "comma": ",", "semicolon": ";"}
SAMPLE_BYTES, SAMPLE_RECORDS = 2**18, 200
UNNAMED_COLUMN = "column_{}"
USUAL_NAMES = frozenset(
    {"label", "labels", "class", "category", "target", "y", "text", "texts", "sentence", "content"}
    | {"review", "body", "message", "comment", "title", "description", "name", "id", "uid", "index"}
    | {"idx", "key", "split", "date", "time", "timestamp", "year", "age", "sex", "gender", "image"}
    | {"image_path", "file", "file_name", "filename", "path", "url", "question", "answer", "input"}
    | {"instruction", "output", "prompt", "completion", "response", "score", "rating", "price"}
    | {"value", "sentiment", "topic", "intent", "species"}
)
_DATE = re.compile(r"^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T]\d{1,2}:\d{2}.*)?$")
_NUMBER = re.compile(NUMBER)
_EMPTY = re.compile(r"^(|\?|-+|na|n/a|nan|null|none)$", re.IGNORECASE)
# A first line of prose is no header: words from which it is one, here and in the lines below it.
HEADING_WORDS, PROSE_WORDS = 5, 4


@dataclass(frozen=True)
class TableForm:
    """What the user says of files of delimited text; None is a thing to find out.

    Attributes
    ----------
    delimiter : str or None
        One character between the columns; ``"tab"`` stands for a tab.
    header : bool or None
        Whether the first line holds the names of the columns.
    encoding : str or None
        That of the text, also of JSON.
    most_bytes : int or None
        To which size a packed file may unpack.
    preamble : str or None
        What stands above the header, where that is known.
    """

    delimiter: str | None = None
    header: bool | None = None
    encoding: str | None = None
    most_bytes: int | None = None
    preamble: str | None = None

    def __post_init__(self) -> None:
        check_encoding(self.encoding)
        if self.most_bytes is not None:
            check_number("most_bytes", self.most_bytes, low=1)
        if self.delimiter is None:
            return
        meant = WORDS_FOR_DELIMITERS.get(self.delimiter, self.delimiter)
        if len(meant) != 1 or not meant.isascii() or meant in '"\r\n':
            raise InputError(
                f"`delimiter` is one character such as ';', '|' or 'tab', got {self.delimiter!r}."
            )
        object.__setattr__(self, "delimiter", meant)


def form_of(
    delimiter: str | None = None,
    header: bool | None = None,
    encoding: str | None = None,
    max_unpacked: float | None = None,
) -> TableForm:
    """Return what the user says, with the size to which a packed file may unpack in GiB."""
    most = None
    if max_unpacked is not None:
        gibibytes = check_number("max_unpacked", max_unpacked, low=0, low_open=True)
        most = max(1, round(gibibytes * 2**30))
    return TableForm(delimiter, header, encoding, most)


@dataclass(frozen=True)
class Layout:
    """How one file is laid out.

    Attributes
    ----------
    delimiter : str
    header : bool
        Whether the first line holds names.
    names : tuple of str
        Of the columns: unique, none of them empty.
    titles : tuple of str
        The names as the file has them; none without a header.
    choices : dict of str to Choice
        What was found out and is not usual.
    """

    delimiter: str
    header: bool
    names: tuple[str, ...]
    titles: tuple[str, ...]
    choices: dict[str, Choice]


def find_layout(data: bytes, form: TableForm, *, usual: str | None = None) -> Layout:
    """Find out how a file of delimited text is laid out.

    Parameters
    ----------
    data : bytes
        The file as UTF-8 without a byte order mark.
    form : TableForm
        What the user says of it.
    usual : str, optional
        The delimiter that the file's suffix stands for.
    """
    sample = data[:SAMPLE_BYTES].decode(errors="ignore")
    choices: dict[str, Choice] = {}
    if form.delimiter is not None:
        delimiter, why = form.delimiter, "given"
    elif usual is not None:
        delimiter, why = usual, ""
    else:
        delimiter, why = _best_delimiter(sample)
    if why and (delimiter != "," or why == "given"):
        choices["delimiter"] = Choice(repr(delimiter), why)
    # The header is read from all of the data: it may be longer than the sample.
    first = first_record(data, delimiter=delimiter)
    header, why = has_header(first, delimited_records(sample, delimiter)[1:])
    if form.header is not None:
        header, why = form.header, "given"
    if why:
        choices["header"] = Choice("first line" if header else "none", why)
    titles = tuple(first) if header else ()
    names = _unique_names(titles or [""] * len(first))
    changed = [name for name, title in zip(names, titles, strict=False) if name != title]
    if changed:
        reason = "the header names them not at all or twice"
        choices["column names"] = Choice(", ".join(changed), reason)
    return Layout(delimiter, header, names, titles, choices)


def cuts_lines_alike(data: bytes) -> bool:
    """Tell whether some delimiter cuts nearly all lines of a text into as many columns."""
    sample = data[:SAMPLE_BYTES].decode(errors="ignore")
    for delimiter in DELIMITERS:
        widths = [len(record) for record in delimited_records(sample, delimiter)]
        # Lines of prose often have as many commas as the next; all of them hardly ever.
        enough = 1.0 if delimiter == "," else MOSTLY
        if len(widths) > 1 and widths[0] > 1 and mean(w == widths[0] for w in widths) >= enough:
            return True
    return False


def delimited_records(sample: str, delimiter: str) -> list[list[str]]:
    """Return the first records of a file, those that can be read."""
    found: list[list[str]] = []
    try:
        for record in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter):
            if record:
                found.append(record)
            if len(found) > SAMPLE_RECORDS:
                break
    except csv.Error:  # a field too long for the module: what came before it will do
        pass
    return found[:-1] if len(found) > 2 and len(sample) >= SAMPLE_BYTES else found


def _best_delimiter(sample: str) -> tuple[str, str]:
    """Choose the delimiter that cuts most lines into as many columns as the first."""
    best, highest = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        records = delimited_records(sample, delimiter)
        width = len(records[0]) if records else 0
        if width < 2 or (delimiter == "," and _decimal_commas(records)):
            continue
        rank = (round(mean(len(record) == width for record in records), 2), width)
        if rank > highest:
            best, highest = delimiter, rank
    share, width = highest
    return best, f"cuts {percent(share)} of the lines read first into {counted(width, 'column')}"


def _decimal_commas(records: list[list[str]]) -> bool:
    """Tell whether commas stand only between digits, as in 1,5."""
    pairs = [(a[-1:], b[:1]) for record in records for a, b in pairwise(record)]
    return all(a.isdigit() and b.isdigit() for a, b in pairs) and not all(
        _NUMBER.match(cell) for record in records for cell in record
    )


def _unique_names(titles: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    """Name what has no name by its place, and tell names that repeat apart."""
    taken, names = set(titles), []
    seen: Counter[str] = Counter()
    for place, title in enumerate(titles, 1):
        seen[title] += 1
        name = title
        if not title.strip():
            name, number = UNNAMED_COLUMN.format(place), 1
        elif seen[title] > 1:
            number = seen[title]
            name = f"{title}_{number}"
        while name != title and name in taken:
            number += 1
            name = f"{title.strip() or UNNAMED_COLUMN.format(place)}_{number}"
        taken.add(name)
        names.append(name)
    return tuple(names)


def has_header(first: list[str], rest: list[list[str]]) -> tuple[bool, str]:
    """Judge whether the first record names columns; the reason is empty where it plainly does."""
    body = [record for record in rest if len(record) == len(first) and record != first]
    if not body or _counts_up(first):
        return True, ""
    votes = 0.0
    signs = []
    for place, cell in enumerate(first):
        vote, sign = header_vote(cell.strip(), [record[place].strip() for record in body])
        votes += vote
        if vote < 0:
            signs.append((vote, f"{sign} in column {place + 1}"))
    named = [cell.strip() for cell in first if cell.strip()]
    votes -= 0.5 * (len(set(named)) < len(named))
    if votes >= 0:
        return True, ""
    listed = "; ".join(sign for _, sign in sorted(signs, key=lambda pair: pair[0])[:2])
    return False, f"the first line holds values ({listed or 'one twice'}), no names"


def header_vote(cell: str, below: list[str]) -> tuple[float, str]:
    """Judge one cell of the first line by those below it: above 0 for a name, below for a value."""
    if cell.lower() in USUAL_NAMES:
        return 2.0, ""
    filled = [value for value in below if not _EMPTY.match(value)]
    if _EMPTY.match(cell):
        return (-1.0 if cell and cell in below else 0.0), f"{cell!r} again"
    if filled and mean(map(_is_typed, filled)) >= MOSTLY:
        if not _is_typed(cell):
            return 1.0, ""
        return (0.0, "") if _is_year(cell) else (-1.0, f"{cell[:20]!r} among numbers")
    if cell in below:
        return -1.0, f"{cell[:20]!r} again"
    words = len(cell.split())
    if words >= HEADING_WORDS and filled and mean(len(v.split()) for v in filled) >= PROSE_WORDS:
        return -0.5, "a text"
    return 0.25, ""


def _is_typed(cell: str) -> bool:
    return bool(_NUMBER.match(cell.replace(",", ".", 1)) or _DATE.match(cell))


def _is_year(cell: str) -> bool:
    return cell.isdigit() and len(cell) == 4 and "1900" <= cell <= "2100"


def _counts_up(first: list[str]) -> bool:
    """Tell whether columns are numbered, as pandas does where they have no names."""
    numbers = [cell.strip() for cell in first[not first[0].strip() :]]
    return bool(numbers) and numbers == [str(place) for place in range(len(numbers))]
