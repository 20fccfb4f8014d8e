from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from curation.decisions.label_action import choose_label_action
from curation.labels import find_label_issues
from curation.labels.noise import NoiseRate


def digits(rate, *, dimensions=None, rows=None, seed=0):
    """Digits with swapped labels, seen whole or through a random projection."""
    X, truth = load_digits(return_X_y=True)
    rng = np.random.default_rng(seed)
    if dimensions:
        X = (X - X.mean(axis=0)) @ rng.normal(size=(X.shape[1], dimensions))
    chosen = rng.permutation(len(truth))[:rows]
    X, truth = X[chosen], truth[chosen]
    wrong = rng.random(len(truth)) < rate
    labels = np.where(wrong, (truth + rng.integers(1, 10, len(truth))) % 10, truth)
    return X, labels, wrong


def test_strong_evidence_drops_and_weak_evidence_does_not():
    actions, precisions = {}, {}
    for dimensions in (None, 10, 5, 3):
        X, labels, wrong = digits(0.05, dimensions=dimensions)
        found = find_label_issues(labels, embeddings=X)
        actions[dimensions] = choose_label_action(found).value
        precisions[dimensions] = wrong[found.flagged].mean() if found.flagged.any() else 0.0
    assert actions == {None: "drop", 10: "review", 5: "review", 3: "review"}
    assert precisions[None] > 0.9 > max(precisions[name] for name in (10, 5, 3))


@pytest.mark.parametrize(("dimensions", "most"), [(None, 0.005), (10, 0.01), (5, 0.03)])
def test_clean_labels_are_hardly_flagged_and_never_dropped(dimensions, most):
    """Of five random directions it is not known whether any is wrong (none with .36): it may cost
    some flags to find what is wrong in sets that show the same."""
    X, labels, _ = digits(0.0, dimensions=dimensions)
    found = find_label_issues(labels, embeddings=X)
    assert found.flagged.mean() <= most
    assert found.noise_rate.low == 0
    assert found.expected_precision is None
    choice = choose_label_action(found)
    assert choice.value == "review"
    assert "no wrong labels at all" in choice.reason


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.2, 0.4])
@pytest.mark.parametrize("dimensions", [None, 10, 5])
def test_the_range_holds_the_share_of_wrong_labels_at_any_strength(rate, dimensions):
    X, labels, wrong = digits(rate, dimensions=dimensions)
    found = find_label_issues(labels, embeddings=X).noise_rate
    assert found.low <= wrong.mean() <= found.high


@pytest.mark.parametrize(("rows", "classes"), [(30, 2), (60, 3), (200, 2), (100, 10), (12, 20)])
@pytest.mark.parametrize("seed", range(3))
def test_few_labels_that_follow_nothing_are_never_dropped(rows, classes, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, 16)).astype(np.float32)
    found = find_label_issues(rng.integers(0, classes, rows), embeddings=X)
    assert choose_label_action(found).value == "review"
    assert found.expected_precision is None
    assert not found.noise_rate.known


def test_a_class_of_five_rows_states_nothing_sure():
    X, labels, _ = digits(0.0, rows=200)
    few = np.where(labels == 3)[0][5:]
    rest = np.setdiff1d(np.arange(200), few)
    found = find_label_issues(labels[rest], embeddings=X[rest])
    assert found.noise_rate.low == 0
    assert choose_label_action(found).value == "review"


@pytest.mark.parametrize(("rows", "most"), [(5, 0.3), (40, 0.05)])
def test_few_rows_that_all_agree_are_no_proof(rows, most):
    labels = np.arange(rows) % 2
    found = find_label_issues(labels, pred_probs=np.where(np.eye(2)[labels] > 0, 0.9, 0.1))
    assert found.noise_rate.low == 0
    assert found.noise_rate.high > most
    assert not found.flagged.any()


def test_a_share_that_is_not_known_is_said_as_a_range_alone():
    assert str(NoiseRate(0.05, 0.04, 0.06)) == "5.0 % (4.0 % to 6.0 %)"
    assert str(NoiseRate(0.15, 0.0, 0.34)) == "not known, between 0 % and 34 %"
    assert NoiseRate(0.1, 0.05, 0.12).with_other(0.3) == NoiseRate(0.1, 0.05, 0.3)


def test_how_likely_a_row_is_wrong_is_said_only_where_it_is_known():
    X, labels, _ = digits(0.05)
    details = find_label_issues(labels, embeddings=X).to_issues().table["detail"].to_pylist()
    assert any("over 99 % likely wrong" in detail for detail in details)
    X, labels, _ = digits(0.4, dimensions=10)
    weak = find_label_issues(labels, embeddings=X)
    assert weak.expected_precision is None
    assert weak.flagged.any()
    assert not any("likely" in detail for detail in weak.to_issues().table["detail"].to_pylist())
