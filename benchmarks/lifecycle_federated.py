"""Claim: a head of ten unlike clients comes within 2 points of pooled training, in few bytes.

CIFAR-10's embeddings are dealt to ten clients by a Dirichlet distribution of .3. Every client
trains a linear head on them, with float updates and with `UpdatePacker` and `combine_updates`;
three of ten clients die in each round of one line. Beside it a whole network of three layers on the
same embeddings by FedAvg in floats, which is what bytes are compared with, and with a twentieth of
its numbers in 8 bits. Reference: the same head and the same network trained on all rows.

Data, in the folder that THRESHER_DATA names: ``emb_cifar10_coates_pca128.npz`` (``emb``, 60,000
rows, training set first) and ``cifar10_train.parquet``, ``cifar10_test.parquet`` (``label``).

Run: THRESHER_DATA=… OMP_NUM_THREADS=1 python benchmarks/lifecycle_federated.py --out federated.json
"""

from __future__ import annotations

import argparse
import copy
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import nn

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
WIDE, BATCH = 128, 64  # of the whole network
SEEDS = (0, 1, 2)
# Takes common weights, rows, steps, learning rate, FedProx's weight, a generator; returns its own.
Train = Callable[[np.ndarray, np.ndarray, int, float, float, np.random.Generator], np.ndarray]
Judge = Callable[[np.ndarray], float]


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


def heads(rows: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, Train, Judge]:
    shape = (rows.shape[1] + 1, CLASSES)

    def train(
        start: np.ndarray,
        own: np.ndarray,
        steps: int,
        rate: float,
        pull: float,
        rng: np.random.Generator,
    ) -> np.ndarray:
        how: dict[str, Any] = {"learning_rate": rate, "proximal": pull, "random_state": rng}
        return train_head(start.reshape(shape), rows[own], labels[own], steps=steps, **how).ravel()

    start = np.zeros(shape, np.float32).ravel()
    return start, train, lambda head: accuracy(head.reshape(shape), rows, labels)


def networks(rows: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, Train, Judge]:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Linear(rows.shape[1], WIDE), nn.ReLU(), nn.Linear(WIDE, WIDE), nn.ReLU(),
        nn.Linear(WIDE, CLASSES),
    )  # fmt: skip
    inputs, targets = torch.tensor(rows), torch.tensor(labels).long()
    flat, spread = nn.utils.parameters_to_vector, nn.utils.vector_to_parameters

    def train(
        start: np.ndarray,
        own: np.ndarray,
        steps: int,
        rate: float,
        pull: float,
        rng: np.random.Generator,
    ) -> np.ndarray:
        weights = list(network.parameters())
        spread(torch.tensor(start), weights)
        begun = copy.deepcopy(weights)
        order = np.empty(0, np.int64)
        for _ in range(steps):
            if not len(order):
                order = own[rng.permutation(len(own))]
            batch, order = order[:BATCH], order[BATCH:]
            loss = nn.functional.cross_entropy(network(inputs[batch]), targets[batch])
            slopes = torch.autograd.grad(loss, weights)
            with torch.no_grad():
                for weight, slope, first in zip(weights, slopes, begun, strict=True):
                    weight -= rate * (slope + pull * (weight - first))
        return flat(weights).detach().numpy().copy()

    def judge(weights: np.ndarray) -> float:
        spread(torch.tensor(weights, dtype=torch.float32), list(network.parameters()))
        with torch.no_grad():
            right = network(inputs[TRAIN:]).argmax(1) == targets[TRAIN:]
        return float(right.float().mean())

    return flat(network.parameters()).detach().numpy().copy(), train, judge


def federate(
    model: tuple[np.ndarray, Train, Judge],
    labels: np.ndarray,
    *,
    seed: int,
    rounds: int,
    share: float | None = None,
    dying: float = 0.0,
    cooled: bool = False,
) -> dict[str, float]:
    """Train over clients; slow ones, every third, do a quarter of the steps."""
    start, train, judge = model
    parts = dirichlet_split(
        labels[:TRAIN], clients=CLIENTS, concentration=CONCENTRATION, min_rows=64, random_state=seed
    )
    rng = np.random.default_rng(seed)
    weights = start
    packers = [
        UpdatePacker(start.size, share=share or 1.0, random_state=100 * seed + who)
        for who in range(CLIENTS)
    ]
    sent, fewest = 0, CLIENTS
    for number in range(rounds):
        rate = RATE * (0.1 if cooled and number >= 0.8 * rounds else 1)
        updates = []
        for who in sorted(rng.permutation(CLIENTS)[: round(CLIENTS * (1 - dying))]):
            part, steps = parts[who], STEPS // 4 if who % 3 == 0 else STEPS
            change = train(weights, part, steps, rate, PULL, rng) - weights
            data = change.tobytes() if share is None else packers[who].pack(change).to_bytes()
            got = change if share is None else PackedUpdate.from_bytes(data).values()
            updates.append(ClientUpdate(f"c{who}", got, len(part), steps, size_bytes=len(data)))
        result = combine_updates(updates, quorum=5, proximal=rate * PULL)
        weights = weights + result.change.astype(np.float32)
        sent += result.size_bytes
        fewest = min(fewest, len(result.used))
    # What a client gets are the common weights, in floats.
    down = 4 * start.size * fewest * rounds
    return {"accuracy": judge(weights), "up": sent, "down": down, "fewest": fewest}


def pooled(model: tuple[np.ndarray, Train, Judge], steps: int) -> float:
    """Train on all rows; small steps at the end, so that noise of last batches is no handicap."""
    start, train, judge = model
    everyone = np.arange(TRAIN)
    rough = train(start, everyone, steps, RATE, 0.0, np.random.default_rng(0))
    return judge(train(rough, everyone, steps, RATE / 30, 0.0, np.random.default_rng(1)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--out", type=Path, default=Path("lifecycle_federated.json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows, labels = load()
    models = {"head": heads(rows, labels), "network": networks(rows, labels)}
    steps = {"head": 8000, "network": 6000}
    results: dict[str, Any] = {
        f"{kind}, pooled": {"accuracy": [pooled(models[kind], steps[kind])]} for kind in models
    }
    runs: dict[str, dict[str, Any]] = {
        "head, floats": {},
        "head, packed": {"share": 1.0},
        "head, packed, dying": {"share": 1.0, "dying": 0.3},
        "network, floats": {"cooled": True},
        "network, packed": {"share": 0.05, "cooled": True},
    }
    for name, how in runs.items():
        model = models[name.partition(",")[0]]
        found = [federate(model, labels, seed=seed, rounds=options.rounds, **how) for seed in SEEDS]
        results[name] = {key: [run[key] for run in found] for key in found[0]}
        print(name, results[name], flush=True)
    write_json(options.out, {"results": results, "page": page(results, options.rounds)})


def page(results: dict[str, Any], rounds: int) -> dict[str, Any]:
    """Return the table for the documentation."""
    labels = {
        "head, floats": "head, floats",
        "head, packed": "head, 8 bits",
        "head, packed, dying": "head, 8 bits, 3 of 10 clients die in each round",
        "network, floats": "whole network, floats (FedAvg)",
        "network, packed": "whole network, a twentieth of the numbers in 8 bits",
    }
    fedavg = results["network, floats"]
    lines = []
    for name, label in labels.items():
        found = results[name]
        alone = results[f"{name.partition(',')[0]}, pooled"]["accuracy"][0]
        mean = float(np.mean(found["accuracy"]))
        line = [label, f"{alone:.2%}", f"{mean:.2%}", f"{100 * (mean - alone):+.2f}"]
        for ways in (("up",), ("up", "down")):
            one, other = (
                np.mean([sum(sent) for sent in zip(*(each[way] for way in ways), strict=True)])
                / rounds
                / each["fewest"][0]
                for each in (found, fedavg)
            )
            line += [f"{one:,.0f}", f"1/{other / one:.1f}"]
        lines.append(line)
    return {
        "title": "Federated heads",
        "note": (
            f"{CLIENTS} clients, Dirichlet {CONCENTRATION}, on 128 embedding columns of CIFAR-10, "
            f"{rounds} rounds of {STEPS} steps, a quarter of them for every third client; means "
            f"of {len(SEEDS)} splits. Points are against the same model trained on pooled rows; "
            "bytes are of a client in a round, and their share of those of the whole network in "
            "floats. What clients get are floats in all lines."
        ),
        "tables": [
            {
                "caption": "",
                "header": [
                    "training",
                    "pooled",
                    "accuracy",
                    "points",
                    "bytes up",
                    "of FedAvg's",
                    "bytes both ways",
                    "of FedAvg's",
                ],
                "rows": lines,
            }
        ],
    }


if __name__ == "__main__":
    main()
