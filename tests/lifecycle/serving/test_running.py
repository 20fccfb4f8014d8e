"""The whole server in a process of its own: sockets, slow and rude clients, signals."""

from __future__ import annotations

import asyncio
import gc
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lifecycle import ServingOptions, load_served, serve
from thresher.core.errors import InputError

RAW = "application/octet-stream"
PROGRAM = """
import json, sys
from lifecycle import ServingOptions, serve
options = ServingOptions(**json.loads(sys.argv[2]))
serve(sys.argv[1], port=0, options=options, log=open(sys.argv[3], "w"),
      ready=lambda address, service: print(address, flush=True))
"""


class Running:
    """A server in a process."""

    def __init__(self, path: Path, log: Path, **options: Any) -> None:
        arguments = [str(path), json.dumps(options), str(log)]
        self.log = log
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        address = self.process.stdout.readline().strip()
        assert address, self.process.stderr and self.process.stderr.read()
        self.port = int(address.rsplit(":", 1)[1])

    def ask(self, rows: np.ndarray) -> np.ndarray:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        head = {"content-type": RAW, "accept": RAW}
        connection.request("POST", "/predict", rows.tobytes(), head)
        answer = connection.getresponse()
        assert answer.status == 200
        found = np.frombuffer(answer.read(), np.float32).reshape(len(rows), -1)
        connection.close()
        return found

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        if self.process.poll() is None:
            self.process.send_signal(number)
        _, said = self.process.communicate(timeout=30)
        return self.process.returncode, said

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@pytest.fixture
def running(models: Path, tmp_path: Path) -> Iterator[Running]:
    server = Running(models / "small", tmp_path / "log.jsonl", body_s=0.5, cache_mb=0)
    yield server
    server.stop()


def test_answers_come_and_each_request_has_one_line(
    running: Running, models: Path, numbers: np.ndarray
) -> None:
    expected = load_served(models / "small", threads=1).predict(numbers)
    for start in range(0, 200, 50):
        found = running.ask(numbers[start : start + 50])
        assert found == pytest.approx(expected[start : start + 50], abs=1e-5)
    code, said = running.stop()
    assert (code, said) == (0, "")
    lines = running.lines()
    assert [line["status"] for line in lines] == [200] * 4
    assert [line["rows"] for line in lines] == [50] * 4
    assert len({line["id"] for line in lines}) == 4
    assert set(lines[0]) == {"at", "id", "status", "rows", "failed", "ms", "model", "sources"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_what_is_under_way_be_answered(
    models: Path, tmp_path: Path, number: int
) -> None:
    server = Running(models / "image", tmp_path / "log", cache_mb=0, threaded=True, batch=1)
    rows = np.random.default_rng(0).integers(0, 256, (600, 3, 16, 16), dtype=np.uint8)
    expected = load_served(models / "image", threads=1).predict(rows)
    answers: list[np.ndarray] = []
    thread = threading.Thread(target=lambda: answers.append(server.ask(rows)))
    thread.start()
    while b"queue_rows 0.0" in metrics(server):
        time.sleep(0.001)
    code, said = server.stop(number)
    thread.join()
    assert (code, said) == (0, "")
    assert answers[0] == pytest.approx(expected, abs=1e-4)
    with pytest.raises(OSError):  # noqa: PT011 — whichever the system gives
        server.connect()


def head_of(size: int) -> bytes:
    line = f"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: {RAW}\r\n"
    return f"{line}content-length: {size}\r\n\r\n".encode()


def metrics(server: Running) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request("GET", "/metrics")
    found = connection.getresponse().read()
    connection.close()
    return found


def test_clients_that_leave_are_no_traceback(running: Running, numbers: np.ndarray) -> None:
    body = numbers.tobytes()
    for sent in (b"", body[:100], body):
        with running.connect() as client:
            client.sendall(head_of(len(body)) + sent)
    for sent in (b"POST /pre", head_of(9)[:40], b"\x00\xff garbage\r\n\r\n"):
        with running.connect() as client:
            client.sendall(sent)
    assert running.ask(numbers[:3]).shape == (3, 3)
    time.sleep(0.1)
    code, said = running.stop()
    assert code == 0
    assert "Traceback" not in said
    statuses = [line["status"] for line in running.lines()]
    assert statuses.count(499) >= 2
    assert statuses[-1] == 200
    assert 500 not in statuses


def test_a_slow_head_is_closed_and_a_slow_body_gets_408(
    running: Running, numbers: np.ndarray
) -> None:
    with running.connect() as slow, running.connect() as body, running.connect() as again:
        slow.sendall(b"POST /predict HTTP/1.1\r\nhost: x\r\nx-a: ")
        body.sendall(head_of(24) + b"1234")
        # One request in good time, then a slow one on the same connection.
        again.sendall(head_of(24) + numbers[:1].tobytes())
        answer = b""
        while not answer.endswith(b"]}"):
            answer += again.recv(4096)
        assert answer.startswith(b"HTTP/1.1 200")
        again.sendall(b"POST /predict HTTP/1.1\r\n")
        for _ in range(4):  # a byte now and then does not help
            time.sleep(0.1)
            slow.sendall(b"a")
        assert body.recv(4096).startswith(b"HTTP/1.1 408")
        assert slow.recv(4096) == b""
        assert again.recv(4096) == b""
    assert running.ask(numbers[:1]).shape == (1, 3)


def test_a_body_without_a_length_is_cut_off_where_it_is_too_large(running: Running) -> None:
    with running.connect() as client:
        client.sendall(
            f"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: {RAW}\r\n"
            "transfer-encoding: chunked\r\n\r\n".encode()
        )
        chunk = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
        answer = b""
        try:
            for _ in range(100):
                client.sendall(chunk)
        except OSError:
            pass  # the server answered and closed
        else:
            answer = client.recv(4096)
            assert answer.startswith(b"HTTP/1.1 413")
    peak = Path(f"/proc/{running.process.pid}/status").read_text()
    most = int(peak.split("VmHWM:")[1].split()[0])
    assert most < 400_000, "the body was not gathered"


def test_a_port_that_is_taken_is_named(running: Running, models: Path) -> None:
    with pytest.raises(InputError, match=rf"cannot listen on 127.0.0.1:{running.port}"):
        serve(models / "small", port=running.port, options=ServingOptions(watch_s=0))


def test_kept_alive_connections_do_not_hold_up_the_end(running: Running) -> None:
    with running.connect() as client:
        client.sendall(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 200")
        began = time.monotonic()
        assert running.stop()[0] == 0
        assert time.monotonic() - began < 5


def test_a_log_that_cannot_be_written_stops_nobody(models: Path, numbers: np.ndarray) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    server = Running(models / "small", Path("/dev/full"))
    assert server.ask(numbers[:2]).shape == (2, 3)
    assert server.stop()[0] == 0


def test_the_garbage_collector_passes_over_what_was_loaded_before(models: Path) -> None:
    frozen: list[int] = []

    def look() -> None:
        frozen.append(gc.get_freeze_count())
        os.kill(os.getpid(), signal.SIGINT)

    def ready(*_: object) -> None:
        asyncio.get_running_loop().call_later(0.2, look)

    assert gc.get_freeze_count() == 0
    serve(models / "small", port=0, ready=ready)
    assert frozen[0] > 10_000
    assert gc.get_freeze_count() == 0
