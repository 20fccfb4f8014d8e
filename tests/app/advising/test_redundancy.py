"""Halves are chosen among rows that keep their inner products in as few columns as they span."""

from __future__ import annotations

import numpy as np

from thresher.app.advising.redundancy import _as_wide_as_long


def test_rows_keep_their_inner_products_in_no_more_columns_than_rows():
    wide = np.random.default_rng(0).normal(size=(20, 90)).astype(np.float32)
    found = _as_wide_as_long(wide)
    assert found.shape == (20, 20)
    assert found.dtype == np.float32
    # Squares of about 90 in float32: 90 · 2⁻²³ for each of a few roundings.
    np.testing.assert_allclose(found @ found.T, wide @ wide.T, rtol=0, atol=2e-4)


def test_rows_that_are_not_too_wide_stay_as_they_are():
    long = np.random.default_rng(0).normal(size=(20, 8)).astype(np.float32)
    assert _as_wide_as_long(long) is long
