"""Claim: at 10 to 50 % of the rows, facility location trains better than random rows.

A linear probe is trained on the chosen rows of the training split (with the core set's weights) and
measured on the test split; the controls are random and class-balanced random rows, and the latter
are hard to beat from 30 % on. Figures are medians over seeds of the test accuracy, and CPU-seconds
of the choice.

Data: the folder in THRESHER_DATA holds ``emb_minilm_banking77.npz`` (arrays ``id`` and ``emb``) and
``text_classification.parquet`` (columns ``dataset``, ``split``, ``id``, ``label_name``; rows of
banking77, https://github.com/PolyAI-LDN/task-specific-datasets), and
``emb_cifar10_coates_pca128.npz`` (60,000 × 128, training rows first; patch features of CIFAR-10)
with the labels of ``cifar10_train.parquet`` and ``cifar10_test.parquet``.

Run: THRESHER_DATA=… OMP_NUM_THREADS=1 python benchmarks/curation_coreset.py --out coreset.json
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from curation.coreset import select_coreset
from curation.labels.ridge import loo_ridge_probs
from thresher.core.embeddings import unit_length
from thresher.core.files import write_json

METHODS = (
    "random",
    "balanced",
    "k_center",
    "facility_location",
    "semdedup",
    "prototypes",
    "hierarchical_kmeans",
    "el2n",
    "ccs",
)
SHARES = (0.1, 0.3, 0.5, 0.7)
PENALTY = 1.0
Split = tuple[np.ndarray, np.ndarray]


def probe_accuracy(train: Split, weights: np.ndarray, test: Split) -> float:
    """Test accuracy of a weighted ridge classifier: closed form, so that no run is unlucky."""
    X, codes = train
    with_one = np.concatenate([X, np.ones((len(X), 1), np.float32)], axis=1).astype(np.float64)
    weighted = with_one * weights[:, None]
    gram = weighted.T @ with_one + PENALTY * np.eye(with_one.shape[1])
    solved = np.linalg.solve(gram, weighted.T @ np.eye(int(codes.max()) + 1)[codes])
    outputs = test[0] @ solved[:-1] + solved[-1]
    return float((outputs.argmax(axis=1) == test[1]).mean())


def difficulty(train: Split) -> np.ndarray:
    """Length of (leave-one-out probabilities − one-hot label), the error of EL2N."""
    X, codes = train
    num_classes = int(codes.max()) + 1
    return np.linalg.norm(
        loo_ridge_probs(X, codes, num_classes) - np.eye(num_classes)[codes], axis=1
    )


def measure(train: Split, test: Split, *, seeds: int) -> dict[str, Any]:
    X, codes = train
    hard = difficulty(train)
    result: dict[str, Any] = {
        "all rows": {"accuracy": round(probe_accuracy(train, np.ones(len(X)), test), 4)}
    }
    for share in SHARES:
        for method in METHODS:
            accuracies, seconds = [], []
            for seed in range(seeds):
                start = time.process_time()
                chosen = select_coreset(
                    X,
                    n=round(share * len(X)),
                    labels=codes,
                    method=method,
                    scores=hard if method in ("el2n", "ccs") else None,
                    random_state=seed,
                )
                seconds.append(time.process_time() - start)
                kept = X[chosen.positions], codes[chosen.positions]
                accuracies.append(probe_accuracy(kept, chosen.weights, test))
            result[f"{share:.0%} {method}"] = {
                "accuracy": round(float(np.median(accuracies)), 4),
                "range": [round(min(accuracies), 4), round(max(accuracies), 4)],
                "cpu_seconds": round(float(np.median(seconds)), 2),
            }
    return result


def read_banking77(root: Path) -> tuple[Split, Split]:
    with np.load(root / "emb_minilm_banking77.npz") as file:
        ids, X = file["id"], unit_length(file["emb"])
    table = pq.read_table(root / "text_classification.parquet").to_pandas()
    table = table[table["dataset"] == "banking77"].set_index("id").loc[ids]
    codes = np.unique(table["label_name"], return_inverse=True)[1]
    test = (table["split"] == "test").to_numpy()
    return (X[~test], codes[~test]), (X[test], codes[test])


def read_cifar10(root: Path) -> tuple[Split, Split]:
    with np.load(root / "emb_cifar10_coates_pca128.npz") as file:
        X = unit_length(next(file[name] for name in file.files if file[name].ndim == 2))
    codes = [
        pq.read_table(root / f"cifar10_{split}.parquet", columns=["label"])["label"].to_numpy()
        for split in ("train", "test")
    ]
    return (X[:50_000], codes[0]), (X[50_000:], codes[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    parser.add_argument("--quick", action="store_true", help="one seed, the texts only")
    arguments = parser.parse_args()
    root = Path(os.environ["THRESHER_DATA"])
    readers = {"banking77 MiniLM": read_banking77, "cifar10 patch features": read_cifar10}
    if arguments.quick:
        del readers["cifar10 patch features"]
    found = {
        name: measure(*read(root), seeds=1 if arguments.quick else 3)
        for name, read in readers.items()
    }
    for name, methods in found.items():
        for method, row in methods.items():
            print(f"{name:24} {method:26} {row}")
    if arguments.out:
        result = {
            "claim": __doc__.partition("\n")[0],
            "results": found,
            "versions": {name: version(name) for name in ("numpy", "scipy")},
            "python": platform.python_version(),
            "cpu": platform.processor() or platform.machine(),
        }
        write_json(arguments.out, result)


if __name__ == "__main__":
    main()
