"""Claim: the latency gate hardly ever stops a build by chance, and sees a real 10 % slow-down.

A/A: two files of one model, limit 1.05; every miss is a false alarm. A/B: each call of the second
takes exactly a tenth longer (it spins after each answer); every pass is a miss of ours. A third
column does what is common: the medians of two separate measurements, one after the other.

Data: none.

Run: python benchmarks/training_gate.py --out gate.json     (--quick: 5 runs)
Finished runs are kept in FILE.jsonl beside the result and are not done again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from thresher.app.budget import CONFIDENCE, ROUNDS, SECONDS
from thresher.core.files import write_json
from thresher.core.interval import wilson_interval
from training import compact_model, export, load_exported
from training.exporting import ExportedModel
from training.profiling import compare_renewed, measure_latency
from training.profiling.latency import Call

LIMIT, SLOWER = 1.05, 1.10


def opened(path: Path, *, factor: float = 1.0) -> Call:
    """Load a file anew; its calls take `factor` times as long as they would."""
    model = ExportedModel(path, threads=1)
    row = np.zeros((1, *model.input_spec.shape), model.input_spec.dtype)

    def call() -> None:
        start = time.perf_counter()
        model.predict(row)
        end = start + factor * (time.perf_counter() - start)
        while time.perf_counter() < end:
            pass

    return call


def paired(first: Path, second: Path, *, factor: float) -> bool:
    """Tell whether the gate stops the build, as `thresher gate` decides."""
    for rounds in ROUNDS:
        found = compare_renewed(
            lambda: opened(first, factor=factor),
            lambda: opened(second),
            rounds=rounds,
            seconds=SECONDS * rounds / ROUNDS[0],
            confidence=CONFIDENCE,
        )
        low, high = found.interval
        if not low <= LIMIT <= high:
            break
    return low > LIMIT


def separate(first: Path, second: Path, *, factor: float) -> bool:
    """Tell whether two measurements in a row would stop it."""
    ours = measure_latency(opened(first, factor=factor), batch_size=1, seconds=0.5)
    other = measure_latency(opened(second), batch_size=1, seconds=0.5)
    return ours.p50_ms / other.p50_ms > LIMIT


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("training_gate.json"))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--runs", type=int, default=200)
    options = parser.parse_args()
    runs = 5 if options.quick else options.runs
    log = options.out.with_suffix(".jsonl")
    done = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder, "first"), Path(folder, "second")
        model = compact_model("resnet8", num_classes=10, input_shape=(3, 32, 32), width=16)
        export(model, first, classes=[str(digit) for digit in range(10)])
        shutil.copytree(first, second)
        files = [load_exported(path, threads=1).path for path in (first, second)]
        while len(done) < runs:
            done.append(
                {
                    f"{name}, {kind}": way(*files, factor=factor)
                    for name, way in (("by turns", paired), ("one after the other", separate))
                    for kind, factor in (("equal", 1.0), ("slower", SLOWER))
                }
                | {"load": os.getloadavg()[0]}
            )
            with open(log, "a", encoding="utf-8") as file:
                file.write(json.dumps(done[-1]) + "\n")
    write_json(options.out, report(done))
    print(report(done)["page"]["tables"])


def report(done: list[dict[str, Any]]) -> dict[str, Any]:
    """Return shares of stopped builds with their intervals, and the table for readers."""
    names = [name for name in done[0] if name != "load"]
    shares = {name: share([run[name] for run in done]) for name in names}
    load = float(np.median([run["load"] for run in done]))
    rows = [
        [way, *(text(shares[f"{way}, {kind}"]) for kind in ("equal", "slower"))]
        for way in ("by turns", "one after the other")
    ]
    return {
        "shares": shares,
        "limit": LIMIT,
        "slower": SLOWER,
        "load": load,
        "versions": {"python": platform.python_version(), "onnxruntime": version("onnxruntime")},
        "page": {
            "title": "How often a latency gate stops a build",
            "note": f"{len(done)} runs each of a small residual network, batch 1, one thread, "
            f"limit {LIMIT} times the baseline, on a machine busy with other work (median load "
            f"{load:.0f} on {os.cpu_count()} processors).",
            "tables": [
                {
                    "caption": "Share of builds stopped, with 95 % intervals.",
                    "header": ["timed", "equal models", "10 % slower"],
                    "rows": rows,
                }
            ],
        },
    }


def share(outcomes: list[bool]) -> dict[str, float]:
    low, high = wilson_interval(sum(outcomes), len(outcomes))
    return {"share": float(np.mean(outcomes)), "low": low, "high": high, "runs": len(outcomes)}


def text(found: dict[str, float]) -> str:
    return f"{100 * found['share']:.1f} % ({100 * found['low']:.1f}–{100 * found['high']:.1f})"


if __name__ == "__main__":
    main()
