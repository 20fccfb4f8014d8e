from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import average_precision_score

from curation.labels import find_label_issues, kernel
from curation.labels.kernel import bends, kernel_features
from curation.labels.logistic import PENALTY, fit_logistic, out_of_fold_probs, stratified_folds
from curation.labels.ridge import PENALTIES, fit_temperature, loo_ridge_probs
from curation.labels.votes import knn_probs
from thresher.core.embeddings import unit_length
from thresher.core.search import neighbor_graph


def blobs(n=60, d=5, num_classes=3, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, num_classes, n)
    centers = rng.normal(size=(num_classes, d)) * 2
    return unit_length(centers[labels] + rng.normal(size=(n, d))), labels


def test_ridge_equals_fitting_again_without_each_row():
    X, labels = blobs()
    with_one = np.concatenate([X, np.ones((len(X), 1))], axis=1)
    Y = np.eye(3)[labels]
    best = (-np.inf, Y)
    for penalty in PENALTIES:
        outputs = np.empty_like(Y)
        for row in range(len(X)):
            rest = np.arange(len(X)) != row
            model = Ridge(alpha=penalty, fit_intercept=False).fit(with_one[rest], Y[rest])
            outputs[row] = model.predict(with_one[row : row + 1])[0]
        likelihood = fit_temperature(outputs.astype(np.float32), labels)
        best = max(best, likelihood, key=lambda pair: pair[0])
    np.testing.assert_allclose(loo_ridge_probs(X, labels, 3), best[1], atol=2e-4)


def test_weighted_ridge_equals_fitting_again_and_leaves_out_rows_of_weight_nothing(monkeypatch):
    monkeypatch.setattr("curation.labels.ridge.PENALTIES", (0.3,))
    X, labels = blobs()
    weights = np.random.default_rng(1).integers(0, 4, len(X)).astype(np.float32)
    with_one = np.concatenate([X, np.ones((len(X), 1))], axis=1)
    outputs = np.empty((len(X), 3))
    for row in range(len(X)):
        rest = (np.arange(len(X)) != row) & (weights > 0)
        model = Ridge(alpha=0.3, fit_intercept=False)
        model.fit(with_one[rest], np.eye(3)[labels][rest], sample_weight=weights[rest])
        outputs[row] = model.predict(with_one[row : row + 1])[0]
    expected = fit_temperature(outputs.astype(np.float32), labels)[1]
    found = loo_ridge_probs(X, labels, 3, weights=weights)
    np.testing.assert_allclose(found, expected, atol=2e-4)


def test_ridge_with_more_dimensions_than_rows_does_not_look_at_the_row_itself():
    rng = np.random.default_rng(0)
    X, labels = unit_length(rng.normal(size=(40, 200))), np.arange(40) % 2
    probs = loo_ridge_probs(X, labels, 2)
    assert (probs.argmax(axis=1) == labels).mean() < 0.75


def quarters(n=400, seed=0):
    """Points on a circle whose opposite quarters are of one class: no line parts them."""
    angle = np.random.default_rng(seed).uniform(0, 4, n)
    X = np.stack([np.cos(angle * np.pi / 2), np.sin(angle * np.pi / 2)], axis=1)
    return X, angle.astype(int) % 2


def test_inner_products_of_kernel_features_are_those_of_a_gaussian_kernel(monkeypatch):
    monkeypatch.setattr(kernel, "JITTER", 1e-9)
    X, _ = blobs(n=80)
    features = kernel_features(X)  # with all rows as landmarks
    assert features.shape == (80, 80)
    found, squares = features @ features.T, np.square(X[:, None] - X[None]).sum(axis=2)
    near = np.sort(squares, axis=1)[:, 1:8]
    np.testing.assert_allclose(found, np.exp(-squares / np.median(near)), atol=1e-6)
    monkeypatch.setattr(kernel, "LANDMARKS", 30)
    assert kernel_features(X).shape == (80, 30)
    assert (np.square(kernel_features(X)).sum(axis=1) < 1 + 1e-9).all()


@pytest.mark.parametrize("X", [np.zeros((20, 3)), np.repeat(np.eye(3), 20, axis=0), np.eye(1)])
def test_equal_rows_have_equal_kernel_features(X):
    features = kernel_features(X.astype(np.float32))
    assert np.isfinite(features).all()
    _, place = np.unique(X, axis=0, return_inverse=True)
    for group in range(place.max() + 1):
        of = features[place == group]
        np.testing.assert_allclose(of, np.broadcast_to(of[:1], of.shape), atol=1e-9)


def test_the_ridge_bends_only_where_that_foretells_labels_better():
    X, labels = quarters()
    assert bends(X, labels, 2)
    wrong = np.arange(len(labels)) % 20 == 3
    found = find_label_issues(np.where(wrong, 1 - labels, labels), embeddings=X)
    assert found.method.startswith("mean of kernel_ridge, knn")
    assert average_precision_score(wrong, -found.scores) > 0.8
    rng = np.random.default_rng(0)
    straight = unit_length(rng.normal(size=(400, 30)))
    assert not bends(straight, (straight @ rng.normal(size=30) > 0).astype(int), 2)


def test_votes_equal_a_loop_over_neighbors():
    X, labels = blobs()
    labels = np.where(np.arange(60) % 7 == 0, -1, labels)
    graph = neighbor_graph(X, k=5)
    shares = np.bincount(labels[labels >= 0], minlength=3) + 1.0
    expected = np.tile(shares / shares.sum(), (60, 1))
    for row in range(60):
        for other, similarity in zip(*graph.neighbors(row), strict=True):
            if labels[other] >= 0:
                expected[row, labels[other]] += max(similarity, 1e-3)
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(knn_probs(graph, labels, 3), expected, rtol=1e-5)


def test_logistic_regression_reaches_the_optimum_of_sklearn():
    X, labels = blobs(200)
    with_one = np.concatenate([X, np.ones((200, 1), np.float32)], axis=1)
    weights = fit_logistic(with_one, labels, 3, iterations=200)
    peer = LogisticRegression(
        C=1 / (2 * PENALTY * 200), fit_intercept=False, tol=1e-6, max_iter=5000
    )
    peer.fit(with_one, labels)
    logits = with_one @ weights
    ours = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(ours, peer.predict_proba(with_one), atol=0.01)


def test_folds_spread_every_class_and_follow_the_seed():
    labels = np.repeat(np.arange(3), [40, 8, 2])
    folds = stratified_folds(labels, 4, random_state=1)
    counts = np.array([np.bincount(folds[labels == k], minlength=4) for k in range(3)])
    assert (counts.max(axis=1) - counts.min(axis=1) <= 1).all()
    assert np.array_equal(folds, stratified_folds(labels, 4, random_state=1))
    assert not np.array_equal(folds, stratified_folds(labels, 4, random_state=2))


def test_out_of_fold_rows_are_predicted_without_themselves():
    rng = np.random.default_rng(0)
    X, labels = unit_length(rng.normal(size=(80, 100))), np.arange(80) % 2
    probs = out_of_fold_probs(X, labels, 2)
    assert (probs.argmax(axis=1) == labels).mean() < 0.7
    assert probs.sum(axis=1) == pytest.approx(np.ones(80), abs=1e-5)
