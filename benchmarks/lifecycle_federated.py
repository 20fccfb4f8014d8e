"""Claim: heads of ten unlike clients come near pooled training, with packed updates as with floats.

CIFAR-10's embeddings are dealt to ten clients by a Dirichlet distribution of .3. Every client
trains a linear head, with float updates and with `UpdatePacker` and `combine_updates`; three
of ten clients die in each round of the last line. Reference: the same head trained on all rows.

Data, in the folder that THRESHER_DATA names: ``emb_cifar10_coates_pca128.npz`` (``emb``, 60,000
rows, training set first) and ``cifar10_train.parquet``, ``cifar10_test.parquet`` (``label``).

Run: THRESHER_DATA=… OMP_NUM_THREADS=1 python benchmarks/lifecycle_federated.py --out federated.json
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from lifecycle import (
    ClientUpdate,
    PackedUpdate,
    UpdatePacker,
    combine_updates,
    dirichlet_split,
    train_head,
)
from thresher.core.files import write_json

CLIENTS, CONCENTRATION, CLASSES, TRAIN = 10, 0.3, 10, 50_000
RATE, PULL, STEPS = 0.3, 0.01, 40
SEEDS = (0, 1, 2)


def load() -> tuple[np.ndarray, np.ndarray]:
    """Return standardized embeddings and labels, training rows first."""
    folder = Path(os.environ["THRESHER_DATA"])
    rows = np.load(folder / "emb_cifar10_coates_pca128.npz")["emb"].astype(np.float32)
    rows -= rows[:TRAIN].mean(0)
    rows /= rows[:TRAIN].std() + 1e-6
    parts = [pq.read_table(folder / f"cifar10_{name}.parquet") for name in ("train", "test")]
    return rows, np.concatenate([part["label"].to_numpy() for part in parts])


def accuracy(head: np.ndarray, rows: np.ndarray, labels: np.ndarray) -> float:
    logits = rows[TRAIN:] @ head[:-1] + head[-1]
    return float((logits.argmax(1) == labels[TRAIN:]).mean())


def federate(
    rows: np.ndarray, labels: np.ndarray, *, seed: int, rounds: int, packed: bool, dying: float
) -> dict[str, float]:
    """Train over clients; slow ones, every third, do a quarter of the steps."""
    parts = dirichlet_split(
        labels[:TRAIN], clients=CLIENTS, concentration=CONCENTRATION, min_rows=64, random_state=seed
    )
    rng = np.random.default_rng(seed)
    head = np.zeros((rows.shape[1] + 1, CLASSES), np.float32)
    packers = [UpdatePacker(head.size, random_state=100 * seed + who) for who in range(CLIENTS)]
    sent, fewest = 0, CLIENTS
    for _ in range(rounds):
        updates = []
        for who in sorted(rng.permutation(CLIENTS)[: round(CLIENTS * (1 - dying))]):
            part, steps = parts[who], STEPS // 4 if who % 3 == 0 else STEPS
            own = train_head(
                head,
                rows[part],
                labels[part],
                steps=steps,
                learning_rate=RATE,
                proximal=PULL,
                random_state=rng,
            )
            change = (own - head).ravel()
            data = packers[who].pack(change).to_bytes() if packed else change.tobytes()
            got = PackedUpdate.from_bytes(data).values() if packed else change
            updates.append(ClientUpdate(f"c{who}", got, len(part), steps, size_bytes=len(data)))
        result = combine_updates(updates, quorum=5, proximal=RATE * PULL)
        head += result.change.reshape(head.shape)
        sent += result.size_bytes
        fewest = min(fewest, len(result.used))
    return {"accuracy": accuracy(head, rows, labels), "bytes": sent, "fewest": fewest}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--out", type=Path, default=Path("lifecycle_federated.json"))
    options = parser.parse_args()
    rows, labels = load()
    start = np.zeros((rows.shape[1] + 1, CLASSES), np.float32)
    pooled = train_head(
        start, rows[:TRAIN], labels[:TRAIN], steps=8000, learning_rate=RATE, random_state=0
    )
    # Small steps at the end, so that the noise of the last batches is no handicap.
    pooled = train_head(
        pooled, rows[:TRAIN], labels[:TRAIN], steps=8000, learning_rate=RATE / 30, random_state=1
    )
    results: dict[str, Any] = {"pooled": {"accuracy": [accuracy(pooled, rows, labels)]}}
    for name, packed, dying in (
        ("floats", False, 0.0),
        ("packed", True, 0.0),
        ("packed, dying", True, 0.3),
    ):
        runs = [
            federate(rows, labels, seed=seed, rounds=options.rounds, packed=packed, dying=dying)
            for seed in SEEDS
        ]
        results[name] = {key: [run[key] for run in runs] for key in runs[0]}
        print(name, results["pooled"], results[name], flush=True)
    write_json(options.out, {"results": results, "page": page(results, options.rounds)})


def page(results: dict[str, Any], rounds: int) -> dict[str, Any]:
    """Return the table for the documentation."""
    pooled = results["pooled"]["accuracy"][0]
    labels = {
        "floats": "float updates",
        "packed": "packed updates",
        "packed, dying": "packed, 3 of 10 clients die in each round",
    }
    lines = [["pooled rows", f"{pooled:.2%}", "", "", ""]]
    for name, label in labels.items():
        found = results[name]
        mean = float(np.mean(found["accuracy"]))
        update, whole = (
            float(np.mean(one["bytes"])) / rounds / one["fewest"][0]
            for one in (found, results["floats"])
        )
        lines.append(
            [
                label,
                f"{mean:.2%}",
                f"{100 * (mean - pooled):+.2f}",
                f"{update:,.0f}",
                f"1/{whole / update:.2f}",
            ]
        )
    return {
        "title": "Federated heads",
        "note": (
            f"{CLIENTS} clients, Dirichlet {CONCENTRATION}, heads on 128 embedding columns of "
            f"CIFAR-10, {rounds} rounds of {STEPS} steps, a quarter of them for every third "
            f"client; means of {len(SEEDS)} splits. Bytes are those that clients send; a whole "
            "network would send its own weights, not a head's."
        ),
        "tables": [
            {
                "caption": "",
                "header": [
                    "training",
                    "accuracy",
                    "points",
                    "bytes an update",
                    "of the float bytes",
                ],
                "rows": lines,
            }
        ],
    }


if __name__ == "__main__":
    main()
