"""Stars against their definition, on random graphs, in ten orders."""

import numpy as np
import pytest

from curation.duplicates.stars import group_by_stars, keep_by
from thresher.core import Embeddings, NeighborGraph, neighbor_graph
from thresher.core.errors import InputError


def embedded(n=300, d=6, *, seed=0):
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(n // 10, d))
    rows = centers[rng.integers(len(centers), size=n)] + 0.25 * rng.normal(size=(n, d))
    rows[rng.integers(n, size=n // 5)] = rows[rng.integers(n, size=n // 5)]
    rows[:3] = 0
    return Embeddings.from_vectors(rows)


def check_definition(rows, stars, threshold, protect=None):
    close = np.float32(rows.vectors.astype(np.float64) @ rows.vectors.T.astype(np.float64))
    close = close >= np.float32(threshold)
    np.fill_diagonal(close, False)
    free = stars.kept if protect is None else stars.kept & ~protect
    assert not close[np.ix_(free, stars.kept)].any(), "two kept rows are close"
    dropped = np.flatnonzero(~stars.kept)
    twins = stars.duplicate_of[dropped]
    assert stars.kept[twins].all()
    assert (stars.similarity[dropped] >= np.float32(threshold)).all()
    assert close[dropped, twins].all(), "a dropped row without a kept twin"


@pytest.mark.parametrize("seed", range(5))
def test_stars_keep_their_promise(seed):
    rows = embedded(seed=seed)
    graph = neighbor_graph(rows, threshold=0.8)
    check_definition(rows, group_by_stars(graph), 0.8)
    check_definition(rows, group_by_stars(graph, threshold=0.9), 0.9)
    protect = np.random.default_rng(seed).random(len(rows)) < 0.2
    stars = group_by_stars(graph, protect=protect)
    assert stars.kept[protect].all()
    check_definition(rows, stars, 0.8, protect)


@pytest.mark.parametrize("policy", [None, "medoid", "label_agreement", "score"])
def test_ten_orders_keep_the_same_rows(policy):
    rows = embedded()
    rng = np.random.default_rng(3)
    labels, score = rng.integers(3, size=len(rows)), rng.integers(4, size=len(rows))

    def outcome(order):
        graph = neighbor_graph(rows.take(order), threshold=0.8)
        priority = (
            score[order] if policy == "score"
            else None if policy is None
            else keep_by(policy, graph, labels=labels[order])
        )  # fmt: skip
        stars = group_by_stars(graph, priority=priority)
        kept = graph.row_ids[stars.kept]
        twins = dict(
            zip(graph.row_ids[~stars.kept], graph.row_ids[stars.duplicate_of[~stars.kept]],
                strict=True)
        )  # fmt: skip
        return set(kept.tolist()), twins

    reference = outcome(np.arange(len(rows)))
    for _ in range(10):
        assert outcome(rng.permutation(len(rows))) == reference


def test_priority_decides_which_copy_stays():
    graph = neighbor_graph(np.array([[1, 0], [1, 0.01], [1, 0]]), threshold=0.9)
    for best in range(3):
        stars = group_by_stars(graph, priority=np.eye(3)[best])
        assert stars.kept.tolist() == [row == best for row in range(3)]


def test_a_chain_is_not_one_group():
    angles = np.radians([0, 20, 39, 60, 80])
    graph = neighbor_graph(np.stack([np.cos(angles), np.sin(angles)], 1), threshold=0.93)
    stars = group_by_stars(graph)
    assert stars.kept.tolist() == [False, True, False, True, False]
    assert stars.duplicate_of.tolist() == [1, -1, 1, -1, 3]


def test_all_rows_equal_keep_one():
    rows = Embeddings(np.array(list("dbca")), np.full((4, 2), 0.7, np.float32))
    stars = group_by_stars(neighbor_graph(rows, threshold=0.99))
    assert stars.kept.tolist() == [False, False, False, True]
    assert stars.duplicate_of.tolist() == [3, 3, 3, -1]
    assert stars.similarity.tolist() == [1, 1, 1, -1]


@pytest.mark.parametrize("n", [0, 1])
def test_tiny_graphs(n):
    stars = group_by_stars(neighbor_graph(np.ones((n, 2)), threshold=0.9))
    assert stars.kept.tolist() == [True] * n


def test_label_agreement_counts_equal_rows():
    vectors = np.repeat([[1, 0], [1, 0.1], [0, 1]], [3, 1, 1], axis=0)
    graph = neighbor_graph(vectors, threshold=0.9)
    share = keep_by("label_agreement", graph, labels=np.array(["a", "a", "b", "b", "a"]))
    assert share == pytest.approx([1 / 3, 1 / 3, 1 / 3, 1 / 3, 1])


def test_a_graph_of_nearest_rows_is_refused():
    with pytest.raises(InputError, match="lacks pairs"):
        group_by_stars(neighbor_graph(np.eye(3), k=1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 0.5}, "Search again with the lower threshold"),
        ({"threshold": 1.5}, "must be in"),
        ({"protect": np.ones(2, bool)}, r"`protect` must have shape \(3,\)"),
        ({"priority": np.array([1, np.nan, 0])}, "NaN in 1 of 3"),
    ],
)
def test_bad_arguments_are_explained(options, message):
    graph = neighbor_graph(np.eye(3), threshold=0.9)
    assert isinstance(graph, NeighborGraph)
    with pytest.raises(InputError, match=message):
        group_by_stars(graph, **options)
