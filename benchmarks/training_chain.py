"""Claim: from teacher to integer file: 20 times smaller, 10 times as fast, 2 points less at most.

A teacher learns from labeled pictures; a student of a fourth of its weights learns from the
teacher on these and a pool without labels; a share of its channels is pruned and what is left
learns from the teacher again; the result becomes an integer file. All files run in ONNX Runtime on
one thread; each is timed by turns with the teacher's float file, in CPU time, in which waiting for
a busy processor does not count.

Data, in the folder that THRESHER_DATA names: CIFAR-10 as ``cifar10_train.parquet`` and
``cifar10_test.parquet`` (columns ``label``, ``jpeg``; https://www.cs.toronto.edu/~kriz/cifar.html).
Pruning needs ``pip install 'thresher[prune]'``.

Run: OMP_NUM_THREADS=1 python benchmarks/training_chain.py --out chain.json     (--quick: less)
Finished seeds are kept in FILE.jsonl beside the result and are not done again.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from training_distill import Task, pictures, saved_teacher
from training_distill import train as train_arm

from thresher.core.exported.session import open_session
from thresher.core.files import write_json
from training import compact_model, distill, evaluate, export, prune, quantize
from training.exporting import ExportedModel
from training.profiling.latency import compare_renewed

VIEWS = 4
WIDTH, PRUNED_SHARE, RECOVERY_LR = 32, 0.6, 0.02
BLOCK = 16  # integer convolutions on fewer channels take longer, on odd numbers nearly as long
CLASSES = [str(code) for code in range(10)]


def taught(model: nn.Module, teacher: nn.Module, task: Task, **more: Any) -> None:
    distill(
        model,
        teacher,
        task.pool,
        temperature=task.temperature,
        augment=task.augment,
        cached_views=VIEWS,
        **task.options,
        **more,
    )


def measure(task: Task, *, seed: int, cache: Path, epochs: int) -> dict[str, Any]:
    """Go through the chain once."""
    teacher = saved_teacher(task, cache)
    if teacher is None:
        train_arm(task, "teacher", 0, teacher=None, cache=cache)
        teacher = saved_teacher(task, cache)
    assert teacher is not None
    start = time.process_time()
    shape = task.test.input_shape
    student = compact_model(
        "resnet8", num_classes=10, input_shape=shape, width=WIDTH, random_state=seed
    )
    shared = {"epochs": epochs, "cache_dir": cache, "random_state": seed}
    taught(student, teacher, task, **shared)
    pruned = prune(student, amount=PRUNED_SHARE, round_to=BLOCK).model
    taught(pruned, teacher, task, lr=RECOVERY_LR, **shared)
    quantized = quantize(pruned, task.pool, augment=task.augment, random_state=seed)
    models = {"teacher": teacher, "student": student, "pruned": pruned, "int8": quantized}
    found: dict[str, Any] = {"seed": seed, "cpu_s": round(time.process_time() - start, 1)}
    with tempfile.TemporaryDirectory() as temporary:
        files = {
            name: export(
                model, Path(temporary) / name, classes=CLASSES, threads=1, example=task.test.inputs
            )
            for name, model in models.items()
        }
        for name, file in files.items():
            found[name] = described(file, files["teacher"], task)
            found[name]["parameters"] = sum(p.numel() for p in models[name].parameters())
    found["choices"] = {key: str(choice) for key, choice in quantized.choices.items()}
    return found


def described(file: ExportedModel, teacher: ExportedModel, task: Task) -> dict[str, Any]:
    found = {"accuracy": evaluate(file, task.test).accuracy, "bytes": file.size_bytes}
    for size in (1, 64):
        rows = task.test.inputs[:size].contiguous().numpy()
        ratio = compare_renewed(
            lambda: opened(teacher.path, rows),  # noqa: B023
            lambda: opened(file.path, rows),  # noqa: B023
            seconds=2.0,
            clock=time.thread_time,
        )
        found[f"batch {size}"] = [round(value, 2) for value in (ratio.median, *ratio.interval)]
    return found


def opened(path: Path, rows: np.ndarray) -> Callable[[], object]:
    session = open_session(path, threads=1)
    return lambda: session.run(None, {"input": rows})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=4000, help="labeled pictures")
    parser.add_argument("--pool", type=int, default=46_000, help="pictures without a label, more")
    parser.add_argument("--teacher", type=int, default=48, help="width of the teacher")
    parser.add_argument("--epochs", type=int, default=6, help="of the student, and of recovery")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--quick", action="store_true", help="800 labeled pictures, one seed")
    parser.add_argument("--cache", type=Path, help="folder with a teacher, teacher.pt")
    parser.add_argument("--out", type=Path, default=Path("training_chain.json"))
    options = parser.parse_args()
    if options.quick:
        options.rows, options.pool, options.epochs, options.seeds = 800, 800, 2, [0]
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    log = options.out.with_suffix(".jsonl")
    runs = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    task = pictures(options.rows, options.pool)
    task = replace(task, teacher={**task.teacher, "width": options.teacher})
    cache = options.cache or log.with_name(log.stem)
    cache.mkdir(exist_ok=True)
    for seed in options.seeds:
        if any(run["seed"] == seed for run in runs):
            continue
        runs.append(measure(task, seed=seed, cache=cache, epochs=options.epochs))
        with open(log, "a", encoding="utf-8") as file:
            file.write(json.dumps(runs[-1]) + "\n")
        print(runs[-1], flush=True)
    sizes = {"rows": options.rows, "pool": options.pool}
    write_json(options.out, {"runs": runs, **sizes, "page": page(runs, **sizes)})


def page(runs: list[dict[str, Any]], *, rows: int, pool: int) -> dict[str, Any]:
    """Return the table for the documentation."""
    table = []
    for name in ("teacher", "student", "pruned", "int8"):
        accuracy = [100 * run[name]["accuracy"] for run in runs]
        size = np.mean([run[name]["bytes"] for run in runs])
        share = np.mean([run["teacher"]["bytes"] / run[name]["bytes"] for run in runs])
        speed = [
            " / ".join(f"{run[name][batch][0]:.1f}" for run in runs)
            for batch in ("batch 1", "batch 64")
        ]
        table.append(
            [
                name,
                f"{np.mean(accuracy):.2f} %",
                f"{min(accuracy):.2f} to {max(accuracy):.2f}",
                f"{runs[0][name]['parameters']:,}",
                f"{size / 1e3:.1f} KB",
                f"{share:.1f}",
                *speed,
            ]
        )
    header = ["file", "test accuracy", "seeds", "weights", "bytes", "times smaller"]
    header += ["times as fast, batch 1", "batch 64"]
    return {
        "title": "From a teacher to an integer file",
        "note": (
            f"CIFAR-10, {rows:,} labeled pictures for the teacher and {pool:,} more without a "
            f"label for the student; one teacher, {len(runs)} seeds of all that follows; ONNX "
            "Runtime, one thread; speed for each seed, ratio of CPU times by turns."
        ),
        "tables": [{"caption": "", "header": header, "rows": table}],
    }


if __name__ == "__main__":
    main()
