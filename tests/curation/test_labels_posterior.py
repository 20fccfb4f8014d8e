from __future__ import annotations

import numpy as np
import pytest

from curation.labels.posterior import (
    error_posterior,
    fit_noise_model,
    flag_threshold,
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


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.2, 0.4])
def test_the_mean_posterior_is_the_noise_rate(rate):
    probs, labels, wrong = noisy(rate)
    model = fit_noise_model(probs, labels)
    errors = error_posterior(probs, labels, model, sharpen=1.0)
    assert errors.mean() == pytest.approx(wrong.mean(), abs=0.015)
    if rate:
        assert errors[wrong].mean() > 0.9
    assert errors[~wrong].mean() < 0.03


def test_a_sharpness_that_was_taken_away_is_found_again():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20_000, 4)) * 3
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (probs.cumsum(axis=1) > rng.random((len(probs), 1))).argmax(axis=1)
    blurred = probs**0.4 / (probs**0.4).sum(axis=1, keepdims=True)
    assert fit_noise_model(blurred, labels).sharpness == pytest.approx(2.5, rel=0.15)


@pytest.mark.parametrize("rate", [0.1, 0.2])
def test_noise_that_follows_the_classes_shows_in_confident_rows(rate):
    """A good model learns that noise too: it gives the wrong neighbour its share everywhere."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 6, 6000)
    wrong = rng.random(6000) < rate
    labels = np.where(wrong, (truth + 1) % 6, truth)
    clean = np.exp(rng.normal(size=(6000, 6)) + 6 * np.eye(6)[truth])
    clean /= clean.sum(axis=1, keepdims=True)
    probs = (1 - rate) * clean + rate * np.roll(clean, 1, axis=1)
    model = fit_noise_model(probs, labels)
    assert model.confident_disagreement == pytest.approx(rate, abs=0.04)
    errors = error_posterior(probs, labels, model, sharpen=1.0)
    assert errors.mean() == pytest.approx(wrong.mean(), abs=0.04)
    assert (errors > 0.5)[wrong].mean() > 0.9


def test_probabilities_are_sharpened_by_a_power():
    probs = np.array([[0.8, 0.2], [0.5, 0.5]])
    np.testing.assert_allclose(sharpened(probs, 2.0), [[16 / 17, 1 / 17], [0.5, 0.5]], rtol=1e-5)


def test_large_inputs_are_fitted_on_a_part_and_scored_in_blocks(monkeypatch):
    probs, labels, _ = noisy(0.1)
    whole = error_posterior(probs, labels, fit_noise_model(probs, labels), sharpen=1.3)
    monkeypatch.setattr("curation.labels.posterior.FIT_CELLS", 9000)
    parts = error_posterior(probs, labels, fit_noise_model(probs, labels), sharpen=1.3)
    assert np.abs(whole - parts).mean() < 0.01


def test_the_flag_threshold_has_the_highest_expected_f1():
    rng = np.random.default_rng(1)
    errors = rng.beta(0.3, 2, 200)
    expected = []
    for cut in np.sort(errors)[::-1]:
        chosen = errors >= cut
        expected.append(2 * errors[chosen].sum() / (chosen.sum() + errors.sum()))
    best = np.sort(errors)[::-1][int(np.argmax(expected))]
    assert 1 - flag_threshold(errors) == pytest.approx(best)
    assert flag_threshold(np.full(5, 0.2)) == 0.0
    assert flag_threshold(np.empty(0)) == 0.0
