"""Issues of a whole data set: planted ones are found, sound data raise none."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

from curation.corpus import find_corpus_issues
from curation.corpus.imbalance import effective_classes
from curation.corpus.shortcuts import binned_auc
from thresher.core.errors import InputError

RNG = np.random.default_rng(0)


def kinds(found):
    return [issue.kind for issue in found.issues]


def vectors(n=2000, d=32):
    return RNG.normal(size=(n, d)).astype(np.float32)


def test_sound_data_raise_nothing():
    labels = RNG.integers(0, 5, 2000)
    found = find_corpus_issues(
        labels, embeddings=vectors(), properties={"brightness": RNG.normal(size=2000)}
    )
    assert kinds(found) == []
    assert set(found.checked) == {"balance", "sorting", "shortcuts", "drift"}


def test_real_digits_raise_no_drift():
    digits = load_digits()
    found = find_corpus_issues(digits.target, embeddings=digits.data.astype(np.float32))
    assert "imbalance" not in kinds(found)
    assert "sorted" not in kinds(found)


def test_rare_classes_are_named_with_their_counts():
    labels = np.array(["a"] * 500 + ["b"] * 480 + ["c"] * 20 + ["d"] * 3 + [""] * 10)
    found = find_corpus_issues(RNG.permutation(labels))
    assert kinds(found) == ["imbalance", "few rows"]
    assert found.issues[0].evidence["counts"] == {"c": 20, "d": 3}
    assert "'d' has 3 rows" in found.issues[1].message


def test_effective_classes():
    assert effective_classes(np.array([10, 10, 10, 0])) == pytest.approx(3)


def test_a_property_that_tells_one_class_is_found_and_no_other():
    labels = RNG.integers(0, 4, 4000)
    dark = np.where(labels == 2, RNG.normal(0, 1, 4000), RNG.normal(6, 1, 4000))
    some = np.where(RNG.random(4000) < 0.5, np.nan, RNG.normal(size=4000))
    found = find_corpus_issues(labels, properties={"brightness": dark, "contrast": some})
    assert kinds(found) == ["shortcut"]
    assert found.issues[0].evidence["property"] == "brightness"
    assert list(found.issues[0].evidence["auc"]) == ["2"]


def test_missing_values_alone_can_be_a_shortcut():
    labels = RNG.integers(0, 2, 1000)
    found = find_corpus_issues(
        labels, properties={"exposure": np.where(labels == 1, np.nan, RNG.normal(size=1000))}
    )
    assert found.issues[0].evidence["auc"] == {"0": 1.0, "1": 1.0}


def test_binned_auc_equals_scikit_learn():
    scores = RNG.normal(size=6).round(1)
    inside, outside = RNG.integers(0, 6, 50), RNG.integers(0, 6, 70)
    truth = np.r_[np.ones(50), np.zeros(70)]
    expected = roc_auc_score(truth, scores[np.r_[inside, outside]])
    assert binned_auc(scores, inside, outside) == pytest.approx(expected)


def test_sorted_labels_are_found_but_are_not_drift():
    labels = np.sort(RNG.integers(0, 5, 2000))
    means = vectors(5)
    found = find_corpus_issues(labels, embeddings=vectors() + 3 * means[labels])
    assert kinds(found) == ["sorted"]


def test_drift_is_found_where_it_is():
    labels = RNG.integers(0, 5, 2000)
    moved = vectors()
    moved[700:800] += 2
    found = find_corpus_issues(labels, embeddings=moved)
    assert kinds(found) == ["drift"]
    assert (found.issues[0].evidence["first_row"], found.issues[0].evidence["last_row"]) == (
        700,
        799,
    )


def test_drift_raises_few_false_alarms():
    alarms = [
        kinds(find_corpus_issues(embeddings=np.random.default_rng(seed).normal(size=(400, 8))))
        for seed in range(30)
    ]
    assert sum(map(bool, alarms)) <= 2


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({}, "nothing to check"),
        ({"labels": [None, ""]}, "Every label is missing"),
        ({"labels": ["a"], "embeddings": vectors(2)}, "one entry a row"),
        ({"embeddings": np.array([[1.0, np.nan]])}, "row 0"),
        ({"labels": ["a"], "sure": 0.2}, "sure"),
    ],
)
def test_bad_input_is_named(arguments, text):
    with pytest.raises(InputError, match=text):
        find_corpus_issues(**arguments)


@pytest.mark.parametrize("n", [1, 2, 199])
def test_few_rows_are_not_assessed(n):
    found = find_corpus_issues(["a"] * n, embeddings=vectors(n), properties={"size": np.ones(n)})
    assert found.checked["drift"].startswith("not assessable")
    assert found.checked["shortcuts"].startswith("not assessable")
    assert found.checked["sorting"].startswith("not assessable")


def test_equal_rows_are_not_assessed():
    found = find_corpus_issues(embeddings=np.ones((500, 4), np.float32))
    assert found.checked["drift"].startswith("not assessable")
