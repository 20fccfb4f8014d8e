from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from curation.curator.label_method import describe_labels
from curation.labels import find_label_issues
from thresher.core.counted import percent


@pytest.fixture(scope="module")
def digits():
    X, truth = load_digits(return_X_y=True)
    X, truth = X[:400], truth[:400]
    rng = np.random.default_rng(1)
    wrong = rng.random(400) < 0.2
    return X, truth, np.where(wrong, (truth + rng.integers(1, 10, 400)) % 10, truth)


def test_a_precision_is_given_where_it_is_known(digits):
    X, _, labels = digits
    found = find_label_issues(labels, embeddings=X)
    assert (
        f"about {percent(found.expected_precision)} of the flags should be right"
        in describe_labels(found)
    )


def test_else_a_lower_bound_is_given_or_that_nothing_is_known(digits):
    X, truth, labels = digits
    some = find_label_issues(labels[:300], embeddings=X[:300])
    assert some.expected_precision is None
    assert 0.3 < some.least_precision < (labels != truth)[:300][some.flagged].mean()
    said = f"at least {percent(some.least_precision)} of the flags are right, 19 times in 20"
    assert said in describe_labels(some)
    assert "To review them is advised: " in describe_labels(some)
    weak = find_label_issues(labels, embeddings=X @ np.random.default_rng(1).normal(size=(64, 5)))
    assert weak.flagged.any()
    assert weak.least_precision == 0
    assert "how many of the flags are right is not known" in describe_labels(weak)


def test_nothing_is_said_of_flags_where_there_are_none(digits):
    _, truth, _ = digits
    none = find_label_issues(truth, embeddings=np.random.default_rng(0).normal(size=(400, 4)))
    assert not none.flagged.any()
    assert "of the flags" not in describe_labels(none)
    assert "advised" not in describe_labels(none)
    assert "no better than chance" in describe_labels(none)
