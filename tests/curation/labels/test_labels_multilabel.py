from __future__ import annotations

import warnings

import numpy as np
import pytest

from curation import find_multilabel_issues
from curation.labels.label_sets import read_label_sets
from curation.labels.multilabel import moving_average
from thresher.core.embeddings import Embeddings
from thresher.core.errors import InputError

NAMES = ("cat", "dog", "tree", "car")


def case(n=900, rate=0.05, seed=0):
    rng = np.random.default_rng(seed)
    truth = (rng.random((n, 4)) < [0.5, 0.3, 0.2, 0.05]).astype(int)
    truth[truth.sum(axis=1) == 0, 0] = 1
    probs = 1 / (1 + np.exp(-(6 * truth - 3 + rng.normal(size=truth.shape))))
    wrong = rng.random(truth.shape) < rate
    return np.where(wrong, 1 - truth, truth), probs, wrong


def sets(labels):
    return [[NAMES[k] for k in np.flatnonzero(row)] for row in labels]


def test_wrong_classes_are_found_and_turned_over():
    labels, probs, wrong = case()
    found = find_multilabel_issues(labels, pred_probs=probs, classes=NAMES)
    assert found.class_flagged[wrong].mean() > 0.9
    assert wrong[found.class_flagged].mean() > 0.9
    assert np.array_equal(found.suggested, (labels == 1) ^ found.class_flagged)
    assert np.array_equal(found.flagged, found.class_flagged.any(axis=1))
    assert np.array_equal(found.scores, found.class_scores.min(axis=1))
    assert found.noise_rate.estimate == pytest.approx(wrong.mean(), abs=0.02)
    for rate, column in zip(found.noise_rates, wrong.T, strict=True):
        assert rate.low <= rate.estimate <= rate.high
        assert rate.estimate == pytest.approx(column.mean(), abs=0.03)


def test_indicators_names_and_codes_agree():
    labels, probs, _ = case(200)
    by_indicator = find_multilabel_issues(labels, pred_probs=probs)
    codes = [np.flatnonzero(row).tolist() for row in labels]
    by_code = find_multilabel_issues(codes, pred_probs=probs)
    by_name = find_multilabel_issues(sets(labels), pred_probs=probs, classes=NAMES)
    assert np.array_equal(by_indicator.scores, by_code.scores)
    assert np.array_equal(by_indicator.scores, by_name.scores)
    assert by_name.cells.row_ids[:5].tolist() == ["0/cat", "0/dog", "0/tree", "0/car", "1/cat"]


def test_issues_name_what_is_too_many_or_missing():
    labels, probs, _ = case()
    found = find_multilabel_issues(labels, pred_probs=probs, classes=NAMES)
    issue = next(iter(found.to_issues()))
    row = int(issue.row_id)
    assert issue.suggested == "|".join(np.array(NAMES)[found.suggested[row]])
    assert "is set" in issue.detail or "is missing" in issue.detail
    assert len(found.to_issues()) == found.flagged.sum()


@pytest.mark.parametrize("method", ["auto", "loo_ridge", "knn", "confident"])
def test_embeddings_are_enough(method):
    labels, _, wrong = case(600)
    rng = np.random.default_rng(1)
    X = (labels ^ wrong) @ rng.normal(size=(4, 12)) * 2 + rng.normal(size=(600, 12)) * 0.4
    found = find_multilabel_issues(labels, embeddings=X, method=method)
    common = slice(0, 3)
    assert found.class_scores[:, common][wrong[:, common]].mean() < 0.45
    assert found.class_scores[:, common][~wrong[:, common]].mean() > 0.75


def test_a_class_that_no_line_parts_is_judged_by_a_bent_ridge_and_that_is_said():
    """Of points on a circle one class is a half, one has opposite quarters, one is noise."""
    rng = np.random.default_rng(0)
    quarter = rng.uniform(0, 4, 600)
    X = np.stack([np.cos(quarter * np.pi / 2), np.sin(quarter * np.pi / 2)], axis=1)
    truth = np.stack([X[:, 0] > 0, quarter.astype(int) % 2, rng.random(600) < 0.5], axis=1)
    wrong = rng.random(truth.shape) < [0, 0.05, 0]
    found = find_multilabel_issues((truth ^ wrong).astype(int), embeddings=X)
    assert "mean of kernel_ridge, knn, logistic (2 of them)" in found.method
    assert "mean of loo_ridge, knn, logistic (1 of them)" in found.method
    worst = np.argsort(found.class_scores[:, 1], kind="stable")[: wrong.sum()]
    assert wrong[worst, 1].mean() > 0.8


def test_audited_cells_change_flags_and_rate():
    labels, probs, wrong = case()
    found = find_multilabel_issues(labels, pred_probs=probs)
    cells = found.audit(60)
    at = np.flatnonzero(np.isin(found.cells.row_ids, cells))
    better = found.calibrate(found.cells.row_ids[at], wrong.ravel()[at])
    assert better.noise_rate.estimate == pytest.approx(wrong.mean(), abs=0.015)
    assert better.noise_rate.low <= wrong.mean() <= better.noise_rate.high
    assert np.array_equal(better.scores, better.class_scores.min(axis=1))
    assert found.at(0.05).flagged.sum() <= found.flagged.sum()


def test_flags_and_scores_equal_those_of_cleanlab():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("cleanlab", reason="cleanlab is not installed")
        from cleanlab.multilabel_classification import filter as filters
        from cleanlab.multilabel_classification import rank
    labels, probs, _ = case()
    lists = [np.flatnonzero(row).tolist() for row in labels]
    found = find_multilabel_issues(labels, pred_probs=probs, method="confident")
    flags = filters.find_multilabel_issues_per_class(
        lists, probs, return_indices_ranked_by=None, n_jobs=1
    )
    flags = flags[0] if isinstance(flags, tuple) else flags
    assert np.array_equal(found.class_flagged, flags)
    by_class = rank.get_label_quality_scores_per_class(lists, probs)
    np.testing.assert_allclose(found.class_scores, by_class, atol=1e-15)
    np.testing.assert_allclose(
        found.scores, rank.get_label_quality_scores(lists, probs), atol=1e-15
    )


def test_the_moving_average_by_hand():
    # Sorted downwards .9, .5, .1: (.8 · .5 + .2 · .9) = .58, then .8 · .1 + .2 · .58 = .196.
    assert moving_average(np.array([[0.5, 0.1, 0.9]])) == pytest.approx([0.196])


def test_unknown_answers_and_lone_classes_are_left_alone():
    labels, probs, _ = case(100)
    labels[:10, 0] = -1
    labels[:, 3] = 0
    found = find_multilabel_issues(labels, pred_probs=probs)
    assert not found.class_flagged[:10, 0].any()
    assert not found.class_flagged[:, 3].any()
    assert (found.noise_rates[3].low, found.noise_rates[3].high) == (0, 1)
    nothing = find_multilabel_issues(np.zeros((5, 2), dtype=int), pred_probs=np.zeros((5, 2)))
    assert "nothing to judge" in nothing.method
    one = find_multilabel_issues(
        np.array([[1, 0]]), embeddings=Embeddings.from_vectors(np.ones((1, 2)))
    )
    assert not one.flagged.any()
    assert len(find_multilabel_issues(np.zeros((0, 2), int), pred_probs=np.zeros((0, 2)))) == 0


@pytest.mark.parametrize(
    ("labels", "arguments", "message"),
    [
        ([[0], [1]], {}, "Give `pred_probs` or `embeddings`"),
        ([[0], [1]], {"pred_probs": np.ones((3, 2))}, "must have the shape"),
        ([[0], [1]], {"pred_probs": np.full((2, 2), 1.5)}, r"in \[0, 1\], got 1.5"),
        ([[0], [1]], {"pred_probs": np.full((2, 2), np.nan)}, "got nan"),
        ([[0], [1]], {"embeddings": np.ones((3, 2))}, "2 labels, but 3 embeddings"),
        ([[0], [7]], {"pred_probs": np.ones((2, 2)), "classes": NAMES[:2]}, "not in `classes`: 7"),
        ([["cat"], ["cow"]], {"pred_probs": np.ones((2, 4)), "classes": NAMES}, "cow"),
        (np.full((2, 2), 3), {"pred_probs": np.ones((2, 2))}, "must hold 0, 1, or -1"),
        ([[], []], {"embeddings": np.ones((2, 2))}, "There are no classes"),
    ],
)
def test_bad_arguments_are_explained(labels, arguments, message):
    with pytest.raises(InputError, match=message):
        find_multilabel_issues(labels, **arguments)


def test_sets_of_names_are_sorted_without_classes():
    present, names = read_label_sets([["b"], ["a", "b"], []], classes=None, width=0)
    assert names == ("a", "b")
    assert present.tolist() == [[0, 1], [1, 1], [0, 0]]
