import numpy as np
import pytest

from thresher.core.grid import exact_rows
from thresher.core.numerics.folds import spread_over_folds
from thresher.core.numerics.kmeans import cluster_sums, sampled_rows, unit_on_grid
from thresher.core.numerics.temperature import (
    best_temperature,
    fit_temperature,
    likeliest_temperature,
)


@pytest.fixture
def rows():
    drawn = np.random.default_rng(0).normal(size=(500, 16)).astype(np.float32)
    return exact_rows(drawn / np.linalg.norm(drawn, axis=1, keepdims=True))


def test_sums_are_those_of_each_cluster_to_the_bit(rows):
    owner = np.random.default_rng(1).integers(0, 9, len(rows))
    owner[owner == 4] = 3  # an empty one
    found = cluster_sums(rows, owner, clusters=9)
    naive = np.stack([rows[owner == each].astype(np.float64).sum(axis=0) for each in range(9)])
    assert found.dtype == np.float32
    assert np.array_equal(found, naive.astype(np.float32))
    assert not found[4].any()
    backwards = cluster_sums(rows[::-1], owner[::-1], clusters=9)
    assert np.array_equal(found, backwards)


def test_sums_of_no_rows_are_zeros():
    assert not cluster_sums(np.empty((0, 3), np.float32), np.empty(0, np.int64), clusters=2).any()


def test_unit_rows_are_on_the_grid_and_zeros_stay(rows):
    sums = np.concatenate([rows[:4] * 7, np.zeros((1, 16), np.float32)])
    unit = unit_on_grid(sums)
    assert np.array_equal(unit, exact_rows(unit))
    assert np.allclose(np.linalg.norm(unit[:4], axis=1), 1, atol=1e-3)
    assert np.allclose(unit[:4], rows[:4], atol=1e-3)
    assert not unit[4].any()


def test_samples_are_drawn_without_repetition_in_order():
    rng = np.random.default_rng(0)
    assert sampled_rows(5, most=5, rng=rng) is None
    places = sampled_rows(100, most=10, rng=rng)
    assert len(np.unique(places)) == 10
    assert (np.diff(places) > 0).all()


def test_folds_take_the_rows_by_turns():
    order = np.array([3, 0, 4, 1, 2])
    assert spread_over_folds(order, 2).tolist() == [1, 1, 0, 0, 0]
    assert spread_over_folds(np.empty(0, np.int64), 3).tolist() == []


def test_temperatures_find_the_scale_of_logits():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20_000, 4)) * 2
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    codes = (probs.cumsum(axis=1) < rng.random((len(logits), 1))).sum(axis=1)
    assert fit_temperature(logits * 3, codes) == pytest.approx(3, rel=0.05)
    grid = [0.5, 1.0, 2.0, 3.0, 4.0]
    assert likeliest_temperature(logits * 3, codes, temperatures=grid) == 3.0
    assert best_temperature(lambda log: (log - np.log(5)) ** 2) == pytest.approx(5, rel=1e-3)
