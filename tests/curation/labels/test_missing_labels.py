"""Missing labels, −1 as a class, and labels of every kind of column in the checks."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from curation import (
    find_exact_duplicates,
    find_label_issues,
    find_multilabel_issues,
    find_outliers,
    find_regression_issues,
    select_coreset,
)
from curation.corpus import find_corpus_issues
from curation.decisions.decide import decide
from curation.labels.label_sets import read_label_sets
from thresher.core.errors import InputError
from thresher.core.issues import Issues

NOTHING = [None, np.nan, pd.NA, pd.NaT, ""]


def clusters(n=90, seed=0):
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % 3
    return np.eye(3)[codes] * 4 + rng.normal(size=(n, 3)) * 0.3, codes


@pytest.mark.parametrize("nothing", NOTHING, ids=repr)
def test_missing_is_no_class_in_any_check(nothing):
    x, codes = clusters()
    names = np.array(list("abc"), dtype=object)[codes]
    names[5] = nothing
    probs = np.full((90, 3), 0.1)
    probs[np.arange(90), codes] = 0.8
    found = find_label_issues(names, pred_probs=probs)
    assert found.classes == ("a", "b", "c")
    assert found.labels[5] == -1
    assert find_label_issues(names, embeddings=x).labels[5] == -1
    copies = find_exact_duplicates(["k", "k", "m"], labels=["x", nothing, "y"])
    assert (copies.conflict_with == -1).all()
    votes = np.array([["a", nothing], ["b", "b"]] * 20, dtype=object)
    assert find_label_issues(annotations=votes).classes == ("a", "b")
    table = {"row_id": ["0", "0", "1"], "annotator": ["x", "y", "x"], "label": ["a", nothing, "b"]}
    assert find_label_issues(annotations=table).classes == ("a", "b")
    corpus = find_corpus_issues(names, embeddings=x)
    assert not any("nan" in issue.detail.lower() for issue in corpus.issues)
    assert len(find_outliers(x, labels=names)) == 90
    kept = decide(Issues.concat([]), row_ids=np.arange(90).astype(str), labels=names)
    assert kept.table["old_label"][5].as_py() is None


def test_hashes_that_are_missing_equal_no_other():
    found = find_exact_duplicates(["a", np.nan, np.nan, None, pd.NA, "", "a"])
    assert found.kept.tolist() == [True] * 6 + [False]


@pytest.mark.parametrize(
    "column",
    [
        np.array([-1, 0, 1] * 30),
        [-1, 0, 1] * 30,
        np.array([-1.0, 0.0, 1.0] * 30),
        pd.Series([-1, 0, 1] * 30, dtype="Int64"),
        pa.array([-1, 0, 1] * 30),
        np.array(["-1", "0", "1"] * 30),
        pd.Categorical([-1, 0, 1] * 30),
    ],
    ids=lambda column: type(column).__name__,
)
def test_minus_one_is_a_class_among_sentiments(column):
    x, _ = clusters()
    probs = np.tile(np.eye(3) * 0.7 + 0.1, (30, 1))
    for found in (
        find_label_issues(column, embeddings=x),
        find_label_issues(column, pred_probs=probs),
        find_label_issues(column, embeddings=x, classes=["-1", "0", "1"]),
    ):
        assert found.classes == ("-1", "0", "1")
        assert found.labels.tolist() == [0, 1, 2] * 30
    copies = find_exact_duplicates(["k"] * 90, labels=column)
    assert (copies.conflict_with >= 0).all()


def test_minus_one_stays_missing_where_numbers_are_codes():
    x, codes = clusters()
    codes[5] = -1
    assert find_label_issues(codes, embeddings=x).labels[5] == -1
    two = np.where(codes == 2, 1, codes)
    probs = np.full((90, 2), 0.5)
    assert find_label_issues(two, pred_probs=probs).labels[5] == -1
    assert find_label_issues(two, embeddings=x, classes=["no", "yes"]).labels[5] == -1
    votes = np.stack([two, two], axis=1)
    assert find_label_issues(annotations=votes).classes == ("0", "1")
    said = find_label_issues(annotations=votes, classes=["-1", "0", "1"])
    assert said.labels[5] == 0


def test_two_large_numbers_are_two_classes():
    x, codes = clusters()
    names = np.where(codes == 1, 9410, 1001)
    start = time.process_time()
    found = find_label_issues(names, embeddings=x)
    assert time.process_time() - start < 5
    assert found.classes == ("1001", "9410")
    same = find_label_issues((codes == 1).astype(int), embeddings=x)
    np.testing.assert_array_equal(found.scores, same.scores)
    nine_and_ten = find_label_issues(np.where(codes == 1, 10, 9), embeddings=x)
    assert nine_and_ten.classes == ("9", "10")
    huge = find_label_issues(np.where(codes == 1, 2**62, 5), embeddings=x)
    assert huge.classes == ("5", str(2**62))
    with pytest.raises(InputError, match="2 columns, but there are 9,411 classes"):
        find_label_issues(names, pred_probs=np.full((90, 2), 0.5))


def test_whole_floats_are_codes_and_fractions_are_refused():
    x, codes = clusters()
    labels = codes.astype(float)
    labels[5] = np.nan
    found = find_label_issues(labels, embeddings=x)
    assert found.labels[5] == -1
    assert found.labels[6] == codes[6]
    with pytest.raises(InputError, match=r"whole numbers, got floats such as 0\.5"):
        find_label_issues(labels + 0.5, embeddings=x)


def test_labels_of_one_class_in_two_spellings_are_no_conflict():
    with pytest.warns(UserWarning, match="read as one class"):
        found = find_exact_duplicates(["k", "k"], labels=[1, "1"])
    assert (found.conflict_with == -1).all()
    with pytest.warns(UserWarning, match="read as one class"):
        label = find_label_issues([True, "false", "True", False] * 10, embeddings=np.eye(40))
    assert label.classes == ("false", "true")


def test_sets_of_labels_leave_out_what_is_missing():
    probs = np.full((4, 2), 0.5)
    sets = [["a", None], ["b", np.nan], None, ["a", "b"]]
    present, names = read_label_sets(sets, classes=None, width=0)
    assert names == find_multilabel_issues(sets, pred_probs=probs).classes == ("a", "b")
    assert present.tolist() == [[1, 0], [0, 1], [-1, -1], [1, 1]]
    for table in (np.array([[1, np.nan], [0, 1]]), np.array([[1, None], [0, True]], object)):
        present, _ = read_label_sets(table, classes=None, width=0)
        assert present.tolist() == [[1, -1], [0, 1]]
    with pytest.raises(InputError, match="must be a list of classes, got 'ab'"):
        find_multilabel_issues(["ab"], pred_probs=probs[:1])
    with pytest.raises(InputError, match="not in `classes`: -1"):
        find_multilabel_issues([[-1, 0]], pred_probs=probs[:1])


def test_targets_and_priorities_of_any_column():
    y = pd.Series([1.0, 2, None, 4, 5, 6, 7, 8, 9, 10], dtype="Float64")
    found = find_regression_issues(y, predictions=np.arange(1.0, 11))
    assert np.isnan(found.targets[2])
    assert found.scores[2] == 1
    with pytest.raises(InputError, match="`priority` holds NaN in 1 of 2"):
        find_exact_duplicates(["a", "a"], priority=np.array([1, np.nan]))


def test_core_sets_take_labels_of_any_column():
    x, codes = clusters()
    names = pd.Series(np.array(list("abc"))[codes], dtype="category")
    by_column = select_coreset(x, n=12, labels=names)
    by_codes = select_coreset(x, n=12, labels=codes)
    assert by_column.row_ids.tolist() == by_codes.row_ids.tolist()
