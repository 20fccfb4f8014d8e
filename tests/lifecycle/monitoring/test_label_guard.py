"""Bets on labels: fair, the same as worked out by hand, quick where a few answers became wrong."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lifecycle import Watch, labels_needed
from lifecycle.monitoring.days import choose_suspected
from lifecycle.monitoring.error_limits import ErrorLimits
from lifecycle.monitoring.label_guard import LabelGuard, suspected
from thresher.core.errors import InputError

NAMES = [f"answer {k}" for k in range(20)]


def world(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Confidence, errors and answers; some answers are harder than their confidence says."""
    codes = rng.integers(20, size=n)
    confidence = 1 - 0.95 * rng.beta(0.6, 2.5, size=n)
    odds = np.log((1 - confidence + 1e-9) / confidence) + 0.5 * np.sin(codes)
    wrong = rng.random(n) < 1 / (1 + np.exp(-odds))
    return confidence, wrong.astype(float), [NAMES[code] for code in codes]


def test_the_capital_is_the_mean_over_beginnings_and_sets_of_answers() -> None:
    wrong = np.array([1.0, 0, 0, 1, 1, 0])
    limits = np.array([0.1, 0.2, 0.05, 0.3, 0.1, 0.4])
    answers = ["a", "b", "a", "a", "b", "c"]
    guard = LabelGuard(horizon=10)
    for at in range(0, 6, 2):
        guard.begin()
        guard.add(wrong[at : at + 2], limits[at : at + 2], answers[at : at + 2])
    total = 0.0
    for start in (0, 2, 4):
        surplus = (wrong - limits)[start:] / limits[start:]
        anywhere = np.mean([np.prod(1 + share * surplus) for share in (0.05, 0.15, 0.4)])
        answer_wins = 1.0
        for name in "abc":
            mine = surplus[[each == name for each in answers[start:]]]
            answer_wins *= 0.95 + 0.05 * np.prod(1 + 0.9 * mine)
        total += (anywhere + answer_wins) / 2
    assert guard.evidence == pytest.approx(total / 10, rel=1e-12)
    chance = guard.suspicion()["c"]
    assert 0 < chance < 0.05  # one label, and it was right
    again = LabelGuard.from_json(json.loads(json.dumps(guard.to_json())), where="here")
    assert again.to_json() == guard.to_json()


def test_it_is_worth_one_on_average_while_nothing_is_wrong() -> None:
    rng = np.random.default_rng(0)
    worth = []
    for _ in range(2000):
        guard = LabelGuard(horizon=3)
        for _ in range(3):
            guard.begin()
            guard.add((rng.random(4) < 0.3).astype(float), np.full(4, 0.3), ["a", "b", "b", "c"])
        worth.append(guard.evidence)
    assert np.mean(worth) == pytest.approx(1, abs=4 * np.std(worth) / 2000**0.5)


def test_beginnings_older_than_the_days_that_are_kept_are_given_up() -> None:
    guard = LabelGuard(horizon=100)
    guard.begin()
    guard.add(np.ones(3), np.full(3, 0.01), ["a"] * 3)
    high = guard.evidence
    for _ in range(28):
        guard.begin()
    assert guard.evidence < high
    assert guard.suspicion()["a"] == pytest.approx(0.05)


def test_limits_follow_confidence_and_hard_answers_and_are_not_too_low() -> None:
    rng = np.random.default_rng(1)
    confidence, wrong, answers = world(rng, 3000)
    limits = ErrorLimits(confidence, 1 - wrong, answers)
    fresh, errors, names = world(rng, 50_000)
    allowed = limits.of(fresh, names)
    assert 0.8 < float((errors / allowed).mean()) < 1.03
    order = np.argsort(fresh)
    parts = [(errors[part].mean(), allowed[part].mean()) for part in np.array_split(order, 5)]
    for share, limit in parts:
        assert share == pytest.approx(limit, rel=0.35, abs=0.01)
    hard, easy = (np.mean([n == NAMES[k] for n in names] * allowed) for k in (2, 5))
    assert hard > 1.5 * easy
    unknown = limits.of(np.array([0.9]), ["never seen"])
    assert 0.05 < unknown[0] < 0.2


def first_alarm(watch: Watch, rng: np.random.Generator, *, changed: bool, follow: int) -> int:
    """Return the day of the alarm, from the day on which two of twenty answers became wrong."""
    for day in range(40):
        confidence, wrong, names = world(rng, 400)
        if changed and day >= 10:
            turned = [name in NAMES[:2] and rng.random() < 0.6 for name in names]
            wrong = np.maximum(wrong, turned)
        watch.window(rng.normal(size=(400, 2)), confidence=confidence)
        ids = [str(row) for row in range(400)]
        also = choose_suspected(
            ids,
            names,
            confidence.tolist(),
            n=follow,
            asked=set(ids[: 20 - follow]),
            suspects=watch.suspects(),
        )
        rows = [*range(20 - follow), *map(int, also)]
        watch.labels(confidence[rows], 1 - wrong[rows], answers=[names[row] for row in rows])
        if watch.state().alarm:
            return day - 10
    return 99


def test_labels_of_suspected_answers_find_a_change_sooner() -> None:
    took: dict[int, list[int]] = {0: [], 5: []}
    quiet = []
    for seed in range(12):
        for follow in (0, 5, -1):
            rng = np.random.default_rng(seed)
            confidence, wrong, names = world(rng, 2000)
            watch = Watch(
                rng.normal(size=(2000, 2)),
                confidence=confidence,
                correct=1 - wrong,
                answers=names,
            )
            if follow < 0:
                quiet.append(first_alarm(watch, rng, changed=False, follow=5))
                continue
            took[follow].append(first_alarm(watch, rng, changed=True, follow=follow))
            if took[follow][-1] < 30 and watch.state().suspects:
                assert set(watch.state().suspects) & set(NAMES[:2])
                assert "most of all where it answers answer" in watch.state().reason
    assert quiet == [99] * 12
    assert np.median(took[5]) <= 7
    assert np.median(took[5]) < np.median(took[0])


def test_suspects_come_first_and_their_surer_rows_are_asked() -> None:
    chances = {"a": 0.9, "b": 0.01, "c": 0.2}
    assert suspected(chances, known=["a", "b", "c", "d"]) == ["a", "c", "d", "b"]
    rows = [f"r{k}" for k in range(10)]
    answers = ["a"] * 6 + ["c"] * 4
    confidence = [0.9, 0.8, 0.7, 0.6, 0.5, float("nan"), 0.9, 0.8, 0.7, 0.6]
    chosen = choose_suspected(
        rows, answers, confidence, n=3, asked={"r0"}, suspects=["a", "nothing", "c"]
    )
    assert set(chosen[:2]) == {"r1", "r2"}  # r0 was asked, the others are less sure
    assert chosen[2] in {"r6", "r7"}


def test_labels_needed_are_enough_and_not_far_more() -> None:
    rng = np.random.default_rng(3)
    confidence, wrong, names = world(rng, 2000)
    given = {"correct": 1 - wrong, "answers": names}
    found = labels_needed(confidence, **given, fall=0.1)
    other = labels_needed(confidence, **given, fall=0.1, random_state=1)
    assert found.some_answers is not None
    assert found.anywhere is not None
    assert other.some_answers is not None
    assert found.some_answers < found.anywhere
    assert 0.5 <= found.some_answers / other.some_answers <= 2
    # Less to be found, or less time for it, needs more labels.
    small = labels_needed(confidence, **given, fall=0.005, days=2)
    assert small.anywhere is None
    assert "more than 320 where errors come" in str(small)
    for wrong_arguments, match in (
        ({"fall": 0.99}, "cannot fall by 0.99"),
        ({"fall": 0}, "fall"),
        ({"days": 0}, "days"),
        ({"answers": names[:5]}, "5 answers"),
    ):
        with pytest.raises(InputError, match=match):
            labels_needed(confidence, **(given | wrong_arguments))  # type: ignore[arg-type]
