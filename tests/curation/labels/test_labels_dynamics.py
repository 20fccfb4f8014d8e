from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from curation.labels import find_label_issues
from curation.labels.dynamics import add_margins, area_under_margin, split_margins
from curation.labels.odds import logit, sigmoid
from thresher.core.errors import InputError


class Recorded:
    def __init__(self, row_ids, margins):
        self.row_ids, self.margins = np.asarray(row_ids), np.asarray(margins)


def run(n=800, rate=0.1, seed=0):
    """Labels of two classes, of which some are wrong, weak vectors, and margins of six epochs."""
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % 2
    wrong = rng.random(n) < rate
    X = rng.normal(size=(n, 4)) + 1.8 * np.eye(4)[truth]
    center = np.where(wrong, -1.8, 1.8)[:, None] + rng.normal(size=(n, 1))
    return truth ^ wrong, X, wrong, center + rng.normal(size=(n, 6))


def save(path, row_ids, margins):
    np.savez(path, row_ids=np.asarray(row_ids), margins=margins.astype(np.float16))
    return path


def test_the_area_is_the_mean_of_known_margins_in_the_order_asked_for(tmp_path):
    margins = np.array([[1.0, 3.0], [np.nan, -2.0], [np.nan, np.nan]])
    path = save(tmp_path / "run.npz", ["a", "b", "c"], margins)
    area = area_under_margin(path, np.array(["b", "z", "a", "c"]))
    assert area == pytest.approx([-2, np.nan, 2, np.nan], nan_ok=True)


def test_margins_add_to_weak_embeddings(tmp_path):
    labels, X, wrong, margins = run()
    ids = np.arange(len(labels)).astype(str)
    path = save(tmp_path / "run.npz", ids[::-1], margins[::-1])
    alone = find_label_issues(labels, embeddings=X)
    both = find_label_issues(labels, embeddings=X, dynamics=path)

    def f1(found):
        return 2 * (found.flagged & wrong).sum() / (found.flagged.sum() + wrong.sum())

    assert f1(both) > f1(alone) + 0.05
    assert both.method.endswith("margins during training")


def test_margins_alone_flag_but_suggest_nothing():
    labels, _, wrong, margins = run()
    found = find_label_issues(labels, dynamics=Recorded(np.arange(len(labels)), margins))
    assert wrong[found.flagged].mean() > 0.7
    assert found.flagged[wrong].mean() > 0.7
    assert found.noise_rate.low <= wrong.mean() <= found.noise_rate.high
    assert {issue.suggested for issue in found.to_issues()} == {None}


def test_the_learnt_curve_is_a_logistic_regression_on_soft_labels():
    rng = np.random.default_rng(0)
    margins = rng.normal(size=500)
    errors = sigmoid(-1 - 2 * margins + rng.normal(size=500) * 0.3)
    x = ((margins - margins.mean()) / margins.std())[:, None]
    twice, soft = np.r_[x, x], np.r_[np.ones(500), np.zeros(500)]
    peer = LogisticRegression(C=1.0, tol=1e-8, max_iter=1000)
    peer.fit(twice, soft, sample_weight=np.r_[errors, 1 - errors])
    expected = sigmoid(logit(errors) + logit(peer.predict_proba(x)[:, 1]) - logit(errors.mean()))
    joined = sigmoid(add_margins(logit(errors), margins))
    np.testing.assert_allclose(joined, expected, atol=0.01)


def test_rows_without_margins_stay_as_they_are():
    errors = logit(np.array([0.2, 0.9, 0.4]))
    assert np.array_equal(add_margins(errors, np.full(3, np.nan)), errors)
    assert np.array_equal(add_margins(errors, np.array([1.0, 1.0, np.nan])), errors)
    joined = add_margins(errors, np.array([2.0, -2.0, np.nan]))
    assert joined[2] == errors[2]
    assert sigmoid(split_margins(np.array([np.nan, 1.0, 1.0]))).tolist() == [0, 0, 0]


def test_the_split_never_blames_the_highest_margins():
    rng = np.random.default_rng(1)
    margins = np.r_[rng.normal(-3, 0.3, 50), rng.normal(2, 2, 950)]
    errors = sigmoid(split_margins(margins))
    assert (np.diff(errors[np.argsort(margins)]) <= 0).all()
    assert errors[np.argmax(margins)] < 0.05


@pytest.mark.parametrize(
    ("row_ids", "margins", "message"),
    [
        (["0", "0"], np.zeros((2, 3)), "more than once"),
        (["0", "1"], np.array([[np.inf], [0.0]]), "infinite"),
        (["0", "1"], np.zeros(2), "one row of margins"),
        (["0"], np.zeros((2, 3)), "one row of margins"),
        (["x", "y"], np.zeros((2, 3)), "none of these rows"),
        ([], np.zeros((0, 3)), "hold no rows"),
    ],
)
def test_bad_dynamics_are_explained(row_ids, margins, message):
    with pytest.raises(InputError, match=message):
        find_label_issues([0, 1], dynamics=Recorded(row_ids, margins))


def test_bad_files_are_explained(tmp_path):
    missing, other = tmp_path / "none.npz", tmp_path / "other.npz"
    np.savez(other, row_ids=np.array(["0"]))
    damaged = tmp_path / "damaged.npz"
    damaged.write_bytes(b"PK not a file")
    for path in (missing, other, damaged):
        with pytest.raises(InputError, match="cannot be read as training dynamics"):
            find_label_issues([0, 1], dynamics=path)
    with pytest.raises(InputError, match="leave `method` out"):
        find_label_issues([0, 1], embeddings=np.eye(2), dynamics=other, method="knn")


def test_the_file_of_the_trainer_is_read(tmp_path):
    pytest.importorskip("torch", reason="torch is not installed")
    from training import compact_model, fit
    from training.loop.dynamics import DynamicsRecorder
    from training.rows.samples import samples_from_arrays

    labels, X, wrong, _ = run(300)
    samples = samples_from_arrays(X, row_ids=np.arange(300).astype(str), targets=labels)
    path = tmp_path / "dynamics.npz"
    model = compact_model("mlp", num_classes=2, input_shape=(4,), width=16)
    fit(model, samples, epochs=3, batch_size=32, hooks=[DynamicsRecorder(samples, path=path)])
    found = find_label_issues(labels, embeddings=X, dynamics=path)
    assert found.scores[wrong].mean() < found.scores[~wrong].mean()
