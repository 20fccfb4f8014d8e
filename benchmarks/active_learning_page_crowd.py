"""Claim: many people at one page lose no label and get no row twice, though its server is killed.

A real ``thresher serve-labels`` process, to which eight annotators talk HTTP as the page does, each
as fast as it can: take ten rows, say what they have, answer one at a time under a key of its own,
send again what was not confirmed. The server is killed with SIGKILL again and again and started
anew on the same port; now and then an annotator sleeps for longer than a lease, so that its rows go
to others. Afterwards the file is read: is every confirmed answer there with its label, was a row
with two people at once, and did a row get two answers in time.

The annotators run in this process, on the same cores as the server.

Run: OMP_NUM_THREADS=1 python benchmarks/active_learning_page_crowd.py --out FILE
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from active_learning_session import judge_log

from thresher.app import label_init
from thresher.app.label_folder import LabelFolder
from thresher.core.embeddings import Embeddings
from thresher.core.files import write_json

CLASSES = ("good", "bad")
DIMENSIONS, PEOPLE, LEASE, AHEAD = 16, 8, 3.0, 10
Found = dict[str, Any]


def start_session(folder: Path, *, rows: int) -> list[str]:
    """Start a session on short texts; return the true label of each row, by row number."""
    vectors = np.random.default_rng(1).standard_normal((rows, DIMENSIONS), dtype=np.float32)
    embeddings = Embeddings.from_vectors(vectors)
    texts = [f"visit {number}" for number in range(rows)]
    data = datasets.Dataset.from_dict({"text": texts, "row_id": embeddings.row_ids.tolist()})
    label_init(data, out=folder, classes=list(CLASSES), embeddings=embeddings)
    return [CLASSES[int(value > 0)] for value in vectors[:, 0]]


class Server:
    """The process that serves a folder, on one port and with one token however often started."""

    def __init__(self, folder: Path, people: list[str]) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.token, self.folder, self.people = secrets.token_urlsafe(24), folder, people
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start, and return when it listens."""
        command = [sys.executable, "-m", "thresher", "serve-labels", str(self.folder)]
        command += ["--port", str(self.port), "--lease", f"{LEASE:g}s", "--no-browser"]
        command += [part for name in self.people for part in ("--annotator", name)]
        environment = os.environ | {"THRESHER_TOKEN": self.token}
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        if not self.process.stdout.readline().startswith(self.people[0]):
            raise RuntimeError("the server did not start")

    def kill(self) -> None:
        """Kill it at once."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


class Annotator(threading.Thread):
    """Answers as fast as it can, sends again what was not confirmed, sleeps now and then."""

    def __init__(
        self,
        server: Server,
        name: str,
        *,
        truth: list[str],
        sleep_after: int,
        stop: threading.Event,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.server, self.truth, self.stop = server, truth, stop
        self.rng = np.random.default_rng(server.people.index(name))
        self.sleep_after = sleep_after
        self.rows: list[Found] = []
        self.unsent: Found | None = None
        self.confirmed: list[tuple[str, bool]] = []
        self.answers = self.sleeps = self.sent_again = 0
        self.problem: str | None = None

    def run(self) -> None:
        """Talk to the server, and to the next one when it was killed."""
        while not self.stop.is_set() and self.problem is None:
            line = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
            try:
                cookie = self._let_in(line)
                while not self.stop.is_set() and self.problem is None:
                    self._step(line, cookie)
            except (OSError, http.client.HTTPException):
                self.sent_again += self.unsent is not None
                time.sleep(0.05)
            finally:
                line.close()

    def _let_in(self, line: http.client.HTTPConnection) -> str:
        line.request("GET", f"/?token={self.server.token}")
        answer = line.getresponse()
        answer.read()
        return (answer.getheader("set-cookie") or "").partition(";")[0]

    def _post(self, line: http.client.HTTPConnection, cookie: str, what: str, body: Found) -> Found:
        headers = {"content-type": "application/json", "cookie": cookie}
        line.request("POST", f"/api/label/{what}", json.dumps(body), headers)
        answer = line.getresponse()
        found: Found = json.loads(answer.read())
        if answer.status == 503:  # it ends, or the file is locked: again
            raise OSError(found["error"])
        if answer.status != 200:
            self.problem = f"{what}: {answer.status} {found}"
        return found

    def _step(self, line: http.client.HTTPConnection, cookie: str) -> None:
        who = {"annotator": self.name, "lease": "tab"}
        if self.unsent is not None:
            found = self._post(line, cookie, "answers", {"messages": [{**self.unsent, **who}]})
            (reply,) = found.get("replies", [{}])
            if not reply.get("saved"):
                self.problem = self.problem or str(reply)
                return
            self.confirmed.append((self.unsent["id"], bool(reply["late"])))
            self.unsent = None
        if len(self.rows) < AHEAD:
            have = [row["row"] for row in self.rows]
            found = self._post(line, cookie, "next", {**who, "count": AHEAD, "have": have})
            here = set(have)
            self.rows += [row for row in found.get("rows", []) if row["row"] not in here]
        if not self.rows:
            time.sleep(0.02)
            return
        row, self.answers = self.rows.pop(0), self.answers + 1
        key, label = f"{self.name}-{self.answers}", self.truth[row["row"]]
        self.unsent = {"key": key, "row": row["row"], "id": row["id"], "kind": "label"}
        self.unsent["label"] = label
        if self.rng.random() < 1 / self.sleep_after:
            self.sleeps += 1
            time.sleep(LEASE + 1)


def crowd(*, rows: int, labels: int, kill_every: float, sleep_after: int) -> Found:
    """Let eight annotators give so many labels while the server is killed again and again."""
    with tempfile.TemporaryDirectory() as place:
        folder, stop = Path(place) / "session", threading.Event()
        truth = start_session(folder, rows=rows)
        server = Server(folder, [f"person {number}" for number in range(PEOPLE)])
        people = [
            Annotator(server, name, truth=truth, sleep_after=sleep_after, stop=stop)
            for name in server.people
        ]
        server.start()
        for person in people:
            person.start()
        began = killed_at = time.monotonic()
        kills, away = 0, 0.0
        try:
            while sum(len(person.confirmed) for person in people) < labels:
                time.sleep(0.05)
                problem = next((one.problem for one in people if one.problem), None)
                if problem is not None:
                    raise RuntimeError(problem)
                if time.monotonic() - killed_at > kill_every:
                    killed = time.monotonic()
                    server.kill()
                    server.start()
                    kills, killed_at = kills + 1, time.monotonic()
                    away += killed_at - killed
            seconds = time.monotonic() - began
        finally:
            stop.set()
            server.kill()
        for person in people:
            person.join()
        return {
            "rows": rows,
            "annotators": PEOPLE,
            "labels": sum(len(person.confirmed) for person in people),
            "seconds": round(seconds, 1),
            "seconds_without_server": round(away, 1),
            "load": round(os.getloadavg()[0], 1),
            "kills": kills,
            "sleeps": sum(person.sleeps for person in people),
            "sent_again": sum(person.sent_again for person in people),
            "late": sum(late for person in people for _, late in person.confirmed),
            **judged(folder, people, truth),
        }


def judged(folder: Path, people: list[Annotator], truth: list[str]) -> Found:
    """Compare the file with what the annotators were told."""
    confirmed = [(row, person.name) for person in people for row, _ in person.confirmed]
    in_time = Counter(row for person in people for row, late in person.confirmed if not late)
    with LabelFolder(folder).open(background=False) as session:
        label_of = dict(zip(session.state.row_ids.tolist(), truth, strict=True))
        wrong = sum(answer.label != label_of[answer.row_id] for answer in session.history())
        found = judge_log(session, confirmed)
    return {**found, "wrong_label": wrong, "twice_in_time": sum(n > 1 for n in in_time.values())}


def page(found: Found) -> Found:
    """Return the table for readers."""
    up = found["seconds"] - found["seconds_without_server"]
    header = ["labels", "a second while the server ran", "a second, starts included", "kills"]
    header += ["slept beyond a lease", "sent again", "late", "lost", "wrong label", "leased twice"]
    header += ["rows with two answers in time"]
    names = ("kills", "sleeps", "sent_again", "late", "lost", "wrong_label", "leased_twice")
    row = [f"{found['labels']:,}", f"{found['labels'] / up:.0f}"]
    row += [f"{found['labels'] / found['seconds']:.0f}", *(str(found[name]) for name in names)]
    row.append(str(found["twice_in_time"]))
    return {
        "title": "Eight people at one labeling page whose server is killed",
        "note": f"{found['rows']:,} rows, leases of {LEASE:g} s; annotators and server on the same "
        f"{os.cpu_count()} cores, load {found['load']:.0f} meanwhile.",
        "tables": [{"caption": "", "header": header, "rows": [row]}],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--labels", type=int, default=10_000)
    parser.add_argument("--kill-every", type=float, default=20.0, help="Seconds.")
    parser.add_argument("--sleep-after", type=int, default=2000, help="Answers, on average.")
    options = parser.parse_args()
    found = crowd(
        rows=options.rows,
        labels=options.labels,
        kill_every=options.kill_every,
        sleep_after=options.sleep_after,
    )
    found |= {"page": page(found), "python": platform.python_version()}
    print({name: value for name, value in found.items() if name != "page"})
    if options.out is not None:
        write_json(options.out, found)


if __name__ == "__main__":
    main()
