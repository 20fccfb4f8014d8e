from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

from curation.labels import find_label_issues
from curation.labels.audit import fit_curve
from thresher.core.errors import InputError


def issues(n=3000, rate=0.15, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 4, n)
    logits = rng.normal(size=(n, 4))
    logits[np.arange(n), truth] += 2.5
    wrong = rng.random(n) < rate
    labels = np.where(wrong, (truth + rng.integers(1, 4, n)) % 4, truth)
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return find_label_issues(labels, pred_probs=probs), wrong


def f1(flagged, wrong):
    return 2 * (flagged & wrong).sum() / (flagged.sum() + wrong.sum())


def test_audited_rows_are_distinct_and_near_the_boundary():
    found, _ = issues()
    rows = found.audit(50)
    at = rows.astype(int)
    assert len(set(rows)) == 50
    assert (np.diff(found.scores[at]) >= 0).all()
    uncertain = np.abs(found.scores - 0.5) < 0.3
    assert uncertain[at].mean() > 2 * uncertain.mean()
    assert np.array_equal(rows, found.audit(50))


def test_all_rows_may_be_audited_and_unlabeled_ones_are_left_out():
    found, _ = issues(30)
    assert sorted(found.audit(100).astype(int)) == list(range(30))
    labels = found.labels.copy()
    labels[3] = -1
    probs = np.eye(4)[found.suggested]
    some = find_label_issues(labels, pred_probs=probs)
    assert "3" not in some.audit(100)
    with pytest.raises(InputError, match="at least 1"):
        some.audit(0)


def test_calibration_brings_the_rate_and_the_flags_nearer():
    found, wrong = issues(seed=1)
    rows = found.audit(100)
    calibrated = found.calibrate(rows, wrong[rows.astype(int)])
    rate = calibrated.noise_rate
    assert rate.low <= wrong.mean() <= rate.high
    assert abs(rate.estimate - wrong.mean()) < 0.03
    flagged = calibrated.flagged
    assert calibrated.expected_precision == pytest.approx(wrong[flagged].mean(), abs=0.15)
    assert f1(flagged, wrong) > f1(found.flagged, wrong) - 0.02
    known = rows.astype(int)
    assert np.array_equal(calibrated.scores[known] == 0, wrong[known])
    assert "calibrated on 100" in calibrated.method


def test_the_curve_equals_penalized_logistic_regression():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=400) * 3
    wrong = rng.random(400) < 1 / (1 + np.exp(-(0.5 + 0.7 * logits)))
    center, covariance = fit_curve(logits, wrong, np.diag([1e8, 1e8]))
    peer = LogisticRegression(C=np.inf, tol=1e-9).fit(logits[:, None], wrong)
    assert center == pytest.approx([peer.intercept_[0], peer.coef_[0, 0]], abs=1e-3)
    assert (np.linalg.eigvalsh(covariance) > 0).all()


def test_bad_answers_are_explained():
    found, _ = issues(50)
    with pytest.raises(InputError, match="not known: nine"):
        found.calibrate(["nine"], [True])
    with pytest.raises(InputError, match="more than once"):
        found.calibrate(["1", "1"], [True, False])
    with pytest.raises(InputError, match="2 audited rows, but 1"):
        found.calibrate(["1", "2"], [True])


def test_errors_that_were_seen_are_flagged_even_when_nothing_else_is():
    found, wrong = issues(120, rate=0.1)
    rows = found.row_ids
    calibrated = found.calibrate(rows, wrong)
    assert np.array_equal(calibrated.flagged, wrong)


@pytest.mark.parametrize("classes", [2, 4])
def test_calibration_never_merges_two_different_scores(classes):
    """Rows above .9999 tied once, so that an audit lowered the average precision by a tenth."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, classes, 4000)
    logits = rng.normal(size=(4000, classes)) * 2
    logits[np.arange(4000), truth] += 14  # nearly all rows are very sure
    wrong = rng.random(4000) < 0.3
    labels = np.where(wrong, (truth + 1) % classes, truth)
    probs = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs /= probs.sum(axis=1, keepdims=True)
    found = find_label_issues(labels, pred_probs=probs)
    rows = found.audit(50)
    calibrated = found.calibrate(rows, wrong[rows.astype(int)])
    twice = calibrated.calibrate(rows, wrong[rows.astype(int)])
    others = np.setdiff1d(np.arange(4000), rows.astype(int))
    order = np.argsort(found.scores[others], kind="stable")
    apart = np.diff(found.scores[others][order]) > 0
    for after in (calibrated, twice):
        steps = np.diff(after.scores[others][order])
        assert (steps[apart] > 0).all()
        assert (steps[~apart] == 0).all()
    wrong_first = average_precision_score(wrong, -found.scores)
    assert average_precision_score(wrong, -calibrated.scores) >= wrong_first


def test_an_audit_teaches_what_evidence_that_says_nothing_cannot():
    rng = np.random.default_rng(0)
    labels, wrong = np.arange(300) % 3, rng.random(300) < 0.2
    found = find_label_issues(labels, embeddings=rng.normal(size=(300, 8)).astype(np.float32))
    assert not found.flagged.any()
    at = found.audit(100).astype(int)
    calibrated = found.calibrate(found.row_ids[at], wrong[at])
    rate, seen = calibrated.noise_rate, wrong[at].mean()
    assert rate.low <= seen <= rate.high
    assert rate.estimate == pytest.approx(seen, abs=0.03)
    assert rate.high - rate.low < 0.2
    assert np.array_equal(np.flatnonzero(calibrated.flagged), np.sort(at[wrong[at]]))
