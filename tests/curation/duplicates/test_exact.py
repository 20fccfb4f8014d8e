"""Exact duplicates and conflicts, on groups made by hand."""

import numpy as np
import pytest

from curation import find_exact_duplicates
from thresher.core.errors import InputError

HASHES = np.array(["x", "y", "x", "z", "x", "y"])


def test_one_row_of_each_content_is_kept():
    result = find_exact_duplicates(HASHES)
    assert result.kept.tolist() == [True, True, False, True, False, False]
    assert result.duplicate_of.tolist() == [-1, -1, 0, -1, 0, 1]
    assert [group.tolist() for group in result.groups()] == [[0, 2, 4], [1, 5]]
    assert result.scores.tolist() == [1, 1, 0, 1, 0, 0]


def test_the_test_row_is_kept_before_priority_and_id():
    splits = np.array(["train", "train", "test", "train", "validation", "train"])
    result = find_exact_duplicates(HASHES, splits=splits, priority=np.array([9, 1, 0, 0, 0, 2]))
    assert np.flatnonzero(result.kept).tolist() == [2, 3, 5]


def test_shuffled_rows_keep_the_same_ids():
    ids = np.array(list("fedcba"))
    reference = set(ids[find_exact_duplicates(HASHES, row_ids=ids).kept])
    rng = np.random.default_rng(0)
    for _ in range(10):
        order = rng.permutation(6)
        result = find_exact_duplicates(HASHES[order], row_ids=ids[order])
        assert set(result.row_ids[result.kept]) == reference


def test_unreadable_rows_equal_no_other():
    result = find_exact_duplicates(np.array([None, "", None, "a", "a"], dtype=object))
    assert result.kept.tolist() == [True, True, True, True, False]
    assert find_exact_duplicates(np.array(["", ""])).kept.all()


def test_conflicts_suggest_the_majority():
    labels = np.array(["cat", "dog", "cat", "cat", "dog", "dog"])
    result = find_exact_duplicates(HASHES, labels=labels)
    assert result.conflict_with.tolist() == [4, -1, 4, -1, 0, -1]
    assert result.suggested.tolist() == ["", "", "", "", "cat", ""]
    issues = result.to_issues()
    assert issues.counts() == {"conflict": 3, "exact_duplicate": 3}
    assert [issue.suggested for issue in issues.of("conflict")] == [None, None, "cat"]


def test_missing_labels_conflict_with_none():
    labels = np.array(["cat", "a", None, "b", "", "a"], dtype=object)
    assert (find_exact_duplicates(HASHES, labels=labels).conflict_with == -1).all()
    codes = np.array([3, 0, -1, 0, 3, 0])
    assert (find_exact_duplicates(HASHES, labels=codes).conflict_with == -1).all()


def test_a_tie_suggests_nothing():
    result = find_exact_duplicates(np.array([7, 7]), labels=np.array(["a", "b"]))
    assert result.conflict_with.tolist() == [1, 0]
    assert result.suggested.tolist() == ["", ""]


@pytest.mark.parametrize("n", [0, 1])
def test_tiny_inputs(n):
    result = find_exact_duplicates(np.array(["a"] * n), labels=np.array(["l"] * n))
    assert result.kept.all()
    assert len(result.to_issues()) == 0


def test_lengths_must_agree():
    with pytest.raises(InputError, match=r"`labels` must have shape \(6,\)"):
        find_exact_duplicates(HASHES, labels=np.array(["a"]))
    with pytest.raises(InputError, match="NaN in 1 of 6"):
        find_exact_duplicates(HASHES, priority=np.array([0, 1, np.nan, 0, 0, 0]))
