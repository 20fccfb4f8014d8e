"""Claim: augmenting texts and features is rightly off by default: it gains little or nothing.

Texts: a logistic regression on ``builtin:text`` vectors, whose encoder has seen the training texts
without labels (its strength chosen by three-fold cross-validation on the labeled texts); each
labeled text beside two changed copies, all three with a third of the weight.
Features: the built-in MLP with keyed noise or mixup in every epoch. Paired seeds: the same rows
with and without. The interval is that of the paired difference to *none* (Student's t, 95 %).

Data: text_classification.parquet (Banking77, TREC), tabular_adult.parquet and tabular_small.npz
(phoneme) in the folder that THRESHER_DATA names; all are public sets.
Run: python benchmarks/augment_text_tabular.py --out text_tabular.json [--quick]
"""

from __future__ import annotations

import argparse
import os
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from augment_output import publish
from scipy.stats import t as student
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

from augment import MixBatch, add_noise, augment_texts, splice
from thresher.core import get_encoder
from training import Samples, compact_model, evaluate, fit

COPIES = 2
EPOCHS = 60
STRENGTHS = (1.0, 10.0, 100.0)
TEXT_WAYS = ("delete 10 %", "swap 10 %", "typo 10 %", "splice")
FEATURE_WAYS = ("noise .05", "noise .2", "mixup .2")


def folder() -> Path:
    return Path(os.environ["THRESHER_DATA"])


def few_of_each(labels: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Return the positions of up to n random rows of each class."""
    generator = np.random.default_rng(seed)
    chosen = []
    for name in np.unique(labels):
        rows = np.flatnonzero(labels == name)
        chosen.append(generator.permutation(rows)[:n])
    return np.concatenate(chosen)


def texts_of(name: str) -> tuple[list[str], np.ndarray, list[str], np.ndarray]:
    table = pq.read_table(folder() / "text_classification.parquet")
    table = table.filter(pc.equal(table["dataset"].cast("string"), name))
    split = np.asarray(table["split"].cast("string").to_pylist())
    texts = np.asarray(table["text"].to_pylist(), dtype=object)
    labels = np.asarray(table["label_name"].cast("string").to_pylist())
    train, test = split == "train", split == "test"
    return texts[train].tolist(), labels[train], texts[test].tolist(), labels[test]


def changed(
    way: str, texts: list[str], labels: np.ndarray, keys: np.ndarray, view: int
) -> list[str]:
    """Return one changed copy of each text."""
    if way == "splice":
        return splice(texts, labels, keys, epoch=view)
    return augment_texts(texts, keys, op=way.partition(" ")[0], rate=0.1, view=view)


def head(strength: float) -> LogisticRegression:
    return LogisticRegression(C=strength, max_iter=300)


def chosen_strength(vectors: np.ndarray, labels: np.ndarray) -> float:
    means = {one: cross_val_score(head(one), vectors, labels, cv=3).mean() for one in STRENGTHS}
    return max(means, key=lambda one: means[one])


def run_texts(name: str, sizes: tuple[int, ...], seeds: int) -> dict[int, dict[str, list[float]]]:
    texts, labels, test_texts, truth = texts_of(name)
    encoder = get_encoder("builtin:text", modality="text").fit(texts)
    vectors, test = encoder.encode(texts), encoder.encode(test_texts)
    found: dict[int, dict[str, list[float]]] = {}
    for size in sizes:
        scores: dict[str, list[float]] = {"none": [], **{way: [] for way in TEXT_WAYS}}
        for seed in range(seeds):
            rows = few_of_each(labels, size, seed)
            mine, own = [texts[row] for row in rows], labels[rows]
            strength = chosen_strength(vectors[rows], own)
            fitted = head(strength).fit(vectors[rows], own)
            scores["none"].append(float((fitted.predict(test) == truth).mean()))
            for way in TEXT_WAYS:
                views = [COPIES * seed + copy for copy in range(COPIES)]
                copies = [encoder.encode(changed(way, mine, own, rows, view)) for view in views]
                train, weight = np.concatenate([vectors[rows], *copies]), 1 / (COPIES + 1)
                fitted = head(strength).fit(
                    train, np.tile(own, COPIES + 1), sample_weight=np.full(len(train), weight)
                )
                scores[way].append(float((fitted.predict(test) == truth).mean()))
        found[size] = scores
    return found


def features_of(name: str) -> tuple[np.ndarray, np.ndarray]:
    if name == "adult":
        frame = pd.read_parquet(folder() / "tabular_adult.parquet").drop(columns=["split"])
        labels = frame.pop("income").astype(str).to_numpy()
        return pd.get_dummies(frame, dtype="float32").to_numpy(dtype=np.float32), labels
    stored = np.load(folder() / "tabular_small.npz")
    return stored[f"{name}_X"].astype(np.float32), stored[f"{name}_y"].astype(str)


def run_features(
    name: str, sizes: tuple[int, ...], seeds: int
) -> dict[int, dict[str, list[float]]]:
    features, labels = features_of(name)
    ids = np.array([f"{name}:{row}" for row in range(len(features))])
    classes, codes = np.unique(labels, return_inverse=True)
    found: dict[int, dict[str, list[float]]] = {}
    for size in sizes:
        scores: dict[str, list[float]] = {"none": [], **{way: [] for way in FEATURE_WAYS}}
        for seed in range(seeds):
            rows = few_of_each(labels, size, seed)
            others = np.setdiff1d(np.arange(len(features)), rows)
            test = np.random.default_rng(seed).permutation(others)[:4000]
            parts = [
                Samples(torch.from_numpy(features[part]), torch.from_numpy(codes[part]), ids[part])
                for part in (rows, test)
            ]
            for way in scores:
                scores[way].append(fitted_accuracy(way, *parts, classes=len(classes), seed=seed))
        found[size] = scores
    return found


def fitted_accuracy(way: str, train: Samples, test: Samples, *, classes: int, seed: int) -> float:
    kind, _, amount = way.partition(" ")
    scale = train.inputs.numpy().std(axis=0)

    def noisy(inputs: torch.Tensor, keys: np.ndarray, epoch: int) -> torch.Tensor:
        changed = add_noise(
            inputs.numpy(), keys, scale=scale, amount=float(amount), epoch=epoch, random_state=seed
        )
        return torch.from_numpy(changed)

    model = compact_model(
        "mlp", num_classes=classes, input_shape=tuple(train.inputs.shape[1:]), random_state=seed
    )
    mix = MixBatch(mixup=float(amount), num_classes=classes) if kind == "mixup" else None
    run = fit(
        model, train, epochs=EPOCHS, augment=noisy if kind == "noise" else None, mix=mix,
        random_state=seed,
    )  # fmt: skip
    return float(evaluate(run.model, test).accuracy)


def gain(scores: dict[str, list[float]], way: str) -> str:
    """Return the paired difference to none in points, with its 95 % interval."""
    difference = 100 * (np.asarray(scores[way]) - np.asarray(scores["none"]))
    reach = student.ppf(0.975, len(difference) - 1) * difference.std(ddof=1)
    reach /= np.sqrt(len(difference))
    return f"{difference.mean():+.1f} ± {reach:.1f}"


def page(result: dict[str, Any]) -> dict[str, Any]:
    """Return the tables for readers."""
    tables = []
    for kind, ways in (("texts", TEXT_WAYS), ("features", FEATURE_WAYS)):
        rows = [
            [
                name,
                size,
                f"{100 * np.mean(scores['none']):.1f}",
                *(gain(scores, way) for way in ways),
            ]
            for name, sizes in result[kind].items()
            for size, scores in sizes.items()
        ]
        header = ["set", "rows a class", "none, %", *ways]
        tables.append({"caption": f"Gain in points on {kind}", "header": header, "rows": rows})
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    return {
        "title": "What augmenting texts and features gave",
        "note": f"{result['seeds']} paired seeds, 95 % intervals; texts with a logistic regression "
        f"on `builtin:text` vectors, features with the built-in MLP for {EPOCHS} epochs "
        f"({versions}). Synonyms need a lexicon and back-translation a model "
        "of yours: not measured.",
        "tables": tables,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    seeds = 2 if arguments.quick else 5
    sets = ("trec",) if arguments.quick else ("banking77", "trec")
    start = time.process_time()
    result: dict[str, Any] = {
        "versions": {name: metadata.version(name) for name in ("numpy", "torch", "scikit-learn")},
        "seeds": seeds,
        "texts": {name: run_texts(name, (10, 50), seeds) for name in sets},
        "features": {
            name: run_features(name, (10,) if arguments.quick else (10, 50, 500), seeds)
            for name in ("adult", "phoneme")
        },
    }
    result["cpu_seconds"] = time.process_time() - start
    publish(result | {"page": page(result)}, arguments.out)


if __name__ == "__main__":
    main()
