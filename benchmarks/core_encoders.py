"""Claim: joined encoders beat built-in ones, and these raw pixels, word TF-IDF and plain columns.

Measured as the accuracy of the nearest (1-NN) and of the five nearest neighbors (5-NN, majority,
the nearest decides a tie) by cosine similarity, with the CPU-milliseconds per row of encoding.
Joined encoders know the labels of the references, or of no row. Beside that: the average precision
of planted wrong labels of photographs, by the vectors of both encoders; and what `Curator` finds of
edited photographs with either, where copies are found by the surface alone.

What took no part in choosing anything about the joined encoders: the test rows of all sets, all
rows of Banking77 and TREC, and the edited photographs. Chosen on: other training rows of CIFAR-10,
training rows of Imagenette, digits, subj, rt_polarity, titles in Hausa.

Data: the folder in THRESHER_DATA holds ``cifar10_train.parquet`` and ``cifar10_test.parquet``
(columns ``jpeg`` and ``label``; https://www.cs.toronto.edu/~kriz/cifar.html),
``text_classification.parquet`` (columns ``dataset``, ``split``, ``text``, ``label_name``; rows of
banking77, https://github.com/PolyAI-LDN/task-specific-datasets, and of trec,
https://github.com/harvardnlp/sent-conv-torch), ``tabular_small.npz`` (arrays ``NAME_X`` and
``NAME_y``; https://github.com/jbrownlee/Datasets), ``imagenette224_subset.parquet`` (columns
``jpeg``, ``label_name``, ``split``, ``wnid``, ``noisy_labels_5``, ``noisy_labels_25``;
https://github.com/fastai/imagenette) and ``copydetect_photos_dev.parquet`` (columns ``id``,
``source_id``, ``jpeg``).

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

import datasets
import numpy as np
import pyarrow.parquet as pq
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import average_precision_score

from curation import Curator, find_label_issues
from thresher.core import embed, get_encoder
from thresher.core.embeddings import unit_length
from thresher.core.encoders.joined import JoinedEncoder
from thresher.core.files import write_json
from thresher.core.images import decode_image, fit_square

NEIGHBORS = 5
SIDE = 160  # of photographs
Sets = tuple[Any, Any, np.ndarray, np.ndarray]  # references, queries, their labels


def accuracies(
    references: np.ndarray, queries: np.ndarray, labels: np.ndarray, truth: np.ndarray
) -> dict[str, float]:
    """1-NN and 5-NN accuracy of unit vectors, with the standard error of the first."""
    near = np.concatenate(
        [
            np.argsort(-(part @ references.T), axis=1, kind="stable")[:, :NEIGHBORS]
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


def measure(encode: Callable[[Any], np.ndarray], sets: Sets) -> dict[str, float]:
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


def measure_encoder(name: str, sets: Sets, *, labeled: bool = True) -> dict[str, float]:
    """Fit an encoder on the references, a joined one also on their labels, and measure it."""
    encoder = get_encoder(name)
    start = time.process_time()
    if isinstance(encoder, JoinedEncoder):
        encoder.fit(sets[0], sets[2] if labeled else None)
    else:
        encoder.fit(sets[0])
    result = {"fit_cpu_seconds": round(time.process_time() - start, 3)}
    if isinstance(encoder, JoinedEncoder) and encoder.weighing_ is not None:
        result["weight_of_meaning"] = encoder.weighing_.weight
    return {**measure(encoder.encode, sets), **result}


def measure_all(kind: str, sets: Sets, *others: str) -> dict[str, dict[str, float]]:
    """Measure surface, meaning, and both joined, with and without labels."""
    names = (f"builtin:{kind}", *others, f"meaning:{kind}", f"joined:{kind}")
    result = {name: measure_encoder(name, sets) for name in names}
    unlabeled = measure_encoder(f"joined:{kind}", sets, labeled=False)
    return {**result, f"joined:{kind}, no labels": unlabeled}


def cifar10(root: Path, rows: int) -> Sets:
    def read(name: str, count: int) -> tuple[np.ndarray, np.ndarray]:
        table = pq.read_table(root / name, columns=["jpeg", "label"])[:count]
        files = table["jpeg"].to_pylist()
        return np.stack([decode_image(file) for file in files]), table["label"].to_numpy()

    references, labels = read("cifar10_train.parquet", rows)
    queries, truth = read("cifar10_test.parquet", rows)
    return references, queries, labels, truth


def texts(root: Path, name: str, rows: int) -> Sets:
    table = pq.read_table(root / "text_classification.parquet").to_pandas()
    table = table[table["dataset"] == name]
    train, test = (table[table["split"] == split] for split in ("train", "test"))
    train = train.sample(frac=1, random_state=0)[:rows]  # it is sorted by label
    names = np.unique(table["label_name"])
    codes = (np.searchsorted(names, part["label_name"]) for part in (train, test))
    labels, truth = codes
    return list(train["text"]), list(test["text"]), labels, truth


def imagenette(root: Path) -> tuple[Sets, dict[str, np.ndarray]]:
    """Return 1,000 training and 500 validation photographs, and labels of the first by noise."""
    table = pq.read_table(root / "imagenette224_subset.parquet").to_pandas()
    parts = [table[table["split"] == split] for split in ("train", "val")]
    images = [
        np.stack([fit_square(decode_image(file, shrink_to=SIDE), SIDE) for file in part["jpeg"]])
        for part in parts
    ]
    noisy = {name: parts[0][f"noisy_labels_{name}"].to_numpy() for name in ("5", "25")}
    truth = [part["wnid"].to_numpy() for part in parts]
    return (images[0], images[1], *truth), noisy


def wrong_labels(sets: Sets, noisy: dict[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """Average precision of wrong labels, by vectors that were fitted with the wrong labels."""
    images, _, truth, _ = sets
    return {
        f"{share} % wrong, {name}": {
            "average precision": round(
                float(
                    average_precision_score(
                        labels != truth,
                        -find_label_issues(
                            labels, embeddings=embed(images, encoder=name, labels=labels)
                        ).scores,
                    )
                ),
                4,
            )
        }
        for share, labels in noisy.items()
        for name in ("builtin:image", "joined:image")
    }


def copies(root: Path) -> dict[str, dict[str, float]]:
    """Find edited photographs with either encoder: pairs with a common original."""
    table = pq.read_table(root / "copydetect_photos_dev.parquet").to_pandas()
    ids = table["id"].to_numpy()
    source = np.where(table["source_id"].isna(), ids, table["source_id"])
    data = datasets.Dataset.from_dict(
        {"row_id": ids.astype(str), "image": [{"bytes": f, "path": None} for f in table["jpeg"]]},
        features=datasets.Features({"row_id": datasets.Value("string"), "image": datasets.Image()}),
    )
    true = sum(count * (count - 1) // 2 for count in np.unique(source, return_counts=True)[1])
    result = {}
    for name in ("builtin:image", "joined:image"):
        curator = Curator(["near_duplicate"], encoder=name).fit(data)
        graph = curator.checks_.graph
        rows = np.repeat(np.arange(len(ids)), np.diff(graph.indptr))
        close = (graph.similarities >= curator.threshold_) & (rows < graph.indices)
        right = source[rows[close]] == source[graph.indices[close]]
        result[name] = {
            "threshold": round(curator.threshold_, 4),
            "pairs": int(close.sum()),
            "precision": round(float(right.mean()), 4),
            "recall": round(float(right.sum() / true), 4),
        }
    return result


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
        for method in ("builtin:features", "standardized, Euclidean", "standardized, cosine")
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
        "standardized, Euclidean": 2 * standard[asked] @ standard[known].T
        - np.square(standard[known]).sum(axis=1),
        "standardized, cosine": cosine[asked] @ cosine[known].T,
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
    images, questions = cifar10(root, rows), texts(root, "banking77", rows)
    photographs, noisy = imagenette(root)
    mean = images[0].reshape(len(images[0]), -1).mean(axis=0, dtype=np.float32)
    words = TfidfVectorizer().fit(questions[0])
    return {
        "cifar10": {
            "raw pixels": measure(lambda x: x.reshape(len(x), -1) - mean, images),
            **measure_all("image", images),
        },
        "imagenette": measure_all("image", photographs),
        "wrong labels": wrong_labels(photographs, noisy),
        "copies": copies(root),
        "banking77": {
            "word TF-IDF": measure(lambda x: words.transform(x).toarray(), questions),
            **measure_all("text", questions, "builtin:text-hash"),
        },
        "trec": measure_all("text", texts(root, "trec", rows)),
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
            for name in ("numpy", "scikit-learn", "opencv-python-headless", "scipy", "onnxruntime")
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
