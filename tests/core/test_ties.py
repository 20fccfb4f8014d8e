"""Near-ties go to the first; everything else is ordered as by plain sorting."""

import numpy as np
import pytest

from thresher.core.ties import (
    first_highest,
    first_lowest,
    highest_first,
    highest_places,
    lowest_first,
    settled,
    smallest_first,
)

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("scale", [1e-30, 1.0, 7.3e12])
def test_last_bits_do_not_count(scale):
    scores = RNG.integers(0, 5, 200) * (scale / 3)
    noise = scores * (1 + RNG.normal(size=200) * 1e-15)
    expected = np.lexsort((np.arange(200), -scores))
    assert highest_first(noise).tolist() == expected.tolist()
    assert highest_first(noise, n=7).tolist() == expected[:7].tolist()
    assert lowest_first(noise).tolist() == np.lexsort((np.arange(200), scores)).tolist()
    assert first_highest(noise) == np.flatnonzero(scores == scores.max())[0]
    assert first_lowest(noise) == np.flatnonzero(scores == scores.min())[0]


def test_plain_order_where_nothing_ties():
    scores = RNG.normal(size=1000)
    assert highest_first(scores).tolist() == np.argsort(-scores).tolist()
    assert first_highest(scores) == scores.argmax()
    rows = RNG.normal(size=(50, 9))
    assert first_highest(rows).tolist() == rows.argmax(axis=1).tolist()


def test_infinite_scores_and_none():
    assert highest_first(np.array([1.0, -np.inf, 2.0, np.inf])).tolist() == [3, 2, 0, 1]
    assert first_highest(np.array([-np.inf, 1.0, 2.0])) == 2
    assert settled(np.zeros(3)).tolist() == [0, 0, 0]
    assert len(settled(np.array([]))) == 0


@pytest.mark.parametrize("count", [1, 4, 12])
def test_highest_places_of_rows_full_of_ties(count):
    scores = RNG.integers(0, 4, (300, 12)).astype(np.float32)
    expected = [sorted(np.argsort(-row, kind="stable")[:count]) for row in scores]
    assert highest_places(scores, count).tolist() == np.array(expected).tolist()
    assert highest_places(scores[:0], count).shape == (0, count)


@pytest.mark.parametrize("n", [1, 7, 60, None])
def test_the_smallest_come_as_in_a_stable_sort_of_all(n):
    rng = np.random.default_rng(0)
    for values in (
        rng.integers(5, size=500).astype(float),
        rng.normal(size=500),
        np.where(rng.random(500) < 0.99, np.nan, rng.normal(size=500)),
        np.where(np.arange(500) % 2, np.inf, -np.inf),
    ):
        expected = np.argsort(values, kind="stable")[:n]
        np.testing.assert_array_equal(smallest_first(values, n=n), expected)
