from __future__ import annotations

import numpy as np
import pytest

from curation.labels import find_label_issues
from curation.labels.signs import MOST_ROWS, SOME_WRONG, as_numbers, chance_of_none, read_signs


def case(*, rate, n=2000, num_classes=10, sharp=6.0, seed=0):
    """Probabilities, and labels of which so many are any other class."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, num_classes, n)
    logits = rng.normal(size=(n, num_classes)) * 2 + sharp * np.eye(num_classes)[truth]
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    wrong = rng.random(n) < rate
    others = (truth + rng.integers(1, num_classes, n)) % num_classes
    return probs, np.where(wrong, others, truth), wrong


def test_signs_count_rows_that_disagree_and_rows_as_bad_as_random_labels():
    probs, labels, wrong = case(rate=0.1)
    signs = read_signs(probs, labels)
    disagrees = probs.argmax(axis=1) != labels
    assert signs.disagreement == pytest.approx(disagrees.mean(), abs=1e-3)
    assert signs.confident_disagreement == pytest.approx(wrong.mean(), abs=0.04)
    # Only wrong labels look as bad as random ones here, of which a tenth are right by chance.
    assert signs.as_bad == pytest.approx(wrong.mean(), rel=0.15)
    assert read_signs(*case(rate=0.0)[:2]).as_bad < 0.005


def test_noise_is_told_from_none_where_evidence_is_strong():
    chances = {}
    for rate in (0.0, 0.05, 0.2):
        probs, labels, _ = case(rate=rate)
        found = find_label_issues(labels, pred_probs=probs)
        chances[rate] = found.none_wrong
    assert chances[0.0] > 0.8
    assert max(chances[0.05], chances[0.2]) < 0.05


def test_numbers_stay_finite_and_sizes_are_those_that_were_looked_at():
    probs, labels, _ = case(rate=0.0, n=60, sharp=20.0)
    signs, log_odds = read_signs(probs, labels), np.full(60, -20.0)
    numbers = as_numbers(signs, log_odds, made_for_task=True)
    assert np.isfinite(numbers).all()
    assert len(numbers) == len(SOME_WRONG)
    many = as_numbers(read_signs(*case(rate=0.1, n=20_000)[:2]), log_odds, made_for_task=False)
    assert many[8] == pytest.approx(np.log(MOST_ROWS))
    assert 0 < chance_of_none(signs, log_odds, made_for_task=True) < 1


def test_right_answers_raise_and_a_wrong_one_ends_the_chance_of_none():
    probs, labels, _ = case(rate=0.0, sharp=3.0)
    found = find_label_issues(labels, pred_probs=probs)
    rows = found.audit(50)
    right = found.calibrate(rows, np.zeros(50, dtype=bool))
    assert right.none_wrong > found.none_wrong > 0
    assert right.noise_rate.estimate < found.noise_rate.estimate
    assert right.flagged.mean() <= found.flagged.mean()
    wrong = found.calibrate(rows, np.arange(50) == 0)
    assert wrong.none_wrong == 0
