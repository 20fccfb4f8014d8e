"""Claim: one command goes from raw rows to a verified int8 model within half an hour on two cores.

``cifar10``: 20,000 training rows of CIFAR-10 (seeded choice) and its 10,000 test rows, with
``--baseline``. The files ``cifar10_train.parquet`` and ``cifar10_test.parquet`` in the folder that
THRESHER_DATA names have the columns ``jpeg`` (32 × 32, JPEG) and ``label``; make them from the
archive at https://www.cs.toronto.edu/~kriz/cifar.html.

``banking77``: all rows of Banking77 from ``text_classification.parquet`` with the columns
``dataset``, ``split``, ``text``, ``label_name``; from
https://github.com/PolyAI-LDN/task-specific-datasets (CC BY 4.0).

Run: THRESHER_DATA=… python benchmarks/pipeline_chain.py --out chain.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from thresher.app.console import shown_progress
from thresher.app.pipeline import run
from thresher.app.settings import resolve
from thresher.core.choice import available_cpus

DATA = Path(os.environ.get("THRESHER_DATA", "."))
JOBS: dict[str, tuple[str, dict[str, Any]]] = {
    "cifar10": (
        f"train={DATA / 'cifar10_train.parquet'},test={DATA / 'cifar10_test.parquet'}",
        {"data": {"image": "jpeg", "label": "label", "limit": 20_000}},
    ),
    "banking77": (
        str(DATA / "text_classification.parquet"),
        {"data": {"text": "text", "label": "label_name", "where": {"dataset": "banking77"}}},
    ),
}


def measure(
    name: str, folder: Path, *, baseline: bool, seed: int, threads: int | None
) -> dict[str, Any]:
    """Run one job and return what the claim is about."""
    source, values = JOBS[name]
    settings = resolve(
        values={**values, "baseline": baseline, "seed": seed, "threads": threads or "auto"}
    )
    wall, cpu = time.perf_counter(), time.process_time()
    with shown_progress():
        result = run(source, out=folder / f"{name}-{seed}", settings=settings)
    lines = {line.stage: vars(line) for line in result.lines}
    student, int8 = lines["student"], lines["int8"]
    return {
        "seed": seed,
        "wall_s": round(time.perf_counter() - wall, 1),
        "cpu_s": round(time.process_time() - cpu, 1),
        "lines": lines,
        "found": result.metrics["found"],
        "int8_minus_float": int8["accuracy"] - student["accuracy"],
        "size_ratio": int8["megabytes"] / student["megabytes"],
        "speedup": student["milliseconds"] / int8["milliseconds"],
        "agreement": result.metrics["verification"]["int8"]["agreement"],
        "missed_gates": list(result.missed_gates),
        "stages": {stage["name"]: round(stage["cost"]["wall_s"], 1) for stage in result.stages},
        "report_bytes": (result.folder / "report.html").stat().st_size,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", nargs="+", choices=JOBS, default=list(JOBS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--baseline", action="store_true")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--folder", type=Path, help="keep the runs here, and resume them")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        found = {
            name: [
                measure(name, folder, baseline=options.baseline, seed=seed, threads=options.threads)
                for seed in options.seeds
            ]
            for name in options.jobs
        }
    record = {
        "machine": f"{platform.machine()}, {available_cpus()} processors",
        "python": platform.python_version(),
        "results": found,
    }
    text = json.dumps(record, indent=2)
    if options.out:
        options.out.write_text(text + "\n")
    print(text, file=sys.stdout)


if __name__ == "__main__":
    main()
