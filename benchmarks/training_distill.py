"""Claim: distilled, a student of a tenth of the teacher's parameters beats itself trained alone.

For each seed: a teacher, the student alone, the student taught while the teacher runs along, the
student taught from cached views, and the student taught without any label. The student's options
are the same in all of them.

Data, in the folder that THRESHER_DATA names: CIFAR-10 as ``cifar10_train.parquet`` and
``cifar10_test.parquet`` (columns ``label``, ``jpeg``); Banking77 in ``text_classification.parquet``
(columns ``dataset``, ``split``, ``text``, ``label_name``).

Run: python benchmarks/training_distill.py --data banking77 --out distill.json     (--quick: less)
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch

from augment import Augmenter, policies
from thresher.core.files import write_json
from thresher.core.images import decode_image
from training import Samples, distill, evaluate, fit, recipe
from training.samples import samples_from_arrays
from training.text import HashTokenizer


def load_cifar10(rows: int | None) -> tuple[Samples, Samples]:
    parts = []
    for split in ("train", "test"):
        table = pq.read_table(Path(os.environ["THRESHER_DATA"]) / f"cifar10_{split}.parquet")
        table = table if rows is None or split == "test" else table.slice(0, rows)
        images = np.stack([decode_image(data) for data in table["jpeg"].to_pylist()])
        ids = np.array([f"{split}{row}" for row in range(len(images))])
        parts.append(samples_from_arrays(images, row_ids=ids, targets=table["label"].to_numpy()))
    return parts[0], parts[1]


def load_banking77(rows: int | None) -> tuple[Samples, Samples]:
    table = pq.read_table(Path(os.environ["THRESHER_DATA"]) / "text_classification.parquet")
    table = table.filter(pc.field("dataset") == "banking77")
    names, codes = np.unique(table["label_name"].to_pylist(), return_inverse=True)
    del names
    tokens = HashTokenizer().encode(table["text"].to_pylist())
    ids = np.arange(len(tokens)).astype(str)
    train = np.array(table["split"].to_pylist()) == "train"
    samples = samples_from_arrays(tokens, row_ids=ids, targets=codes)
    chosen = np.random.default_rng(0).permutation(np.flatnonzero(train))[:rows]
    return samples.take(chosen), samples.take(np.flatnonzero(~train))


def measure(train: Samples, test: Samples, seed: int, seconds: float | None) -> list:
    classes = int(test.targets.max()) + 1
    plans = {
        role: recipe(
            train.modality,
            n_rows=len(train),
            input_shape=train.input_shape,
            num_classes=classes,
            role=role,
            seconds=seconds,
        )
        for role in ("teacher", "student")
    }
    augment = None
    if train.modality == "image":
        augment = Augmenter(policies.standard(), random_state=seed).for_training()

    def build(role: str) -> Any:
        return plans[role].build(
            num_classes=classes, input_shape=train.input_shape, random_state=seed
        )

    teacher = build("teacher")
    runs = []

    def record(arm: str, model: Any, run: Any, cpu: float) -> None:
        judged = evaluate(model, test)
        runs.append(
            {
                "arm": arm,
                "seed": seed,
                "accuracy": judged.accuracy,
                "interval": list(judged.interval),
                "parameters": sum(p.numel() for p in model.parameters()),
                "cpu_s": time.process_time() - cpu,
                "flops": run.flops,
                "epochs": len(run.history),
            }
        )
        print(runs[-1], flush=True)

    shared: dict[str, Any] = {"augment": augment, "random_state": seed}
    cpu = time.process_time()
    run = fit(teacher, train, **shared, **plans["teacher"].fit_options())
    record("teacher", teacher, run, cpu)
    student = build("student")
    cpu = time.process_time()
    run = fit(student, train, **shared, **plans["student"].fit_options())
    record("alone", student, run, cpu)
    arms: dict[str, tuple[Samples, dict[str, Any]]] = {
        "taught": (train, {}),
        "taught without labels": (train.without_targets(), {}),
    }
    if augment is not None:
        arms["taught from cached views"] = (train, {"cached_views": plans["student"].cached_views})
    for arm, (rows, options) in arms.items():
        student = build("student")
        cpu = time.process_time()
        run = distill(
            student,
            teacher,
            rows,
            temperature=plans["student"].temperature,
            **shared,
            **options,
            **plans["student"].fit_options(),
        )
        record(arm, student, run, cpu)
    return runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", choices=["cifar10", "banking77"], default="banking77")
    parser.add_argument("--rows", type=int, help="training rows; all by default")
    parser.add_argument("--seconds", type=float, help="wall time for each training run")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--quick", action="store_true", help="2,000 rows, 10 s a run, one seed")
    parser.add_argument("--out", type=Path, default=Path("training_distill.json"))
    options = parser.parse_args()
    if options.quick:
        options.rows, options.seconds, options.seeds = 2000, 10.0, [0]
    load = {"cifar10": load_cifar10, "banking77": load_banking77}[options.data]
    train, test = load(options.rows)
    runs = []
    for seed in options.seeds:
        runs += measure(train, test, seed, options.seconds)
    result = {
        "data": options.data,
        "rows": len(train),
        "runs": runs,
        "summary": summary(runs),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "cpu": platform.processor() or platform.machine(),
    }
    write_json(options.out, result)


def summary(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return median and spread of every arm over the seeds."""
    rows = []
    for arm in dict.fromkeys(run["arm"] for run in runs):
        values = [run["accuracy"] for run in runs if run["arm"] == arm]
        cpu = [run["cpu_s"] for run in runs if run["arm"] == arm]
        rows.append(
            {
                "arm": arm,
                "n": len(values),
                "accuracy": float(np.median(values)),
                "spread": [min(values), max(values)],
                "cpu_s": float(np.median(cpu)),
            }
        )
    return rows


if __name__ == "__main__":
    main()
