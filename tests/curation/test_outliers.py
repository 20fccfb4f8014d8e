from __future__ import annotations

import numpy as np
import pytest

from curation.outliers import find_outliers
from thresher.core.embeddings import Embeddings, unit_length
from thresher.core.errors import InputError
from thresher.core.search import neighbor_graph


def clusters(n=300, d=16, seed=0, spread=0.3):
    rng = np.random.default_rng(seed)
    groups = np.arange(n) % 3
    return unit_length(np.eye(d)[groups] + rng.normal(size=(n, d)) * spread / np.sqrt(d)), groups


def test_planted_outliers_are_found_and_clean_rows_are_not():
    X, _ = clusters()
    assert find_outliers(X).flagged.mean() < 0.01
    rng = np.random.default_rng(1)
    X[[5, 50]] = unit_length(rng.normal(size=(2, 16)))
    found = find_outliers(X)
    assert found.flagged[[5, 50]].all()
    assert found.flagged.sum() <= 4
    assert set(np.argsort(found.scores)[:2]) == {5, 50}


def test_a_row_may_be_odd_for_its_class_only():
    X, groups = clusters()
    scattered = X.copy()
    rng = np.random.default_rng(2)
    wide = groups == 2
    scattered[wide] = unit_length(np.eye(16)[[2]] + rng.normal(size=(wide.sum(), 16)) * 0.25)
    odd = np.flatnonzero(groups == 0)[0]
    scattered[odd] = unit_length((np.eye(16)[0] + rng.normal(size=16) * 0.25)[None])[0]
    assert (
        find_outliers(scattered, labels=groups).scores[odd] < find_outliers(scattered).scores[odd]
    )


def test_distances_are_means_over_neighbours():
    X, _ = clusters(60)
    similarity = X @ X.T
    np.fill_diagonal(similarity, -np.inf)
    nearest = -np.sort(-similarity, axis=1)[:, :10]
    np.testing.assert_allclose(find_outliers(X).distances, 1 - nearest.mean(axis=1), atol=1e-6)
    given = find_outliers(X, graph=neighbor_graph(X, k=10))
    assert np.array_equal(given.scores, find_outliers(X).scores)


@pytest.mark.parametrize("n", [0, 1, 2, 7])
def test_few_rows_have_no_outliers(n):
    X = np.random.default_rng(0).normal(size=(n, 4))
    found = find_outliers(X)
    assert len(found) == n
    assert not found.flagged.any()


def test_equal_and_blank_rows_are_defined():
    assert not find_outliers(np.ones((50, 4))).flagged.any()
    X, _ = clusters()
    X[7] = 0
    found = find_outliers(X)
    assert np.isnan(found.distances[7])
    assert not found.flagged[7]


def test_order_does_not_matter_and_ids_travel():
    X, _ = clusters()
    ids = np.array([f"r{i}" for i in range(300)])
    order = np.random.default_rng(3).permutation(300)
    one = find_outliers(Embeddings.from_vectors(X, row_ids=ids))
    two = find_outliers(Embeddings.from_vectors(X[order], row_ids=ids[order]))
    np.testing.assert_allclose(one.scores[order], two.scores, atol=1e-4)
    assert two.row_ids.tolist() == ids[order].tolist()


def test_another_threshold_and_issues():
    X, _ = clusters()
    found = find_outliers(X).at(0.9)
    assert np.array_equal(found.flagged, found.scores < 0.9)
    assert len(found.to_issues()) == found.flagged.sum() > 0


def test_bad_arguments_are_explained():
    X, _ = clusters(30)
    with pytest.raises(InputError, match="k nearest"):
        find_outliers(X, graph=neighbor_graph(X, threshold=0.9))
    with pytest.raises(InputError, match="labels of shape"):
        find_outliers(X, labels=[1, 2])
    with pytest.raises(InputError, match="NaN or infinite"):
        find_outliers(np.full((3, 2), np.nan))
