"""Triggers: confirmed, once for a fall, after a pause, within a budget, equal when replayed."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lifecycle import Trigger, TriggerRules, dry_run, estimate_accuracy
from lifecycle.monitoring.accuracy import AccuracyEstimate
from thresher.core.errors import InputError


def accuracy(right: int) -> AccuracyEstimate:
    trust = np.full(2000, 0.8)
    return estimate_accuracy(trust, labeled_confidence=trust[:200], correct=np.arange(200) < right)


GOOD, LOW, UNSURE, NONE = accuracy(180), accuracy(130), accuracy(158), accuracy(0)


def fired(rules: TriggerRules, days: list[AccuracyEstimate]) -> list[int]:
    return [int(look.day) for look in dry_run(rules, enumerate(days)) if look.fires]


def test_low_days_must_be_confirmed() -> None:
    rules = TriggerRules(floor=0.8, confirm=2, of=3)
    assert fired(rules, [LOW, GOOD, GOOD, LOW, GOOD, LOW]) == [5]
    assert fired(rules, [LOW, GOOD, GOOD, LOW, GOOD, GOOD]) == []
    assert fired(rules, [UNSURE] * 10) == []  # below the floor, but not proved so


def test_a_fall_fires_once_until_there_was_recovery_and_a_pause() -> None:
    rules = TriggerRules(floor=0.8, cooldown_days=5, confirm=1, of=1)
    assert fired(rules, [LOW] * 30) == [0]
    assert fired(rules, [LOW, GOOD, LOW, LOW, GOOD, LOW]) == [0, 5]
    looks = dry_run(rules, enumerate([LOW, LOW, GOOD, LOW]))
    assert "no recovery" in looks[1].reason
    assert "3 days ago" in looks[3].reason


def test_the_budget_is_a_years() -> None:
    rules = TriggerRules(floor=0.8, cooldown_days=0, confirm=1, of=1, budget=2)
    days = [(float(day), LOW if day % 2 else GOOD) for day in range(400)]
    found = [look.day for look in dry_run(rules, days) if look.fires]
    assert found == [1, 3, 367, 369]
    assert fired(TriggerRules(floor=0.8, budget=0), [LOW] * 5) == []


def test_without_an_estimate_nothing_counts() -> None:
    few = estimate_accuracy([0.5], labeled_confidence=[], correct=[])
    rules = TriggerRules(floor=0.8, confirm=2, of=2)
    assert fired(rules, [LOW, few, LOW]) == [2]
    assert "too few labels" in dry_run(rules, [(0, few)])[0].reason


def test_a_replay_gives_what_the_days_gave() -> None:
    rng = np.random.default_rng(0)
    days = [[GOOD, LOW, UNSURE][at] for at in rng.choice(3, 200, p=[0.3, 0.4, 0.3])]
    rules = TriggerRules(floor=0.8, cooldown_days=3, budget=4)
    trigger = Trigger(rules)
    looks = []
    for day, each in enumerate(days):
        looks.append(trigger.look(day, each))
        trigger = Trigger.from_json(json.loads(json.dumps(trigger.to_json())))
    assert looks == dry_run(rules, enumerate(days))
    assert sum(look.fires for look in looks) == 4


def test_time_that_goes_back_is_refused() -> None:
    trigger = Trigger(TriggerRules(floor=0.8))
    trigger.look(10, GOOD)
    for day in (10, 9, float("nan")):
        with pytest.raises(InputError, match="looks must go forward"):
            trigger.look(day, GOOD)


@pytest.mark.parametrize(
    "wrong",
    [
        {"floor": 80},
        {"floor": 0.8, "confirm": 4},
        {"floor": 0.8, "of": 0},
        {"floor": 0.8, "budget": -1},
        {"floor": "high"},
        {"floor": 0.8, "cooldown_days": float("nan")},
    ],
)
def test_rules_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        TriggerRules(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"rules": {"floor": 0.8, "colour": 1}}, "rules make no sense"),
        ({"armed": 1}, "'armed' must be bool"),
        ({"lows": [3]}, "'lows'"),
        ({"fired": ["may"]}, "fired"),
        ({"last": "today"}, "'last'"),
    ],
)
def test_states_edited_into_nonsense_are_named(change: dict[str, object], named: str) -> None:
    state = Trigger(TriggerRules(floor=0.8)).to_json()
    with pytest.raises(InputError, match=named):
        Trigger.from_json({**state, **change}, where="trigger.json")
