"""A linear head on vectors: against scikit-learn, and held stronger where labels are wrong."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from thresher.core.errors import InputError
from training.pretrained.linear_head import FOLDS, STRENGTHS, fit_head


def rows(n, *, wrong=0.0, seed=0):
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % 3
    vectors = rng.normal(size=(n, 40)) * rng.uniform(0.1, 5, 40) + 3
    vectors[np.arange(n), codes] += 6
    noisy = np.where(rng.random(n) < wrong, rng.integers(0, 3, n), codes)
    return vectors.astype(np.float32), noisy, codes, rng.integers(0, 2**60, n).astype(np.uint64)


def test_it_finds_what_scikit_learn_finds():
    vectors, _, codes, keys = rows(300, wrong=0.0)
    head = fit_head(vectors, codes, num_classes=3, keys=keys)
    scaled = (vectors - vectors.mean(0)) / vectors.std(0) / np.sqrt(40)
    other = LogisticRegression(C=float(head.strength.value), max_iter=2000, tol=1e-8)
    expected = other.fit(scaled, codes).predict_proba(scaled)
    found = np.exp(head.logits(vectors).astype(np.float64))
    found /= found.sum(1, keepdims=True)
    assert np.allclose(found, expected, atol=2e-3)
    assert head.flops > 0


def test_wrong_labels_make_it_weaker_and_keep_it_right():
    vectors, noisy, codes, keys = rows(800, wrong=0.4)
    clean, held = (
        fit_head(vectors[::2], labels[::2], num_classes=3, keys=keys[::2])
        for labels in (codes, noisy)
    )
    assert float(held.strength.value) < float(clean.strength.value)
    assert (held.logits(vectors[1::2]).argmax(1) == codes[1::2]).mean() > 0.75


def test_held_out_logits_are_of_heads_that_have_not_seen_the_row():
    vectors, noisy, _, keys = rows(90)
    vectors[:] = np.random.default_rng(3).normal(size=vectors.shape)  # nothing to learn
    head = fit_head(vectors, noisy, num_classes=3, keys=keys)
    assert head.held_out.shape == (90, 3)
    assert (head.held_out.argmax(1) == noisy[head.judged]).mean() < 0.55


def test_the_order_of_rows_does_not_count():
    vectors, noisy, _, keys = rows(120, wrong=0.2)
    order = np.random.default_rng(5).permutation(120)
    heads = [
        fit_head(vectors[at], noisy[at], num_classes=3, keys=keys[at])
        for at in (np.arange(120), order)
    ]
    assert heads[0].strength.value == heads[1].strength.value
    assert np.allclose(heads[0].weight, heads[1].weight, atol=1e-3)


def test_few_rows_constant_columns_and_a_class_without_rows_are_borne():
    vectors, _, codes, keys = rows(2 * FOLDS - 1)
    vectors[:, 0] = 7
    head = fit_head(vectors, codes, num_classes=5, keys=keys)
    assert np.isfinite(head.weight).all()
    assert not head.weight[:, 0].any()
    assert head.logits(vectors).argmax(1).max() < 3
    assert float(head.strength.value) in STRENGTHS
    with pytest.raises(InputError, match="needs labeled rows"):
        fit_head(vectors[:0], codes[:0], num_classes=5, keys=keys[:0])
