"""Class names: which labels are one class, whatever type and spelling they come in.

One class are labels that differ only in white space around them, in the Unicode form of their
letters (é as one sign or as e and an accent), in how a whole number is written (1, "1", 1.0), or in
how a truth value is (True, "true", "TRUE"; 1 where everything else says true or false). Upper and
lower case of other words count: "US" is not "us". What is missing is decided by `missing`.
"""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np

from .counted import counted
from .errors import InputError, ThresherWarning, did_you_mean
from .missing import is_missing, read_values, trimmed

WHOLE = re.compile(r"[+-]?\d+(\.0*)?")
TRUTH = {"true": "1", "false": "0"}
OF_DIGIT = {digit: word for word, digit in TRUTH.items()}
SHOWN = 3


@dataclass(frozen=True)
class Spellings:
    """The classes of distinct labels.

    Attributes
    ----------
    names : tuple of str
        The class of each label, empty for a missing one.
    shared : mapping of str to tuple
        The labels of each class that has several spellings.
    """

    names: tuple[str, ...]
    shared: Mapping[str, tuple[Any, ...]]

    def note(self) -> str:
        """Say which spellings were read as one class; empty where every class has one."""
        said = [
            f"{len(found)} spellings were read as one class, {name!r}: "
            + ", ".join(ascii(label) for label in found)
            for name, found in list(self.shared.items())[:SHOWN]
        ]
        more = len(self.shared) - len(said)
        return "; ".join(said) + (
            f"; and {counted(more, 'class', 'classes')} more" if more > 0 else ""
        )


def class_text(label: Any) -> str:
    """Return one label as text, empty where it is missing.

    Raises
    ------
    InputError
        For lists and for bytes that are no UTF-8.
    """
    if is_missing(label):
        return ""
    if isinstance(label, (bool, np.bool_)):
        return "true" if label else "false"
    if isinstance(label, (int, np.integer)):
        return str(int(label))
    if isinstance(label, (float, np.floating, Decimal)):
        whole = np.isfinite(float(label)) and label == int(label)
        return str(int(label)) if whole else str(label)
    if isinstance(label, (bytes, bytearray)):
        return _decoded(bytes(label))
    if isinstance(label, (list, tuple, set, frozenset, dict, np.ndarray)):
        raise InputError(
            f"A label must be one class, got {label!r:.80}. For several classes a row see "
            "`find_multilabel_issues` and the task 'multi_label'."
        )
    text = label.isoformat(" ") if _has_time(label) else str(label)
    return trimmed(unicodedata.normalize("NFC", text))


def _has_time(label: Any) -> bool:
    return isinstance(label, date) and hasattr(label, "hour")


def _decoded(label: bytes) -> str:
    try:
        return trimmed(unicodedata.normalize("NFC", label.decode()))
    except UnicodeDecodeError as error:
        raise InputError(
            f"The label {label!r:.80} is bytes that are no UTF-8 text. Decode the labels first."
        ) from error


def class_key(label: Any) -> str:
    """Return what labels of one class have in common, empty for a missing label."""
    text = class_text(label)
    if text.casefold() in TRUTH:
        return text.casefold()
    return text.partition(".")[0] if "." in text and WHOLE.fullmatch(text) else text


def read_spellings(labels: Iterable[Any]) -> Spellings:
    """Find the classes of distinct labels.

    A class of one spelling keeps it; one of several is called by the plainest: composed letters, no
    ``.0``, lower-case ``true`` and ``false``.
    """
    given = list(labels)
    texts = [class_text(label) for label in given]
    keys = [class_key(text) for text in texts]
    known = set(keys) - {""}
    truth = says_truth(known)
    if truth and known & {*TRUTH.values()}:
        keys = [OF_DIGIT.get(key, key) for key in keys]
        plain = True
    else:
        plain = bool(known) and all(WHOLE.fullmatch(text) for text in texts if text)
    by_key: dict[str, list[int]] = {}
    for place, key in enumerate(keys):
        if key:
            by_key.setdefault(key, []).append(place)
    names = [""] * len(given)
    shared: dict[str, tuple[Any, ...]] = {}
    for key, places in by_key.items():
        one = len({texts[place] for place in places}) == 1 and not plain
        for place in places:
            names[place] = texts[place] if one else key
        found = tuple(given[place] for place in places)
        if len(found) > 1 and not all(isinstance(label, (int, float)) for label in found):
            shared[names[places[0]]] = found
    return Spellings(tuple(names), shared)


def class_texts(labels: Any, *, name: str = "labels") -> np.ndarray:
    """Return class names of labels of any kind, ndarray of str (object), "" for a missing one.

    Parameters
    ----------
    labels : array, list, or column of pandas, polars or Arrow; of any shape
    name : str
        The argument, for messages.

    Warns
    -----
    ThresherWarning
        When several spellings were read as one class.

    Raises
    ------
    InputError
        For labels that are lists.
    """
    return texts_of(*read_values(labels, name=name), name=name)


def texts_of(values: np.ndarray, missing: np.ndarray, *, name: str) -> np.ndarray:
    """Do what `class_texts` does with what `read_values` gave."""
    distinct, codes = _distinct(values, missing)
    found = read_spellings(distinct)
    if found.shared:
        warnings.warn(f"`{name}`: {found.note()}.", ThresherWarning, stacklevel=4)
    names = np.array([*found.names, ""], dtype=object)
    return np.asarray(names[codes].reshape(values.shape))


def label_texts(labels: Any, *, rows: int, name: str = "labels") -> np.ndarray:
    """Return the class names of `rows` labels, object, shape (rows,), "" for a missing one.

    Labels are as for `class_texts`; numbers may also be codes, see `without_code`.

    Raises
    ------
    InputError
        When there are more or fewer labels, and for labels that are lists.
    """
    values, missing = read_values(labels, name=name)
    if values.shape != (rows,):
        raise InputError(
            f"`{name}` must have shape ({rows},): there are {counted(rows, 'row')}, but "
            f"{counted(len(values), 'label')} of shape {values.shape}."
        )
    return texts_of(values, without_code(values, missing), name=name)


def without_code(values: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Return which labels are missing, those with the customary code −1 among them.

    −1 is such a code in an array of numbers that has no other way to say it, beside codes from 0
    on that go beyond 1. It is a class in −1, 0, 1 and in −1, 1; beside other negative numbers;
    beside None, NaN and masked entries; and as text.
    """
    if values.dtype.kind not in "if" or missing.any() or not values.size:
        return missing
    codes = values.min() == -1 and values.max() > 1
    return np.asarray(values == -1) if codes else missing


def says_truth(keys: Set[str]) -> bool:
    """Tell whether keys of classes are true and false, with 1 and 0 as their other spellings."""
    return bool(keys & {*TRUTH}) and keys <= {*TRUTH, *OF_DIGIT}


def _distinct(values: np.ndarray, missing: np.ndarray) -> tuple[list[Any], np.ndarray]:
    """Return the distinct values and the place of each value among them, −1 where missing."""
    codes = np.full(values.size, -1)
    there = np.flatnonzero(~missing.ravel())
    flat = values.ravel()[there]
    if values.dtype.kind in "biufMm":
        found, inverse = np.unique(flat, return_inverse=True)
        codes[there] = inverse
        if values.dtype.kind in "biuf":
            return found.tolist(), codes
        return [shorter_time(str(moment).replace("T", " ")) for moment in found], codes
    places: dict[Any, int] = {}
    listed = flat.tolist()
    try:  # 1, 1.0 and True are equal to Python, but other spellings
        codes[there] = [places.setdefault((type(v), v), len(places)) for v in listed]
    except TypeError:
        for value in listed:
            class_text(value)  # says what is wrong with a list
        raise
    return [value for _, value in places], codes


def shorter_time(moment: str) -> str:
    """Drop a fraction of nothing from a time: ``12:00:00.000000`` is ``12:00:00``."""
    return re.sub(r"\.0+(?=$|Z|[+-])", "", moment)


def class_lookup(classes: Sequence[Any]) -> dict[str, int]:
    """Return the code of each class by its text and by every spelling of it.

    Raises
    ------
    InputError
        When a class is missing or given twice.
    """
    texts = [class_text(one) for one in classes]
    if "" in texts or len(set(texts)) < len(texts):
        twice = next((text for text in texts if texts.count(text) > 1), "")
        what = f"{twice!r} is given twice" if twice else "one of them is missing"
        raise InputError(f"`classes` must be distinct names; {what}.")
    found = {text: code for code, text in enumerate(texts)}
    for code, text in enumerate(texts):
        found.setdefault(class_key(text), code)
    if says_truth(set(map(class_key, texts))):
        for word, digit in TRUTH.items():
            if word in found:
                found.setdefault(digit, found[word])
    return found


def class_codes(
    names: np.ndarray, classes: Sequence[Any], *, name: str = "labels", strict: bool = True
) -> np.ndarray:
    """Return the codes of class names, int64, −1 for a missing one.

    Parameters
    ----------
    names : ndarray of str
        As `class_texts` gives them.
    classes : sequence
    strict : bool
        Refuse names that are none of `classes`; else they count as missing.
    """
    lookup = class_lookup(classes)
    unique = dict.fromkeys(names.ravel().tolist())
    code_of = {one: lookup.get(one, lookup.get(class_key(one), -1)) for one in unique}
    strange = sorted(one for one in unique if one and code_of[one] < 0)
    if strange and strict:
        listed = ", ".join(strange[:5])
        hint = did_you_mean(strange[0], [class_text(one) for one in classes])
        raise InputError(f"`{name}` holds some that are not in `classes`: {listed}.{hint}")
    flat = [code_of[one] for one in names.ravel().tolist()]
    return np.array(flat, dtype=np.int64).reshape(names.shape)


def same_class(first: Any, second: Any) -> bool:
    """Tell whether two labels are one class; two missing ones are."""
    return class_key(first) == class_key(second)
