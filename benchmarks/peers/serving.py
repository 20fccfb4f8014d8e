"""Servers in processes of their own, asked over sockets; CPU time with that of their children.

Linux alone: CPU time is read from ``/proc``, in nanoseconds.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from .processes import family

RAW = "application/octet-stream"


class Server:
    """A server that answers, until the block ends."""

    def __init__(self, command: list[str], *, port: int, log: Path | None = None) -> None:
        self.port = port
        self._out = subprocess.DEVNULL if log is None else log.open("w")
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def thresher(cls, model: Path, *, cache_mb: float = 64, **more: Any) -> Server:
        """`thresher serve`, its log thrown away."""
        port = free_port()
        options = ["--port", str(port), "--cache", str(cache_mb), "--log", os.devnull]
        for name, value in more.items():
            options += [f"--{name.replace('_', '-')}", str(value)]
        return cls([sys.executable, "-m", "thresher", "serve", str(model), *options], port=port)

    @classmethod
    def litserve(cls, python: Path, script: Path) -> Server:
        """LitServe in an environment of its own, from the script that we write."""
        port = free_port()
        text = script.read_text().replace("port=8000", f"port={port}")
        script.write_text(text)
        return cls([str(python), str(script)], port=port)

    def __enter__(self) -> Server:
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            self._command,
            stdout=self._out,
            stderr=self._out,
            env=environment,
            start_new_session=True,
        )
        for _ in range(1200):
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                    return self
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"{self._command} does not listen")

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    @contextmanager
    def connection(self) -> Iterator[Client]:
        """Yield a connection that is kept alive."""
        client = Client(self.port)
        try:
            yield client
        finally:
            client.close()

    def cpu_s(self) -> float:
        """Return the CPU seconds of the process and all that it started."""
        assert self._process is not None
        return sum(_cpu_ns(one) for one in family(self._process.pid)) / 1e9


class Client:
    """One connection."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._open()

    def _open(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> tuple[int, dict[str, str], bytes]:
        """Send a request and return status, headers and body of its answer."""
        self.socket.sendall(request)
        return self.read()

    def read(self) -> tuple[int, dict[str, str], bytes]:
        """Read one answer."""
        got = b""
        while b"\r\n\r\n" not in got:
            more = self.socket.recv(1 << 18)
            if not more:
                raise ConnectionError("closed")
            got += more
        head, _, body = got.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        parts, left = [body], int(headers.get("content-length", 0)) - len(body)
        while left > 0:
            parts.append(self.socket.recv(1 << 18))
            left -= len(parts[-1])
        return int(lines[0].split()[1]), headers, b"".join(parts)

    def close(self) -> None:
        """Hang up."""
        self.socket.close()


def request(body: bytes, kind: str, **headers: str) -> bytes:
    """Return a POST to /predict."""
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: {kind}\r\n{more}"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def binary(rows: np.ndarray, **headers: str) -> bytes:
    """Ask for the logits of rows, as raw bytes both ways."""
    return request(rows.tobytes(), RAW, accept=RAW, **headers)


def as_json(rows: np.ndarray) -> bytes:
    """Ask in JSON."""
    return request(json.dumps({"rows": rows.tolist()}).encode(), "application/json")


def logits_of(answer: tuple[int, dict[str, str], bytes], classes: int) -> np.ndarray:
    """Return the logits of a binary answer."""
    status, _, body = answer
    assert status == 200, body[:200]
    return np.frombuffer(body, np.float32).reshape(-1, classes)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _cpu_ns(pid: int) -> int:
    total = 0
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
    except OSError:
        pass
    return total
