"""The alarm: hardly ever false, soon where something happened, and the same after a restart."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lifecycle import Watch
from thresher.core.errors import InputError


class World:
    """Rows of three columns, confidence, and whether the model is right."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def rows(self, n: int, *, shift: float = 0.0, wrong: float = 0.0) -> tuple[np.ndarray, ...]:
        rows = self.rng.normal(size=(n, 3)) + shift
        confidence = 1 / (1 + np.exp(-1.5 - rows[:, 0] + shift))
        right = self.rng.random(n) < confidence * (1 - wrong)
        return rows, confidence, right

    def watch(self) -> Watch:
        rows, confidence, right = self.rows(2000)
        return Watch(rows, confidence=confidence, correct=right)

    def day(self, watch: Watch, **change: float) -> None:
        rows, confidence, right = self.rows(200, **change)
        watch.window(rows, confidence=confidence)
        watch.labels(confidence[:20], right[:20])


def test_months_without_change_give_no_alarm() -> None:
    alarms = 0
    for seed in range(10):
        world = World(seed)
        watch = world.watch()
        for _ in range(60):
            world.day(watch)
        alarms += watch.state().alarm
    assert alarms == 0


@pytest.mark.parametrize(
    ("change", "reason", "days"),
    [({"shift": 0.6}, "rows can be told", 7), ({"wrong": 0.3}, "labels contradict", 7)],
)
def test_changes_give_an_alarm_within_a_week(
    change: dict[str, float], reason: str, days: int
) -> None:
    world = World(1)
    watch = world.watch()
    for _ in range(20):
        world.day(watch)
    assert not watch.state().alarm
    for _ in range(days):
        world.day(watch, **change)
    assert watch.state().alarm
    assert watch.state().reason.startswith(reason)
    for _ in range(3):
        world.day(watch)
    assert watch.state().alarm  # it stays


def test_a_watch_goes_on_with_the_same_bits() -> None:
    world = World(2)
    rows, confidence, right = world.rows(500)
    whole = Watch(rows, confidence=confidence, correct=right)
    stored = Watch(rows, confidence=confidence, correct=right)
    for _ in range(5):
        new, trust, correct = world.rows(60)
        for watch in (whole, stored):
            watch.window(new, confidence=trust)
            watch.labels(trust[:5], correct[:5])
        state = json.loads(json.dumps(stored.to_json()))
        stored = Watch(rows, confidence=confidence, correct=right).restore(state)
    assert stored.state() == whole.state()
    good = whole.to_json()
    for wrong, match in (
        ({"alarm": 3}, "'alarm'"),
        ({"alarm": "perhaps"}, "alarm in .*perhaps"),
        ({"recent": [[1, [2]]]}, "rows of numbers"),
        ({"recent": [[[1.0, 2.0]]]}, "another reference"),
        ({"labels": {**good["labels"], "answers": [1.0]}}, "'answers' must hold 28 numbers"),
        ({"labels": {**good["labels"], "odds": {"a": [-1.0] * 28}}}, "a of"),
        ({"labels": {**good["labels"], "days": -1}}, "days"),
        ({"means": {**good["means"], "rows": {**good["means"]["rows"], "horizon": 0}}}, "horizon"),
    ):
        with pytest.raises(InputError, match=match):
            stored.restore({**good, **wrong})


def test_missing_values_are_a_change() -> None:
    world = World(3)
    watch = world.watch()
    for _ in range(9):
        rows, confidence, _ = world.rows(200)
        rows[:, 2] = np.nan
        watch.window(rows, confidence=confidence)
    assert watch.state().reason.startswith("rows can be told")


def test_small_windows_tell_nothing() -> None:
    watch = World(4).watch()
    for rows in (0, 1, 19):
        watch.window(np.zeros((rows, 3)), confidence=np.zeros(rows))
    assert watch.state().windows == 0


def test_what_does_not_fit_is_refused() -> None:
    watch = World(5).watch()
    with pytest.raises(InputError, match="3 columns"):
        watch.window(np.zeros((30, 2)), confidence=np.zeros(30))
    with pytest.raises(InputError, match="nan"):
        watch.window(np.zeros((30, 3)), confidence=np.full(30, np.nan))
    with pytest.raises(InputError, match="2 labels"):
        watch.labels([0.5], [1, 1])
    with pytest.raises(InputError, match="for neither"):
        watch.labels([0.5], [1], answers=["a"])
    rows, confidence, right = World(6).rows(300)
    answering = Watch(rows, confidence=confidence, correct=right, answers=["a", "b", "c"] * 100)
    with pytest.raises(InputError, match="1 label came with 2 answers"):
        answering.labels([0.5], [1], answers=["a", "b"])
    with pytest.raises(InputError, match="at least 200"):
        Watch(np.zeros((100, 2)), confidence=np.zeros(100), correct=np.zeros(100))
    with pytest.raises(InputError, match="a line for each"):
        Watch(np.zeros((300, 2)), confidence=np.zeros(30), correct=np.zeros(300))
