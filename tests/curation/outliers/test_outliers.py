from __future__ import annotations

import numpy as np
import pytest

from curation.outliers.farness import (
    BEYOND_CUT,
    TAIL,
    _cut,
    _extended,
    beyond_groups,
    from_mean_direction,
    unusual,
)
from curation.outliers.finding import describe_outliers, find_outliers
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


def test_distances_are_means_over_neighbors():
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


@pytest.mark.parametrize("group", [1, 5, 12, 30])
def test_strangers_that_are_alike_do_not_vouch_for_each_other(group):
    rng = np.random.default_rng(group)
    bulk = 1 + rng.normal(size=(600, 24)) * 0.8  # around one direction, as encoders leave it
    strange = rng.normal(size=24) + rng.normal(size=(group, 24)) * 0.02
    strange -= strange.mean(axis=1, keepdims=True)  # across the direction of the bulk
    found = find_outliers(unit_length(np.r_[bulk, strange]))
    assert found.flagged[600:].all()
    assert found.flagged[:600].sum() <= 3


@pytest.mark.parametrize("d", [2, 30, 100])
def test_one_far_number_of_a_hundred_is_found(d):
    rng = np.random.default_rng(d)
    x = rng.normal(size=(500, d))
    x[7, 1] = 50
    found = find_outliers(x)
    assert found.flagged[7]
    assert found.scores.argmin() == 7
    assert found.flagged.sum() <= 4


def test_the_fortieth_nearest_equals_brute_force():
    X, _ = clusters(250)
    X[9] = 0
    known = (X != 0).any(axis=1)
    similarity = X @ X.T
    similarity[:, ~known] = -np.inf
    np.fill_diagonal(similarity, -np.inf)
    expected = 1 + np.sort(-similarity, axis=1)[:, 39]
    found = beyond_groups(X.astype(np.float32), known, 0)
    np.testing.assert_allclose(found[known], expected[known], atol=1e-6)
    assert np.isnan(found[9])


def test_a_sample_of_many_rows_stands_for_all():
    X, _ = clusters(4000, spread=1.0)
    known = np.ones(len(X), bool)
    sampled = beyond_groups(X.astype(np.float32), known, 0)
    similarity = X @ X.T
    exact = 1 + np.partition(-similarity, 40, axis=1)[:, 40]
    assert np.corrcoef(sampled, exact)[0, 1] > 0.9
    assert np.array_equal(sampled, beyond_groups(X.astype(np.float32), known, 0))


def test_the_mean_direction_is_the_mean_of_the_vectors():
    X = clusters(60)[0].astype(np.float64)
    mean = X.mean(axis=0)
    expected = 1 - X @ mean / np.sqrt(mean @ mean + 1 / 60)
    found = from_mean_direction(X, np.ones(60, bool))
    np.testing.assert_allclose(found, expected, atol=1e-9)
    both = np.r_[X, -X]
    np.testing.assert_allclose(from_mean_direction(both, np.ones(120, bool)), 1, atol=1e-9)


def test_unusual_properties_by_hand():
    column = np.array([0.0, 1, 2, 3, 4, 5, 6, 7, 8, 30, np.nan])
    # Quartiles 2.25, 4.5 and 6.75: the first value is 2 widths below the median, the last 11.3.
    found = unusual({"a": column})
    least = max(0.2 * np.nanstd(column), 0.45)
    assert found[0] == pytest.approx(np.log1p(4.5 / max(2.25, least)))
    assert found[9] == pytest.approx(np.log1p(25.5 / max(2.25, least)))
    assert found[10] == 0
    both = unusual({"a": column, "b": np.zeros(11)})
    assert both[9] == pytest.approx(np.log1p(np.expm1(found[9]) / np.sqrt(2)))


def test_rows_with_unusual_properties_are_found():
    X, _ = clusters()
    rng = np.random.default_rng(4)
    looks = {"noise": rng.normal(size=300), "edges": rng.normal(size=300)}
    looks["noise"][[3, 4, 5, 6]] = 9
    found = find_outliers(X, properties=looks)
    assert found.flagged[[3, 4, 5, 6]].all()
    assert found.flagged.sum() <= 6
    assert found.properties == ("noise", "edges")
    assert "how unusual noise, edges are" in describe_outliers(found)
    assert not find_outliers(X).flagged[[3, 4, 5, 6]].any()


def test_classes_of_few_rows_are_judged_among_all():
    X, groups = clusters()
    names = np.array(["a", "b", "c"])[groups]
    names[:5] = "rare"
    found = find_outliers(X, labels=names)
    plain = find_outliers(X)
    np.testing.assert_allclose(found.scores[:5], plain.scores[:5])


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"a": [1.0]}, "one number for each of the 30 rows"),
        ({"a": np.ones((30, 2))}, "one number for each of the 30 rows"),
        ({"a": ["x"] * 30}, "must be numbers"),
    ],
)
def test_bad_properties_are_explained(properties, message):
    with pytest.raises(InputError, match=message):
        find_outliers(clusters(30)[0], properties=properties)


@pytest.mark.parametrize("share", [0.12, 0.2])
def test_a_tenth_of_strangers_or_more_do_not_hide_themselves(share):
    """They make the tail of all rows, but no tail of what most rows are like."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(1_000, 16))
    strange = np.arange(1_000) < share * 1_000
    points[strange] += 30
    found = find_outliers(points)
    assert found.flagged[strange].mean() > 0.9
    assert not found.flagged[~strange].any()


def test_a_cut_by_the_body_needs_a_gap_and_no_heavy_tail():
    """An exponential tail is cut where it ends, and so is a heavier one; a far group is cut off."""
    shares = (np.arange(2_000) + 0.5) / 2_000
    tail = -np.log(1 - shares)
    assert np.isclose(_cut(tail), -np.log(BEYOND_CUT), rtol=0.01)
    heavy = (1 - shares) ** -1.0 - 1
    assert np.isclose(_cut(heavy), _extended(heavy, TAIL))
    group = np.append(tail[:1_700], np.full(300, 80.0))
    assert 10 < _cut(group) < 40
    assert _extended(group, TAIL) > 80
