"""Draws follow the scores, sink with each use, and stop at the cap."""

from __future__ import annotations

import numpy as np
import pytest

from curation.pairs import soft_cap_sample
from thresher.core.errors import InputError


def test_draws_of_one_round_follow_the_softmax():
    scores = np.array([1.0, 0.0, -1.0])
    scaled = (scores - scores.mean()) / scores.std()
    expected = np.exp(scaled) / np.exp(scaled).sum()
    counts = np.zeros(3)
    for seed in range(4000):
        counts += soft_cap_sample(scores, 1, random_state=seed)
    assert np.allclose(counts / counts.sum(), expected, atol=0.02)


def test_draws_without_penalty_are_without_replacement_in_a_round():
    counts = soft_cap_sample(np.arange(10.0), 10, rounds=1)
    assert counts.tolist() == [1] * 10


def test_a_penalty_evens_the_draws():
    scores = np.random.default_rng(0).normal(size=1000)
    order = np.argsort(scores)
    share = {}
    for penalty in (0.0, 0.15, 10.0):
        counts = soft_cap_sample(scores, 3000, penalty=penalty, rounds=30)
        assert counts.sum() == 3000
        share[penalty] = counts[order[-100:]].sum() / 3000
    assert share[0.0] > share[0.15] > share[10.0]
    assert counts.max() <= 4  # a high penalty goes through all rows before it takes one again


def test_caps_hold_and_every_draw_is_made():
    for n, draws, most, rounds in ((4, 8, 2, 3), (3, 3, 1, 20), (5, 10, 2, 2), (7, 0, None, 20)):
        counts = soft_cap_sample(np.arange(n), draws, most=most, rounds=rounds)
        assert counts.sum() == draws
        assert counts.max() <= (most or rounds)


def test_rows_at_minus_infinity_are_never_drawn():
    counts = soft_cap_sample(np.array([-np.inf, 1.0, 2.0]), 30, rounds=20)
    assert counts[0] == 0
    assert counts.sum() == 30


def test_the_same_seed_gives_the_same_draws():
    scores = np.random.default_rng(1).normal(size=50)
    first, second = (soft_cap_sample(scores, 60, random_state=7) for _ in range(2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, soft_cap_sample(scores, 60, random_state=8))


def test_impossible_draws_are_refused():
    with pytest.raises(InputError, match="21 draws cannot be made of 2 rows with at most 10"):
        soft_cap_sample(np.zeros(2), 21, most=10)
    with pytest.raises(InputError, match="1 of the scores are NaN"):
        soft_cap_sample(np.array([1.0, np.nan]), 1)
    with pytest.raises(InputError, match="penalty"):
        soft_cap_sample(np.zeros(2), 1, penalty=-1)
