"""Claim: a small student before a large network answers more rows a second at nearly its accuracy.

`resnet8` of 44,000 weights is distilled from `fast` of 1.1 million, both are exported, and the
rule by which a row leaves is chosen on pictures that neither was trained on. The server then
answers all 10,000 test pictures from the large one alone and from the cascade, 64 rows in a
request; rows per CPU-second of the server's process, and accuracy of what it answered.

Data, in the folder that THRESHER_DATA names: CIFAR-10 as ``cifar10_train.parquet`` and
``cifar10_test.parquet`` (columns ``label``, ``jpeg``; https://www.cs.toronto.edu/~kriz/cifar.html).

Run: THRESHER_DATA=… OMP_NUM_THREADS=1 python benchmarks/lifecycle_cascade.py --out cascade.json
Trained networks are kept in --folder and not trained again.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from peers.serving import Server, binary, logits_of

from augment import Augmenter, policies
from thresher.core.files import read_json, write_json
from thresher.core.images import decode_image
from training import (
    Cascade,
    Samples,
    compact_model,
    distill,
    export,
    fit,
    load_exported,
    samples_from_arrays,
)
from training.evaluation import predict_logits
from training.exits import choose_rule

CLASSES = [str(code) for code in range(10)]
CALIBRATION = 20_000
DROPS = (0.005, 0.01, 0.02)
MANY = 64
OPTIONS: dict[str, Any] = {"optimizer": "muon", "lr": 0.06, "weight_decay": 0.05, "ema": 0.98}
HOW = {"kind": "image", "size": 32, "layout": "NCHW", "dtype": "uint8", "colors": "RGB"}


def pictures(split: str, start: int, stop: int) -> Samples:
    table = pq.read_table(Path(os.environ["THRESHER_DATA"]) / f"cifar10_{split}.parquet")
    table = table.slice(start, stop - start)
    images = np.stack([decode_image(data) for data in table["jpeg"].to_pylist()])
    ids = np.array([f"{split}{row}" for row in range(start, start + len(images))])
    return samples_from_arrays(images, row_ids=ids, targets=table["label"].to_numpy())


def trained(folder: Path, *, rows: int, epochs: int, width: int) -> None:
    """Train the two networks and export them, unless they are there."""
    if (folder / "made.json").is_file():
        return
    train = pictures("train", 0, rows)
    augment = Augmenter(policies.crop_flip(), random_state=0).for_training()
    shared = {**OPTIONS, "augment": augment, "random_state": 0}
    shape = (3, 32, 32)
    large = compact_model("fast", num_classes=10, input_shape=shape, width=width)
    fit(large, train, epochs=epochs, **shared)
    export(large, folder / "large", classes=CLASSES, preprocessing=HOW)
    small = compact_model("resnet8", num_classes=10, input_shape=shape, width=12)
    distill(small, large, train, epochs=3 * epochs, **shared)
    export(small, folder / "small", classes=CLASSES, preprocessing=HOW)
    write_json(folder / "made.json", {"rows": rows, "epochs": epochs, "width": width})


def cascades(folder: Path) -> dict[str, dict[str, Any]]:
    """Choose a rule for each drop that is allowed, and save the cascades."""
    held_out = pictures("train", 50_000 - CALIBRATION, 50_000)
    files = [load_exported(folder / name, threads=1) for name in ("small", "large")]
    costs = [file.metadata["costs"]["flops"] for file in files]
    logits = [predict_logits(file, held_out) for file in files]
    assert held_out.targets is not None
    labels, found = held_out.targets.numpy(), {}
    for drop in DROPS:
        both = Cascade(files, costs=costs)
        rule = both.rule = choose_rule(logits, labels, costs=costs, max_drop=drop)
        both.save(folder / f"cascade-{drop}")
        found[str(drop)] = {"kept": rule.shares[0], "bound": rule.drop_bound}
    return found


def served(path: Path, test: Samples) -> dict[str, float]:
    """Answer all test rows by the server; return rows per CPU-second and accuracy."""
    rows, labels = test.inputs.numpy(), test.targets
    assert labels is not None
    requests = [binary(rows[at : at + MANY]) for at in range(0, len(rows), MANY)]
    best = np.inf
    with Server.thresher(path, cache_mb=0) as server, server.connection() as client:
        for _ in range(2):
            began = server.cpu_s()
            answers = [client.ask(request) for request in requests]
            best = min(best, server.cpu_s() - began)
    logits = np.concatenate([logits_of(answer, 10) for answer in answers])
    right = logits.argmax(1) == labels.numpy()
    return {"rows_per_cpu_s": len(rows) / best, "accuracy": float(right.mean())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=16_000)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--width", type=int, default=48)
    parser.add_argument("--folder", type=Path, default=Path("runs/lifecycle_cascade"))
    parser.add_argument("--out", type=Path, default=Path("lifecycle_cascade.json"))
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    trained(options.folder, rows=options.rows, epochs=options.epochs, width=options.width)
    rules = cascades(options.folder)
    test = pictures("test", 0, 10_000)
    names = ["large", "small", *(f"cascade-{drop}" for drop in DROPS)]
    results = {name: served(options.folder / name, test) for name in names}
    made = read_json(options.folder / "made.json")
    write_json(
        options.out,
        {"results": results, "rules": rules, "page": page(results, rules, made)},
    )


def page(
    results: dict[str, dict[str, float]], rules: dict[str, dict[str, Any]], made: dict[str, int]
) -> dict[str, Any]:
    """Return the table for the documentation."""
    large = results["large"]
    rows = []
    for name, one in results.items():
        drop = name.partition("-")[2]
        kept = f"{rules[drop]['kept']:.0%}" if drop else ""
        rows.append(
            [
                f"cascade, at most {100 * float(drop):g} points lost" if drop else f"{name} alone",
                f"{one['rows_per_cpu_s']:,.0f}",
                f"{one['rows_per_cpu_s'] / large['rows_per_cpu_s']:.2f}",
                f"{one['accuracy']:.2%}",
                f"{100 * (one['accuracy'] - large['accuracy']):+.2f}",
                kept,
            ]
        )
    return {
        "title": "Serving a cascade",
        "note": (
            f"`fast`, width {made['width']}, on {made['rows']:,} pictures of CIFAR-10, "
            f"{made['epochs']} epochs; `resnet8`, width 12, distilled from it. Rules chosen on "
            f"{CALIBRATION:,} other pictures, all 10,000 test pictures through the server, {MANY} "
            "rows in a request, one thread; the better of two turns."
        ),
        "tables": [
            {
                "caption": "",
                "header": [
                    "model",
                    "rows per CPU-second",
                    "times the large one",
                    "test accuracy",
                    "points",
                    "answered by the student, held out",
                ],
                "rows": rows,
            }
        ],
    }


if __name__ == "__main__":
    main()
