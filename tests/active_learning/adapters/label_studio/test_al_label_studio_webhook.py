"""A webhook only wakes: with it answers come at once, without it they come too."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fake_label_studio import FakeLabelStudio
from people_of_label_studio import Desk, Place, desk_at

from active_learning.adapters.label_studio.outgoing import push
from active_learning.adapters.label_studio.rounds import watch
from active_learning.adapters.label_studio.server import ServerError, UnreachableError
from active_learning.adapters.label_studio.webhook import HEADER, listening
from thresher.core.errors import InputError

ANN = "ann@example.com"
LONG_S = 60.0  # for a server on a busy machine


@contextmanager
def watching(desk: Desk, *, every: float, wake: threading.Event) -> Iterator[list[Any]]:
    """Watch in a thread; give the list of what was said."""
    stop, said = threading.Event(), []
    thread = threading.Thread(
        target=watch,
        args=(desk.connection,),
        kwargs={"n": 4, "every": every, "wake": wake, "stop": stop, "say": said.append},
    )
    thread.start()
    try:
        yield said
    finally:
        stop.set()
        wake.set()
        thread.join(LONG_S)
    assert not thread.is_alive()


def until(true: Callable[[], Any]) -> None:
    end = time.monotonic() + LONG_S
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    assert true()


def test_a_webhook_wakes_the_watch(place: Place, tmp_path: Path) -> None:
    if place.fake:
        place.fake.protects_itself, place.fake.calls_webhooks = False, True
    desk = desk_at(place, tmp_path)
    push(desk.connection, n=4)
    wake = threading.Event()
    with (
        listening(desk.connection, "127.0.0.1:0", wake),
        watching(desk, every=3600, wake=wake) as said,
    ):
        first, *others = desk.tasks()
        desk.annotate(first, "cat", by=ANN)
        until(lambda: said)
        assert said[0].pulled.new == 1
        assert said[0].handed == ()  # three of four still wait
        desk.annotate(others[0], "dog", by=ANN)
        until(lambda: len(said) > 1 and len(desk.tasks()) == 6)
    assert place.server().webhooks(desk.connection.project) == []


def test_without_webhooks_the_answers_come_too(fake: FakeLabelStudio, tmp_path: Path) -> None:
    place = Place("http://label-studio.test", fake.client(), fake)
    desk = desk_at(place, tmp_path)
    with watching(desk, every=0.01, wake=threading.Event()) as said:
        until(lambda: said)
        assert len(said[0].handed) == 4
        desk.annotate(desk.tasks()[0], "cat", by=ANN)
        until(lambda: desk.connection.session.recorded())


def test_a_watch_outlives_a_server_that_is_down(
    fake: FakeLabelStudio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("active_learning.adapters.label_studio.rounds.PAUSE_S", 0.01)
    place = Place("http://label-studio.test", fake.client(), fake)
    desk = desk_at(place, tmp_path)
    fake.faults = [("any", "lost")] * 20
    with watching(desk, every=0.01, wake=threading.Event()) as said:
        until(lambda: len(said) > 1)
    assert isinstance(said[0], UnreachableError)
    assert len(said[1].handed) == 4
    assert len(said) == 2  # told once, however long it was down


def test_only_who_knows_the_secret_wakes(fake: FakeLabelStudio, tmp_path: Path) -> None:
    fake.protects_itself = False
    place = Place("http://label-studio.test", fake.client(), fake)
    desk = desk_at(place, tmp_path)
    wake = threading.Event()
    with listening(desk.connection, "127.0.0.1:0", wake):
        (hook,) = fake.hooks.values()
        assert httpx.post(hook["url"], headers={HEADER: "guessed"}).status_code == 403
        assert httpx.post(hook["url"]).status_code == 403
        assert not wake.is_set()
        assert httpx.post(hook["url"], headers=hook["headers"]).status_code == 204
        assert wake.is_set()
        used = hook["url"].split("/")[2]
        with (
            pytest.raises(InputError, match="Nothing can listen at"),
            listening(desk.connection, used, wake),
        ):
            pass


@pytest.mark.parametrize("address", ["9100", "localhost:", ":9", "host:99999", "a:b"])
def test_wrong_addresses_are_refused(fake: FakeLabelStudio, tmp_path: Path, address: str) -> None:
    desk = desk_at(Place("http://label-studio.test", fake.client(), fake), tmp_path)
    with (
        pytest.raises(InputError, match="must be a host and a port"),
        listening(desk.connection, address, threading.Event()),
    ):
        pass


def test_a_server_that_protects_itself_leaves_nothing_behind(
    fake: FakeLabelStudio, tmp_path: Path
) -> None:
    desk = desk_at(Place("http://label-studio.test", fake.client(), fake), tmp_path)
    threads = threading.active_count()
    with (
        pytest.raises(ServerError, match="SSRF_PROTECTION_ENABLED=false"),
        listening(desk.connection, "127.0.0.1:0", threading.Event()),
    ):
        pass
    assert threading.active_count() == threads
