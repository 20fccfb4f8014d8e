from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from curation.coreset import greedy, select_coreset
from curation.coreset.selection import LONGEST, METHODS, SCORED, UNCERTAIN
from thresher.core.embeddings import unit_length


def vectors(n=60, d=6, seed=0):
    return unit_length(np.random.default_rng(seed).normal(size=(n, d)))


def naive_k_center(X, n):
    chosen = [int(np.argmax(X @ X.mean(axis=0)))]
    while len(chosen) < n:
        nearest = (X @ X[chosen].T).max(axis=1)
        nearest[chosen] = np.inf
        chosen.append(int(nearest.argmin()))
    return chosen


def naive_facility_location(similarity, n):
    chosen, best = [], np.zeros(similarity.shape[1])
    for _ in range(n):
        gains = (np.maximum(similarity, best) - best).sum(axis=1)
        gains[chosen] = -1
        chosen.append(int(gains.argmax()))
        best = np.maximum(best, similarity[chosen[-1]])
    return chosen


@pytest.mark.parametrize("pool", [1, 7, 50, 1024])
@pytest.mark.parametrize("seed", range(3))
def test_k_center_in_blocks_equals_one_center_at_a_time(pool, seed, monkeypatch):
    monkeypatch.setattr(greedy, "POOL", pool)
    X = vectors(300, 5, seed)
    assert greedy.k_center(X, 120).tolist() == naive_k_center(X, 120)


@pytest.mark.parametrize("seed", range(3))
def test_lazy_greedy_equals_plain_greedy(seed):
    X = vectors(150, 4, seed)
    similarity = np.maximum(X @ X.T, 0)
    assert greedy.lazy_greedy(similarity, 60).tolist() == naive_facility_location(similarity, 60)
    found = greedy.facility_location(X, 60)
    assert found.tolist() == naive_facility_location(similarity, 60)


@pytest.mark.parametrize("seed", range(3))
def test_facility_location_counts_each_row_by_its_demand(seed):
    X, demand = vectors(150, 4, seed), np.random.default_rng(seed).random(150).astype(np.float32)
    found = greedy.facility_location(X, 60, demand=demand)
    assert found.tolist() == naive_facility_location(np.maximum(X @ X.T, 0) * demand, 60)


def test_lazy_greedy_reaches_its_bound_on_small_sets():
    from itertools import combinations

    similarity = np.maximum(vectors(10, 3) @ vectors(10, 3).T, 0)
    best = max(similarity[list(rows)].max(axis=0).sum() for rows in combinations(range(10), 3))
    reached = similarity[greedy.lazy_greedy(similarity, 3)].max(axis=0).sum()
    assert (1 - 1 / np.e) * best <= reached <= best + 1e-6


def test_ties_and_copies_are_chosen_in_order():
    assert greedy.lazy_greedy(np.ones((5, 5), np.float32), 3).tolist() == [0, 1, 2]
    assert len(set(greedy.k_center(np.ones((9, 2), np.float32), 9).tolist())) == 9


@pytest.mark.parametrize("n", [10, 200])
def test_facility_location_in_shards_keeps_half_of_the_gain(n, monkeypatch):
    monkeypatch.setattr(greedy, "SHARD", 100)
    X = vectors(400, 4)
    similarity = np.maximum(X @ X.T, 0)
    found = greedy.facility_location(X, n)
    assert len(set(found.tolist())) == n
    whole = similarity[greedy.lazy_greedy(similarity, n)].max(axis=0).sum()
    drawn = np.mean(
        [
            similarity[np.random.default_rng(seed).permutation(400)[:n]].max(axis=0).sum()
            for seed in range(5)
        ]
    )
    assert whole - similarity[found].max(axis=0).sum() < 0.5 * (whole - drawn)


def test_shards_of_equal_rows_are_defined(monkeypatch):
    monkeypatch.setattr(greedy, "SHARD", 10)
    found = greedy.facility_location(np.ones((95, 3), np.float32) / np.sqrt(np.float32(3)), 50)
    assert len(set(found.tolist())) == 50


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_no_method_makes_a_square_matrix(method):
    X = vectors(20_000, 16)
    scores = np.arange(20_000.0) if method in SCORED else None
    labels = np.zeros(20_000) if method == UNCERTAIN else None
    tracemalloc.start()
    counts = np.arange(20_000) if method == LONGEST else None
    chosen = select_coreset(
        X, n=6000, method=method, scores=scores, labels=labels, token_counts=counts
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(set(chosen.positions.tolist())) == 6000
    assert peak < 400e6  # a square matrix would take 1.6 GB
