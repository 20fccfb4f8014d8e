"""Claim: the server spends little beside the model, and no request gets a wrong answer.

`resnet8` (78,000 weights, 32 × 32 pixels) is served by `thresher serve` and by LitServe, each in a
process of its own and by turns. Measured is CPU time of the server's processes, which other load
disturbs least: per request of one and of 64 rows, as JSON and as raw bytes, and for repeats that
the cache knows; beside it the model alone in ONNX Runtime, timed between the rounds. Then an open
loop at 80 % of what the server can do (latency from when a request was due), and 100,000 mixed
requests with 5 % broken ones, clients that leave and a swap in the middle, each answer compared.

Run: python benchmarks/lifecycle_serving.py --litserve VENV/bin/python --out serving.json
VENV: python -m venv VENV; VENV/bin/pip install litserve==0.2.19 onnxruntime numpy. Without
--litserve the peer is left out. --requests and --seconds make it shorter.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peers.serving import RAW, Client, Server, as_json, binary, logits_of, request

from lifecycle import load_served, write_litserve
from thresher.core.files import write_json
from training import compact_model, export

MANY = 64
ROUNDS = 5
CLASSES = [f"class {code}" for code in range(10)]
HOW = {"kind": "image", "size": 32, "layout": "NCHW", "dtype": "uint8", "colors": "RGB"}
TOLERANCE = 1e-3
TOKEN = "the token of this benchmark"


def models(folder: Path) -> tuple[Path, Path]:
    """Export a network, and one that differs a little, to swap."""
    torch.manual_seed(0)
    model = compact_model("resnet8", num_classes=10, input_shape=(3, 32, 32), width=16)
    export(model, folder / "first", classes=CLASSES, preprocessing=HOW)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter *= 1 + 0.01 * torch.randn_like(parameter)
    export(model, folder / "second", classes=CLASSES, preprocessing=HOW)
    return folder / "first", folder / "second"


def cost_ms(server: Server, requests: list[bytes], seconds: float) -> float:
    """Return CPU milliseconds of the server for a request, the least of some rounds."""
    best = np.inf
    with server.connection() as client:
        for asked in requests[:20]:
            client.ask(asked)
        for _ in range(ROUNDS):
            began, until, count = server.cpu_s(), time.perf_counter() + seconds / ROUNDS, 0
            while time.perf_counter() < until or count < 5:
                status, _, body = client.ask(requests[count % len(requests)])
                assert status == 200, body[:200]
                count += 1
            best = min(best, (server.cpu_s() - began) / count)
    return float(1e3 * best)


def model_ms(path: Path, rows: np.ndarray) -> float:
    """Return CPU milliseconds of the model alone."""
    model, best = load_served(path, threads=1), np.inf
    for _ in range(ROUNDS):
        began, count = time.thread_time(), 0
        while time.thread_time() - began < 0.1:
            model.predict(rows)
            count += 1
        best = min(best, (time.thread_time() - began) / count)
    return float(1e3 * best)


def costs(first: Path, peer: Path | None, folder: Path, seconds: float) -> dict[str, Any]:
    """Measure what requests cost, ours and the peer's."""
    rows = np.random.default_rng(0).integers(0, 256, (4096, 3, 32, 32), dtype=np.uint8)
    parts = [rows[at : at + MANY] for at in range(0, len(rows), MANY)]
    forms = {
        "one row, JSON": [as_json(row[None]) for row in rows[:300]],
        "64 rows, JSON": [as_json(part) for part in parts[:6]],
        "one row, raw": [binary(row[None]) for row in rows],
        "64 rows, raw": [binary(part) for part in parts],
    }
    found: dict[str, Any] = {"model": {}, "thresher": {}, "litserve": {}}
    with Server.thresher(first, cache_mb=0) as server:
        for name, requests in forms.items():
            found["thresher"][name] = cost_ms(server, requests, seconds)
            n = MANY if name.startswith("64") else 1
            found["model"][f"{n} rows"] = model_ms(first, rows[:n])
    with Server.thresher(first) as server:
        found["thresher"]["one row, raw, known"] = cost_ms(
            server, forms["one row, raw"][:1], seconds
        )
    if peer is not None:
        script = folder / "serve_litserve.py"
        write_litserve(first, script)
        with Server.litserve(peer, script) as server:
            wait_until_it_answers(server, forms["one row, JSON"][0])
            for name in ("one row, JSON", "64 rows, JSON"):
                found["litserve"][name] = cost_ms(server, forms[name], seconds)
    return found


def wait_until_it_answers(server: Server, asked: bytes) -> None:
    for _ in range(200):
        try:
            with server.connection() as client:
                if client.ask(asked)[0] == 200:
                    return
        except OSError:
            pass
        time.sleep(0.1)
    raise RuntimeError("the server does not answer")


class Pipe(asyncio.Protocol):
    """A connection that asks one thing at a time, for a client that must not be the slow one."""

    def __init__(self) -> None:
        self.got, self.answered = b"", asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        """Keep what requests are written to."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Note the answer once it is whole."""
        self.got += data
        head, end, body = self.got.partition(b"\r\n\r\n")
        if end and len(body) >= int(head.partition(b"content-length: ")[2].split(b"\r")[0]):
            assert head.startswith(b"HTTP/1.1 200"), head
            self.got = b""
            self.answered.set()

    async def ask(self, asked: bytes) -> None:
        """Wait for the answer."""
        self.answered.clear()
        self.transport.write(asked)
        await self.answered.wait()


async def latencies_of(port: int, requests: list[bytes], due: np.ndarray | None, s: float) -> Any:
    """Ask from 32 connections: at the times in `due`, or for `s` seconds as fast as answers come.

    A request is due at its time whether the ones before it were answered or not; its latency counts
    from then.
    """
    loop = asyncio.get_running_loop()
    made = [await loop.create_connection(Pipe, "127.0.0.1", port) for _ in range(32)]
    start, turn, found = loop.time() + 0.1, itertools.count(), []

    async def work(pipe: Pipe) -> None:
        for at in turn:
            when = loop.time() if due is None else start + due[at] if at < len(due) else None
            if when is None or (due is None and when - start > s):
                return
            if (wait := when - loop.time()) > 0:
                await asyncio.sleep(wait)
            await pipe.ask(requests[at % len(requests)])
            found.append(loop.time() - when)

    await asyncio.gather(*[work(pipe) for _, pipe in made])
    for transport, _ in made:
        transport.close()
    return np.array(found)


def open_loop(first: Path, seconds: float) -> dict[str, float]:
    """Send single rows at 80 % of what the server can do, at random times."""
    rows = np.random.default_rng(1).integers(0, 256, (512, 3, 32, 32), dtype=np.uint8)
    requests = [binary(row[None]) for row in rows]
    with Server.thresher(first, cache_mb=0) as server:
        closed = asyncio.run(latencies_of(server.port, requests, None, seconds))
        capacity = len(closed) / seconds
        gaps = np.random.default_rng(2).exponential(1 / (0.8 * capacity), int(capacity * seconds))
        found = asyncio.run(latencies_of(server.port, requests, np.cumsum(gaps), seconds))
    p50, p99 = np.quantile(found, [0.5, 0.99]) * 1e3
    return {
        "capacity": capacity,
        "rate": 0.8 * capacity,
        "p50_ms": float(p50),
        "p99_ms": float(p99),
    }


class Mixed:
    """Requests of every kind, and whether their answers are right."""

    def __init__(self, first: Path, second: Path, server: Server, total: int) -> None:
        rng = np.random.default_rng(3)
        self.rows = rng.integers(0, 256, (2000, 3, 32, 32), dtype=np.uint8)
        self.truth = {}
        for path in (first, second):
            model = load_served(path, threads=1)
            parts = [model.predict(self.rows[at : at + 100]) for at in range(0, 2000, 100)]
            self.truth[model.digest] = np.concatenate(parts)
        self.server, self.total = server, total
        self.lock, self.turn = threading.Lock(), 0
        self.counts = dict.fromkeys(("right", "wrong", "broken refused", "left", "lost"), 0)
        self.by_model: dict[str, int] = {}

    def note(self, what: str) -> None:
        """Count what became of a request."""
        with self.lock:
            self.counts[what] += 1

    def work(self, seed: int) -> None:
        """Send requests from one connection until all are sent."""
        rng = np.random.default_rng(seed)
        client = Client(self.server.port)
        while True:
            with self.lock:
                self.turn += 1
                if self.turn > self.total:
                    client.close()
                    return
            kind = rng.random()
            places = rng.integers(0, 2000, 1 if kind < 0.9 else 16)
            if kind < 0.05:
                client = self.broken(client, rng)
            elif kind < 0.07:
                client = self.leave(client, places)
            else:
                client = self.right(client, places, in_json=kind < 0.1)

    def right(self, client: Client, places: np.ndarray, *, in_json: bool) -> Client:
        """Ask for rows and compare the answer with that of the model that it names."""
        rows = self.rows[places]
        try:
            answer = client.ask(as_json(rows) if in_json else binary(rows))
        except OSError:
            self.note("lost")
            return Client(self.server.port)
        expected = self.truth[answer[1]["x-model"]][places]
        if in_json:
            labels = json.loads(answer[2])["labels"]
            good = labels == [CLASSES[code] for code in expected.argmax(1)]
        else:
            good = bool(np.abs(logits_of(answer, 10) - expected).max() < TOLERANCE)
        self.note("right" if good else "wrong")
        with self.lock:
            name = answer[1]["x-model"]
            self.by_model[name] = self.by_model.get(name, 0) + 1
        return client

    def broken(self, client: Client, rng: np.random.Generator) -> Client:
        """Send what must be refused in words."""
        bodies = [
            request(bytes(3071), RAW),
            request(b'{"rows": [[1, 2', "application/json"),
            request(b'{"rows": [[[[300]]]]}', "application/json"),
            request(bytes(3072), "application/x-npy"),
            request(bytes(3072), RAW, x_dtype="float32"),
            request(b"", "application/json"),
        ]
        try:
            status, _, body = client.ask(bodies[rng.integers(len(bodies))])
        except OSError:
            self.note("lost")
            return Client(self.server.port)
        worded = status in (400, 422) and b"error" in body
        self.note("broken refused" if worded else "wrong")
        return client

    def leave(self, client: Client, places: np.ndarray) -> Client:
        """Hang up in the middle of a request, or before its answer."""
        sent = binary(self.rows[places])
        client.socket.sendall(sent if places[0] % 2 else sent[: len(sent) // 2])
        client.close()
        self.note("left")
        return Client(self.server.port)


def mixed(first: Path, second: Path, folder: Path, total: int) -> dict[str, Any]:
    """Send mixed requests from eight connections; halfway the model's file is replaced."""
    live = folder / "live"
    shutil.copytree(first, live)
    with Server.thresher(live, cache_mb=1, watch=0.2, admin_token=TOKEN) as server:
        run = Mixed(first, second, server, total)

        def swap() -> None:
            while run.turn < total // 2:
                time.sleep(0.01)
            temporary = live / "new"
            shutil.copyfile(second / "model.onnx", temporary)
            temporary.replace(live / "model.onnx")

        threads = [threading.Thread(target=run.work, args=(seed,)) for seed in range(8)]
        threads.append(threading.Thread(target=swap))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        cpu = server.cpu_s()
    return {"counts": run.counts, "by_model": sorted(run.by_model.values()), "cpu_s": cpu}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--litserve", type=Path, help="Python of an environment with LitServe.")
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--out", type=Path, default=Path("lifecycle_serving.json"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first, second = models(folder)
        results = {"costs": costs(first, options.litserve, folder, options.seconds)}
        print(results, flush=True)
        results["open loop"] = open_loop(first, options.seconds)
        print(results["open loop"], flush=True)
        results["mixed"] = mixed(first, second, folder, options.requests)
        print(results["mixed"], flush=True)
    write_json(options.out, {"results": results, "page": page(results)})


def page(results: dict[str, Any]) -> dict[str, Any]:
    """Return the tables for the documentation."""
    found, own = results["costs"], results["costs"]["model"]
    rows = []
    for name in found["thresher"]:
        n = 64 if name.startswith("64") else 1
        ours, peer = found["thresher"][name] / n, found["litserve"].get(name)
        rows.append(
            [
                name,
                f"{ours:.4f}",
                f"{own[f'{n} rows'] / n:.4f}",
                f"{peer / n:.4f}" if peer else "",
                f"{peer / n / ours:.1f}" if peer else "",
            ]
        )
    loop, counts = results["open loop"], results["mixed"]["counts"]
    return {
        "title": "Serving",
        "note": (
            "`resnet8` of 78,000 weights, float, one thread; server and client on one machine; "
            "CPU milliseconds of the server's processes for a row, least of five rounds; LitServe "
            "0.2.19 takes JSON alone, with the script that `--write-litserve` writes."
        ),
        "tables": [
            {
                "caption": "",
                "header": ["request", "Thresher", "model alone", "LitServe", "times"],
                "rows": rows,
            },
            {
                "caption": "Single rows in an open loop at 80 % of capacity.",
                "header": ["requests a second", "p50 ms", "p99 ms"],
                "rows": [[f"{loop['rate']:.0f}", f"{loop['p50_ms']:.2f}", f"{loop['p99_ms']:.2f}"]],
            },
            {
                "caption": "Mixed requests with a swap in the middle.",
                "header": list(counts),
                "rows": [[f"{value:,}" for value in counts.values()]],
            },
        ],
    }


if __name__ == "__main__":
    main()
