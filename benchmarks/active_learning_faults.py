"""Claim: kills, expired leases and eight annotators at once never lose or double anything.

Each schedule runs eight processes on one session file. Each process asks and tells in a loop, with
batches, pauses, skips, corrections and short leases drawn from the schedule's seed, and is killed
with SIGKILL at a random moment; half of them are started again. Afterwards: every answer that was
confirmed before a kill is in the file (none lost), no row was leased to two annotators at once (no
double lease), and every batch comes out again from the log (identical replay).

Run: OMP_NUM_THREADS=1 python benchmarks/active_learning_faults.py --schedules 1000 --log runs.jsonl
--out FILE. Schedules that the log holds already are not run again; a line may count several.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from active_learning import SKIP, Session
from thresher.core.errors import InputError
from thresher.core.files import write_json

ROWS, CLASSES, ANNOTATORS = 150, ("ant", "bee", "cat"), 8


def pool() -> np.ndarray:
    """Return the same embeddings in every process."""
    return np.random.default_rng(0).normal(size=(ROWS, 6))


def nearest_mean(
    vectors: np.ndarray, codes: np.ndarray, *, num_classes: int, random_state: int
) -> Any:
    """Learn the mean of each class: cheap, since the claim is about the file, not the model."""
    del random_state
    means = np.stack([vectors[codes == code].sum(axis=0) for code in range(num_classes)])
    means /= np.maximum(np.bincount(codes, minlength=num_classes), 1)[:, None]

    def predict(rows: np.ndarray) -> np.ndarray:
        closeness = np.exp(4.0 * rows @ means.T)
        return (closeness / closeness.sum(axis=1, keepdims=True)).astype(np.float32)

    return predict


def open_session(path: Path) -> Session:
    """Open the session of a schedule."""
    return Session(
        path,
        embeddings=pool(),
        classes=CLASSES,
        strategy="margin",
        learner=nearest_mean,
        audit=0.2,
        background=False,
    )


def annotate(path: Path, name: str, seed: int, confirmed: Path) -> None:
    """Ask and tell until killed or nothing is left; write down what was confirmed."""
    rng = np.random.default_rng(seed)
    session = open_session(path)
    with open(confirmed, "a", encoding="utf-8") as log:
        while True:
            try:
                lease = float(rng.choice([0.05, 0.3, 30.0]))
                batch = session.ask(int(rng.integers(1, 5)), annotator=name, lease=lease)
            except InputError:
                return
            time.sleep(float(rng.choice([0.0, 0.0, 0.1])))
            answers: dict[str, Any] = {}
            for row in batch.row_ids.tolist():
                if rng.random() < 0.85:
                    answers[row] = SKIP if rng.random() < 0.1 else str(rng.choice(CLASSES))
            session.tell(answers, annotator=name)
            kept = {row: a if isinstance(a, str) else None for row, a in answers.items()}
            log.write(json.dumps({"annotator": name, "answers": kept}) + "\n")
            log.flush()


def schedule(seed: int) -> dict[str, int]:
    """Run one schedule and count what went wrong."""
    rng = np.random.default_rng(seed)
    context = multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.db"
        open_session(path).close()
        logs = [Path(folder) / f"confirmed{k}" for k in range(ANNOTATORS)]

        def start(k: int) -> Any:
            process = context.Process(
                target=annotate, args=(path, f"a{k}", int(rng.integers(2**31)), logs[k])
            )
            process.start()
            return process

        running = {k: start(k) for k in range(ANNOTATORS)}
        kills = 0
        for k in rng.permutation(ANNOTATORS):
            time.sleep(float(rng.random() * 0.1))
            if running[k].is_alive():
                os.kill(running[k].pid, signal.SIGKILL)
                kills += 1
            running[k].join()
            if rng.random() < 0.5:
                running[k] = start(k)
        time.sleep(0.2)
        for process in running.values():
            if process.is_alive():
                os.kill(process.pid, signal.SIGKILL)
                kills += 1
            process.join()
        return {"kills": kills, **inspect(path, logs)}


def inspect(path: Path, logs: list[Path]) -> dict[str, int]:
    """Count lost answers, double leases and batches that replay differently."""
    with open_session(path) as session:
        said = {(answer.row_id, answer.annotator, answer.label) for answer in session.history()}
        lost = asked = 0
        for log in logs:
            for line in log.read_text().splitlines() if log.exists() else []:
                entry = json.loads(line)
                for row, label in entry["answers"].items():
                    lost += (row, entry["annotator"], label) not in said
        double = 0
        out: dict[int, tuple[float, str, int]] = {}
        for ask in session.asks():
            asked += 1
            for row in ask.rows:
                if row.arm == "claimed":
                    continue
                expires, owner, _ = out.get(row.position, (0.0, "", 0))
                if expires > ask.time and owner != ask.annotator:
                    double += not _gave_back(session, row.position, owner, ask.answers_at)
                out[row.position] = (ask.expires, ask.annotator, ask.id)
        return {
            "asks": asked,
            "answers": len(said),
            "lost": lost,
            "double_leases": double,
            "replayed_differently": len(session.replay()),
        }


def _gave_back(session: Session, position: int, owner: str, before: int) -> bool:
    row = str(session.state.row_ids[position])
    return any(
        answer.row_id == row and answer.annotator == owner and answer.id <= before
        for answer in session.history()
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--log", type=Path, required=True, help="schedules run; resumed")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--schedules", type=int, default=1000)
    parser.add_argument("--quick", action="store_true", help="three schedules")
    arguments = parser.parse_args()
    total = run(3 if arguments.quick else arguments.schedules, log=arguments.log)
    print(total)
    if arguments.out:
        write(arguments.out, total)


def run(number: int, *, log: Path) -> dict[str, int]:
    """Run the schedules that the log lacks, in the order of their seeds; return the sums."""
    lines = log.read_text().splitlines() if log.exists() else []
    total: dict[str, int] = {}
    for line in lines:
        total = _sum(total, json.loads(line))
    for seed in range(total.get("schedules", 0), number):
        counts = {"schedules": 1, **schedule(seed)}
        with log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(counts) + "\n")
        total = _sum(total, counts)
        if seed % 20 == 0:
            print(total, flush=True)
    return total


def _sum(first: dict[str, int], second: dict[str, int]) -> dict[str, int]:
    return {name: first.get(name, 0) + count for name, count in second.items()}


def write(path: Path, counts: dict[str, int]) -> None:
    """Write the sums and their table."""
    versions = {"python": platform.python_version(), "numpy": np.__version__}
    write_json(path, {"versions": versions, **counts, "page": page(counts)})


def page(found: dict[str, Any]) -> dict[str, Any]:
    """Return the table for the docs."""
    names = ("schedules", "kills", "asks", "answers", "lost")
    names += ("double_leases", "replayed_differently")
    return {
        "title": "Labeling sessions under faults",
        "note": "Each schedule: eight processes on one session of 150 rows, short leases that run "
        "out, skips, SIGKILL at random moments, half of the processes started again.",
        "tables": [
            {
                "caption": "What went wrong",
                "header": [name.replace("_", " ") for name in names],
                "rows": [[found[name] for name in names]],
            }
        ],
    }


if __name__ == "__main__":
    main()
