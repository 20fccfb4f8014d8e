"""Ordinary other forms of an argument, and ordinary mistakes."""

from __future__ import annotations

import contextlib
import decimal
import fractions
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 3, 7, 1.5, 0.5, -0.5, 2.5, 1.0, -0.0, float("nan"),
    float("inf"), float("-inf"), 1e308, 10**30, -(2**70), "x", "", "auto", "3", b"x", (), "nan",
    np.int64(3), np.float32(0.5), np.bool_(True), np.str_("x"), 1 + 2j, Path("nowhere"),
    decimal.Decimal("1.5"), fractions.Fraction(1, 3), pd.NA, pd.NaT, object, len, Ellipsis,
    np.datetime64("2026-01-01"), range(3), frozenset({1}),
)  # fmt: skip
# What can be changed or used up is made anew each time.
FRESH: tuple[Callable[[], Any], ...] = (
    list, dict, set, object, lambda: [1, 2], lambda: ["a", "b"], lambda: {"a": 1}, lambda: [None],
    lambda: np.array(3), lambda: np.array([]), lambda: np.zeros((0, 0)), lambda: np.zeros(3),
    lambda: np.ones((2, 2)), lambda: np.array(["a", None], dtype=object), lambda: iter([1, 2]),
    lambda: pd.DataFrame({"a": [1, 2]}), lambda: pd.Series(["a", "b"]), lambda: pa.array([1, None]),
    lambda: (item for item in "ab"), lambda: [[1, 2], [3]], lambda: np.array([1 + 2j, 0]),
    lambda: [np.nan, 1.0], lambda: memoryview(b"abc"), lambda: np.rec.array([(1, 2.0)]),
)  # fmt: skip

ARRAYS: dict[str, Callable[[np.ndarray], Any]] = {
    "list": lambda a: a.tolist(),
    "tuple": lambda a: tuple(a.tolist()) if a.ndim else (a.item(),),
    "rows": list,
    "frame": lambda a: pd.DataFrame(a) if a.ndim == 2 else pd.Series(list(a)),
    "indexed": lambda a: pd.DataFrame(a, index=range(5, 5 + len(a))) if a.ndim == 2
    else pd.Series(list(a), index=range(5, 5 + len(a))),
    "arrow": lambda a: pa.array(a) if a.ndim == 1 else pa.table(pd.DataFrame(a)),
    "chunked": lambda a: pa.chunked_array([pa.array(a[:2]), pa.array(a[2:])]) if a.ndim == 1 else a,
    "torch": lambda a: __import__("torch").from_numpy(np.array(a)),
    "fortran": np.asfortranarray,
    "strided": lambda a: np.repeat(a, 2, axis=0)[::2],
    "reversed": lambda a: a[::-1][::-1],
    "big endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "float64": lambda a: a.astype(np.float64),
    "float32": lambda a: a.astype(np.float32),
    "float16": lambda a: a.astype(np.float16),
    "longdouble": lambda a: a.astype(np.longdouble),
    "int64": lambda a: a.astype(np.int64),
    "int8": lambda a: a.astype(np.int8),
    "uint8": lambda a: a.astype(np.uint8),
    "bool": lambda a: a.astype(bool),
    "complex": lambda a: a.astype(np.complex128),
    "object": lambda a: a.astype(object),
    "text": lambda a: a.astype(str),
    "bytes": lambda a: a.astype("S"),
    "string dtype": lambda a: a.astype(np.dtypes.StringDType()),
    "masked": lambda a: np.ma.masked_array(a, mask=np.arange(a.size).reshape(a.shape) == 1),
    "unmasked": np.ma.masked_array,
    "dates": lambda a: np.arange(len(a)).astype("datetime64[s]"),
    "empty": lambda a: a[:0],
    "one row": lambda a: a[:1],
    "two rows": lambda a: a[:2],
    "short": lambda a: a[:-1],
    "long": lambda a: np.concatenate([a, a[-1:]]),
    "scalar": lambda a: a.reshape(-1)[0],
    "0-d": lambda a: np.array(a.reshape(-1)[0]),
    "column": lambda a: a.reshape(len(a), -1)[:, :1],
    "no columns": lambda a: a.reshape(len(a), -1)[:, :0],
    "flat": lambda a: a.reshape(-1),
    "deep": lambda a: a[None],
    "deeper": lambda a: a[..., None],
    "equal": lambda a: np.repeat(a[:1], len(a), axis=0),
    "zeros": np.zeros_like,
    "nan": lambda a: _with(a.astype(np.float64), np.nan),
    "infinite": lambda a: _with(a.astype(np.float64), np.inf),
    "huge": lambda a: _with(a.astype(np.float64), 1e308),
    "tiny": lambda a: a.astype(np.float64) * 1e-310,
    "negative": lambda a: _with(a.astype(np.float64), -1),
    "large integer": lambda a: _with(a.astype(np.float64), 2**53),
    "with None": lambda a: _with(a.astype(object), None),
    "with NA": lambda a: _with(a.astype(object), pd.NA),
    "with a word": lambda a: _with(a.astype(object), "word"),
    "ragged": lambda a: [*a.tolist()[:-1], [1]],
    "read-only": lambda a: _read_only(a),
    "generator": lambda a: (item for item in a),
    "iterator": iter,
    "set": lambda a: set(map(str, a)),
    "dict": lambda a: dict(enumerate(a)),
    "keys": lambda a: dict.fromkeys(map(str, a)).keys(),
    "matrix": lambda a: np.asmatrix(a) if a.ndim == 2 else a,
    "sparse": lambda a: __import__("scipy.sparse").sparse.csr_array(a) if a.ndim == 2 else a,
    "memoryview": lambda a: memoryview(np.ascontiguousarray(a)),
    "categorical": lambda a: pd.Categorical(a) if a.ndim == 1 else a,
    "nullable": lambda a: pd.array(a.tolist()) if a.ndim == 1 else a,
}  # fmt: skip
# Other forms of the same values: the result must not differ.
SAME = ("list", "tuple", "rows", "frame", "indexed", "arrow", "chunked", "fortran", "strided",
        "reversed", "big endian", "object", "unmasked", "read-only")  # fmt: skip

# A list of numbers does not say that they are pixels.
SAME_IMAGES = ("fortran", "strided", "reversed", "unmasked", "read-only")

TEXTS: dict[str, Callable[[list[Any]], Any]] = {
    "tuple": tuple,
    "array": np.array,
    "object array": lambda t: np.array(t, dtype=object),
    "string dtype": lambda t: np.array(t, dtype=np.dtypes.StringDType()),
    "series": pd.Series,
    "arrow strings": pd.array,
    "arrow": pa.array,
    "large": lambda t: pa.array(t, pa.large_string()),
    "chunked": lambda t: pa.chunked_array([t[:2], t[2:]]),
    "arrow scalars": lambda t: list(pa.array(t)),
    "dictionary": lambda t: pa.array(t).dictionary_encode(),
    "categorical": pd.Categorical,
    "numpy strings": lambda t: [np.str_(text) for text in t],
    "bytes": lambda t: [str(text).encode() for text in t],
    "with None": lambda t: [None, *t[1:]],
    "with NaN": lambda t: [float("nan"), *t[1:]],
    "with NA": lambda t: [pd.NA, *t[1:]],
    "with a number": lambda t: [3, *t[1:]],
    "with a list": lambda t: [["a"], *t[1:]],
    "numbers": lambda t: list(range(len(t))),
    "floats": lambda t: [float(i) for i in range(len(t))],
    "booleans": lambda t: [i % 2 == 0 for i in range(len(t))],
    "blank": lambda t: [""] * len(t),
    "spaces": lambda t: ["   \t"] * len(t),
    "equal": lambda t: [t[0]] * len(t),
    "surrogate": lambda t: ["\ud83d", *t[1:]],
    "nul": lambda t: ["a\0b", *t[1:]],
    "long": lambda t: ["word " * 5000, *t[1:]],
    "emoji": lambda t: ["👩‍👧", *t[1:]],
    "one string": lambda t: str(t[0]),
    "nested": lambda t: [t],
    "2-d": lambda t: np.array(t, dtype=object).reshape(-1, 1),
    "empty": lambda t: t[:0],
    "one": lambda t: t[:1],
    "short": lambda t: t[:-1],
    "longer": lambda t: [*t, t[-1]],
    "generator": lambda t: (text for text in t),
    "set": set,
    "dict": lambda t: dict.fromkeys(t, 1),
    "frame": lambda t: pd.DataFrame({"a": t}),
    "masked": lambda t: np.ma.masked_array(t, mask=[True, *[False] * (len(t) - 1)]),
}  # fmt: skip
SAME_TEXTS = ("tuple", "array", "object array", "string dtype", "series", "arrow", "large",
              "chunked", "dictionary", "categorical", "numpy strings")  # fmt: skip


def mutate(value: Any, draw: random.Random) -> tuple[str, Any]:
    """Return the name of a change and the changed value; the given one stays as it is."""
    if draw.random() < 0.25 or not isinstance(value, (np.ndarray, list)):
        place = draw.randrange(len(VALUES) + len(FRESH))
        junk = VALUES[place] if place < len(VALUES) else FRESH[place - len(VALUES)]()
        return f"junk {junk!r:.40}", junk
    forms: dict[str, Callable[[Any], Any]] = ARRAYS if isinstance(value, np.ndarray) else TEXTS
    while True:
        name = draw.choice(sorted(forms))
        try:
            with np.errstate(all="ignore"):
                return name, forms[name](value.copy())
        except Exception:  # a form that these values cannot take
            continue


def same_forms(value: Any) -> Sequence[tuple[str, Any]]:
    """Return other forms of the same values."""
    forms = ARRAYS if isinstance(value, np.ndarray) else TEXTS if isinstance(value, list) else {}
    found = []
    names = SAME if isinstance(value, np.ndarray) else SAME_TEXTS
    if isinstance(value, np.ndarray) and value.ndim > 2:
        names = SAME_IMAGES
    for name in names:
        with contextlib.suppress(Exception):  # a form that these values cannot take
            found.append((name, forms[name](value.copy())))
    return found if forms else []


def _with(array: np.ndarray, value: Any) -> np.ndarray:
    array.reshape(-1)[: max(1, array.size // 10)] = value
    return array


def _read_only(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array
