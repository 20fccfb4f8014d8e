"""Partition in two levels: its visits against brute force, and the margin that a pair needs."""

import numpy as np

from thresher.core.embeddings import unit_length
from thresher.core.grid import exact_rows
from thresher.core.search import hierarchy
from thresher.core.search.hierarchy import fit_hierarchy, margins_needed, visits


def rows(n=2000, d=12, seed=0):
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(n // 20, d))
    return unit_length(centers[rng.integers(len(centers), size=n)] + 0.3 * rng.normal(size=(n, d)))


def test_visits_are_the_cells_within_the_margin(monkeypatch):
    monkeypatch.setattr(hierarchy, "PROBED_GROUPS", 1000)
    monkeypatch.setattr(hierarchy, "BLOCK_SCORES", 5000)
    vectors = rows()
    partition = fit_hierarchy(vectors, cells=60, rng=np.random.default_rng(1))
    owner, row, cell = visits(vectors, partition, margin=0.1)
    products = exact_rows(vectors) @ partition.cells.T
    near = products >= products.max(axis=1, keepdims=True) - np.float32(0.1)
    assert np.array_equal(owner, products.argmax(axis=1))
    expected = set(zip(*np.nonzero(near), strict=True))
    assert expected == set(zip(row.tolist(), cell.tolist(), strict=True))


def test_a_pair_is_met_at_the_margin_it_needs():
    vectors = rows()
    partition = fit_hierarchy(vectors, cells=60, rng=np.random.default_rng(1))
    first, second = vectors[:1000], vectors[1000:]
    needed = margins_needed(first, second, partition)
    for margin in (0.0, 0.1, 0.3):
        met = np.zeros(1000, bool)
        for looking, found in ((first, second), (second, first)):
            target = visits(found, partition, margin=0)[0]
            _, row, cell = visits(looking, partition, margin=margin)
            met[row[cell == target[row]]] = True
        assert (met == (needed <= margin)).mean() >= 0.995  # rounding, and the cap on visits


def test_a_row_looks_into_few_cells_at_most(monkeypatch):
    monkeypatch.setattr(hierarchy, "MOST_VISITS", 5)
    vectors = rows()
    partition = fit_hierarchy(vectors, cells=60, rng=np.random.default_rng(1))
    _, row, _ = visits(vectors, partition, margin=2)
    assert np.bincount(row).max() == 5


def test_one_row_is_a_partition():
    vectors = rows()[:1]
    partition = fit_hierarchy(vectors, cells=1, rng=np.random.default_rng(1))
    assert [part.tolist() for part in visits(vectors, partition, margin=0.1)] == [[0], [0], [0]]
