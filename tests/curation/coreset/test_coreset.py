from __future__ import annotations

import numpy as np
import pytest

from curation.coreset import select_coreset
from curation.coreset.budgets import even_budgets, proportional_budgets
from curation.coreset.clusters import assign, spherical_kmeans
from curation.coreset.difficulty import ccs
from curation.coreset.geometry import d4, semdedup
from curation.coreset.selection import LONGEST, METHODS, SCORED, UNCERTAIN
from thresher.core.embeddings import Embeddings, unit_length
from thresher.core.errors import InputError


def vectors(n=120, d=6, seed=0):
    return unit_length(np.random.default_rng(seed).normal(size=(n, d)))


@pytest.fixture
def record(tmp_path):
    """A record of four epochs of 120 rows."""
    rng, path = np.random.default_rng(2), tmp_path / "dynamics.npz"
    margins = rng.normal(size=(120, 4)).astype(np.float16)
    np.savez(path, row_ids=np.arange(120).astype(str), margins=margins, errors=np.abs(margins) / 4)
    return path


def labels(n=120):
    return np.repeat(np.arange(3), [n // 2, n // 3, n - n // 2 - n // 3])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [1, 2, 40, 120])
def test_every_method_keeps_the_contract(method, n, record):
    X, y = vectors(), labels()
    options = {"n": n, "labels": y, "method": method, "dynamics": record}
    options |= {"token_counts": np.arange(120)} if method == LONGEST else {}
    chosen = select_coreset(X, **options)
    assert len(chosen) == len(set(chosen.positions.tolist())) == n
    assert chosen.row_ids.tolist() == chosen.positions.astype(str).tolist()
    assert chosen.weights.mean() == pytest.approx(1)
    assert (np.diff(chosen.scores) < 0).all()
    assert np.array_equal(chosen.positions, select_coreset(X, **options).positions)
    if n >= 3:
        assert set(y[chosen.positions]) == {0, 1, 2}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("X", [np.ones((50, 4)), np.zeros((50, 4)), np.eye(50)])
def test_equal_blank_and_orthogonal_rows_are_defined(method, X):
    scores = np.zeros(50) if method in SCORED else None
    labels = np.arange(50) % 2 if method in (UNCERTAIN, "balanced") else None
    counts = np.zeros(50, int) if method == LONGEST else None
    chosen = select_coreset(
        X, n=20, method=method, scores=scores, labels=labels, token_counts=counts
    )
    assert len(set(chosen.positions.tolist())) == 20


def test_classes_share_the_budget():
    y = labels()
    by_size = select_coreset(vectors(), n=30, labels=y, method="random").positions
    assert np.bincount(y[by_size]).tolist() == [15, 10, 5]
    evenly = select_coreset(vectors(), n=30, labels=y, method="balanced").positions
    assert np.bincount(y[evenly]).tolist() == [10, 10, 10]
    first = y[by_size[:6]]
    assert np.bincount(first, minlength=3).tolist() == [3, 2, 1]


def test_budgets_add_up():
    assert proportional_budgets(np.array([97, 1, 2]), 10).tolist() == [8, 1, 1]
    assert proportional_budgets(np.array([5, 5]), 10).tolist() == [5, 5]
    assert proportional_budgets(np.array([1000, 1, 1]), 2).tolist() == [2, 0, 0]
    assert even_budgets(np.array([2, 10, 10]), 12).tolist() == [2, 5, 5]
    assert even_budgets(np.array([3, 0, 1]), 9).tolist() == [3, 0, 1]


def test_semdedup_leaves_out_copies_first():
    X = vectors(40)
    copied = unit_length(np.concatenate([X, X + 1e-3]))
    kept = semdedup(copied, 40, rng=np.random.default_rng(0))
    assert len(set((kept % 40).tolist())) >= 38


def test_d4_drops_copies_then_the_most_typical():
    # Two groups of four around 0° and 180°: one exact copy and one row near the middle in each.
    degrees = np.array([-20, 0, 0, 26, 160, 180, 180, 206.0])
    X = unit_length(np.stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], axis=1))
    rng = np.random.default_rng(0)
    dropped = set(range(8)) - set(semdedup(X, 6, rng=rng).tolist())
    assert {degrees[row] for row in dropped} == {0, 180}
    assert set(d4(X, 4, rng=rng).tolist()) == {0, 3, 4, 7}
    assert set(d4(X, 7, rng=rng).tolist()) in ({*range(8)} - {row} for row in (1, 2, 5, 6))


def test_ccs_leaves_out_the_hardest_and_covers_the_rest():
    difficulty = np.arange(1000.0)
    chosen = ccs(difficulty, 100, rng=np.random.default_rng(0))
    assert len(set(chosen.tolist())) == 100
    assert chosen.max() < 1000 - 0.32 * 1000
    assert np.bincount(chosen // 136, minlength=5).min() >= 15


def test_weights_count_the_rows_that_each_stands_for():
    X = unit_length(np.array([[1, 0], [1, 0.01], [1, -0.01], [0, 1.0]]))
    chosen = select_coreset(X, n=2, method="k_center")
    assert dict(zip(chosen.positions.tolist(), chosen.weights.tolist(), strict=True)) == {
        1: 1.5,
        3: 0.5,
    }


def test_kmeans_finds_separate_groups():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(4), 50)
    X = unit_length(np.eye(4)[groups] + rng.normal(size=(200, 4)) * 0.05)
    centers, found = spherical_kmeans(X, 4, rng=rng)
    assert len(centers) == 4
    assert all(len(set(found[groups == group])) == 1 for group in range(4))
    assert np.array_equal(assign(X, centers)[0], found)


def test_the_automatic_method_says_why():
    assert select_coreset(vectors(), n=5).method == "facility_location"
    clear = np.eye(4, dtype=np.float32)[np.arange(120) % 4] + 0.01 * vectors()[:, :4]
    assert select_coreset(clear, n=5, labels=np.arange(120) % 4).method == "uncertain_coverage"
    weak = select_coreset(vectors(), n=5, labels=np.arange(120) % 4)
    assert weak.method == "random"
    assert "too few to trust" in weak.reason
    scored = select_coreset(vectors(), n=5, scores=np.arange(120.0))
    assert (scored.method, scored.reason) == ("ccs", "difficulties were given")


def test_ids_travel_and_bad_arguments_are_explained():
    ids = np.array([f"r{i}" for i in range(120)])
    chosen = select_coreset(Embeddings.from_vectors(vectors(), row_ids=ids), n=3)
    assert set(chosen.row_ids) <= set(ids)
    for options, message in [
        ({"n": 0}, "between 1 and"),
        ({"n": 121}, "between 1 and"),
        ({"n": 5, "method": "kcenter"}, "Did you mean 'k_center'"),
        ({"n": 5, "method": "el2n"}, "needs `scores`, `dynamics` or `labels`"),
        ({"n": 5, "method": "uncertain_coverage"}, "needs `labels`"),
        ({"n": 5, "method": "aum"}, "needs `dynamics`"),
        ({"n": 5, "scores": np.full(120, np.nan)}, "120 NaN"),
        ({"n": 5, "labels": [1, 2]}, "labels of shape"),
    ]:
        with pytest.raises(InputError, match=message):
            select_coreset(vectors(), **options)


def test_balanced_needs_labels():
    with pytest.raises(InputError, match="'balanced' needs `labels`; without them take 'random'"):
        select_coreset(np.eye(8), n=4, method="balanced")
