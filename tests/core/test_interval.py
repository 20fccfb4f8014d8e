"""The interval of the difference of two accuracies on the same rows."""

from __future__ import annotations

import numpy as np
import pytest

from thresher.core.interval import Z, paired_drop


def test_paired_drop_agrees_with_many_resamples() -> None:
    rng = np.random.default_rng(0)
    before, after = rng.random(2000) < 0.9, rng.random(2000) < 0.87
    value, low, high = paired_drop(before, after)
    assert value == pytest.approx(before.mean() - after.mean())
    picks = rng.integers(0, 2000, (2000, 2000))
    drops = before[picks].mean(axis=1) - after[picks].mean(axis=1)
    assert (low, high) == pytest.approx(np.quantile(drops, [0.025, 0.975]), abs=0.002)


def test_equal_models_have_an_interval_around_zero() -> None:
    same = np.ones(100, bool)
    value, low, high = paired_drop(same, same)
    assert low < value == 0 < high


def test_the_interval_is_that_of_a_mean_with_half_a_row_more_in_each_count() -> None:
    before, after = np.array([1, 1, 1, 0, 1, 0, 1, 1] * 25, bool), np.array([1, 0] * 100, bool)
    value, low, high = paired_drop(before, after)
    difference = before.astype(int) - after
    assert value == pytest.approx(difference.mean())
    rows, weights = np.r_[difference, 0, 0, 1, -1], np.r_[np.ones(200), [0.5] * 4]
    mean = np.average(rows, weights=weights)
    half = Z * np.sqrt(np.average((rows - mean) ** 2, weights=weights) / weights.sum())
    assert (low, high) == pytest.approx((mean - half, mean + half))
    turned = paired_drop(after, before)
    assert turned == pytest.approx((-value, -high, -low))


def test_the_interval_ends_where_drops_do_and_knows_nothing_without_rows() -> None:
    right, none = np.ones(1, bool), np.ones(0, bool)
    assert paired_drop(right, ~right)[2] == 1.0
    assert paired_drop(~right, right)[1] == -1.0
    assert paired_drop(none, none) == (0.0, -1.0, 1.0)
