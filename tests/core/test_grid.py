"""Products on a grid are exact: they equal those of whole numbers, in any order."""

import numpy as np
import pytest

from thresher.core.encoders.hog import _turns
from thresher.core.encoders.projection import COMPONENT_BITS, FEATURE_BITS, Projection
from thresher.core.grid import UNIT_BITS, exact_rows, on_grid


def unit_rows(n: int, d: int, *, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_values_are_the_nearest_multiples():
    values = np.array([0.3, -0.3, 0.125, 5.99], np.float64)
    assert on_grid(values, 3).tolist() == [0.25, -0.25, 0.125, 6.0]
    assert on_grid(values.astype(np.float32), 3).dtype == np.float32


@pytest.mark.parametrize("dimensions", [3, 128, 2000])
def test_products_of_rows_equal_those_of_whole_numbers(dimensions):
    rows = exact_rows(unit_rows(60, dimensions))
    whole = np.rint(rows.astype(np.float64) * 2**UNIT_BITS).astype(np.int64)
    expected = whole @ whole.T
    shuffled = np.random.default_rng(1).permutation(dimensions)
    for order in (np.arange(dimensions), shuffled):
        found = rows[:, order] @ rows[:, order].T
        assert np.array_equal(found.astype(np.float64) * 4**UNIT_BITS, expected)
    assert np.abs(rows @ rows.T - unit_rows(60, dimensions) @ unit_rows(60, dimensions).T).max() < (
        2e-3
    )


def test_a_projection_equals_whole_numbers():
    features = np.clip(np.random.default_rng(0).normal(size=(300, 40)), -1, 1).astype(np.float32)
    found = Projection.fit(features, widths=(30, 10), weights=(1.0, 0.5), dimensions=20)
    rows = np.rint(features.astype(np.float64) * 2**FEATURE_BITS).astype(np.int64)
    center = np.rint(found.mean.astype(np.float64) * 2**FEATURE_BITS).astype(np.int64)
    _, exponents = np.frexp(np.abs(found.basis).max(axis=0))
    steps = np.ldexp(1.0, exponents - COMPONENT_BITS)
    basis = np.rint(found.basis / steps).astype(np.int64)
    assert np.array_equal(basis * steps, found.basis)
    expected = ((rows - center) @ basis) * (steps / 2**FEATURE_BITS)
    assert np.array_equal(found.apply(features), expected.astype(np.float32))


def test_angles_equal_the_arctangent():
    x, y = np.random.default_rng(0).normal(size=(2, 5000)).astype(np.float32)
    x[:4], y[:4] = [0, 0, 1, -1], [0, 1, 0, 0]
    expected = np.arctan2(y.astype(float), x) / (2 * np.pi)
    off = np.abs(_turns(x, y) - expected)
    assert np.minimum(off, 1 - off).max() < 1e-6
