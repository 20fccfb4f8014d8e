"""Claim: a short trial tells photographs, which shipped weights know, from small pictures.

What a run decides before it trains (`thresher.app.steps.start`): a linear head on the vectors of
EfficientNet-Lite0, cross-fitted, beside a small network from pixels after a short training, on the
same left-out rows. What whole runs end with is in `headline.py`.

Data: ``imagenette224_subset.parquet`` (a quarter of the labels wrong, as published with it),
``cifar10_train.parquet``, ``cifar10n_labels_first25k.parquet`` and
``mnist_test_label_errors.npz`` in the folder that THRESHER_DATA names; digits of scikit-learn.

Run: THRESHER_DATA=… OMP_NUM_THREADS=1 python benchmarks/pipeline_start.py --out start.json
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image
from sklearn.datasets import load_digits

from thresher.app.modeling import material_of
from thresher.app.settings import settings_of
from thresher.app.stages import open_run
from thresher.app.steps.load import load_rows
from thresher.app.steps.start import choose_start
from thresher.core.files import read_json, write_json

DATA = Path(os.environ.get("THRESHER_DATA", "."))
TEST_ROWS = 100  # a run asks for some; nothing is measured on them here
Rows = tuple[list[bytes], list[Any]]


def photographs() -> Rows:
    frame = pq.read_table(DATA / "imagenette224_subset.parquet").to_pandas()
    frame = frame[frame["split"] == "train"].sample(800, random_state=0)
    return frame["jpeg"].tolist(), frame["noisy_labels_25"].tolist()


def cifar10(rows: int) -> Rows:
    table = pq.read_table(DATA / "cifar10_train.parquet").slice(0, rows)
    return table["jpeg"].to_pylist(), table["label"].to_pylist()


def cifar10n() -> Rows:
    labels = pq.read_table(DATA / "cifar10n_labels_first25k.parquet")["random1"]
    return cifar10(3000)[0], labels.slice(0, 3000).to_pylist()


def digits() -> Rows:
    found = load_digits()
    return [png((16 * one).clip(0, 255)) for one in found.images], found.target.tolist()


def mnist(rows: int) -> Rows:
    with np.load(DATA / "mnist_test_label_errors.npz") as found:
        images, labels = found["images"][:rows], found["labels"][:rows]
    return [png(one) for one in images], labels.tolist()


def png(values: np.ndarray) -> bytes:
    """Return an image, gray or in colors, as the bytes of a file."""
    kept = io.BytesIO()
    Image.fromarray(values.astype(np.uint8)).save(kept, "PNG")
    return kept.getvalue()


SETS: dict[str, Callable[[], Rows]] = {
    "photographs (Imagenette), a quarter of the labels wrong": photographs,
    "CIFAR-10N, labels of one person each": cifar10n,
    "CIFAR-10": lambda: cifar10(10_000),
    "digits of 8 px": digits,
    "MNIST": lambda: mnist(1000),
    "MNIST, more rows": lambda: mnist(5000),
}


def write_rows(rows: Rows, file: Path, *, test_rows: int) -> int:
    """Write a table that a run reads, with about so many test rows; return those to train on."""
    images, labels = rows
    every = len(images) // test_rows
    split = ["test" if at % every == 0 else "train" for at in range(len(images))]
    named = [str(label) for label in labels]
    pq.write_table(pa.table({"image": images, "label": named, "split": split}), file)
    return split.count("train")


def measure(rows: Rows) -> dict[str, Any]:
    """Let a run choose what it starts from."""
    with tempfile.TemporaryDirectory() as folder:
        file, out = Path(folder) / "rows.parquet", Path(folder) / "run"
        learned = write_rows(rows, file, test_rows=TEST_ROWS)
        begun = time.process_time()
        with open_run(out, settings_of({"threads": 1, "curate": False})) as run:
            done = choose_start(run, material_of(run, load_rows(run, str(file))))
        record = read_json(done.folder / "stage.json")
        return {
            "rows": learned,
            "trial": record["summary"]["trial"],
            "chosen": done.value.value,
            "flops": record["cost"]["extra"]["flops"],
            "cpu_s": time.process_time() - begun,
        }


def page(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the table for the documentation."""
    header = ["set", "rows", "head on vectors, %", "short training from pixels, %", "left-out rows"]
    header += ["epochs", "what is trained", "CPU-seconds"]
    words = {"encoder": "the head alone", "pixels": "from pixels", "both": "both"}
    rows = [
        [
            run["set"],
            f"{run['rows']:,}",
            f"{100 * run['trial']['encoder']:.1f}",
            f"{100 * run['trial']['pixels']:.1f}",
            f"{run['trial']['rows']:,}",
            f"{run['trial']['epochs']} of {run['trial']['of']}",
            words[run["chosen"]],
            f"{run['cpu_s']:.0f}",
        ]
        for run in runs
    ]
    return {
        "title": "What a run on images starts from",
        "note": "Before it trains, a run holds a linear head on the vectors of EfficientNet-Lite0 "
        "against a small network from pixels after a short training, on the same left-out rows "
        "under their labels as they are. The training ends where its rest changes nothing. Where "
        "the head is 35 points ahead it is taken, where it is behind it is left; in between both "
        "are trained and the validation rows decide.",
        "tables": [{"caption": "", "header": header, "rows": rows}],
    }


def measure_sets(
    sets: Mapping[str, Callable[[], Rows]],
    measure: Callable[[Rows], dict[str, Any]],
    page: Callable[[list[dict[str, Any]]], dict[str, Any]],
    *,
    description: str,
    out: str,
) -> None:
    """Measure the sets that are asked for into a file, where the others stay as they are."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(out))
    parser.add_argument("--sets", nargs="+", choices=sets, default=list(sets))
    options = parser.parse_args()
    if "THRESHER_DATA" not in os.environ:
        sys.exit("Set THRESHER_DATA to the folder that the first lines describe.")
    torch.set_num_threads(1)
    runs = read_json(options.out)["runs"] if options.out.exists() else []
    for name in options.sets:
        runs = [run for run in runs if run["set"] != name]
        runs.append({"set": name, **measure(sets[name]())})
        print(runs[-1], flush=True)
        runs.sort(key=lambda run: list(sets).index(run["set"]))
        write_json(options.out, {"runs": runs, "page": page(runs)})


if __name__ == "__main__":
    measure_sets(SETS, measure, page, description=__doc__, out="pipeline_start.json")
