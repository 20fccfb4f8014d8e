"""What waits for a thread waits also for one that is being started."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from active_learning.sessions.desk_reporter import Reporter
from active_learning.sessions.fitted_models import Models, Snapshot, Trainer

STARTING = threading.Event()


class LateThread(threading.Thread):
    """A thread that a busy machine starts late."""

    def start(self) -> None:
        STARTING.set()
        time.sleep(0.3)
        super().start()


def trainer(done: list[str]) -> tuple[Callable[[], object], Callable[[], None]]:
    def fit(snapshot: Snapshot) -> Models:
        done.append("fitted")
        return Models(None, None, snapshot, lambda: np.zeros((0, 2)))

    none = np.zeros(0, dtype=np.int64)
    found = Trainer(fit)
    return lambda: found.submit(lambda: Snapshot(none, none, none.astype(bool), 0, 0)), found.wait


def reporter(done: list[str]) -> tuple[Callable[[], object], Callable[[], None]]:
    found = Reporter(lambda: done.append("reported"), seen=lambda: 1)  # type: ignore[arg-type,func-returns-value]
    return found.last, found.close


@pytest.mark.parametrize("make", [trainer, reporter])
def test_a_thread_that_is_being_started_is_waited_for(make, monkeypatch):
    done: list[str] = []
    begin, wait = make(done)
    STARTING.clear()
    other = threading.Thread(target=begin)
    with monkeypatch.context() as patched:
        patched.setattr(threading, "Thread", LateThread)
        other.start()
        assert STARTING.wait(5)
        wait()
    assert len(done) == 1
    other.join()
