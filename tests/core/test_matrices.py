"""Vectors of every row are the same, in whatever form they come."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse

from thresher.core.embeddings import Embeddings, as_embeddings
from thresher.core.errors import InputError
from thresher.core.matrices import as_matrix, check_computable

X = np.random.default_rng(0).normal(size=(6, 3))


@pytest.mark.parametrize(
    "given",
    [
        X,
        X.tolist(),
        tuple(map(tuple, X.tolist())),
        list(X),
        np.asfortranarray(X),
        X.astype(">f8"),
        X.astype(object),
        X.astype(np.longdouble),
        pd.DataFrame(X),
        pd.DataFrame(X, index=range(7, 13), columns=["a", "a", "b"]),
        pd.DataFrame(X).convert_dtypes(),
        pa.table({name: X[:, place] for place, name in enumerate("abc")}),
        pa.array(X.tolist()),
        pa.chunked_array([pa.array(X[:2].tolist()), pa.array(X[2:].tolist())]),
        scipy.sparse.csr_array(X),
        np.ma.masked_array(X),
        np.asmatrix(X),
        (row for row in X.tolist()),
    ],
    ids=[
        "array",
        "lists",
        "tuples",
        "arrays",
        "fortran",
        "swapped",
        "objects",
        "long",
        "frame",
        "index",
        "nullable",
        "table",
        "nested",
        "chunked",
        "sparse",
        "masked",
        "matrix",
        "generator",
    ],
)
def test_other_forms_hold_the_same_numbers(given: object) -> None:
    found = as_matrix("x", given)
    np.testing.assert_array_equal(found, X)
    assert type(found) is np.ndarray
    assert found.dtype == np.float64
    assert found.dtype.isnative


def test_tensors_and_small_types() -> None:
    torch = pytest.importorskip("torch")
    np.testing.assert_array_equal(as_matrix("x", torch.from_numpy(X)), X)
    for dtype in (np.float16, np.int8, np.uint8, bool):
        assert as_matrix("x", X.astype(dtype)).dtype == np.float32
    assert as_matrix("x", X.astype(np.int64)).dtype == np.float64


def test_arrays_in_memory_or_on_disk_are_not_copied(tmp_path: object) -> None:
    for dtype in (np.float32, np.float64):
        array = X.astype(dtype)
        assert as_matrix("x", array) is array
        np.save(f"{tmp_path}/x.npy", array)
        mapped = np.load(f"{tmp_path}/x.npy", mmap_mode="r")
        assert as_matrix("x", mapped) is mapped


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([1.0, 2.0], "must have two dimensions"),
        (3.5, "must be an array"),
        ("text", "must be an array"),
        ({"a": 1}, "must be an array"),
        ([[1, 2], [3]], "must be numbers"),
        ([["a", "b"]], "must be numbers"),
        (X + 1j, "must be real numbers, got the type complex128"),
        (np.zeros((2, 2), "datetime64[s]"), "must be real numbers"),
        (pd.DataFrame({"a": ["x", "y"]}), r"`x\[0\]` must be numbers, got 'x'"),
    ],
)
def test_what_is_no_matrix_is_named(given: object, told: str) -> None:
    with pytest.raises(InputError, match=told):
        as_matrix("x", given)


def test_missing_numbers_are_refused_where_vectors_are_made() -> None:
    for given in ([[1, None], [2, 3]], pd.DataFrame({"a": [1, pd.NA], "b": [2, 3]})):
        with pytest.raises(InputError, match="1 of 2 vectors hold NaN"):
            as_embeddings(given)


def test_numbers_that_float32_does_not_hold_keep_their_direction() -> None:
    given = np.array([[3e300, 4e300], [3e-310, 4e-310], [0, 0], [3, 4], [1e308, -1e308]])
    found = Embeddings.from_vectors(given).vectors
    half = 0.5**0.5
    expected = [[0.6, 0.8], [0.6, 0.8], [0, 0], [0.6, 0.8], [half, -half]]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_numbers_that_cannot_be_computed_with_are_told() -> None:
    for fine in (np.zeros(3), np.array([np.nan, 1e139]), np.array([]), np.array([-1e-100])):
        check_computable("Features", fine)
    with pytest.raises(InputError, match=r"Features are up to 1e\+141 in size"):
        check_computable("Features", np.array([1.0, -1e141]))
    with pytest.raises(InputError, match="up to 1e-150 in size"):
        check_computable("`targets`", np.array([1e-150, 0.0]), smallest=1e-140)
