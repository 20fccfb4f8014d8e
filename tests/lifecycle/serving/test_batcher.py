"""The queue: batches, the order of stages, refusals, rows dropped, rows that fail."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lifecycle.serving.answering import Answerer
from lifecycle.serving.batcher import Batcher
from lifecycle.serving.bodies import ARRAY_ROWS, Rows
from lifecycle.serving.cache import Cache
from lifecycle.serving.isolation import run_isolated
from lifecycle.serving.refusal import ClientLeft, Refusal
from lifecycle.serving.served_model import ServedModel
from thresher.core.exported.session import InputSpec


class Toy:
    """A model whose logits are its inputs; fails on 13; notes its batches; can be held back.

    With two stages a row whose first number is positive leaves at the first.
    """

    def __init__(self, *, stages: int = 1, held: bool = False) -> None:
        self.batches: list[tuple[int, list[float]]] = []
        self.gate = threading.Event()
        if not held:
            self.gate.set()
        self.model = ServedModel(
            path=Path("toy"),
            kind="model",
            digest=f"toy{id(self)}",
            classes=["a", "b"],
            input_spec=InputSpec("float32", (2,)),
            preprocessing={},
            stages=tuple(self._stage(number) for number in range(stages)),
            threshold=0.9,
            temperatures=(1.0,) * stages,
            size_bytes=0,
        )

    def _stage(self, number: int) -> Any:
        def run(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            assert self.gate.wait(10)
            self.batches.append((number, rows[:, 1].tolist()))
            if (rows[:, 1] == 13).any():
                raise RuntimeError("thirteen")
            sure = np.where(rows[:, :1] > 0, 50.0, 0.0)
            return np.concatenate([rows[:, 1:], rows[:, 1:] + sure], axis=1), rows

        return run


def rows_of(values: Sequence[float], *, sure: bool = True) -> Rows:
    content = np.array([[1 if sure else -1, value] for value in values], np.float32)
    return Rows(ARRAY_ROWS, content, len(content))


async def never() -> None:
    await asyncio.Event().wait()


class House:
    """A batcher and an answerer around a toy."""

    def __init__(self, toy: Toy, *, largest: int = 4, limit: int = 100, cache: int = 0) -> None:
        self.toy = toy
        self.told: list[tuple[int, int, int]] = []
        self.batcher = Batcher(
            largest=largest,
            limit=limit,
            threaded=True,
            ran=lambda _m, stage, rows, _s, dropped: self.told.append((stage, rows, dropped)),
        )
        kept = Cache(cache) if cache else None
        self.answerer = Answerer(toy.model, self.batcher, kept, None, ran_row=lambda _: None)

    def ask(self, rows: Rows, *, seconds: float = 10, left: Any = never) -> asyncio.Task[Any]:
        deadline = asyncio.get_running_loop().time() + seconds
        return asyncio.create_task(self.answerer.answer(rows, deadline=deadline, left=left))

    async def rest(self) -> None:
        while not self.batcher.idle:
            await asyncio.sleep(0.001)
        assert self.batcher.under_way == 0
        self.batcher.close()


def play(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scene, 20))


def test_what_queued_while_a_batch_ran_is_the_next_one() -> None:
    async def scene() -> None:
        toy = Toy(held=True)
        house = House(toy)
        first = house.ask(rows_of([0]))
        await asyncio.sleep(0.02)
        others = [house.ask(rows_of([value])) for value in range(1, 8)]
        await asyncio.sleep(0.02)
        toy.gate.set()
        answers = await asyncio.gather(first, *others)
        assert [answer.logits[0, 0] for answer in answers] == list(range(8))
        assert [values for _, values in toy.batches] == [[0], [1, 2, 3, 4], [5, 6, 7]]
        await house.rest()

    play(scene())


def test_a_request_larger_than_a_batch_is_divided() -> None:
    async def scene() -> None:
        toy = Toy()
        house = House(toy)
        answer = await house.ask(rows_of(range(11)))
        assert answer.logits[:, 0].tolist() == list(range(11))
        assert [len(values) for _, values in toy.batches] == [4, 4, 3]
        await house.rest()

    play(scene())


def test_a_row_that_fails_takes_no_other_with_it() -> None:
    async def scene() -> None:
        house = House(Toy(held=True), largest=16)
        blocked = house.ask(rows_of([99]))
        await asyncio.sleep(0.02)
        good = [house.ask(rows_of([value])) for value in range(5)]
        mixed = house.ask(rows_of([20, 13, 21]))
        house.toy.gate.set()
        for value, task in enumerate(good):
            answer = await task
            assert answer.logits[0, 0] == value
            assert not answer.errors
        answer = await mixed
        assert answer.logits[[0, 2], 0].tolist() == [20, 21]
        assert list(answer.errors) == [1]
        assert "thirteen" in answer.errors[1]
        await blocked
        await house.rest()

    play(scene())


@pytest.mark.parametrize("bad", [[], [0], [5], [0, 1, 7], list(range(8))])
def test_halves_find_exactly_the_rows_that_fail(bad: list[int]) -> None:
    calls = []

    def step(state: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        calls.append(len(state))
        if np.isin(state[:, 0], bad).any():
            raise MemoryError
        return state * 2.0, np.ones(len(state), bool), state

    state = np.arange(8, dtype=np.float32)[:, None]
    found = run_isolated(step, state)
    assert sorted(found.failed) == bad
    assert found.rows.tolist() == [row for row in range(8) if row not in bad]
    assert found.logits[:, 0].tolist() == [2 * row for row in found.rows] if len(bad) < 8 else True
    assert len(calls) <= 1 + 2 * len(bad) * 4


def test_logits_that_are_not_finite_are_an_error() -> None:
    def step(state: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return np.log(state), np.ones(len(state), bool), state

    with np.errstate(divide="ignore"):
        found = run_isolated(step, np.array([[1.0], [0.0], [2.0]]))
    assert found.rows.tolist() == [0, 2]
    assert found.failed == {1: "the model's answer is not finite"}


def test_a_full_queue_refuses_with_a_time() -> None:
    async def scene() -> None:
        house = House(Toy(held=True), limit=5)
        running = house.ask(rows_of([1, 2, 3]))
        await asyncio.sleep(0.02)
        with pytest.raises(Refusal, match="3 rows are waiting, and at most 5 may") as caught:
            await house.ask(rows_of([4, 5, 6]))
        assert caught.value.status == 503
        assert caught.value.retry_after == 1
        fits = house.ask(rows_of([7, 8]))
        await asyncio.sleep(0.02)
        house.batcher.seconds_a_row = 2.5
        with pytest.raises(Refusal, match="Ask again in 13 s"):
            await house.ask(rows_of([9]))
        house.toy.gate.set()
        assert (await running).logits[:, 0].tolist() == [1, 2, 3]
        assert (await fits).logits[:, 0].tolist() == [7, 8]
        await house.rest()

    play(scene())


def test_an_empty_queue_takes_one_request_of_any_size() -> None:
    async def scene() -> None:
        house = House(Toy(), limit=3)
        assert len((await house.ask(rows_of(range(9)))).logits) == 9
        await house.rest()

    play(scene())


def test_rows_past_their_deadline_are_answered_504_and_never_run() -> None:
    async def scene() -> None:
        house = House(Toy(held=True))
        running = house.ask(rows_of([1]))
        await asyncio.sleep(0.02)
        late = house.ask(rows_of([2]), seconds=0.05)
        with pytest.raises(Refusal, match="deadline") as caught:
            await late
        assert caught.value.status == 504
        house.toy.gate.set()
        await running
        await house.rest()
        assert [values for _, values in house.toy.batches] == [[1]]
        assert sum(dropped for _, _, dropped in house.told) == 1

    play(scene())


def test_rows_of_a_client_that_left_never_run() -> None:
    async def scene() -> None:
        house = House(Toy(held=True))
        gone = asyncio.Event()

        async def left() -> None:
            await gone.wait()

        running = house.ask(rows_of([1]))
        await asyncio.sleep(0.02)
        leaver, stayer = house.ask(rows_of([2]), left=left), house.ask(rows_of([3]))
        await asyncio.sleep(0.02)
        gone.set()
        with pytest.raises(ClientLeft):
            await leaver
        house.toy.gate.set()
        assert (await stayer).logits[0, 0] == 3
        await running
        await house.rest()
        assert [values for _, values in house.toy.batches] == [[1], [3]]

    play(scene())


def test_sure_rows_leave_at_once_and_the_rest_fills_the_next_stage() -> None:
    async def scene() -> None:
        toy = Toy(stages=2, held=True)
        house = House(toy)
        blocked = house.ask(rows_of([50]))
        await asyncio.sleep(0.02)
        sure = house.ask(rows_of(range(3)))
        unsure = house.ask(rows_of(range(20, 25), sure=False))
        order: list[str] = []
        for name, task in (("sure", sure), ("unsure", unsure)):
            task.add_done_callback(lambda _, name=name: order.append(name))
        toy.gate.set()
        first, second = await sure, await unsure
        assert first.stages.tolist() == [0, 0, 0]
        assert second.stages.tolist() == [1] * 5
        assert second.logits[:, 0].tolist() == list(range(20, 25))
        assert order == ["sure", "unsure"]
        await blocked
        # Rows 20 to 24 wait until the first stage is empty or their batch is full.
        assert [stage for stage, _ in toy.batches] == [0, 0, 0, 1, 1]
        assert [len(values) for _, values in toy.batches] == [1, 4, 4, 4, 1]
        await house.rest()

    play(scene())


def test_a_later_stage_is_not_passed_over_for_ever() -> None:
    async def scene() -> None:
        toy = Toy(stages=2, held=True)
        house = House(toy)
        unsure = house.ask(rows_of([7], sure=False))
        await asyncio.sleep(0.02)
        sure = [house.ask(rows_of(range(4))) for _ in range(12)]
        toy.gate.set()
        await unsure
        assert sum(stage == 0 for stage, _ in toy.batches) <= 7
        await asyncio.gather(*sure)
        await house.rest()

    play(scene())


def test_the_same_input_asked_at_once_is_computed_once() -> None:
    async def scene() -> None:
        toy = Toy(held=True)
        house = House(toy, cache=100_000)
        tasks = [house.ask(rows_of([5, 6])) for _ in range(3)]
        tasks.append(house.ask(rows_of([6, 5, 6, 7])))
        await asyncio.sleep(0.02)
        toy.gate.set()
        answers = await asyncio.gather(*tasks)
        assert [answer.logits[:, 0].tolist() for answer in answers[:3]] == [[5, 6]] * 3
        assert answers[3].logits[:, 0].tolist() == [6, 5, 6, 7]
        assert sorted(value for _, values in toy.batches for value in values) == [5, 6, 7]
        assert answers[1].sources == {"model": 0, "cache": 0, "flight": 2, "near": 0}
        assert answers[3].sources == {"model": 1, "cache": 0, "flight": 3, "near": 0}
        again = await house.ask(rows_of([7, 8]))
        assert again.sources == {"model": 1, "cache": 1, "flight": 0, "near": 0}
        assert again.logits[:, 0].tolist() == [7, 8]
        await house.rest()

    play(scene())


def test_whoever_follows_keeps_a_job_alive_when_its_first_client_leaves() -> None:
    async def scene() -> None:
        toy = Toy(held=True)
        house = House(toy, cache=100_000)
        running = house.ask(rows_of([1]))
        await asyncio.sleep(0.02)
        gone = asyncio.Event()

        async def left() -> None:
            await gone.wait()

        leaver = house.ask(rows_of([2]), left=left)
        await asyncio.sleep(0.02)
        follower = house.ask(rows_of([2]))
        await asyncio.sleep(0.02)
        gone.set()
        with pytest.raises(ClientLeft):
            await leaver
        toy.gate.set()
        assert (await follower).logits[0, 0] == 2
        await running
        await house.rest()

    play(scene())


def test_a_row_that_failed_is_not_kept() -> None:
    async def scene() -> None:
        toy = Toy()
        house = House(toy, cache=100_000)
        for _ in range(2):
            answer = await house.ask(rows_of([13, 13, 4]))
            assert sorted(answer.errors) == [0, 1]
            assert answer.logits[2, 0] == 4
        assert sum(values == [13] for _, values in toy.batches) == 2
        await house.rest()

    play(scene())


def without_thread(toy: Toy, *, largest: int = 4) -> House:
    house = House(toy, largest=largest)
    house.batcher.close()
    house.batcher = Batcher(largest=largest, limit=100, threaded=False, ran=lambda *_: None)
    house.answerer = Answerer(toy.model, house.batcher, None, None, ran_row=lambda _: None)
    return house


def test_without_a_thread_a_request_is_run_as_it_is_read() -> None:
    async def scene() -> None:
        toy = Toy()
        house = without_thread(toy)
        answers = await asyncio.gather(*[house.ask(rows_of([value])) for value in range(3)])
        assert [answer.logits[0, 0] for answer in answers] == [0, 1, 2]
        assert [values for _, values in toy.batches] == [[0], [1], [2]]
        await house.rest()

    play(scene())


def test_without_a_thread_the_loop_has_its_turn_between_batches() -> None:
    async def scene() -> None:
        toy = Toy(stages=2)
        house = without_thread(toy)
        turns: list[int] = []

        async def tick() -> None:
            while True:
                turns.append(len(toy.batches))
                await asyncio.sleep(0)

        ticking = asyncio.create_task(tick())
        answer = await house.ask(rows_of(range(20, 40), sure=False))
        ticking.cancel()
        assert answer.logits[:, 0].tolist() == list(range(20, 40))
        assert answer.stages.tolist() == [1] * 20
        assert len(toy.batches) == 10
        assert set(turns) >= set(range(1, 10))
        await house.rest()

    play(scene())


def test_without_a_thread_rows_of_a_client_that_left_are_dropped() -> None:
    async def scene() -> None:
        toy = Toy()
        house = without_thread(toy, largest=1)

        async def left() -> None:
            await asyncio.sleep(0)

        leaver = house.ask(rows_of(range(30, 60)), left=left)
        with pytest.raises(ClientLeft):
            await leaver
        await house.rest()
        assert len(toy.batches) < 30
        assert (await house.ask(rows_of([5]))).logits[0, 0] == 5

    play(scene())
