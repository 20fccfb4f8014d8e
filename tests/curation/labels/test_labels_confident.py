from __future__ import annotations

import warnings
from functools import partial

import numpy as np
import pytest

from curation.labels import confident
from thresher.core.errors import InputError


def case(seed, n=500, num_classes=6, rate=0.2, decimals=None):
    rng = np.random.default_rng(seed)
    truth = rng.choice(num_classes, n, p=rng.dirichlet(np.full(num_classes, 2.0)))
    logits = rng.normal(size=(n, num_classes)) * 1.5
    logits[np.arange(n), truth] += 2
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    if decimals is not None:
        probs = np.maximum(probs.round(decimals), 10.0**-decimals)
        probs /= probs.sum(axis=1, keepdims=True)
    wrong = rng.random(n) < rate
    labels = np.where(wrong, rng.integers(0, num_classes, n), truth)
    labels[:num_classes] = np.arange(num_classes)
    return labels, probs


CASES = [case(0), case(1, num_classes=2), case(2, n=60, num_classes=12), case(3, decimals=1)]


@pytest.fixture
def cleanlab():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("cleanlab", reason="cleanlab is not installed")
        from cleanlab import count
        from cleanlab import filter as filters

        yield count, filters


@pytest.mark.parametrize(("labels", "probs"), CASES)
@pytest.mark.parametrize("by", confident.FILTERS)
def test_flags_equal_those_of_cleanlab(cleanlab, labels, probs, by, monkeypatch):
    name = "predicted_neq_given" if by == "argmax" else by
    with monkeypatch.context() as patched:
        # Of equal margins it takes those that the processor's own sorting puts first; we take the
        # first rows, on every processor.
        patched.setattr(np, "argsort", partial(np.argsort, kind="stable"))
        theirs = cleanlab[1].find_label_issues(labels, probs, filter_by=name, n_jobs=1)
    assert np.array_equal(confident.confident_filter(labels, probs, by=by), theirs)


@pytest.mark.parametrize(("labels", "probs"), CASES)
def test_counts_equal_those_of_cleanlab(cleanlab, labels, probs):
    count = cleanlab[0]
    theirs = count.get_confident_thresholds(labels, probs)
    assert np.array_equal(confident.confident_thresholds(labels, probs), theirs)
    for calibrate in (False, True):
        ours = confident.confident_joint(labels, probs, calibrate=calibrate).counts
        assert np.array_equal(
            ours, count.compute_confident_joint(labels, probs, calibrate=calibrate)
        )
    assert confident.count_label_issues(labels, probs) == count.num_label_issues(labels, probs)


def test_a_joint_counted_by_hand():
    # Thresholds: class 0 (.9 + .8 + .1)/3 = .6, class 1 (.9 + .7)/2 = .8.
    probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.1, 0.9], [0.3, 0.7]])
    labels = np.array([0, 0, 0, 1, 1])
    joint = confident.confident_joint(labels, probs, calibrate=False)
    assert joint.counts.tolist() == [[2, 1], [0, 1]]
    assert joint.off_diagonal.tolist() == [2]
    assert confident.confident_joint(labels, probs).counts.tolist() == [[2, 1], [0, 2]]
    assert confident.confident_filter(labels, probs).tolist() == [False, False, True, False, False]
    with pytest.raises(InputError, match="`by` must be one of"):
        confident.confident_filter(labels, probs, by="all")
