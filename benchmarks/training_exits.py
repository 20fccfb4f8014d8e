"""Claim: easy rows leave early, and with a rule proven on held-out rows accuracy stays.

For each seed: a network alone; the same one with two early exits, trained together; the rule for
two allowed drops, chosen on held-out rows; and a cascade in which a student asks a teacher.
Accuracy is that on test rows, FLOPs are a share of the whole network's, and time is the median of
single rows through ONNX Runtime on one thread: the plain file, and segments with their heads.

Data, in the folder that THRESHER_DATA names: CIFAR-10 as ``cifar10_train.parquet`` and
``cifar10_test.parquet`` (columns ``label``, ``jpeg``; https://www.cs.toronto.edu/~kriz/cifar.html).

Run: python benchmarks/training_exits.py --out exits.json        (--quick: less)
Finished seeds are kept in FILE.jsonl beside the result and are not done again.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pyarrow.parquet as pq
import torch
from torch import nn

from augment import Augmenter, policies
from thresher.core.files import write_json
from thresher.core.images import decode_image
from training import Samples, compact_model, distill, evaluate, export, fit, samples_from_arrays
from training.exits import Cascade, ExitLoss, ExitModel, exit_curve, export_exits, with_exits
from training.profiling import profile

DROPS = (0.003, 0.01)
CALIBRATION = 3000
TIMED = 400
CLASSES = [str(code) for code in range(10)]
OPTIONS: dict[str, Any] = {"optimizer": "muon", "lr": 0.06, "weight_decay": 0.05, "ema": 0.98}


def pictures(split: str, rows: int) -> Samples:
    table = pq.read_table(Path(os.environ["THRESHER_DATA"]) / f"cifar10_{split}.parquet")
    table = table.slice(0, rows)
    images = np.stack([decode_image(data) for data in table["jpeg"].to_pylist()])
    ids = np.array([f"{split}{row}" for row in range(len(images))])
    return samples_from_arrays(images, row_ids=ids, targets=table["label"].to_numpy())


def single_rows_ms(predict: Callable[[np.ndarray], object], rows: np.ndarray) -> float:
    """Return the mean over rows of each row's fastest of three calls, in milliseconds.

    With exits the rows differ in their time, so that a median would hide the slow ones.
    """
    fastest = np.full(len(rows), np.inf)
    for _ in range(3):
        for place in range(len(rows)):
            row = rows[place : place + 1]
            begin = time.perf_counter()
            predict(row)
            fastest[place] = min(fastest[place], time.perf_counter() - begin)
    return float(1e3 * fastest.mean())


def accuracy(logits: np.ndarray, samples: Samples) -> float:
    assert samples.targets is not None
    return float((logits.argmax(1) == samples.targets.numpy()).mean())


def one_seed(seed: int, *, rows: int, epochs: int, width: int) -> dict[str, Any]:
    """Train everything with one seed and measure it."""
    train, test = pictures("train", rows + CALIBRATION), pictures("test", 10_000)
    held_out, train = train.take(np.arange(rows, len(train))), train.take(np.arange(rows))
    augment = Augmenter(policies.crop_flip(), random_state=seed).for_training()
    shared = {**OPTIONS, "epochs": epochs, "augment": augment, "random_state": seed}

    def build(size: int) -> Any:
        return compact_model(
            "fast", num_classes=10, input_shape=(3, 32, 32), width=size, random_state=seed
        )

    alone = build(width)
    fit(alone, train, **shared)
    exits = with_exits(build(width), exits=2, random_state=seed)
    fit(exits, train, loss=ExitLoss(), **shared)
    student = build(width // 4)
    distill(student, alone, train, **shared)
    timed = test.inputs.numpy()[:TIMED]
    with tempfile.TemporaryDirectory() as folder:
        found = {"seed": seed, "plain": plain(alone, test, timed, Path(folder, "plain"))}
        found |= with_rules(exits, held_out, test, timed, Path(folder))
        found |= cascade([student, alone], held_out, test, timed, Path(folder))
    return found


def plain(model: nn.Module, test: Samples, timed: np.ndarray, folder: Path) -> dict[str, Any]:
    file = export(model, folder, classes=CLASSES, threads=1)
    return {
        "accuracy": evaluate(file, test).accuracy,
        "flops": file.metadata["costs"]["flops"],
        "bytes": file.size_bytes,
        "ms": single_rows_ms(file.predict, timed),
    }


def with_rules(
    model: ExitModel, held_out: Samples, test: Samples, timed: np.ndarray, folder: Path
) -> dict[str, Any]:
    """Measure exits alone, the curve over thresholds, and the rule for each allowed drop."""
    assert test.targets is not None
    each = [accuracy(logits, test) for logits in model.exits(test.inputs)]
    curve = exit_curve(
        model.exits(test.inputs),
        test.targets.numpy(),
        costs=model.costs,
        temperatures=model.calibrate(held_out, max_drop=0.01).temperatures,
    )
    rules = {}
    for drop in DROPS:
        model.calibrate(held_out, max_drop=drop)
        file = export_exits(model, folder / f"exits{drop}", classes=CLASSES, threads=1)
        answer = file.answer(test.inputs.numpy())
        shares = answer.shares(len(model.costs))
        rules[str(drop)] = {
            "accuracy": accuracy(answer.logits, test),
            "flops": float(shares @ np.cumsum(model.costs) / np.sum(model.costs)),
            "shares": shares.tolist(),
            "bytes": file.size_bytes,
            "ms": single_rows_ms(file.predict, timed),
        }
    points = [{"cost": point.cost, "accuracy": point.accuracy} for point in curve]
    return {"each exit": each, "rules": rules, "curve": points}


def cascade(
    models: list[nn.Module], held_out: Samples, test: Samples, timed: np.ndarray, folder: Path
) -> dict[str, Any]:
    files = [
        export(model, folder / f"stage{place}", classes=CLASSES, threads=1)
        for place, model in enumerate(models)
    ]
    costs = [profile(file, batch_sizes=(1,)).latency[1].p50_ms for file in files]
    found: dict[str, Any] = {"student": evaluate(files[0], test).accuracy}
    flops = np.array([file.metadata["costs"]["flops"] for file in files])
    for drop in DROPS:
        both = Cascade(files, costs=costs)
        both.calibrate(held_out, max_drop=drop)
        answer = both.answer(test.inputs.numpy())
        shares = answer.shares(2)
        found[str(drop)] = {
            "accuracy": accuracy(answer.logits, test),
            "flops": float(shares @ np.cumsum(flops) / flops[1]),
            "shares": shares.tolist(),
            "ms": single_rows_ms(both.predict, timed),
        }
    return {"cascade": found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=6000)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--width", type=int, default=24)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--quick", action="store_true", help="1,000 pictures, two epochs, one seed")
    parser.add_argument("--out", type=Path, default=Path("training_exits.json"))
    options = parser.parse_args()
    if options.quick:
        options.rows, options.epochs, options.width, options.seeds = 1000, 2, 16, [0]
    log = options.out.with_suffix(".jsonl")
    runs = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    for seed in options.seeds:
        if seed not in {run["seed"] for run in runs}:
            cpu = time.process_time()
            found = one_seed(seed, rows=options.rows, epochs=options.epochs, width=options.width)
            runs.append(found | {"cpu_s": round(time.process_time() - cpu, 1)})
            with open(log, "a", encoding="utf-8") as file:
                file.write(json.dumps(runs[-1]) + "\n")
            print(runs[-1], flush=True)
    versions = {"torch": torch.__version__, "onnxruntime": onnxruntime.__version__}
    shown = page(runs, rows=options.rows, epochs=options.epochs, width=options.width)
    write_json(options.out, {"runs": runs, "versions": versions, "page": shown})


def page(runs: list[dict[str, Any]], *, rows: int, epochs: int, width: int) -> dict[str, Any]:
    """Return the tables for the documentation."""
    table = [line("the network alone", runs, lambda run: run["plain"] | {"flops": 1.0})]
    for place, name in enumerate(("first exit", "second exit", "last exit")):
        means = [100 * run["each exit"][place] for run in runs]
        table.append([f"with exits: {name} for all rows", spread(means), "", "", ""])
    for drop in DROPS:
        title = f"with exits, at most {100 * drop:g} points lost"
        table.append(line(title, runs, lambda run, drop=drop: run["rules"][str(drop)]))
    students = [100 * run["cascade"]["student"] for run in runs]
    table.append(["student alone", spread(students), "", "", ""])
    for drop in DROPS:
        title = f"student, then the network; at most {100 * drop:g} points lost"
        table.append(line(title, runs, lambda run, drop=drop: run["cascade"][str(drop)]))
    shown = range(0, len(runs[0]["curve"]), 4)
    curve = [
        [
            f"{100 * np.mean([run['curve'][place]['cost'] for run in runs]):.0f} %",
            spread([100 * run["curve"][place]["accuracy"] for run in runs]),
        ]
        for place in shown
        if all(place < len(run["curve"]) for run in runs)
    ]
    header = ["how", "test accuracy", "FLOPs of a row", "ms a row", "left at each exit"]
    return {
        "title": "Early exit and cascades",
        "note": (
            f"`fast`, width {width}, on {rows:,} pictures of CIFAR-10, {epochs} epochs, "
            f"{len(runs)} seeds, all 10,000 test pictures; rules chosen on {CALIBRATION:,} other "
            f"pictures. Time: mean of {TIMED} single rows in ONNX Runtime, one thread, each the "
            "fastest of three calls; FLOPs as a share of the network alone."
        ),
        "tables": [
            {"caption": "", "header": header, "rows": table},
            {
                "caption": "The curve over thresholds, judged on the test pictures.",
                "header": ["FLOPs of a row", "test accuracy"],
                "rows": curve,
            },
        ],
    }


def line(name: str, runs: list[dict[str, Any]], of: Callable[[dict[str, Any]], Any]) -> list[str]:
    found = [of(run) for run in runs]
    shares = [one["shares"] for one in found if "shares" in one]
    left = " / ".join(f"{100 * share:.0f} %" for share in np.mean(shares, axis=0)) if shares else ""
    return [
        name,
        spread([100 * one["accuracy"] for one in found]),
        f"{100 * np.mean([one['flops'] for one in found]):.0f} %",
        f"{np.mean([one['ms'] for one in found]):.3f}",
        left,
    ]


def spread(values: list[float]) -> str:
    return f"{np.mean(values):.2f} % ({min(values):.2f} to {max(values):.2f})"


if __name__ == "__main__":
    main()
