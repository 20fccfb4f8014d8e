"""Claim: a trial tells what core sets and fewer epochs will cost, on sets it was not made on.

For each set and share the trial (`curation.compare_coresets`) states points lost to all rows with a
95 % interval; then the perceptron of `curation_coreset` is trained on up to 6,000 rows: on all, on
all for fewer epochs, and on each core set. Counted: how often the interval holds what was lost, and
what is lost by the way that the trial puts first, by the best core set of the trial, by
``method="auto"``, by random rows, and by the best way in hindsight.

Sets (the trial was made on subj, trec, adult and phoneme): rt_polarity in the built-in text vectors
(``text_classification.parquet``), CIFAR-10 as unsupervised features
(``emb_cifar10_coates_pca128.npz``), MNIST's test images at 14 px (``mnist_test_label_errors.npz``),
white wines in four grades (``tabular_small.npz``), scikit-learn's digits. One seed each.

Run: THRESHER_DATA=… OMP_NUM_THREADS=1 python benchmarks/curation_coreset_trial.py --out trial.json
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from curation_coreset import Task, on_features
from sklearn.datasets import load_digits

from curation import compare_coresets, select_coreset
from curation.coreset.comparison import FEWER, TRIED
from thresher.core import embed
from thresher.core.files import write_json
from training import Samples, evaluate

SHARES, EPOCHS = (0.1, 0.3, 0.5), 20
MOST, TESTED = 6_000, 3_000


def sets(root: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return vectors and class codes of every set."""
    texts = pq.read_table(root / "text_classification.parquet").to_pandas()
    texts = texts[texts["dataset"] == "rt_polarity"]
    with np.load(root / "emb_cifar10_coates_pca128.npz") as file:
        features = file["emb"][:12_000].astype(np.float32)
    labels = pq.read_table(root / "cifar10_train.parquet", columns=["label"])["label"].to_numpy()
    with np.load(root / "mnist_test_label_errors.npz") as file:
        images = file["images"].reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)) / 255
        written = file["labels"]
    with np.load(root / "tabular_small.npz", allow_pickle=True) as file:
        wines, grades = file["wine_white_X"], np.clip(file["wine_white_y"], 4, 7)
    return {
        "rt_polarity": (embed(texts["text"].tolist()).vectors, texts["label_name"].to_numpy(str)),
        "CIFAR-10 features": (features, labels[:12_000]),
        "MNIST pixels": (images.reshape(len(images), -1), written),
        "white wines": ((wines - wines.mean(axis=0)) / wines.std(axis=0), grades),
        "digits": load_digits(return_X_y=True),
    }


def lost(task: Task, codes: np.ndarray, share: float, whole: float) -> dict[str, float]:
    """Return points lost by every way, those of `auto` included."""
    inputs = task.train.inputs.numpy()
    n = round(share * len(inputs))
    epochs = max(1, round(share * EPOCHS))
    model = task.fitted(task.train, epochs=epochs, seed=0)
    found = {FEWER: 100 * (whole - evaluate(model, task.test).accuracy)}
    for method in TRIED:
        core = select_coreset(inputs, n=n, labels=codes, method=method, random_state=0)
        part = task.train.take(core.positions)
        weights = torch.from_numpy(core.weights)
        chosen = Samples(part.inputs, part.targets, part.row_ids, weights)
        model = task.fitted(chosen, epochs=EPOCHS, seed=0)
        found[method] = 100 * (whole - evaluate(model, task.test).accuracy)
    return found | {"auto": found[select_coreset(inputs, n=n, labels=codes).method]}


def cases(name: str, X: np.ndarray, y: np.ndarray) -> list[dict[str, Any]]:
    """Return what the trial said and what was lost, for every share."""
    order = np.random.default_rng(0).permutation(len(X))
    tested = min(len(X) // 3, TESTED)
    rows = order[: tested + MOST]
    codes = np.unique(y, return_inverse=True)[1][rows]
    test = np.arange(len(rows)) < tested
    task = on_features(name, X[rows].astype(np.float32), codes, test, passes=EPOCHS)
    model = task.fitted(task.train, epochs=EPOCHS, seed=0)
    whole = evaluate(model, task.test).accuracy
    listed = []
    for share in SHARES:
        start = time.process_time()
        inputs = task.train.inputs.numpy()
        said = compare_coresets(inputs, labels=codes[~test], share=share, epochs=EPOCHS)
        spent = time.process_time() - start
        truth = lost(task, codes[~test], share, whole)
        ways = {one.way: [one.lost, one.low, one.high] for one in said.savings}
        held = [low <= truth[way] <= high for way, (_, low, high) in ways.items()]
        case = {"set": name, "share": share, "said": ways, "lost": truth, "held": sum(held)}
        case |= {"ways": len(held), "first": truth[said.best.way], "cpu_s": round(spent, 2)}
        case |= {"first core set": truth[said.best_rows.way]}
        case |= {"best core set": min(truth[way] for way in TRIED)}
        listed.append(case)
        print(name, share, case, flush=True)
    return listed


def page(listed: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the table for the docs: means over the shares of each set, and over all."""
    names = list(dict.fromkeys(case["set"] for case in listed))
    groups = {name: [case for case in listed if case["set"] == name] for name in names}
    rows = [_row(name, group) for name, group in [*groups.items(), ("all", listed)]]
    header = ["set", "trial's first way", "its first core set", "auto", "random", FEWER]
    return {
        "title": "Core sets: what a trial tells beforehand",
        "note": "Points of test accuracy lost to all rows in all epochs, means over 10, 30 and "
        "50 % of the cost, one seed, sets that the trial was not made on. Held: how often the "
        "trial's 95 % interval holds what was lost.",
        "tables": [
            {
                "caption": "Points lost by what was chosen",
                "header": [*header, "best core set in hindsight", "held", "CPU s of a trial"],
                "rows": rows,
            }
        ],
    }


def _row(name: str, group: list[dict[str, Any]]) -> list[str]:
    parts = [[case["first"] for case in group], [case["first core set"] for case in group]]
    parts += [[case["lost"][way] for case in group] for way in ("auto", "random", FEWER)]
    parts += [[case["best core set"] for case in group]]
    held = sum(case["held"] for case in group) / sum(case["ways"] for case in group)
    spent = float(np.mean([case["cpu_s"] for case in group]))
    return [name, *(f"{np.mean(part):.1f}" for part in parts), f"{held:.0%}", f"{spent:.1f}"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path)
    parser.add_argument("--quick", action="store_true", help="digits alone")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found = sets(Path(os.environ["THRESHER_DATA"]))
    if arguments.quick:
        found = {"digits": found["digits"]}
    listed = [case for name, (X, y) in found.items() for case in cases(name, X, np.asarray(y))]
    if arguments.out:
        versions = {"python": platform.python_version(), "numpy": np.__version__}
        write_json(arguments.out, {"versions": versions, "cases": listed, "page": page(listed)})


if __name__ == "__main__":
    main()
