"""The head by inner products is ridge regression, and leaves rows out in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge

from thresher.core.numerics.gram import PENALTIES, GramHead, gram_head


@pytest.fixture(scope="module")
def head() -> GramHead:
    rng = np.random.default_rng(0)
    codes = rng.integers(3, size=90)
    rows = rng.normal(size=(3, 8))[codes] + rng.normal(size=(90, 8))
    return gram_head(rows, codes, num_classes=3)


def test_scores_are_those_of_kernel_ridge_on_centered_targets(head):
    train, test = np.arange(60), np.arange(60, 90)
    target = np.eye(3)[head.codes[train]]
    mean = target.mean(axis=0)
    ridge = KernelRidge(alpha=head.penalty, kernel="precomputed")
    ridge.fit(head.gram[np.ix_(train, train)], target - mean)
    expected = ridge.predict(head.gram[np.ix_(test, train)]) + mean
    assert np.allclose(head.scores(train, test), expected, atol=1e-10)
    right = expected.argmax(axis=1) == head.codes[test]
    assert head.right(train, test).tolist() == right.tolist()


def test_weights_are_those_of_weighted_ridge(head):
    train, test = np.arange(60), np.arange(60, 90)
    weights = np.random.default_rng(1).uniform(0.5, 2, size=60)
    target = np.eye(3)[head.codes[train]]
    mean = target.mean(axis=0)
    ridge = KernelRidge(alpha=head.penalty, kernel="precomputed")
    ridge.fit(head.gram[np.ix_(train, train)], target - mean, sample_weight=weights)
    expected = ridge.predict(head.gram[np.ix_(test, train)]) + mean
    assert np.allclose(head.scores(train, test, weights=weights), expected, atol=1e-9)


def test_left_out_scores_are_those_of_fits_without_each_row(head):
    # The mean of all targets is kept, so that one solve is enough.
    target = np.eye(3)[head.codes]
    mean, n = target.mean(axis=0), len(target)
    found = head.left_out()
    for row in (0, 17, 89):
        others = np.delete(np.arange(n), row)
        system = head.gram[np.ix_(others, others)] + head.penalty * np.eye(n - 1)
        solved = np.linalg.solve(system, target[others] - mean)
        assert np.allclose(found[row], head.gram[row, others] @ solved + mean, atol=1e-9)


def test_the_penalty_is_the_best_of_those_tried(head):
    right = {}
    for penalty in PENALTIES:
        scores = GramHead(head.gram, head.codes, 3, penalty).left_out()
        right[penalty] = (scores.argmax(axis=1) == head.codes).mean()
    assert right[head.penalty] == max(right.values())


def test_a_part_counts_its_classes_anew(head):
    rows = np.flatnonzero(head.codes != 1)
    part = head.part(rows)
    assert part.num_classes == 2
    assert set(part.codes.tolist()) == {0, 1}
    assert np.array_equal(part.gram, head.gram[np.ix_(rows, rows)])
