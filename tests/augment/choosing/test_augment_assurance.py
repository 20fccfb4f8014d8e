"""Trainings assure that an operation does no harm, or do not."""

from __future__ import annotations

import time

import numpy as np
import pytest

from augment import Policy, Step, audit, choose_policy, policies
from augment.choosing.assurance import trained_gains
from thresher.core.errors import InputError

STEPS = (Step("hflip"), Step("rotate", {"high": 15.0}), Step("invert"))
# Points that a made-up network gains by each, and its share right without.
GAINS = {"hflip": -8.0, "rotate": 1.0, "invert": -1.5}
PLAIN = 0.8


def made_up(seed: int = 0, noise: float = 0.0):
    """Train nothing: gains as stated, with a noise in points that differs from run to run."""

    def fit(policy, train, test, seed_of_run):
        ops = [step.op for step in policy.steps]
        rng = np.random.default_rng([seed, seed_of_run, len(ops) and list(GAINS).index(ops[0]) + 1])
        gain = GAINS[ops[0]] if ops else 0.0
        assert len(test) < len(train)
        return float(np.clip(PLAIN + (gain + noise * rng.normal()) / 100, 0, 1))

    return fit


def gains(labels, fit, *, rounds=4):
    deadline = time.perf_counter() + 60
    return trained_gains(STEPS, fit, labels, seed=0, rounds=rounds, deadline=deadline)


def test_gains_are_those_of_paired_trainings():
    labels = np.arange(8000) % 10
    found = gains(labels, made_up())
    assert [one.gain for one in found] == pytest.approx(list(GAINS.values()))
    assert {one.rounds for one in found} == {4}
    # Four runs of the spread that sampling 2,000 held-out rows explains: .8 of 1 points squared.
    half = 1.96 * np.sqrt(4 * 1e4 * 0.16 / 2000 / (4 + 9) / 4)
    assert found[0].high - found[0].gain == pytest.approx(half, rel=0.02)


def test_an_operation_that_loses_two_points_is_rarely_kept():
    labels = np.arange(400) % 4
    low = []
    for seed in range(100):
        found = gains(labels, made_up(seed, noise=3.0))
        low.append(found[2].low)  # loses 1.5 points
    assert np.mean(np.array(low) > -1.5) <= 0.05


def test_few_rows_assure_nothing():
    found = gains(np.arange(100) % 2, made_up())
    assert found[1].low < -1 < found[1].high


def test_verdicts_follow_trainings(digits):
    images, labels = np.repeat(digits[0], 4, axis=0), np.repeat(digits[1], 4)
    policy = Policy("p", STEPS)
    report = audit(images, labels, policy=policy, strengths=[1.0], fit=made_up(), rounds=8)
    verdicts = {entry.op: entry.verdict for entry in report.entries}
    assert verdicts == {"hflip": "drop", "rotate": "keep", "invert": "drop"}
    by_op = {entry.op: entry for entry in report.entries}
    assert by_op["rotate"].gain_low > -1
    assert "excluded" in by_op["rotate"].reason
    assert {step.op for step in report.prune().steps} == {"rotate"}
    wide = audit(
        images, labels, policy=policy, strengths=[1.0], fit=made_up(), rounds=1, margin=0.1
    )
    assert "not excluded" in {entry.op: entry.reason for entry in wide.entries}["invert"]


def test_rows_that_cannot_be_assessed_are_trained_all_the_same():
    images = np.zeros((60, 8, 8, 3), np.uint8)
    labels = np.random.default_rng(0).integers(2, size=60)
    report = audit(images, labels, policy=Policy("p", STEPS[:1]), strengths=[1.0], fit=made_up())
    assert report.entries[0].gain == pytest.approx(-8.0)


def test_an_operation_that_training_fails_with_is_dropped(digits):
    def fit(policy, train, test, seed):
        if policy.steps:
            raise ValueError("too bright")
        return 0.5

    report = audit(*digits, policy=Policy("p", STEPS[1:2]), strengths=[1.0], fit=fit)
    assert report.entries[0].verdict == "drop"
    assert "too bright" in report.entries[0].reason


def test_wrong_margins_are_refused(digits):
    with pytest.raises(InputError, match="margin"):
        audit(*digits, policy=Policy("p", STEPS), margin=0.0)


def test_the_choice_without_trainings_stands_beside_none(digits):
    chosen = choose_policy(*digits, budget_s=20)
    assert "against none" in chosen.reason
    harmful = policies.custom(Step("rotate", {"low": 180.0, "high": 180.0}, 0.5), name="turned")
    kept = choose_policy(*digits, candidates=[harmful], budget_s=20)
    assert not [step for step in kept.policy.steps if step.op == "rotate"]
