from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from curation.labels import audit, find_label_issues
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
    uncertain = np.abs(found.scores - 0.5) < 0.45
    assert uncertain[at].mean() > 4 * uncertain.mean()
    assert np.array_equal(rows, found.audit(50))


def test_all_rows_may_be_audited_and_unlabelled_ones_are_left_out():
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


def test_the_curve_equals_penalised_logistic_regression(monkeypatch):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=400) * 3
    wrong = rng.random(400) < 1 / (1 + np.exp(-(0.5 + 0.7 * logits)))
    monkeypatch.setattr(audit, "PRIOR_DEVIATION", np.array([1e4, 1e4]))
    center, covariance = fit_curve(logits, wrong)
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
