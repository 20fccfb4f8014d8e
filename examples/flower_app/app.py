"""Train a head over clients that keep their rows, under Flower.

Simulated, ten clients of which three die in each round: python app.py
Over machines: `flower-superlink`, a `flower-supernode` on each with
``--node-config 'rows="clinic-1.npz"'``, then ``flwr run .``; docs/federated.md says how.

It needs an environment of its own: pip install 'flwr[simulation]>=1.42,<1.43' pyarrow, then
pip install --no-deps thresher. Nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lifecycle import (
    LocalResult,
    LocalTask,
    dirichlet_split,
    flower_client,
    flower_server,
    train_head,
)

CLIENTS, CLASSES, WIDTH = 10, 5, 16


def made_up() -> tuple[np.ndarray, np.ndarray]:
    """Return what stands for embeddings, and labels."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, 4000)
    return rng.normal(size=(CLASSES, WIDTH))[labels] + rng.normal(size=(4000, WIDTH)), labels


def own_rows(node: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return a client's rows: from its file, or in a simulation its part of made-up ones."""
    if "rows" in node:
        with np.load(str(node["rows"])) as stored:
            return stored["embeddings"], stored["labels"]
    rows, labels = made_up()
    parts = dirichlet_split(labels[:3000], clients=CLIENTS, min_rows=20, random_state=0)
    return rows[parts[node["partition-id"]]], labels[parts[node["partition-id"]]]


def train(weights: dict[str, np.ndarray], task: LocalTask) -> LocalResult:
    if "partition-id" in task.node and (task.number + task.node["partition-id"]) % 10 < 3:
        raise ConnectionError("this client has died")  # no round waits for it
    rows, labels = own_rows(task.node)
    head = train_head(
        weights["head"],
        rows,
        labels,
        steps=task.steps,
        learning_rate=task.learning_rate,
        proximal=task.proximal,
        random_state=task.number,
    )
    return LocalResult({"head": head}, rows=len(rows), steps=task.steps)


client = flower_client(train, masked=True)
server = flower_server(
    {"head": np.zeros((WIDTH + 1, CLASSES))},  # the last row holds the biases
    folder="rounds",
    rounds=5,
    clients=CLIENTS,
    quorum=4,
    deadline=120,
    steps=20,
    learning_rate=0.3,
    proximal=0.05,
    sending="masked",  # the server learns the sum of the updates alone
)

if __name__ == "__main__":
    from flwr.simulation import run_simulation

    run_simulation(server, client, num_supernodes=CLIENTS)
    with np.load("rounds/weights.npz") as stored:
        head = stored["head"]
    rows, labels = made_up()
    right = (rows[3000:] @ head[:-1] + head[-1]).argmax(1) == labels[3000:]
    print(f"{100 * right.mean():.1f} % of {len(right)} rows are right")
