"""Claim: in a labeling session nobody waits, and a killed or slow one loses and doubles nothing.

Costs: CPU-seconds, in the thread that calls, of opening a session, its first and its later
`ask(20)`, one `tell` and one `report`, on Gaussian blobs of 64 numbers with ten classes and models
fitted in the background; peak memory of the process. `--only costs` run on an older checkout
(PYTHONPATH) gives the costs before, which `--before FILE` puts beside these.

Desk: 100,000 × 64 with training in the background, four answers a second. Wall time of `next` from
the queue and of `answer`, and how often the queue was empty; and with 1,000,000 answers stored the
CPU of the calling and the writing thread for one answer.

Faults: a server process with one desk, eight annotators that answer over sockets as fast as they
can, `--labels` answers in all. The server is killed with SIGKILL again and again and started anew;
annotators send again what was not confirmed and say what they have; now and then one sleeps for
longer than a lease. Afterwards: is every confirmed answer in the file, was a row leased to two
people at once, and how many answers did rows get.

Run: OMP_NUM_THREADS=1 python benchmarks/active_learning_session.py --out FILE
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

import numpy as np

from active_learning import Session
from thresher.core.embeddings import Embeddings
from thresher.core.errors import ThresherError
from thresher.core.files import write_json

SIZES = (20_000, 200_000, 1_000_000)
DIMENSIONS, CLASSES, STEP = 64, [f"c{k}" for k in range(10)], 1 << 16
# One of 2,000 answers is followed by a sleep of longer than a lease.
ANNOTATORS, LEASE, SLEEPS = 8, 3.0, 0.0005
# Seconds between an answer and the next: faster than people.
PACE = 0.25
Found = dict[str, Any]


def blobs(n: int) -> tuple[Embeddings, np.ndarray]:
    """Return unit vectors with their ids, and the class codes."""
    rng = np.random.default_rng(0)
    codes = rng.integers(len(CLASSES), size=n)
    centers = rng.standard_normal((len(CLASSES), DIMENSIONS), dtype=np.float32)
    vectors = rng.standard_normal((n, DIMENSIONS), dtype=np.float32)
    for start in range(0, n, STEP):
        part = vectors[start : start + STEP]
        part += centers[codes[start : start + STEP]]
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return Embeddings(np.arange(n).astype(str), vectors), codes


def costs(n: int, *, asks: int, labels: int) -> Found:
    """Measure one size in this process, after `labels` labels by somebody else."""
    embeddings, codes = blobs(n)
    cpu, told, asked = time.thread_time, [], []
    with tempfile.TemporaryDirectory() as folder:
        began = cpu()
        session = Session(Path(folder) / "s.db", embeddings=embeddings, classes=CLASSES)
        opened = cpu() - began
        if labels:
            some = np.random.default_rng(1).choice(n, labels, replace=False)
            known = {str(row): CLASSES[codes[row]] for row in some.tolist()}
            session.tell(known, annotator="somebody")
            session.wait()
        for _ in range(asks):
            began = cpu()
            batch = session.ask(20, annotator="ann")
            asked.append(cpu() - began)
            for row in batch.row_ids.tolist():
                began = cpu()
                session.tell({row: CLASSES[codes[int(row)]]}, annotator="ann")
                told.append(cpu() - began)
            session.wait()
        began = cpu()
        session.report()
        reported = cpu() - began
        session.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "rows": n,
        "labels": labels,
        "open_s": round(opened, 3),
        "first_ask_s": round(asked[0], 3),
        "later_ask_s": round(float(np.median(asked[1:])), 3),
        "later_ask_spread_s": [round(min(asked[1:]), 3), round(max(asked[1:]), 3)],
        "tell_ms": round(1000 * float(np.median(told)), 2),
        "report_s": round(reported, 2),
        "peak_mb": round(peak),
    }


def measure_costs(jobs: list[tuple[int, int]], *, asks: int) -> list[Found]:
    """Measure each size in a process of its own."""
    found = []
    for n, labels in jobs:
        command = [sys.executable, __file__, "--one", str(n), str(labels), "--asks", str(asks)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found.append(json.loads(done.stdout.splitlines()[-1]))
        print(found[-1], flush=True)
    return found


def busy_desk(n: int, *, answers: int) -> Found:
    """Time `next` and `answer` while models are fitted without a pause."""
    from active_learning import Desk

    embeddings, codes = blobs(n)
    waited, taken, empty, nothing_there = [], [], 0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        session = Session(Path(folder) / "s.db", embeddings=embeddings, classes=CLASSES)
        desk = Desk(session, batch=20)
        for number in range(answers):
            came = began = time.perf_counter()
            while not (rows := desk.next("ann", lease="tab").rows):
                time.sleep(0.02)
                began = time.perf_counter()
            waited.append(time.perf_counter() - began)
            if number and came < began:
                empty, nothing_there = empty + 1, nothing_there + began - came
            (row,) = rows
            label = CLASSES[codes[int(row.row_id)]]
            began = time.perf_counter()
            desk.answer("ann", row.row_id, label, lease="tab", key=str(number))
            taken.append(time.perf_counter() - began)
            time.sleep(PACE)
        desk.close()
        session.close()
    return {
        "rows": n,
        "answers": answers,
        "next_p50_ms": _milliseconds(waited, 50),
        "next_p99_ms": _milliseconds(waited, 99),
        "answer_p50_ms": _milliseconds(taken, 50),
        "answer_p99_ms": _milliseconds(taken, 99),
        "queue_empty": empty,
        "queue_empty_s": round(nothing_there, 1),
    }


def answer_cpu(stored: int, *, answers: int, threads: int) -> float:
    """Return CPU-milliseconds for one answer, of the caller and the writer, with many stored."""
    from active_learning import Desk

    embeddings, codes = blobs(stored + answers + 1000)
    known = {str(row): CLASSES[codes[row]] for row in range(stored)}
    rows = [str(row) for row in range(stored, stored + answers)]
    spent: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        session = Session(
            Path(folder) / "s.db",
            embeddings=embeddings,
            classes=CLASSES,
            strategy="random",
            learner=nothing,
        )
        with session:
            session.tell(known, annotator="somebody")
            with Desk(session) as desk:

                def annotate(part: list[str], name: str) -> None:
                    for row in part:
                        desk.answer(name, row, CLASSES[0], lease="tab", key=row)
                    spent.append(time.thread_time())

                began = _writer_cpu()
                workers = [
                    threading.Thread(target=annotate, args=(rows[k::threads], f"a{k}"))
                    for k in range(threads)
                ]
                for worker in workers:
                    worker.start()
                for worker in workers:
                    worker.join()
                return round(1000 * (sum(spent) + _writer_cpu() - began) / answers, 3)


def nothing(vectors: np.ndarray, codes: np.ndarray, *, num_classes: int, random_state: int) -> Any:
    """Learn nothing, at once."""
    del vectors, codes, random_state
    return lambda rows: np.full((len(rows), num_classes), 1 / num_classes, np.float32)


def _writer_cpu() -> float:
    (writer,) = (thread for thread in threading.enumerate() if thread.name == "desk writer")
    return time.clock_gettime(time.pthread_getcpuclockid(writer.ident or 0))


def _milliseconds(seconds: list[float], share: float) -> float:
    return round(1000 * float(np.percentile(seconds, share)), 2)


def serve(folder: str, n: int) -> None:
    """Open a desk and do what comes over the socket, until killed."""
    from active_learning import Desk

    embeddings, _ = blobs(n)
    session = Session(Path(folder) / "s.db", embeddings=embeddings, classes=CLASSES)
    desk = Desk(session, batch=20, lease=LEASE)
    doors = {"next": desk.next, "answer": desk.answer, "undo": desk.undo}

    def talk(line: Connection) -> None:
        try:
            while True:
                name, given, named = line.recv()
                try:
                    line.send(doors[name](*given, **named))
                except ThresherError as error:
                    line.send(str(error))
        except (EOFError, OSError):
            return

    with Listener(f"{folder}/socket") as listener:
        (Path(folder) / "ready").touch()
        while True:
            threading.Thread(target=talk, args=(listener.accept(),), daemon=True).start()


class Annotator(threading.Thread):
    """Answers as fast as it can, sends again what was not confirmed, sleeps now and then."""

    def __init__(self, folder: str, number: int, codes: np.ndarray, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.folder, self.codes, self.stop = folder, codes, stop
        self.person, self.rng = f"a{number}", np.random.default_rng(number)
        self.rows: list[str] = []
        self.unsent: tuple[str, str] | None = None
        self.confirmed: list[tuple[str, str]] = []
        self.late = self.sleeps = self.sent_again = self.answers = 0

    def run(self) -> None:
        """Talk to the server, and to the next one when it was killed."""
        while not self.stop.is_set():
            try:
                with Client(f"{self.folder}/socket") as line:
                    while not self.stop.is_set():
                        self._step(line)
            except (EOFError, OSError):
                self.sent_again += self.unsent is not None
                time.sleep(0.05)

    def _step(self, line: Connection) -> None:
        if self.unsent is not None:
            self._answer(line, *self.unsent)
            self.unsent = None
        if len(self.rows) < 10:
            given = {"lease": "t", "count": 10, "have": list(self.rows)}
            line.send(("next", (self.person,), given))
            got = line.recv()
            if isinstance(got, str):
                raise RuntimeError(got)
            self.rows = [row for row in self.rows if row not in got.gone]
            self.rows += [row.row_id for row in got.rows]
        if self.rows:
            self.answers += 1
            self.unsent = self.rows.pop(0), f"{self.person}-{self.answers}"
        else:
            time.sleep(0.02)
        if self.rng.random() < SLEEPS:
            self.sleeps += 1
            time.sleep(LEASE + 1)

    def _answer(self, line: Connection, row: str, key: str) -> None:
        label = CLASSES[self.codes[int(row)]]
        line.send(("answer", (self.person, row, label), {"lease": "t", "key": key}))
        taken = line.recv()
        if isinstance(taken, str):
            raise RuntimeError(taken)
        self.late += taken.late
        self.confirmed.append((row, self.person))


def faults(n: int, *, labels: int, kill_every: float) -> Found:
    """Run eight annotators against a server that is killed again and again."""
    context = multiprocessing.get_context("spawn")
    _, codes = blobs(n)
    with tempfile.TemporaryDirectory() as folder:
        stop = threading.Event()
        people = [Annotator(folder, number, codes, stop) for number in range(ANNOTATORS)]
        server = Server(context, folder, n)
        for person in people:
            person.start()
        began, kills, killed_at = time.monotonic(), 0, time.monotonic()
        try:
            while sum(len(person.confirmed) for person in people) < labels:
                time.sleep(0.05)
                if not all(person.is_alive() for person in people):
                    raise RuntimeError("an annotator ended")
                if time.monotonic() - killed_at > kill_every:
                    server.kill()
                    kills += 1
                    server.start()
                    killed_at = time.monotonic()
            seconds = time.monotonic() - began
        finally:
            stop.set()
            server.kill()
        for person in people:
            person.join()
        confirmed = [entry for person in people for entry in person.confirmed]
        return {
            "rows": n,
            "annotators": ANNOTATORS,
            "labels": len(confirmed),
            "seconds": round(seconds, 1),
            "labels_per_second": round(len(confirmed) / seconds, 1),
            "kills": kills,
            "sleeps": sum(person.sleeps for person in people),
            "sent_again": sum(person.sent_again for person in people),
            "late": sum(person.late for person in people),
            **inspect(Path(folder) / "s.db", n, confirmed),
        }


class Server:
    """The process with the desk; started when it is made."""

    def __init__(self, context: Any, folder: str, n: int) -> None:
        self.context, self.folder, self.n = context, Path(folder), n
        self.start()

    def start(self) -> None:
        """Start, and return when it listens."""
        self.process = self.context.Process(target=serve, args=(str(self.folder), self.n))
        self.process.start()
        while not (self.folder / "ready").exists():
            if not self.process.is_alive():
                raise RuntimeError("the server did not start")
            time.sleep(0.02)

    def kill(self) -> None:
        """Kill it at once."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()
        for name in ("ready", "socket"):
            (self.folder / name).unlink(missing_ok=True)


def inspect(path: Path, n: int, confirmed: list[tuple[str, str]]) -> Found:
    """Count confirmed answers that are missing, and rows that two people had at once."""
    embeddings, _ = blobs(n)
    with Session(path, embeddings=embeddings, background=False, classes=CLASSES) as session:
        return judge_log(session, confirmed)


def judge_log(session: Session, confirmed: list[tuple[str, str]]) -> Found:
    """Count confirmed answers that a session's file lacks, and rows that two had at once."""
    told = {(answer.row_id, answer.annotator) for answer in session.history()}
    store = session.engine.store
    state, double = session.engine.new_state(), 0
    for ask in store.asks_since(0):
        changes = store.changes_since(state.changes_seen, until=ask.changes_seen)
        state.apply(store.answers_since(state.answers_seen, until=ask.answers_seen), [], changes)
        out = state.leased(ask.time)
        double += sum(out[row.position] for row in ask.rows if row.arm != "claimed")
        state.apply_ask(ask)
    rows = [row for row, _ in told]
    return {
        "lost": len(set(confirmed) - told),
        "leased_twice": int(double),
        "answers_in_file": len(session.history()),
        "rows_answered_by_two": len(rows) - len(set(rows)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path)
    parser.add_argument("--before", type=Path, help="costs of an older checkout")
    parser.add_argument("--keep", type=Path, help="results for the parts that are not measured now")
    parser.add_argument("--only", choices=["costs", "desk", "faults"])
    parser.add_argument("--asks", type=int, default=6)
    parser.add_argument("--labels", type=int, default=10_000)
    parser.add_argument("--quick", action="store_true", help="small pools, few labels")
    parser.add_argument("--one", nargs=2, type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        n, labels = arguments.one
        print(json.dumps(costs(n, asks=arguments.asks, labels=labels)))
        return
    found: Found = {"versions": {"python": platform.python_version(), "numpy": np.__version__}}
    if arguments.keep:
        found = json.loads(arguments.keep.read_text()) | found
    if arguments.only in (None, "costs"):
        jobs = [(n, 0) for n in SIZES] + [(1_000_000, 20_000)]
        found["costs"] = measure_costs(jobs[: 1 if arguments.quick else None], asks=arguments.asks)
    if arguments.before:
        found["before"] = json.loads(arguments.before.read_text())["costs"]
    if arguments.only in (None, "desk"):
        n, answers = (5_000, 100) if arguments.quick else (100_000, 600)
        found["desk"] = busy_desk(n, answers=answers)
        stored = 10_000 if arguments.quick else 1_000_000
        found["desk"]["stored"] = stored
        found["desk"]["cpu_ms_alone"] = answer_cpu(stored, answers=answers, threads=1)
        found["desk"]["cpu_ms_of_eight"] = answer_cpu(stored, answers=4 * answers, threads=8)
        print(found["desk"], flush=True)
    if arguments.only in (None, "faults"):
        labels = 500 if arguments.quick else arguments.labels
        found["faults"] = faults(20_000, labels=labels, kill_every=3 if arguments.quick else 20)
        print(found["faults"], flush=True)
    if arguments.out:
        complete = {"costs", "desk", "faults"} <= found.keys()
        page = {"page": _page(found)} if complete else {}
        write_json(arguments.out, {**found, **page})


def _page(found: Found) -> dict[str, Any]:
    names = ("open_s", "first_ask_s", "later_ask_s", "tell_ms", "report_s", "peak_mb")
    titles = ["rows", "labels before", "", "open", "first `ask(20)`", "later `ask(20)`"]
    rows = [
        [f"{run['rows']:,}", f"{run['labels']:,}", when, *(run[name] for name in names)]
        for place in range(len(found["costs"]))
        for when, runs in (("0.1.0", found.get("before", [])), ("now", found["costs"]))
        for run in runs[place : place + 1]
    ]
    desk, kills = found["desk"], found["faults"]
    return {
        "title": "A labeling session: what it costs, and what nobody waits for",
        "note": "64 numbers a row, ten classes, `auto`, models fitted in the background, one "
        "thread for products.",
        "tables": [
            {
                "caption": "CPU-seconds in the calling thread; one `tell` in CPU-milliseconds; "
                "memory of the process in MB",
                "header": [*titles, "`tell`", "`report`", "MB"],
                "rows": rows,
            },
            {
                "caption": f"A desk on {desk['rows']:,} rows with training in the background, "
                f"{desk['answers']} answers: milliseconds of wall time; and with "
                f"{desk['stored']:,} answers stored CPU-milliseconds for one more",
                "header": [
                    "`next` p50",
                    "p99",
                    "`answer` p50",
                    "p99",
                    "times the queue was empty",
                    "CPU, one annotator",
                    "CPU, eight at once",
                ],
                "rows": [
                    [
                        desk["next_p50_ms"],
                        desk["next_p99_ms"],
                        desk["answer_p50_ms"],
                        desk["answer_p99_ms"],
                        desk["queue_empty"],
                        desk["cpu_ms_alone"],
                        desk["cpu_ms_of_eight"],
                    ]
                ],
            },
            {
                "caption": f"Eight annotators on {kills['rows']:,} rows while the server is killed "
                "and leases run out",
                "header": [
                    "answers",
                    "a second, kills and starts included",
                    "kills",
                    "sent again",
                    "late",
                    "lost",
                    "leased twice",
                    "rows with two answers",
                ],
                "rows": [
                    [
                        kills["labels"],
                        kills["labels_per_second"],
                        kills["kills"],
                        kills["sent_again"],
                        kills["late"],
                        kills["lost"],
                        kills["leased_twice"],
                        kills["rows_answered_by_two"],
                    ]
                ],
            },
        ],
    }


if __name__ == "__main__":
    main()
