"""What kind of thing each column of a table holds, judged by its type, entries and name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..arrow_kinds import is_binary, is_list, is_number, is_string
from ..columns import take_column
from ..images import IMAGE_SUFFIXES
from .cells import MOSTLY, is_numeric_text
from .column_names import (
    BESIDE_TEXT,
    COUNTER_NAMES,
    INDEX_NAMES,
    NAME_WORDS,
    name_words,
    names_a_key,
    plain_name,
)
from .files import check_image, find_file

IMAGE, IMAGE_PATH, IMAGE_ADDRESS = "image", "path of an image", "address of an image"
NUMBER, DATE, TEXT, NAME, CATEGORY = "number", "date", "text", "name", "category"
CODE, KEY, SETS, EMPTY, OTHER = "code", "key", "list", "empty", "other"

LOOKED_AT = 2_000  # entries of a column by which its kind is judged
IMAGES_TRIED = 50
# Words on average from which entries are text at all, and from which they are prose beside columns
# of numbers: names of passengers have four.
FEW_WORDS, PROSE = 3.0, 6.0
# Scripts without spaces: about so many characters make a word.
UNSPACED, PER_WORD = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Khmer}\p{Lao}\p{Myanmar}]", 2.0
MOST_VALUES, ROWS_PER_VALUE = 1000, 5
_UNNAMED = re.compile(r"column_\d+")
_WHOLE = r"^[+-]?\d+(\.0*)?$"
DATE_TEXT = r"^\s*(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})([T ,].*)?$"
_ADDRESS = re.compile(r"^[a-z][a-z0-9+.-]*://\S+$", re.IGNORECASE)
_AMOUNT = r"^\s*[-+]?[$€£¥₹%]?\s*[-+]?\d[\d.,' ]*\s*([$€£¥₹%]|[A-Za-z]{1,3})?\s*$"


@dataclass(frozen=True)
class Kind:
    """What a column holds.

    Attributes
    ----------
    name : str
    of : str
        One of the kinds above.
    distinct : int
        Number of different values; of a column of lists, bytes or images 0.
    filled : float
        Share of entries that are not missing or blank.
    words : float
        Words of a filled entry on average; 0 where these are no texts.
    whole : bool
        Whether its numbers are whole.
    most : int
        How many different values it may have as a column of classes.
    """

    name: str
    of: str
    distinct: int = 0
    filled: float = 1.0
    words: float = 0.0
    whole: bool = True
    most: int = 0


def column_kinds(
    table: pa.Table, folders: Iterable[Path | None], *, leave: Iterable[str] = ()
) -> dict[str, Kind]:
    """Return the kind of every column but those in `leave`; see `Kind`.

    `folders` are those that relative paths of images may start from.
    """
    known, places = set(leave), list(folders)
    row_names = _row_names(table)
    return {
        name: Kind(name, KEY) if name == row_names else _kind(name, table.column(name), places)
        for name in table.column_names
        if name not in known
    }


def _row_names(table: pa.Table) -> str | None:
    """Return the first column where it alone has no name and each entry is a number of its own.

    Programs write the numbers of rows that way, also of the part of the rows that is left.
    """
    first, *others = table.column_names or ["", ""]
    named = any(not _UNNAMED.fullmatch(name) for name in others)
    if first != "column_1" or not named or not is_unique(table.column(first)):
        return None
    sample = _spread(table.column(first).cast(pa.large_string()), LOOKED_AT)
    return first if _share(sample, _WHOLE) == 1 else None


def _kind(name: str, column: pa.ChunkedArray, folders: list[Path | None]) -> Kind:
    kind = column.type
    if is_image_column(column, folders):
        return Kind(name, IMAGE)
    if is_list(kind):
        if is_number(kind.value_type):
            return Kind(name, NUMBER)
        return Kind(name, SETS if is_string(kind.value_type) else OTHER)
    if pa.types.is_temporal(kind):
        return Kind(name, DATE)
    if pa.types.is_null(kind) or (len(column) and column.null_count == len(column)):
        return Kind(name, EMPTY, filled=0.0)
    if is_number(kind):
        return _number(name, column)
    return _of_text(name, column) if is_string(kind) else Kind(name, OTHER)


def _number(name: str, column: pa.ChunkedArray) -> Kind:
    filled = 1 - column.null_count / max(1, len(column))
    distinct = int(pc.count_distinct(column).as_py())
    of = KEY if _is_key(name, column) else NUMBER
    most = few_values(len(column) - column.null_count)
    return Kind(name, of, distinct, filled, whole=_is_whole(column), most=most)


def _of_text(name: str, column: pa.ChunkedArray) -> Kind:
    trimmed = pc.utf8_trim_whitespace(column.cast(pa.large_string()))
    values = trimmed.filter(pc.not_equal(trimmed, "").fill_null(False))
    if not len(values):
        return Kind(name, EMPTY, filled=0.0)
    filled, distinct = len(values) / len(column), int(pc.count_distinct(values).as_py())
    sample = _spread(values, LOOKED_AT)
    words = _mean_words(sample)
    of = _kind_of_text(name, column, sample, words=words, distinct=distinct, rows=len(values))
    whole = of != NUMBER or _share(sample, _WHOLE) == 1
    return Kind(name, of, distinct, filled, words, whole=whole, most=few_values(len(values)))


def _kind_of_text(
    name: str,
    column: pa.ChunkedArray,
    sample: pa.ChunkedArray,
    *,
    words: float,
    distinct: int,
    rows: int,
) -> str:
    # A look at some entries spares most columns of text a walk through all of theirs.
    if is_numeric_text(sample) and is_numeric_text(column):
        return KEY if _is_key(name, column) else NUMBER
    if _is_key(name, column):
        return KEY
    paths = _image_paths(sample)
    if paths is not None:
        return paths
    for pattern, of in ((DATE_TEXT, DATE), (_AMOUNT, OTHER), (r"^\s*[\[{].*[\]}]\s*$", OTHER)):
        if _share(sample, pattern) >= MOSTLY:
            return of
    few = 2 <= distinct <= few_values(rows) or (distinct == 1 and rows > 1)
    named = name_words(name)
    if few and not (words >= PROSE and plain_name(name) in BESIDE_TEXT):
        return CATEGORY
    if NAME_WORDS & set(named) and words < 2 * PROSE:
        return NAME
    return TEXT if words >= FEW_WORDS else CODE


def _is_whole(column: pa.ChunkedArray) -> bool:
    if not (pa.types.is_floating(column.type) or pa.types.is_decimal(column.type)):
        return True
    values = column.cast(pa.float64(), safe=False).drop_null()
    return pc.all(pc.equal(values, pc.floor(values))).as_py() is not False


def few_values(rows: int) -> int:
    """Return how many different values a column of classes may have among so many rows."""
    return max(2, min(MOST_VALUES, rows // ROWS_PER_VALUE))


def _is_key(name: str, column: pa.ChunkedArray) -> bool:
    """Tell whether a column is a key or a running number by its name; it may repeat."""
    if names_a_key(name) or plain_name(name) in INDEX_NAMES or name.lower().startswith("unnamed:"):
        return not pa.types.is_floating(column.type)
    counter = name == "column_1" or plain_name(name).replace(".", "") in COUNTER_NAMES
    return counter and _counts_up(column)


def _counts_up(column: pa.ChunkedArray) -> bool:
    """Tell whether entries are 0, 1, 2, … or 1, 2, 3, …, as pandas numbers rows without a name."""
    if len(column) < 3 or column.null_count:
        return False
    try:
        numbers = column.cast(pa.int64()).to_numpy()
    except pa.ArrowInvalid:
        return False
    return bool(numbers[0] in (0, 1) and (np.diff(numbers) == 1).all())


def is_unique(column: pa.ChunkedArray) -> bool:
    """Tell whether every entry of a column of texts or whole numbers is filled and its own."""
    if column.null_count or not (is_string(column.type) or pa.types.is_integer(column.type)):
        return False
    values = pc.unique(column.cast(pa.large_string()))
    return len(values) == len(column) and not pc.any(pc.equal(values, "")).as_py()


def _spread(column: pa.ChunkedArray, count: int) -> pa.ChunkedArray:
    """Return at most `count` entries from all over a column, in their order."""
    if len(column) <= count:
        return column
    return take_column(column, np.arange(count) * len(column) // count)


def _mean_words(sample: pa.ChunkedArray) -> float:
    spaced = pc.sum(pc.count_substring_regex(sample, r"\S+")).as_py()
    unspaced = pc.sum(pc.count_substring_regex(sample, UNSPACED)).as_py()
    return float(spaced + unspaced / PER_WORD) / len(sample)


def _share(sample: pa.ChunkedArray, pattern: str) -> float:
    return float(pc.mean(pc.match_substring_regex(sample, pattern)).as_py())


def _image_paths(sample: pa.ChunkedArray) -> str | None:
    """Tell whether most entries name images, here or on the network."""
    values = _spread(sample, IMAGES_TRIED).to_pylist()
    named = [value for value in values if _suffix(value) in IMAGE_SUFFIXES]
    if 2 * len(named) < len(values):
        return None
    addresses = sum(bool(_ADDRESS.match(value)) for value in named)
    return IMAGE_ADDRESS if 2 * addresses > len(named) else IMAGE_PATH


def _suffix(value: str) -> str:
    plain = value.partition("?")[0].partition("#")[0] if _ADDRESS.match(value) else value
    return PurePosixPath(plain.replace("\\", "/")).suffix.lower() if len(value) < 1000 else ""


def is_image_column(column: pa.ChunkedArray, folders: list[Path | None]) -> bool:
    """Tell from its type and some entries whether a column holds images or paths of images."""
    if is_struct_image(column.type):
        return True
    if not is_binary(column.type) and not is_string(column.type):
        return False
    sample = _spread(column.drop_null(), IMAGES_TRIED).to_pylist()
    if is_binary(column.type):
        return any(check_image(data) is None for data in sample)
    paths = [path for path in sample if _suffix(path) in IMAGE_SUFFIXES]
    return 2 * len(paths) >= len(sample) > 0 and any(
        find_file(folder, path) is not None for path in paths for folder in folders
    )


def is_struct_image(kind: pa.DataType) -> bool:
    """Tell whether a type is that of images with their bytes."""
    return bool(pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0)
