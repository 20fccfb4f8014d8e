"""Odd input for the duplicate finders: each is defined, bounded and clear."""

import numpy as np
import pytest

from curation import find_contamination, find_exact_duplicates, find_leakage, find_near_duplicates
from curation.duplicates.images.graph import image_graph
from curation.duplicates.images.perceptual_hash import hash_graph
from curation.duplicates.leakage import exact_graph
from curation.duplicates.stars import keep_by
from curation.duplicates.texts.graph import text_graph
from thresher.core import neighbor_graph
from thresher.core.errors import InputError

MANY = 1_000_000


def test_a_million_rows_of_the_same_text_take_no_pairs():
    graph = text_graph(["the same text again"] * MANY)
    found = find_near_duplicates(graph)
    assert len(graph.indices) == 0
    assert found.kept.sum() == 1
    assert (found.duplicate_of[~found.kept] == np.flatnonzero(found.kept)[0]).all()


def test_a_million_equal_rows_leak_without_a_pair_stored():
    splits = np.where(np.arange(MANY) % 2, "train", "test")
    graph = exact_graph(np.full(MANY, 7), row_ids=np.arange(MANY).astype(str))
    found = find_leakage(graph, splits=splits)
    assert found.pair_count == MANY * MANY // 4
    assert np.array_equal(found.leaks, splits == "train")
    with pytest.raises(InputError, match="pairs"):
        found.pairs()


def test_zero_vectors_are_similar_to_nothing_and_nan_is_refused():
    vectors = np.eye(4)
    vectors[2:] = 0
    assert find_near_duplicates(neighbor_graph(vectors, threshold=0.1)).kept.all()
    vectors[1, 1] = np.nan
    with pytest.raises(InputError, match="1"):
        neighbor_graph(vectors, threshold=0.1)


@pytest.mark.parametrize("make", [text_graph, image_graph])
@pytest.mark.parametrize("n", [0, 1, 7])
def test_no_row_one_row_and_all_rows_equal(make, n):
    rng = np.random.default_rng(0)
    row = "five words are enough here" if make is text_graph else rng.integers(0, 256, (9, 9, 3))
    rows = [row if make is text_graph else row.astype(np.uint8)] * n
    graph = make(rows)
    assert graph.pair_count == n * (n - 1) // 2
    assert find_near_duplicates(graph).kept.sum() == min(n, 1)


def test_repeated_ids_are_refused_by_all():
    ids = np.array(["a", "b", "a"])
    texts, hashes = ["x", "y", "z"], np.arange(3, dtype=np.uint64)
    calls = [
        lambda: find_exact_duplicates(hashes, row_ids=ids),
        lambda: text_graph(texts, row_ids=ids),
        lambda: image_graph(np.zeros((3, 4, 4, 3), np.uint8), row_ids=ids),
        lambda: hash_graph(hashes, row_ids=ids),
        lambda: exact_graph(hashes, row_ids=ids),
        lambda: find_contamination(texts, texts, row_ids=ids),
    ]
    for call in calls:
        with pytest.raises(InputError, match=r"more than once: '?a"):
            call()


def test_what_to_keep_by_size():
    graph = text_graph(["one two three four five", "One, two; three four five", "other"])
    longer = keep_by("length", graph, values=["a", "b c", "d"])
    assert find_near_duplicates(graph, priority=longer).kept.tolist() == [False, True, True]
    sizes = [np.zeros((4, 4, 3)), np.zeros((5, 4, 3)), None]
    assert keep_by("resolution", graph, values=sizes).tolist() == [16, 20, 0]
    with pytest.raises(InputError, match="needs `values`"):
        keep_by("length", graph)
    with pytest.raises(InputError, match="must have length 3, got 1"):
        keep_by("length", graph, values=["a"])
