"""Leakage against all pairs counted by hand, repair, conflicts."""

import numpy as np
import pytest

from curation import find_leakage
from curation.duplicates.leakage import exact_graph
from thresher.core import Embeddings, neighbor_graph
from thresher.core.errors import InputError

SPLITS = np.array(["train", "validation", "test"])


def example(seed, n=250):
    rng = np.random.default_rng(seed)
    base = rng.normal(size=(n // 4, 6))
    rows = base[rng.integers(len(base), size=n)] + 0.2 * rng.normal(size=(n, 6))
    rows[n // 2 :: 3] = rows[: len(rows[n // 2 :: 3])]
    splits = SPLITS[rng.choice(3, size=n, p=[0.7, 0.1, 0.2])]
    return Embeddings.from_vectors(rows), splits, rng.integers(3, size=n)


def cross_pairs(rows, splits, threshold):
    close = np.float32(rows.vectors.astype(np.float64) @ rows.vectors.T.astype(np.float64))
    level = np.argmax(splits[:, None] == SPLITS, axis=1)
    forward = level[:, None] < level
    return np.argwhere((close >= np.float32(threshold)) & forward), close


@pytest.mark.parametrize("seed", range(4))
def test_all_pairs_are_found_and_none_is_left(seed):
    rows, splits, labels = example(seed)
    leakage = find_leakage(neighbor_graph(rows, threshold=0.9), splits=splits, labels=labels)
    expected, close = cross_pairs(rows, splits, 0.9)
    found = np.stack(leakage.pairs()[:2], axis=1)
    assert np.array_equal(found[np.lexsort(found.T[::-1])], expected)
    assert leakage.pair_count == len(expected)
    assert np.array_equal(np.flatnonzero(leakage.leaks), np.unique(expected[:, 0]))
    assert np.array_equal(np.flatnonzero(leakage.leaked), np.unique(expected[:, 1]))
    for row in np.flatnonzero(leakage.leaks):
        partners = expected[expected[:, 0] == row, 1]
        assert leakage.twin[row] in partners
        assert leakage.similarity[row] == pytest.approx(close[row, partners].max(), abs=1e-6)
    rest = ~leakage.leaks
    assert len(cross_pairs(rows.take(rest), splits[rest], 0.9)[0]) == 0


def test_a_higher_threshold_needs_no_new_search():
    rows, splits, _ = example(1)
    raised = find_leakage(neighbor_graph(rows, threshold=0.8), splits=splits).at(0.95)
    again = find_leakage(neighbor_graph(rows, threshold=0.95), splits=splits)
    assert np.array_equal(raised.twin, again.twin)
    assert raised.pair_count == again.pair_count


def test_conflicts_are_found_among_equal_rows():
    rows, splits, labels = example(2)
    leakage = find_leakage(neighbor_graph(rows, threshold=0.9), splits=splits, labels=labels)
    vectors = rows.vectors
    for row in np.flatnonzero(leakage.leaks):
        twin = leakage.twin[row]
        as_close = (vectors == vectors[twin]).all(axis=1) & (splits == splits[twin])
        torn = np.flatnonzero(as_close & (labels != labels[row]))
        assert (leakage.conflict_with[row] in torn) if len(torn) else leakage.conflict_with[row] < 0


def test_exact_leakage_from_hashes():
    ids = np.array(list("abcdef"))
    graph = exact_graph(np.array(["x", "y", "x", "", "", "y"]), row_ids=ids)
    splits = np.array(["train", "train", "test", "train", "test", "train"])
    leakage = find_leakage(graph, splits=splits, labels=np.array(list("001100")))
    assert leakage.leaks.tolist() == [True, False, False, False, False, False]
    assert leakage.twin[0] == 2
    issues = leakage.to_issues()
    assert issues.counts() == {"conflict": 1, "leakage": 1}
    only = next(iter(issues.of("leakage")))
    assert (only.row_id, only.twin, only.score) == ("a", "c", 0)


def test_a_million_equal_rows_are_counted_not_listed():
    n = 1_000_000
    rows = Embeddings(np.arange(n).astype(str), np.full((n, 2), 0.5, np.float32))
    splits = np.repeat(["train", "test"], [n - 10, 10])
    leakage = find_leakage(neighbor_graph(rows, threshold=0.9), splits=splits)
    assert leakage.leaks.sum() == n - 10
    assert leakage.pair_count == (n - 10) * 10
    with pytest.raises(InputError, match="unexpanded"):
        find_leakage(
            neighbor_graph(rows, threshold=0.9), splits=np.repeat(["train", "test"], n // 2)
        ).pairs()


def test_the_order_says_which_side_goes():
    rows = Embeddings.from_vectors(np.ones((2, 2)))
    graph, splits = neighbor_graph(rows, threshold=0.9), np.array(["train", "test"])
    assert find_leakage(graph, splits=splits).leaks.tolist() == [True, False]
    reverse = find_leakage(graph, splits=splits, order=("test", "train"))
    assert reverse.leaks.tolist() == [False, True]


def test_bad_arguments_are_explained():
    graph = neighbor_graph(np.eye(3), threshold=0.9)
    with pytest.raises(InputError, match="two of the splits"):
        find_leakage(graph, splits=np.array(["train"] * 3))
    with pytest.raises(InputError, match=r"shape \(3,\)"):
        find_leakage(graph, splits=np.array(["train", "test"]))
    with pytest.raises(InputError, match="lacks pairs"):
        find_leakage(neighbor_graph(np.eye(3), k=1), splits=np.array(["train", "test", "test"]))
    with pytest.raises(InputError, match="`threshold` must be in"):
        find_leakage(graph, splits=np.array(["train", "test", "test"]), threshold=0.5)
