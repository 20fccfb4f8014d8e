from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from curation import find_regression_issues
from curation.labels.regression import outre_scores, residual_scores, right_probability
from curation.labels.regression_probes import _closed_form
from thresher.core.embeddings import Embeddings
from thresher.core.errors import InputError


def case(n=800, rate=0.08, seed=0, shift=6.0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 6))
    clean = X @ rng.normal(size=6) * 3 + 20
    wrong = rng.random(n) < rate
    sign = rng.choice([-1, 1], n)
    targets = clean + rng.normal(size=n) + wrong * sign * shift * rng.uniform(0.8, 1.5, n)
    return targets, clean, X, wrong


@pytest.mark.parametrize("rate", [0.02, 0.08, 0.2])
def test_shifted_targets_are_found(rate):
    targets, clean, _, wrong = case(rate=rate)
    found = find_regression_issues(targets, predictions=clean)
    assert found.flagged[wrong].mean() > 0.9
    assert wrong[found.flagged].mean() > 0.85
    assert found.noise_rate.estimate == pytest.approx(wrong.mean(), abs=0.03)
    assert found.noise_rate.low <= found.noise_rate.estimate <= found.noise_rate.high


def test_embeddings_are_enough():
    targets, _, X, wrong = case()
    found = find_regression_issues(targets, embeddings=Embeddings.from_vectors(X))
    ranked = np.argsort(found.scores)[: wrong.sum()]
    assert wrong[ranked].mean() > 0.35
    linear = np.concatenate([X, np.ones((len(X), 1)) * 5], axis=1)
    better = find_regression_issues(targets, embeddings=linear)
    assert wrong[np.argsort(better.scores)[: wrong.sum()]].mean() > 0.7
    assert "ridge" in better.method


def test_good_targets_are_left_alone_whatever_their_unit():
    targets, clean, _, _ = case(rate=0.0)
    found = find_regression_issues(targets, predictions=clean)
    assert found.flagged.mean() < 0.01
    for factor in (1e-6, 1e6):
        same = find_regression_issues(targets * factor, predictions=clean * factor)
        np.testing.assert_allclose(same.scores, found.scores, atol=1e-3)
    assert not find_regression_issues(clean, predictions=clean).flagged.any()


def test_one_wild_target_hides_no_other():
    targets, clean, _, wrong = case()
    targets[3], wrong[3] = 1e12, True
    found = find_regression_issues(targets, predictions=clean)
    assert found.flagged[3]
    assert found.flagged[wrong].mean() > 0.85


def test_the_scale_follows_the_prediction():
    rng = np.random.default_rng(0)
    clean = np.linspace(1, 100, 2000)
    targets = clean * np.exp(rng.normal(size=2000) * 0.1)
    targets[:20] += 20
    right, _ = right_probability(targets, clean)
    errors = 1 - right
    assert errors[:20].min() > 0.5
    far = np.abs(targets - clean) > 20
    far[:20] = False
    assert far.any()
    assert errors[far].max() < errors[:20].min()


def test_the_ridge_equals_fitting_again_without_each_row():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 4)), rng.normal(size=30)
    eigenvalues, eigenvectors = np.linalg.eigh(X.T @ X)
    ours = _closed_form(X @ eigenvectors, eigenvalues, y, 0.3)
    for row in range(30):
        rest = np.arange(30) != row
        model = Ridge(alpha=0.3, fit_intercept=False).fit(X[rest], y[rest])
        assert ours[row] == pytest.approx(model.predict(X[row : row + 1])[0])


def test_scores_by_hand():
    assert residual_scores(np.array([1.0, 2.0]), np.array([1.0, 4.0])) == pytest.approx(
        [1, np.exp(-2)]
    )
    rng = np.random.default_rng(0)
    y, p = rng.normal(size=21), rng.normal(size=21)
    r = p - y
    plane = np.stack([(y - y.mean()) / y.std(), 5 * (r - r.mean()) / r.std()], axis=1)
    distances = np.sort(np.linalg.norm(plane[:, None] - plane[None], axis=2), axis=1)
    means = distances[:, :11].mean(axis=1)
    assert outre_scores(y, p) == pytest.approx(np.exp(-means / np.median(means)))


def test_scores_equal_those_of_cleanlab():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("cleanlab", reason="cleanlab is not installed")
        from cleanlab.regression.rank import get_label_quality_scores
    targets, clean, _, _ = case()
    for method in ("residual", "outre"):
        found = find_regression_issues(targets, predictions=clean, method=method)
        theirs = get_label_quality_scores(targets, clean, method=method)
        np.testing.assert_allclose(found.scores, theirs, atol=1e-14)
        assert np.array_equal(found.flagged, theirs < 0.05 * np.median(theirs))


def test_audit_issues_and_threshold():
    targets, clean, _, wrong = case(shift=5.0)
    targets[5] = np.nan
    found = find_regression_issues(targets, predictions=[clean, clean])
    rows = found.audit(80)
    assert "5" not in rows
    better = found.calibrate(rows, wrong[rows.astype(int)])
    assert better.noise_rate.low <= wrong.mean() <= better.noise_rate.high
    issue = next(iter(found.to_issues()))
    assert float(issue.suggested) == pytest.approx(clean[int(issue.row_id)], rel=1e-4)
    assert not found.at(1.0).flagged[5]


@pytest.mark.parametrize("targets", [[], [1.0], [2.0] * 20, [np.nan] * 12])
def test_nothing_to_judge_is_defined(targets):
    n = len(targets)
    for evidence in ({"predictions": np.zeros(n)}, {"embeddings": np.ones((n, 2))}):
        found = find_regression_issues(targets, **evidence)
        assert len(found) == n
        assert not found.flagged.any()
        assert "nothing to judge" in found.method
        assert len(found.to_issues()) == 0


def test_equal_and_zero_vectors_are_no_obstacle():
    targets, _, _, _ = case(60)
    for X in (np.ones((60, 3)), np.zeros((60, 3))):
        found = find_regression_issues(targets, embeddings=X)
        assert np.isfinite(found.scores).all()
        assert np.isfinite(found.predicted).all()


@pytest.mark.parametrize(
    ("targets", "arguments", "message"),
    [
        ([1.0, 2.0], {}, "Give `predictions` or `embeddings`"),
        ([1.0, np.inf], {"predictions": [0.0, 0.0]}, "finite or NaN, got inf at 1"),
        (["a", "b"], {"predictions": [0.0, 0.0]}, "must be numbers"),
        ([[1.0], [2.0]], {"predictions": [0.0, 0.0]}, "one dimension"),
        ([1.0, 2.0], {"predictions": [0.0]}, "must have the shape"),
        ([1.0, 2.0], {"predictions": [0.0, np.nan]}, "must be finite, got"),
        ([1.0, 2.0], {"embeddings": np.ones((3, 2))}, "2 targets, but 3 embeddings"),
        ([1.0, 2.0], {"predictions": [0.0, 0.0], "method": "outer"}, "Did you mean 'outre'"),
        ([1.0, 2.0], {"predictions": [0.0, 0.0], "row_ids": ["a", "a"]}, "unique"),
    ],
)
def test_bad_arguments_are_explained(targets, arguments, message):
    with pytest.raises(InputError, match=message):
        find_regression_issues(targets, **arguments)
