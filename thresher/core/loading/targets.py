"""What a label column holds: one class a row, any number of classes, or a number to predict."""

from __future__ import annotations

import ast
import json
from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..arrow_kinds import is_list, is_number, is_string
from ..choice import Choice
from ..classes import class_text
from ..counted import counted
from ..errors import InputError, check_choice
from ..schema import TASKS
from .cells import MOSTLY, NUMBER, Reasons, clean_features, clean_labels, no_reasons
from .column_names import LABEL_WORDS, name_words

CLASSES, SETS, NUMBERS = TASKS
# Whole numbers of up to so many values are classes whatever they are called.
FEW_LEVELS = 10
# What stands between the classes of a row that are written as one text.
SEPARATORS = "|;"
# Rows with several classes from which texts with a separator are sets of classes.
FEWEST_JOINED = 0.02
CLASS_NAMES = LABEL_WORDS | {"intent", "topic", "species", "genre", "type", "kind"}
_LIST = r"^\s*\[.*\]\s*$"


def choose_task(
    column: pa.ChunkedArray, name: str, *, modality: str, named: bool, wanted: str | None
) -> Choice:
    """Choose among `TASKS` by what the label column holds.

    Parameters
    ----------
    column : pyarrow.ChunkedArray, shape (n,)
    name : str
    modality : str
        In a table of numbers, whole numbers of many values are numbers rather than classes.
    named : bool
        Whether the column holds names of classes that the source declares.
    wanted : str or None
        What the user says.
    """
    if wanted is not None:
        return Choice(check_choice("task", wanted, TASKS), "given")
    if is_list(column.type):
        return Choice(SETS, "each row has a list of labels")
    if is_string(column.type) and _share(column, _LIST) >= MOSTLY:
        return Choice(SETS, "each row has a list of labels, as text")
    if named:
        return Choice(CLASSES, "the source names the classes")
    values = _numbers(column)
    if values is None:
        joined = _joined(column)
        return Choice(SETS, joined) if joined else Choice(CLASSES, "the labels are no numbers")
    levels = np.unique(values)
    if not np.equal(levels, np.floor(levels)).all():
        return Choice(NUMBERS, f"numbers with fractions, {len(levels):,} different ones")
    if len(levels) <= FEW_LEVELS:
        return Choice(CLASSES, f"{counted(len(levels), 'different whole number')}")
    return _of_whole_numbers(values, levels, name, modality=modality)


def _of_whole_numbers(
    values: np.ndarray, levels: np.ndarray, name: str, *, modality: str
) -> Choice:
    """Tell codes of many classes from numbers: they begin at 0 or 1 and have no gaps."""
    words = name_words(name)
    called_so = bool(words) and words[-1] in CLASS_NAMES
    codes = levels[0] in (0, 1) and levels[-1] - levels[0] + 1 == len(levels)
    if called_so and len(levels) * 2 <= len(values):
        return Choice(CLASSES, f"{counted(len(levels), 'different whole number')}, called classes")
    if codes and modality != "features" and len(levels) * 5 <= len(values):
        return Choice(
            CLASSES, f"{counted(len(levels), 'whole number')} without gaps, as codes of classes"
        )
    return Choice(NUMBERS, f"whole numbers with {counted(len(levels), 'level')}")


def _joined(column: pa.ChunkedArray) -> str:
    """Tell whether texts are names of classes with a separator between them; empty if not.

    A class that stands beside others must stand in several sets, as in "a;b", "a" and "b;c". Paths
    such as "Books|Poetry" are classes: what ends them is nowhere else. So are combinations such as
    "red|small", "red|large" and "blue|small": all of them have as many parts.
    """
    if not is_string(column.type):
        return ""
    entries = pc.value_counts(column.drop_null()).to_pylist()
    for mark in SEPARATORS:
        several = [entry for entry in entries if mark in entry["values"].strip(mark)]
        rows = sum(entry["counts"] for entry in several)
        if not several or rows < FEWEST_JOINED * len(column):
            continue
        sets = {frozenset(_parts(entry["values"], mark)) for entry in entries} - {frozenset()}
        if len({len(each) for each in sets}) == 1:
            continue
        seen = Counter(part for each in sets for part in each)
        together = {part for entry in several for part in _parts(entry["values"], mark)}
        if min(seen[part] for part in together) > 1:
            example = min(several, key=lambda entry: (-entry["counts"], entry["values"]))
            return f"names with {mark!r} between them, as {example['values'][:40]!r}"
    return ""


def _parts(text: str, mark: str) -> list[str]:
    return [part.strip() for part in text.split(mark) if part.strip()]


def _share(column: pa.ChunkedArray, pattern: str) -> float:
    filled = column.drop_null()
    if not len(filled):
        return 0.0
    return float(pc.mean(pc.match_substring_regex(filled, pattern)).as_py())


def _numbers(column: pa.ChunkedArray) -> np.ndarray | None:
    """Return the numbers that a column holds, as text or not; None if most of it is none."""
    if is_string(column.type):
        texts = pc.utf8_trim_whitespace(column.drop_null())
        texts = texts.filter(pc.not_equal(texts, ""))
        plain = texts.filter(pc.match_substring_regex(texts, NUMBER))
        if not len(texts) or len(plain) < MOSTLY * len(texts):
            return None
        return np.asarray(plain.cast(pa.float64()).to_numpy())
    if not is_number(column.type) or pa.types.is_boolean(column.type):
        return None
    values = column.cast(pa.float64(), safe=False).drop_null().to_numpy()
    return values[np.isfinite(values)] if np.isfinite(values).any() else None


def clean_target(
    column: pa.ChunkedArray, *, name: str, task: str
) -> tuple[pa.ChunkedArray, Reasons, str]:
    """Return a label column as its task needs it, why rows cannot be used, and a note.

    Class names as text; lists of class names; or float64. A missing label is null.
    """
    if task == CLASSES:
        return clean_labels(column, name=name)
    if task == SETS:
        return (*_clean_sets(column, name), "")
    if not is_string(column.type) and not is_number(column.type):
        raise InputError(f"The label column {name!r} holds {column.type}, which are no numbers.")
    values, reasons = clean_features(column, name=name, keep_missing=True)
    values = values.cast(pa.float64(), safe=False)
    values = pc.if_else(pc.is_finite(values), values, pa.scalar(None, pa.float64()))
    missing = values.is_null().to_numpy() & np.array([reason is None for reason in reasons])
    reasons[missing] = "missing label"
    return values, reasons, ""


def _clean_sets(column: pa.ChunkedArray, name: str) -> tuple[pa.ChunkedArray, Reasons]:
    if not is_list(column.type) and not is_string(column.type):
        raise InputError(f"The label column {name!r} holds {column.type}, which are no lists.")
    reasons = no_reasons(len(column))
    rows: list[list[str] | None] = []
    for place, value in enumerate(column.to_pylist()):
        try:
            names = _names_of(value)
        except (ValueError, SyntaxError):
            names, reasons[place] = None, f"not a list of labels: {value[:40]!r}"
        if names is None and reasons[place] is None:
            reasons[place] = "missing label"
        rows.append(names)
    return pa.chunked_array([pa.array(rows, pa.list_(pa.string()))]), reasons


def _names_of(value: Any) -> list[str] | None:
    """Return the class names of a row, sorted, each once; None where they are missing."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, str):
        value = _parsed(value.strip())
    return sorted({class_text(item) for item in value} - {""})


def _parsed(text: str) -> list[Any]:
    """Read a JSON list, a Python list, or names with ``|`` or ``;`` between them."""
    if not text.startswith("["):
        between = next((mark for mark in SEPARATORS if mark in text), None)
        return [text] if between is None else text.split(between)
    try:
        found = json.loads(text)
    except ValueError:
        found = ast.literal_eval(text)
    if not isinstance(found, list):
        raise ValueError(text)
    return found
