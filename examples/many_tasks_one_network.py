"""Three tasks from one network: a head for each in one store, and a batch in which rows mix them.

Run: python examples/many_tasks_one_network.py. It needs thresher[train]; nothing is downloaded.
"""

from __future__ import annotations

import tempfile

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from lifecycle import AdaptedNetwork, Adapter, AdapterStore, Base, merge_adapter, train_head

digits = load_digits()
rows, labels = torch.tensor(digits.data, dtype=torch.float32) / 16, digits.target
known, asked = rows[:1200], rows[1200:]

# The base: what all tasks share. Here it has learned which digit it sees.
torch.manual_seed(0)
network = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10))
optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
for _ in range(200):
    optimizer.zero_grad()
    nn.functional.cross_entropy(network(known), torch.tensor(labels[:1200])).backward()
    optimizer.step()

tasks = {"odd": labels % 2, "large": labels // 5, "round": np.isin(labels, (0, 6, 8, 9)) * 1}
base = Base.of(network)
with torch.no_grad():
    features = network[:2](known).numpy()

with tempfile.TemporaryDirectory() as folder:
    store = AdapterStore(folder, base=base)
    for task, wanted in tasks.items():
        start = np.zeros((257, 2), np.float32)
        head = train_head(start, features, wanted[:1200], steps=1000, random_state=0)
        store.add(task, Adapter(base.digest, whole={"2": (head[:-1].T, head[-1])}))
    share = store.get("odd").size_bytes / base.size_bytes
    print(f"{', '.join(store.names())}: {100 * share:.1f} % of the base each")

    # Each row has its own task, and the batch runs the base once.
    adapted = AdaptedNetwork(network, store, layers=[], heads=["2"])
    names = [list(tasks)[place % 3] for place in range(len(asked))]
    answers = adapted(asked, adapters=names).argmax(1).numpy()
    truth = np.array([tasks[name][1200 + place] for place, name in enumerate(names)])
    print(f"a mixed batch: {100 * np.mean(answers == truth):.1f} % of {len(asked)} rows are right")

    # One task as a network of its own, for `training.export`.
    alone = merge_adapter(network, store.get("odd"))
    with torch.no_grad():
        right = alone(asked).argmax(1).numpy() == tasks["odd"][1200:]
    print(f"odd or even alone: {100 * right.mean():.1f} %")
