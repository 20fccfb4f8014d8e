import json

import numpy as np
import pytest

from augment import Step, choose_policy, policies
from augment.choosing.choose import sized_candidates
from augment.operations.schedule import linear


def test_the_default_choice_never_mirrors_digits(digits):
    choice = choose_policy(*digits, budget_s=20)
    ops = {step.op for step in choice.policy.steps}
    assert "hflip" not in ops
    assert "crop" in ops
    assert "hflip → drop" in choice.reason
    assert not choice.pilots


def test_a_budget_that_ends_early_is_said(digits):
    choice = choose_policy(*digits, budget_s=1e-6)
    assert {entry["reason"] for entry in choice.evidence} == {"the time budget ended first"}
    assert choice.policy.fingerprint == policies.standard(pad=1, cutout=2).fingerprint


def test_pilots_are_paired_and_none_stays(digits):
    asked = []

    def fit(policy, train, test, seed):
        asked.append((policy.name, seed, tuple(test[:3])))
        assert not set(train) & set(test)
        return {"none": 0.8, "good": 0.9, "bad": 0.7}[policy.name] + seed / 1000

    candidates = [policies.custom(Step("crop", {"pad": 1}), name="bad"), policies.custom(
        Step("rotate", {"high": 5.0}), name="good")]  # fmt: skip
    choice = choose_policy(*digits, candidates=candidates, fit=fit, budget_s=60, rounds=3)
    assert choice.policy.name == "good"
    assert choice.reason.endswith("best of 3 in 3 paired pilot runs")
    good = choice.pilots[1]
    assert 0 < good.low < good.gain < 10
    assert {name for name, *_ in asked} == {"none", "good", "bad"}
    assert sum(name == "bad" for name, *_ in asked) == 1
    assert len(asked) == 7
    first = {(seed, test) for _, seed, test in asked[:3]}
    assert len(first) == 1


def test_candidates_that_cannot_be_told_apart_are_mixed(digits):
    turn = policies.custom(Step("rotate", {"high": 5.0}), name="turn")
    shift = policies.custom(Step("crop", {"pad": 1}), name="shift")
    bad = policies.custom(Step("invert"), name="bad")
    right = {"none": 0.5, "turn": 0.8, "shift": 0.797, "bad": 0.2}

    def choose(*candidates):
        return choose_policy(
            *digits,
            candidates=candidates,
            fit=lambda policy, *rest: right[policy.name] + rest[-1] / 1000,
            budget_s=60,
            rounds=3,
        )

    choice = choose(turn, bad, shift)
    assert choice.policy.name == "turn + shift"
    assert choice.policy.fingerprint == policies.mixed(turn, shift).fingerprint
    assert "3 paired pilot runs cannot tell these 2 of 4" in choice.reason
    behind = {pilot.policy.name: pilot.behind for pilot in choice.pilots}
    assert behind["turn"] == 0 < behind["shift"] < 1 < min(behind["none"], behind["bad"])
    # One strength schedule cannot serve both.
    ramp = shift.with_schedule(linear(0.1, 1.0, epochs=3))
    assert choose(turn, ramp).policy.fingerprint == turn.fingerprint
    right["turn"] = right["shift"] = 0.4
    assert choose(turn, shift).policy.name == "none"


def test_a_candidate_without_operations_is_none(digits):
    asked = []

    def fit(policy, train, test, seed):
        asked.append(policy.name)
        return 0.9 if policy.name == "none" else 0.8

    candidates = [policies.custom(name="empty"), policies.custom(
        Step("rotate", {"high": 5.0}), name="turn")]  # fmt: skip
    choice = choose_policy(*digits, candidates=candidates, fit=fit, budget_s=60, rounds=1)
    assert asked == ["turn", "none"]
    assert choice.policy.name == "none"
    assert choice.pilots[-1].gain == 0


def test_pilots_leave_out_rows_without_a_label(digits):
    images, labels = digits
    some = [None if row % 3 == 0 else str(label) for row, label in enumerate(labels)]
    asked = []

    def fit(policy, train, test, seed):
        asked.append(np.concatenate([train, test]))
        return 0.5

    turn = policies.custom(Step("rotate", {"high": 5.0}))
    choose_policy(images, some, candidates=[turn], fit=fit, budget_s=60, rounds=1)
    labeled = [row for row, label in enumerate(some) if label is not None]
    assert [sorted(rows.tolist()) for rows in asked] == [labeled, labeled]


def test_default_candidates_are_distinct_and_sized():
    listed = sized_candidates(16)
    assert len({policy.fingerprint for policy in listed}) == len(listed)
    assert listed[0].fingerprint == policies.standard(pad=2, cutout=4).fingerprint
    assert {"rand_augment", "aug_mix"} <= {policy.name for policy in listed}
    assert all(sized_candidates(1))


def test_the_reason_does_not_repeat_the_name(digits):
    choice = choose_policy(digits[0][:60], digits[1][:60], budget_s=20)
    assert not choice.reason.startswith(choice.policy.name)


def test_a_candidate_that_fails_is_left_out_and_named(digits):
    turn = policies.custom(Step("rotate", {"high": 5.0}), name="turn")
    shift = policies.custom(Step("crop", {"pad": 1}), name="shift")

    def fit(policy, train, test, seed):
        if policy.name == "shift" and seed == 1:
            raise RuntimeError("no\n kernel")
        return {"none": 0.5, "turn": 0.8, "shift": 0.81}[policy.name]

    choice = choose_policy(*digits, candidates=[shift, turn], fit=fit, budget_s=60, rounds=3)
    assert choice.policy.name == "turn"
    assert "shift failed: RuntimeError: no kernel" in choice.reason
    failed, kept, none = choice.pilots
    assert (failed.error, failed.accuracies) == ("RuntimeError: no kernel", (0.81,))
    assert (kept.error, none.error, len(kept.accuracies)) == ("", "", 3)
    assert 0 < kept.low < kept.gain
    json.dumps(choice.pilots[0].low, allow_nan=False)


def test_a_failure_of_the_plain_run_ends_the_choice(digits):
    def fit(policy, train, test, seed):
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        choose_policy(*digits, fit=fit, budget_s=60, rounds=1)


def test_an_operation_that_cannot_be_done_is_taken_out(digits, monkeypatch):
    from augment.choosing.screen import Screen

    measured = Screen.measure

    def measure(self, policy):
        if any(step.op == "cutout" for step in policy.steps):
            raise RuntimeError("no kernel")
        return measured(self, policy)

    monkeypatch.setattr(Screen, "measure", measure)
    choice = choose_policy(*digits, budget_s=20)
    assert {step.op for step in choice.policy.steps} == {"crop"}
    assert "cutout → drop (it ends with an error on these rows: RuntimeError" in choice.reason
