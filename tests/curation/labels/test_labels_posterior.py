from __future__ import annotations

import numpy as np
import pytest

from curation.labels import posterior
from curation.labels.odds import sigmoid
from curation.labels.posterior import (
    class_probabilities,
    error_log_odds,
    fit_noise_model,
    sharpened,
)


def noisy(rate, *, n=4000, num_classes=5, sharpness=6.0, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, num_classes, n)
    logits = rng.normal(size=(n, num_classes))
    logits[np.arange(n), truth] += sharpness
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    wrong = rng.random(n) < rate
    labels = np.where(wrong, (truth + rng.integers(1, num_classes, n)) % num_classes, truth)
    return probs, labels, wrong


def confused(rate, *, n=6000, num_classes=6):
    """Labels that are wrong towards the next class, and a model that has learnt it everywhere."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, num_classes, n)
    wrong = rng.random(n) < rate
    labels = np.where(wrong, (truth + 1) % num_classes, truth)
    clean = np.exp(rng.normal(size=(n, num_classes)) + 6 * np.eye(num_classes)[truth])
    clean /= clean.sum(axis=1, keepdims=True)
    return (1 - rate) * clean + rate * np.roll(clean, 1, axis=1), labels, wrong


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.2, 0.4])
def test_the_mean_posterior_is_the_noise_rate(rate):
    probs, labels, wrong = noisy(rate)
    model = fit_noise_model(probs, labels)
    errors = sigmoid(error_log_odds(probs, labels, model))
    assert errors.mean() == pytest.approx(wrong.mean(), abs=0.015)
    assert model.rate == pytest.approx(wrong.mean(), abs=0.015)
    if rate:
        assert errors[wrong].mean() > 0.9
    assert errors[~wrong].mean() < 0.03


@pytest.mark.parametrize("rate", [0.1, 0.2])
def test_noise_that_follows_the_classes_is_seen_through(rate):
    """A good model learns that noise too: it gives the wrong neighbor its share everywhere."""
    probs, labels, wrong = confused(rate)
    for accuracy in (0.0, 1.0):  # by two rates, and by a rate for each pair of classes
        model = fit_noise_model(probs, labels, accuracy=accuracy)
        errors = sigmoid(error_log_odds(probs, labels, model))
        assert errors.mean() == pytest.approx(wrong.mean(), abs=0.04)
        assert (errors > 0.5)[wrong].mean() > 0.9


def test_each_class_has_rates_of_its_own_where_other_rows_show_it():
    probs, labels, _ = confused(0.2)
    simple = fit_noise_model(probs, labels)
    matrix = fit_noise_model(probs, labels, accuracy=0.95).transition
    share = np.array([np.roll(np.eye(6)[k], 1) for k in range(6)])
    np.testing.assert_allclose(matrix[:-1].sum(axis=1), 1, atol=1e-9)
    np.testing.assert_allclose((matrix[:-1] * share).sum(axis=1), 0.2, atol=0.03)
    evenly, labels_evenly, _ = noisy(0.2)
    even = fit_noise_model(evenly, labels_evenly, accuracy=0.95)
    assert np.array_equal(even.transition, fit_noise_model(evenly, labels_evenly).transition)
    assert not np.array_equal(matrix, simple.transition)


def test_the_log_odds_follow_from_the_transitions():
    probs, labels, _ = noisy(0.2, n=50)
    model = fit_noise_model(probs, labels)
    classes = class_probabilities(probs)
    joint = classes * model.transition.T[labels]
    right = joint[np.arange(50), labels]
    expected = np.log(joint.sum(axis=1) - right) - np.log(right)
    near = np.abs(expected) < 10  # beyond, the difference has lost its digits
    found = error_log_odds(probs, labels, model)
    np.testing.assert_allclose(found[near], expected[near], rtol=1e-3)


def test_probabilities_near_zero_and_one_keep_their_order():
    ends = np.array([1e-3, 1e-5, 1e-7, 0.0])
    probs = np.concatenate([np.stack([ends, 1 - ends], axis=1), np.eye(2).repeat(20, axis=0)])
    labels = np.r_[np.zeros(4, int), np.arange(2).repeat(20)]
    found = error_log_odds(
        probs.astype(np.float32), labels, fit_noise_model(probs.astype(np.float32), labels)
    )
    assert np.isfinite(found).all()
    assert (np.diff(found[:4]) > 0).all()
    assert (found[4:] < 0).all()


def test_rows_of_none_of_the_classes_are_more_suspicious():
    probs, labels, _ = noisy(0.05)
    flat = np.full((1, 5), 0.2)
    sure = np.array([[0.9, 0.025, 0.025, 0.025, 0.025]])
    model = fit_noise_model(probs, labels)
    odds = error_log_odds(np.concatenate([flat, sure]), np.zeros(2, int), model)
    none = class_probabilities(np.concatenate([flat, sure]))[:, -1]
    assert none[0] > 10 * none[1]
    assert odds[0] > odds[1] + 2


def test_probabilities_are_sharpened_by_a_power():
    probs = np.array([[0.8, 0.2], [0.5, 0.5]])
    np.testing.assert_allclose(sharpened(probs), [[64 / 65, 1 / 65], [0.5, 0.5]], rtol=1e-5)


def test_large_inputs_are_fitted_on_a_part_and_scored_in_blocks(monkeypatch):
    probs, labels, _ = noisy(0.1)
    whole = error_log_odds(probs, labels, fit_noise_model(probs, labels))
    monkeypatch.setattr(posterior, "FIT_CELLS", 9000)
    parts = error_log_odds(probs, labels, fit_noise_model(probs, labels))
    assert np.abs(sigmoid(whole) - sigmoid(parts)).mean() < 0.01
