"""Cells that cannot be used, column by column: labels, texts, numbers.

Each function returns the cleaned values and, for every row, a reason or None.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..arrow_kinds import is_list, is_number, is_string
from ..class_columns import arrow_class_names
from ..columns import numeric_matrix, strings
from ..counted import counted
from ..errors import InputError

Reasons = np.ndarray  # of object, shape (n,): str or None

NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
# Digits that a float64 keeps of any number, that Python writes of one, and that Arrow has room for.
DOUBLE_DIGITS, FLOAT_DIGITS, DECIMAL_DIGITS = 15, 17, 76
NOT_FINITE = r"(?i)^[+-]?(nan|inf|infinity)$"
MISSING = r"(?i)^(|na|n/a|null|none)$"
SHOWN = 5
MOSTLY = 0.9  # share of entries that must be numbers for a text column to count as numbers


def first_reason(*columns: Reasons) -> Reasons:
    """Combine reasons row by row; the first column that has one wins."""
    result = columns[0].copy()
    for column in columns[1:]:
        missing = usable(result)
        result[missing] = column[missing]
    return result


def usable(reasons: Reasons) -> np.ndarray:
    """Return which rows have no reason against them, a boolean mask of shape (n,)."""
    return np.array([reason is None for reason in reasons], bool)


def no_reasons(rows: int) -> Reasons:
    """Return a column without reasons."""
    return np.full(rows, None, object)


def without_markers(table: pa.Table, markers: Sequence[str]) -> pa.Table:
    """Replace entries of text columns that are one of the markers by null; blanks around count not.

    Raises
    ------
    InputError
        When the markers are one text instead of several, or not text.
    """
    listed = isinstance(markers, (list, tuple))
    if not listed or not all(isinstance(marker, str) for marker in markers):
        raise InputError(f"`na` is a list of texts such as ['?', '-999'], got {markers!r}.")
    known = pa.array([marker.strip() for marker in markers], pa.large_string())
    for position, item in enumerate(table.schema if len(known) else ()):
        if is_string(item.type):
            column = table.column(position)
            trimmed = pc.utf8_trim_whitespace(column).cast(pa.large_string())
            kept = pc.if_else(
                pc.is_in(trimmed, value_set=known), pa.scalar(None, item.type), column
            )
            table = table.set_column(position, item.name, kept)
    return table


def clean_labels(column: pa.ChunkedArray, *, name: str) -> tuple[pa.ChunkedArray, Reasons, str]:
    """Turn a label column into class names; what is missing and what is one class, `core` says.

    Returns
    -------
    labels : pyarrow.ChunkedArray of str
    reasons : ndarray of object, shape (n,)
    note : str
        Which spellings were read as one class; empty where there are none.

    Raises
    ------
    InputError
        For real numbers (regression), lists (several labels) and other types.
    """
    labels, spellings = arrow_class_names(column, name=name)
    _refuse_regression(labels, name)
    reasons = no_reasons(len(labels))
    reasons[labels.is_null().to_numpy()] = "missing label"
    return labels, reasons, spellings.note()


def _refuse_regression(labels: pa.ChunkedArray, name: str) -> None:
    present = pc.unique(labels.drop_null()).cast(pa.string())
    if not len(present):
        return
    numeric = pc.match_substring_regex(present, NUMBER)
    fractions = present.filter(pc.and_(numeric, pc.match_substring(present, ".")))
    many = pc.sum(numeric).as_py() > max(100, len(labels) // 2)
    if many or (len(fractions) and pc.sum(numeric).as_py() >= MOSTLY * len(present)):
        example = (fractions if len(fractions) else present)[0].as_py()
        raise InputError(
            f"The label column {name!r} holds {counted(len(present), 'different number')} such as "
            f"{example}. Thresher works on classes: choose another column, or sort the numbers "
            "into classes first (pandas.cut)."
        )


def clean_texts(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, Reasons]:
    """Return a text column as strings; null and blank texts are named."""
    texts = column if is_string(column.type) else column.cast(pa.string())
    reasons = no_reasons(len(texts))
    empty = pc.equal(pc.utf8_trim_whitespace(texts), "").fill_null(False)
    reasons[empty.to_numpy()] = "empty text"
    reasons[texts.is_null().to_numpy()] = "missing text"
    return texts, reasons


def clean_features(
    column: pa.ChunkedArray, *, name: str, keep_missing: bool = False
) -> tuple[pa.ChunkedArray, Reasons]:
    """Return a feature column as numbers; missing, infinite and unparsable entries are named.

    With `keep_missing` an entry that is missing or no number is null or NaN, and nothing against
    its row; see `no_numbers`.
    """
    if is_string(column.type):
        return _parse_numbers(column, name, keep_missing=keep_missing)
    if pa.types.is_null(column.type):
        column = column.cast(pa.float64())
    if is_list(column.type):
        matrix = _matrix(column, name)
        bad = ~np.isfinite(matrix).all(axis=1)
    else:
        values = column.cast(pa.float64(), safe=False).to_numpy()
        bad = np.isinf(values) if keep_missing else ~np.isfinite(values)
    reasons = no_reasons(len(column))
    reasons[bad] = f"NaN or infinite value in {name!r}"
    if not keep_missing or is_list(column.type):
        reasons[column.is_null().to_numpy()] = f"missing value in {name!r}"
    return column, reasons


def without_any(features: pa.Table) -> Reasons:
    """Name the rows that have no number in any of the columns."""
    missing = np.ones(len(features), dtype=bool)
    for column in features.columns:
        if is_list(column.type):
            missing[:] = False  # rows without a vector are named already
        else:
            missing &= np.isnan(column.cast(pa.float64(), safe=False).fill_null(np.nan).to_numpy())
    reasons = no_reasons(len(features))
    reasons[missing] = "all numbers are missing"
    return reasons


def _matrix(column: pa.ChunkedArray, name: str) -> np.ndarray:
    if not is_number(column.type.value_type):
        raise InputError(f"The feature column {name!r} holds lists of {column.type.value_type}.")
    return numeric_matrix(column, name=name)


def _parse_numbers(
    column: pa.ChunkedArray, name: str, *, keep_missing: bool
) -> tuple[pa.ChunkedArray, Reasons]:
    texts = pc.utf8_trim_whitespace(column.cast(pa.string())).fill_null("")
    number = pc.match_substring_regex(texts, NUMBER)
    missing = pc.match_substring_regex(texts, MISSING).to_numpy()
    not_finite = pc.match_substring_regex(texts, NOT_FINITE).to_numpy()
    values = _as_numbers(pc.if_else(number, texts, pa.scalar(None, pa.string())))
    overflow = np.isinf(values.cast(pa.float64()).fill_null(0.0).to_numpy())
    reasons = no_reasons(len(column))
    for row in () if keep_missing else np.flatnonzero(~number.to_numpy()):
        reasons[row] = f"not a number in {name!r}: {texts[row].as_py()[:40]!r}"
    reasons[not_finite | overflow] = f"NaN or infinite value in {name!r}"
    reasons[missing] = None if keep_missing else f"missing value in {name!r}"
    return values, reasons


def no_numbers(table: pa.Table, names: Sequence[str]) -> str:
    """Say which entries of columns of numbers are none, the most frequent of each column first."""
    said = []
    for name in names:
        if is_string(table.schema.field(name).type):
            texts = pc.utf8_trim_whitespace(table.column(name).cast(pa.large_string())).drop_null()
            plain = [pc.match_substring_regex(texts, p) for p in (NUMBER, NOT_FINITE, MISSING)]
            strays = Counter(texts.filter(pc.invert(functools.reduce(pc.or_, plain))).to_pylist())
            said += [
                f"{text[:20]!r} in {name!r} ({counted(n, 'row')})"
                for text, n in strays.most_common(2)
            ]
    return ", ".join(said[:SHOWN])


def _as_numbers(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Read numbers as whole ones, or as decimals where real ones would not tell them apart."""
    plain = pc.replace_substring_regex(texts, r"^\+", "")
    try:
        return plain.cast(pa.int64())
    except pa.ArrowInvalid:  # not all are whole and of 64 bits
        values = plain.cast(pa.float64())
    if (pc.max(pc.utf8_length(plain)).as_py() or 0) <= DOUBLE_DIGITS:
        return values
    digits = pc.utf8_length(pc.replace_substring_regex(plain, r"^[-0.]+|[eE].*$|\D", ""))
    before = pc.max(pc.utf8_length(pc.replace_substring_regex(plain, r"\..*$", ""))).as_py()
    behind = pc.max(pc.utf8_length(pc.replace_substring_regex(plain, r"^[^.]*\.?", ""))).as_py()
    exponents = pc.any(pc.match_substring_regex(plain, "[eE]")).as_py()
    if pc.max(digits).as_py() <= FLOAT_DIGITS or exponents or before + behind > DECIMAL_DIGITS:
        return values
    return plain.cast(pa.decimal256(DECIMAL_DIGITS, behind))


def is_numeric_text(column: pa.ChunkedArray) -> bool:
    """Tell whether nearly all entries of a text column are numbers, as in a CSV file."""
    texts = pc.utf8_trim_whitespace(column.cast(pa.string())).drop_null()
    filled = texts.filter(pc.invert(pc.match_substring_regex(texts, MISSING)))
    if not len(filled):
        return False
    numbers = pc.or_(
        pc.match_substring_regex(filled, NUMBER), pc.match_substring_regex(filled, NOT_FINITE)
    )
    return bool(pc.mean(numbers).as_py() >= MOSTLY)


def single_row_classes(labels: pa.ChunkedArray, usable: np.ndarray) -> Reasons:
    """Name the rows whose class has no second usable row."""
    names = strings(labels)
    reasons = no_reasons(len(names))
    values, first, counts = np.unique(names[usable], return_index=True, return_counts=True)
    rows = np.flatnonzero(usable)[first]
    for row, value, count in zip(rows, values, counts, strict=True):
        if count == 1 and value:
            reasons[row] = f"a label with one row ({value})"
    return reasons
