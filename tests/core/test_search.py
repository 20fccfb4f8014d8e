"""Searches against brute force; equal rows, zeros, ties, tiny inputs; measured recall."""

import numpy as np
import pytest

from thresher.core import Embeddings, neighbor_graph
from thresher.core.embeddings import unit_length
from thresher.core.errors import InputError
from thresher.core.neighbors import NeighborGraph
from thresher.core.search import approximate, cross_graph, exhaustive, pairs_above, top_k
from thresher.core.search.recall import measured_recall


def clustered(n=600, d=16, *, seed=0, noise=0.25):
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(n // 6, d))
    rows = centers[rng.integers(len(centers), size=n)] + noise * rng.normal(size=(n, d))
    return Embeddings.from_vectors(rows)


def brute_pairs(vectors, threshold):
    products = np.float32(vectors.astype(np.float64) @ vectors.T.astype(np.float64))
    first, second = np.nonzero(np.triu(products >= np.float32(threshold), 1))
    return set(zip(first.tolist(), second.tolist(), strict=True))


def pair_set(graph):
    first, second, _ = graph.expand().pairs()
    return set(zip(first.tolist(), second.tolist(), strict=True))


@pytest.mark.parametrize("method", ["exact", "approximate", "faiss"])
def test_threshold_graph_equals_brute_force(method, monkeypatch):
    monkeypatch.setattr(exhaustive, "QUERY_ROWS", 70)
    monkeypatch.setattr(exhaustive, "REFERENCE_ROWS", 90)
    rows = clustered()
    graph = neighbor_graph(rows, threshold=0.85, method=method)
    assert pair_set(graph) == brute_pairs(rows.vectors, 0.85)
    assert graph.exact == (method == "exact")
    assert method in graph.method


@pytest.mark.parametrize("method", ["exact", "approximate", "faiss"])
def test_nearest_graph_equals_brute_force(method, monkeypatch):
    monkeypatch.setattr(exhaustive, "REFERENCE_ROWS", 90)
    rows = clustered()
    graph = neighbor_graph(rows, k=5, method=method)
    products = rows.vectors.astype(np.float64) @ rows.vectors.T.astype(np.float64)
    np.fill_diagonal(products, -np.inf)
    expected = np.argsort(-products, axis=1)[:, :5]
    agreement = (graph.indices.reshape(-1, 5) == expected).mean()
    assert agreement == 1 if method == "exact" else agreement >= 0.99
    assert np.array_equal(graph.indptr, np.arange(0, 5 * 601, 5))


def test_similarities_do_not_depend_on_method_or_order():
    rows = clustered()
    order = np.random.default_rng(1).permutation(len(rows))
    exact = neighbor_graph(rows, threshold=0.8, method="exact")
    shuffled = neighbor_graph(rows.take(order), threshold=0.8, method="exact")
    first, second, similarities = shuffled.pairs()
    low, high = np.minimum(order[first], order[second]), np.maximum(order[first], order[second])
    back = np.lexsort((high, low))
    assert np.array_equal(exact.pairs()[2], similarities[back])


def test_same_seed_gives_same_bits():
    rows = clustered(noise=0.6)
    one, two = (neighbor_graph(rows, threshold=0.7, method="approximate") for _ in range(2))
    assert np.array_equal(one.indices, two.indices)
    assert np.array_equal(one.similarities, two.similarities)
    assert one.recall == two.recall


def test_equal_rows_are_stored_once_and_counted_in_full():
    rows = Embeddings.from_vectors(np.repeat(np.eye(3, 4) + 0.2, [400, 2, 1], axis=0))
    graph = neighbor_graph(rows, threshold=0.2)
    assert len(graph.indices) == 6
    assert graph.pair_count == 403 * 402 // 2
    assert np.array_equal(graph.degrees(), np.full(403, 402))
    assert graph.degrees(0.9)[[0, 400, 402]].tolist() == [399, 1, 0]
    assert pair_set(graph) == brute_pairs(rows.vectors, 0.2)
    found, similarities = graph.neighbors(401)
    assert found[0] == 400
    assert similarities[0] == 1
    assert (np.diff(similarities) <= 0).all()


def test_a_million_equal_rows_take_no_pairs():
    rows = Embeddings(np.arange(1_000_000).astype(str), np.full((1_000_000, 4), 0.5, np.float32))
    graph = neighbor_graph(rows, threshold=0.9)
    assert len(graph.indices) == 0
    assert graph.pair_count == 1_000_000 * 999_999 // 2
    assert len(graph.pairs()[0]) == 999_999
    with pytest.raises(InputError, match="unexpanded"):
        graph.expand()


def test_nearest_graph_lists_copies_and_is_k_long():
    rows = Embeddings.from_vectors(np.repeat([[1, 0], [1, 0.1], [0, 1]], [4, 1, 1], axis=0))
    graph = neighbor_graph(rows, k=2)
    assert [graph.neighbors(i)[0].tolist() for i in range(6)] == [
        [1, 2], [0, 2], [0, 1], [0, 1], [0, 1], [4, 0],
    ]  # fmt: skip
    assert graph.same_as is None


def test_zero_rows_are_similar_to_nothing():
    rows = Embeddings.from_vectors(np.array([[0, 0], [1, 0], [0, 0], [1, 0.01]]))
    for graph in (neighbor_graph(rows, threshold=1e-6), neighbor_graph(rows, k=3)):
        assert [graph.neighbors(i)[0].tolist() for i in range(4)] == [[], [3], [], [1]]


@pytest.mark.parametrize("n", [0, 1])
@pytest.mark.parametrize("method", ["auto", "exact", "approximate"])
def test_tiny_inputs(n, method):
    rows = Embeddings.from_vectors(np.ones((n, 3)))
    for graph in (
        neighbor_graph(rows, threshold=0.5, method=method),
        neighbor_graph(rows, k=4, method=method),
    ):
        assert len(graph) == n
        assert graph.indptr.tolist() == [0] * (n + 1)
        assert graph.exact


def test_more_neighbors_asked_for_than_rows():
    graph = neighbor_graph(np.eye(3) + 0.1, k=10)
    assert np.diff(graph.indptr).tolist() == [2, 2, 2]


def test_approximate_search_gives_way_where_it_cannot_help():
    rows = Embeddings.from_vectors(np.random.default_rng(0).normal(size=(400, 64)))
    graph = neighbor_graph(rows, k=20, method="approximate")
    assert graph.exact
    assert "higher cost" in graph.method


@pytest.mark.parametrize(("recall", "share"), [(0.9, 0.9173), (0.95, 0.9626), (0.999, 0.9999)])
def test_as_many_cells_as_nearly_all_neighbors_need(recall, share):
    needed = np.arange(1, 10_001)  # of the share q of all neighbors, 10,000 q cells
    assert approximate._choose_probes(needed, recall) == pytest.approx(share * 10_000, abs=2)


def test_neighbors_of_scattered_rows_are_found_to_the_recall_asked_for():
    # A few rows lie between all clusters: theirs are in cells that other rows never need.
    rng = np.random.default_rng(1)
    centers = rng.normal(size=(60, 24))
    rows = centers[rng.integers(60, size=6000)] + 0.7 * rng.normal(size=(6000, 24))
    rows[:400] = rng.normal(size=(400, 24))
    embedded = Embeddings.from_vectors(rows)
    found = neighbor_graph(embedded, k=10, method="approximate", recall=0.95)
    true = neighbor_graph(embedded, k=10, method="exact")
    assert not found.exact
    hits = [np.isin(*lists).sum() for lists in zip(*map(_lists, (true, found)), strict=True)]
    assert found.recall.estimate >= 0.95
    assert np.sum(hits) / len(true.indices) == pytest.approx(found.recall.estimate, abs=0.02)


def _lists(graph):
    return np.split(graph.indices, graph.indptr[1:-1])


def test_recall_interval_holds_the_truth(monkeypatch):
    monkeypatch.setattr(approximate, "FEWEST_PROBES", 1)
    inside = 0
    for seed in range(12):
        rows = clustered(2000, 24, seed=seed, noise=0.4)
        graph = neighbor_graph(
            rows, threshold=0.75, method="approximate", recall=0.8, random_state=seed
        )
        assert not graph.exact
        truth = brute_pairs(rows.vectors, 0.75)
        true_recall = len(pair_set(graph) & truth) / len(truth)
        assert pair_set(graph) <= truth
        inside += graph.recall.low <= true_recall <= graph.recall.high
    assert inside >= 10


def test_recall_of_nothing_is_unknown():
    recall = measured_recall(np.zeros(5, int), np.zeros(5, int))
    assert (recall.estimate, recall.low, recall.high) == (1, 0, 1)


def test_recall_interval_is_wider_for_pairs_missed_together():
    true = np.full(100, 10)
    together = measured_recall(np.where(np.arange(100) < 10, 0, 10), true)
    apart = measured_recall(np.full(100, 9), true)
    assert together.estimate == apart.estimate == pytest.approx(0.9)
    assert together.high - together.low > 2 * (apart.high - apart.low)


def test_pairs_between_two_sets():
    rows = clustered()
    left, right = rows.take(np.arange(200)), rows.take(np.arange(200, 600))
    first, second, _ = pairs_above(left.vectors, right.vectors, threshold=0.8)
    expected = {pair for pair in brute_pairs(rows.vectors, 0.8) if pair[0] < 200 <= pair[1]}
    assert set(zip(first.tolist(), (second + 200).tolist(), strict=True)) == expected
    assert pair_set(cross_graph(left, right, threshold=0.8)) == expected
    indices, _ = top_k(left.vectors, right.vectors, k=1)
    assert np.array_equal(indices[:, 0], (left.vectors @ right.vectors.T).argmax(axis=1))


def sparse_rows(n=900, d=40):
    """Rows of three words each, some of none: most products are 0, and many others equal."""
    rng = np.random.default_rng(3)
    rows = np.zeros((n, d), np.float32)
    rows[np.arange(n)[:, None], rng.integers(0, d, (n, 3))] = rng.integers(1, 3, (n, 3))
    rows[::50] = 0
    return unit_length(rows)


@pytest.mark.parametrize("vectors", [clustered(900).vectors, sparse_rows()])
@pytest.mark.parametrize(("k", "within"), [(1, True), (5, True), (40, True), (5, False)])
def test_nearest_rows_equal_brute_force_in_all_ways_of_sorting_them_out(
    vectors, k, within, monkeypatch
):
    monkeypatch.setattr(exhaustive, "QUERY_ROWS", 130)
    monkeypatch.setattr(exhaustive, "REFERENCE_ROWS", 310)
    monkeypatch.setattr(exhaustive, "GROUPS", 64)
    queries = vectors if within else vectors[:70]
    products = queries.astype(np.float64) @ vectors.T.astype(np.float64)
    if within:
        np.fill_diagonal(products, -np.inf)
    products[:, ~vectors.any(axis=1)] = -np.inf
    indices, similarities = top_k(queries, None if within else vectors, k=k)
    alive = queries.any(axis=1)
    expected = -np.sort(-products, axis=1)[:, :k]
    np.testing.assert_allclose(similarities[alive], expected[alive], atol=1e-6)
    assert (indices[~alive] == -1).all()
    assert all(len(set(row)) == k for row in indices[alive].tolist())
    found = np.take_along_axis(products, indices, axis=1)
    np.testing.assert_allclose(found[alive], expected[alive], atol=1e-6)


def test_graphs_survive_the_disk(tmp_path):
    rows = Embeddings.from_vectors(np.repeat(np.eye(3) + 0.5, [3, 1, 1], axis=0))
    graph = neighbor_graph(rows, threshold=0.5)
    graph.save(tmp_path / "graph.npz")
    again = NeighborGraph.load(tmp_path / "graph.npz")
    assert np.array_equal(again.same_as, graph.same_as)
    assert pair_set(again) == pair_set(graph)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "one of `threshold` and `k`"),
        ({"threshold": 0.9, "k": 3}, "one of `threshold` and `k`"),
        ({"threshold": 1.5}, r"`threshold` must be in \(0, 1\]"),
        ({"threshold": float("nan")}, r"`threshold` must be in \(0, 1\]"),
        ({"k": 0}, "`k` must be at least 1"),
        ({"k": 3, "method": "aproximate"}, "Did you mean 'approximate'"),
        ({"k": 3, "recall": 1.0}, "`recall` must be between"),
    ],
)
def test_bad_options_are_explained(options, message):
    with pytest.raises(InputError, match=message):
        neighbor_graph(np.eye(3), **options)


def test_too_many_pairs_are_refused_before_memory_runs_out():
    rows = clustered().vectors
    with pytest.raises(InputError, match="raise the threshold"):
        pairs_above(rows, threshold=0.01, max_pairs=1000)


@pytest.mark.cuda
def test_cuda_gives_the_same_bits():
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    rows = clustered(3000, 32)
    for options in ({"threshold": 0.8}, {"k": 7}):
        cpu, cuda = (neighbor_graph(rows, device=where, **options) for where in ("cpu", "cuda"))
        assert np.array_equal(cpu.indices, cuda.indices)
        assert np.array_equal(cpu.similarities, cuda.similarities)
