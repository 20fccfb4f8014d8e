"""Start the composition of peers in its own Python, and judge the file that it leaves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from thresher.core.columns import take_rows
from thresher.core.files import read_json, write_json
from thresher.core.images import read_images

from .bench import Bench
from .levers import LABELS_SHARE
from .measure import Cost

PEER = Path(__file__).parents[1] / "peers" / "headline.py"
SIDE = 64  # of pictures that are hashed


def peers(bench: Bench, python: str, *, budget: bool) -> dict[str, Any]:
    """Deduplicate, clean, train, quantize with peers; with `budget` on a fifth of the labels."""
    bench.charge(vectors=True)
    task, name = bench.task, "peers-small" if budget else "peers"
    folder = bench.folder / name
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(
        folder / "rows.npz",
        inputs=task.inputs[0],
        codes=task.codes,
        vectors=bench.vectors.train,
        near=_near(bench),
    )
    n = len(task) // LABELS_SHARE if budget else len(task)
    plan = bench.plan(n)
    options = plan.fit_options()
    wanted = ("epochs", "batch_size", "lr", "weight_decay", "label_smoothing")
    job = {
        "modality": task.modality,
        "seed": bench.seed,
        "budget": n if budget else 0,
        "model": plan.model,
        "width": plan.width,
        "classes": len(task.classes),
        "input_shape": list(task.test.input_shape),
        **{key: options[key] for key in wanted},  # type: ignore[literal-required]
    }
    write_json(folder / "job.json", job)
    environment = {**os.environ, "PYTHONPATH": str(PEER.parents[2])}
    with open(folder / "said.txt", "w", encoding="utf-8") as said:
        done = subprocess.run(
            [python, str(PEER), str(folder)],
            env=environment,
            stdout=said,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        sys.exit(
            f"The peers stopped with {done.returncode} on {task.name}; {folder}/said.txt says why."
        )
    found = read_json(folder / "done.json")
    kept = np.array(found.pop("kept"))
    spent = found["cpu_s"] + bench.spent
    cost = Cost(found.pop("rows"), found.pop("labels"), found.pop("flops"), spent)
    found.pop("cpu_s")
    kinds = task.planted.kind[kept]
    wrong = int((task.codes[kept] != task.true_codes[kept]).sum())
    left = {kind: int((kinds == kind).sum()) for kind in ("own", "copy", "leak")}
    return bench.judged(folder / "model.onnx", cost, **found, left=left | {"wrong label": wrong})


def _near(bench: Bench) -> np.ndarray:
    """Return what copies are looked for in: pictures, vectors of texts, numbers by their spread."""
    task = bench.task
    if task.modality == "image":
        rows = take_rows(task.table, np.arange(len(task)))
        return read_images(rows, "image", size=SIDE)
    if task.modality == "text":
        return bench.vectors.train
    numbers = task.inputs[0]
    spread = numbers.std(axis=0)
    return ((numbers - numbers.mean(axis=0)) / np.where(spread > 0, spread, 1)).astype(np.float32)
