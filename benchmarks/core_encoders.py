"""Claim: the built-in encoders beat raw pixels, word TF-IDF and plain standardised columns.

Measured as the accuracy of the nearest (1-NN) and of the five nearest neighbours (5-NN, majority,
the nearest decides a tie) by cosine similarity, with the CPU-milliseconds per row of encoding.

Data: the folder in THRESHER_DATA holds ``cifar10_train.parquet`` and ``cifar10_test.parquet``
(columns ``jpeg`` and ``label``; https://www.cs.toronto.edu/~kriz/cifar.html),
``text_classification.parquet`` (columns ``dataset``, ``split``, ``text``, ``label_name``; rows of
banking77, https://github.com/PolyAI-LDN/task-specific-datasets), and ``tabular_small.npz`` (arrays
``NAME_X`` and ``NAME_y``; https://github.com/jbrownlee/Datasets).

Run: THRESHER_DATA=… OMP_NUM_THREADS=1 python benchmarks/core_encoders.py --out encoders.json
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from sklearn.feature_extraction.text import TfidfVectorizer

from thresher.core import get_encoder
from thresher.core.embeddings import unit_length
from thresher.core.files import write_json
from thresher.core.images import decode_image

NEIGHBOURS = 5


def accuracies(
    references: np.ndarray, queries: np.ndarray, labels: np.ndarray, truth: np.ndarray
) -> dict[str, float]:
    """1-NN and 5-NN accuracy of unit vectors, with the standard error of the first."""
    near = np.concatenate(
        [
            np.argsort(-(part @ references.T), axis=1, kind="stable")[:, :NEIGHBOURS]
            for part in np.array_split(queries, max(1, len(queries) // 500))
        ]
    )
    votes = labels[near]
    counts = (votes[:, :, None] == votes[:, None, :]).sum(axis=2)
    winner = votes[np.arange(len(votes)), counts.argmax(axis=1)]
    one = float((votes[:, 0] == truth).mean())
    return {
        "1-NN": round(one, 4),
        "5-NN": round(float((winner == truth).mean()), 4),
        "standard_error": round(float(np.sqrt(one * (1 - one) / len(truth))), 4),
        "references": len(labels),
        "queries": len(truth),
    }


def measure(
    encode: Callable[[Any], np.ndarray], sets: tuple[Any, Any, np.ndarray, np.ndarray]
) -> dict[str, float]:
    """Encode references and queries, and time it."""
    references, queries, labels, truth = sets
    start = time.process_time()
    known, asked = (unit_length(encode(values)) for values in (references, queries))
    spent = time.process_time() - start
    rows = len(references) + len(queries)
    return {
        **accuracies(known, asked, labels, truth),
        "cpu_ms_per_row": round(1000 * spent / rows, 4),
    }


def measure_encoder(name: str, sets: tuple[Any, Any, np.ndarray, np.ndarray]) -> dict[str, float]:
    """Fit a built-in encoder on the references and measure it."""
    start = time.process_time()
    encoder = get_encoder(name).fit(sets[0])
    fit = time.process_time() - start
    return {**measure(encoder.encode, sets), "fit_cpu_seconds": round(fit, 3)}


def cifar10(root: Path, rows: int) -> tuple[Any, Any, np.ndarray, np.ndarray]:
    def read(name: str, count: int) -> tuple[np.ndarray, np.ndarray]:
        table = pq.read_table(root / name, columns=["jpeg", "label"])[:count]
        files = table["jpeg"].to_pylist()
        return np.stack([decode_image(file) for file in files]), table["label"].to_numpy()

    references, labels = read("cifar10_train.parquet", rows)
    queries, truth = read("cifar10_test.parquet", rows)
    return references, queries, labels, truth


def banking77(root: Path, rows: int) -> tuple[Any, Any, np.ndarray, np.ndarray]:
    table = pq.read_table(root / "text_classification.parquet").to_pandas()
    table = table[table["dataset"] == "banking77"]
    train, test = (table[table["split"] == split] for split in ("train", "test"))
    train = train.sample(frac=1, random_state=0)[:rows]  # it is sorted by label
    names = np.unique(table["label_name"])
    codes = (np.searchsorted(names, part["label_name"]) for part in (train, test))
    labels, truth = codes
    return list(train["text"]), list(test["text"]), labels, truth


def features(root: Path, rows: int) -> dict[str, Any]:
    """Balanced 1-NN accuracy on each set, two thirds against one third, mean of three splits."""
    arrays = np.load(root / "tabular_small.npz")
    names = [name[:-2] for name in arrays.files if name.endswith("_X")]
    result: dict[str, Any] = {}
    for name in names:
        inputs, labels = arrays[f"{name}_X"].astype(np.float64), arrays[f"{name}_y"]
        scores = [_split_scores(inputs, labels, seed=seed, rows=rows) for seed in range(3)]
        result[name] = {
            method: round(float(np.mean([score[method] for score in scores])), 4)
            for method in scores[0]
        }
    result["mean"] = {
        method: round(float(np.mean([result[name][method] for name in names])), 4)
        for method in ("builtin:features", "standardised, Euclidean", "standardised, cosine")
    }
    return result


def _split_scores(
    inputs: np.ndarray, labels: np.ndarray, *, seed: int, rows: int
) -> dict[str, float]:
    order = np.random.default_rng(seed).permutation(len(inputs))[: rows // 2]
    known, asked = np.split(order, [len(order) * 2 // 3])
    deviation = inputs[known].std(axis=0)
    standard = (inputs - inputs[known].mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    spread = get_encoder("builtin:features").fit(inputs[known]).encode(inputs)
    cosine = unit_length(standard)
    similarities = {
        "builtin:features": spread[asked] @ spread[known].T,
        "standardised, Euclidean": 2 * standard[asked] @ standard[known].T
        - np.square(standard[known]).sum(axis=1),
        "standardised, cosine": cosine[asked] @ cosine[known].T,
    }
    truth = labels[asked]
    return {
        method: float(
            np.mean(
                [
                    (labels[known][similarity.argmax(axis=1)] == truth)[truth == label].mean()
                    for label in np.unique(truth)
                ]
            )
        )
        for method, similarity in similarities.items()
    }


def run(root: Path, rows: int) -> dict[str, Any]:
    images, texts = cifar10(root, rows), banking77(root, rows)
    mean = images[0].reshape(len(images[0]), -1).mean(axis=0, dtype=np.float32)
    words = TfidfVectorizer().fit(texts[0])
    return {
        "cifar10": {
            "raw pixels": measure(lambda x: x.reshape(len(x), -1) - mean, images),
            "builtin:image": measure_encoder("builtin:image", images),
        },
        "banking77": {
            "word TF-IDF": measure(lambda x: words.transform(x).toarray(), texts),
            "builtin:text": measure_encoder("builtin:text", texts),
            "builtin:text-hash": measure_encoder("builtin:text-hash", texts),
        },
        "features": features(root, rows),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    parser.add_argument("--quick", action="store_true", help="2,000 rows instead of 10,000")
    arguments = parser.parse_args()
    root = Path(os.environ["THRESHER_DATA"])
    result = {
        "claim": __doc__.partition("\n")[0],
        "results": run(root, 2_000 if arguments.quick else 10_003),
        "versions": {
            name: version(name)
            for name in ("numpy", "scikit-learn", "opencv-python-headless", "scipy")
        },
        "python": platform.python_version(),
        "cpu": platform.processor() or platform.machine(),
    }
    for part, methods in result["results"].items():
        for method, figures in methods.items():
            print(f"{part:10} {method:28} {figures}")
    if arguments.out:
        write_json(arguments.out, result)


if __name__ == "__main__":
    main()
