"""One rule for what is missing, whatever a column is made of."""

from __future__ import annotations

import decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from thresher.core.errors import InputError
from thresher.core.missing import (
    id_texts,
    is_missing,
    read_numbers,
    read_values,
    trimmed,
    whole_numbers,
    without_missing,
)

MISSING = [
    None,
    float("nan"),
    np.float32("nan"),
    np.float16("nan"),
    pd.NA,
    pd.NaT,
    np.datetime64("NaT"),
    np.ma.masked,
    decimal.Decimal("NaN"),
    decimal.Decimal("sNaN"),
    "",
    "  \t",
    "\u200b\ufeff ",
    b"",
]
PRESENT = [-1, 0, 0.0, False, np.bool_(False), "nan", "None", "NA", "null", b"x", [], float("inf")]


@pytest.mark.parametrize("value", MISSING, ids=repr)
def test_what_is_missing(value):
    assert is_missing(value)


@pytest.mark.parametrize("value", PRESENT, ids=repr)
def test_what_is_stored_is_not_missing(value):
    assert not is_missing(value)


@pytest.mark.parametrize(
    "column",
    [
        ["a", None, "b", ""],
        ["a", np.nan, "b", pd.NA],
        np.array(["a", None, "b", np.nan], dtype=object),
        np.array(["a", "", "b", " "]),
        np.ma.array(["a", "x", "b", "y"], mask=[0, 1, 0, 1]),
        pd.Series(["a", None, "b", None]),
        pd.Series(["a", pd.NA, "b", pd.NA], dtype="string"),
        pd.Series(["a", None, "b", None], dtype="string[pyarrow]"),
        pd.Series(["a", None, "b", None], dtype="category"),
        pd.Categorical(["a", None, "b", None]),
        pa.array(["a", None, "b", None]),
        pa.chunked_array([["a", None], ["b", None]]),
        pa.array(["a", None, "b", None]).dictionary_encode(),
    ],
    ids=lambda column: type(column).__name__,
)
def test_columns_of_text(column):
    values, missing = read_values(column, name="labels")
    assert missing.tolist() == [False, True, False, True]
    assert [str(value) for value in values[~missing]] == ["a", "b"]


@pytest.mark.parametrize(
    "column",
    [
        [1, None, 2],
        [1, np.nan, 2.0],
        np.array([1, np.nan, 2], dtype=np.float16),
        np.ma.array([1, 7, 2], mask=[0, 1, 0]),
        pd.Series([1, None, 2], dtype="Int64"),
        pd.Series([1, None, 2], dtype="int64[pyarrow]"),
        pd.Series([1, None, 2]),
        pd.array([1, None, 2]),
        pa.array([1, None, 2]),
        pa.array([1.0, float("nan"), 2.0]),
        [decimal.Decimal(1), decimal.Decimal("NaN"), decimal.Decimal(2)],
    ],
    ids=lambda column: type(column).__name__,
)
def test_columns_of_numbers(column):
    assert read_values(column, name="n")[1].tolist() == [False, True, False]
    np.testing.assert_array_equal(read_numbers("n", column), [1.0, np.nan, 2.0])


def test_masks_and_arrays_of_any_shape():
    votes = np.array([["a", np.nan], [None, "b"]], dtype=object)
    assert read_values(votes, name="v")[1].tolist() == [[False, True], [True, False]]
    assert read_values([["a", None], ["b", "c"]], name="v")[1].tolist() == [
        [False, True],
        [False, False],
    ]
    times = np.array(["2020-01-01", "NaT"], dtype="M8[s]")
    assert read_values(times, name="t")[1].tolist() == [False, True]
    assert read_values(np.array([-1, 0]), name="n")[1].tolist() == [False, False]


def test_lists_keep_numbers_and_do_not_turn_nan_into_a_word():
    assert read_values([1, 2], name="n")[0].dtype == np.int64
    assert read_values([True, False], name="n")[0].dtype == bool
    assert read_values(["a", float("nan")], name="n")[0].tolist()[0] == "a"
    assert read_values([True, 2], name="n")[0].tolist() == [True, 2]
    assert read_values([], name="n")[0].shape == (0,)
    big = read_values([2**70, 1], name="n")[0]
    assert big.tolist() == [2**70, 1]


def test_refusals_name_the_place():
    with pytest.raises(InputError, match=r"`x` must be an array.* got NoneType"):
        read_values(None, name="x")
    with pytest.raises(InputError, match="`x` must be an array"):
        read_values("abc", name="x")
    with pytest.raises(InputError, match="missing in 1 of 3 places, the first at position 1"):
        without_missing("x", [True, None, False])
    with pytest.raises(InputError, match=r"must be numbers, got 'b' at 1"):
        read_numbers("x", ["1", "b"])
    values = np.array([1.0, 0.5])
    with pytest.raises(InputError, match=r"got floats such as 0\.5 at position 1\. Ask"):
        whole_numbers("x", values, np.zeros(2, bool), instead="Ask.")


def test_ids_are_text_and_never_missing():
    assert id_texts("ids", [1.0, 2.0]).tolist() == ["1", "2"]
    assert id_texts("ids", ["a", " a"]).tolist() == ["a", " a"]
    assert id_texts("ids", ["a", None], unnamed=True).tolist() == ["a", ""]
    with pytest.raises(InputError, match="1 missing id, the first at position 1"):
        id_texts("ids", ["a", np.nan])


def test_trimming_takes_what_nobody_sees():
    assert trimmed("\ufeff\u200b a b\u00a0\u2060 ") == "a b"
    assert trimmed("\u200b") == ""
