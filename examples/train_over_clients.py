"""Train a head over five clients that keep their rows; one is slow, one dies now and then.

Run: python examples/train_over_clients.py. Nothing is downloaded. The same under Flower, over
machines and with secure aggregation: examples/flower_app.
"""

from __future__ import annotations

import secrets

import numpy as np
from sklearn.datasets import load_digits

from lifecycle import (
    ClientUpdate,
    PackedUpdate,
    UpdatePacker,
    combine_updates,
    dirichlet_split,
    rows_to_drop,
    salted_hashes,
    train_head,
)

digits = load_digits()
rows, labels = digits.data.astype(np.float32) / 16, digits.target
test, truth = rows[1400:], labels[1400:]
dealt = dirichlet_split(labels[:1400], clients=5, min_rows=30, random_state=0)
parts = {f"clinic {number}": part for number, part in enumerate(dealt)}
parts["clinic 1"] = np.union1d(parts["clinic 1"], parts["clinic 0"][:40])  # rows that both have

# Rows that several clients have are found by hashes alone; the server does not know the salt.
salt = secrets.token_bytes(32)
told = {
    name: salted_hashes([rows[row].tobytes() for row in part], salt=salt)
    for name, part in parts.items()
}
for name, places in rows_to_drop(told).items():
    parts[name] = np.delete(parts[name], places)
    if len(places):
        print(f"{name} leaves {len(places)} rows to another")

head = np.zeros((65, 10), np.float32)  # the last row holds the biases
packers = {
    name: UpdatePacker(head.size, share=0.25, random_state=number)
    for number, name in enumerate(parts)
}
received = 0
for number in range(80):
    updates = []
    for name, part in parts.items():
        if name == "clinic 4" and number % 3 == 0:
            continue  # it has died; no round waits for it
        steps = 5 if name == "clinic 2" else 20  # a slow machine
        own = train_head(head, rows[part], labels[part], steps=steps, random_state=number)
        sent = packers[name].pack((own - head).ravel()).to_bytes()
        change = PackedUpdate.from_bytes(sent).values()
        updates.append(ClientUpdate(name, change, len(part), steps, size_bytes=len(sent)))
    result = combine_updates(updates, quorum=3)
    head += result.change.reshape(head.shape)
    received += result.size_bytes

pooled = np.concatenate(list(parts.values()))
alone = train_head(np.zeros_like(head), rows[pooled], labels[pooled], steps=3000, random_state=0)
for name, trained in (("over clients", head), ("all rows in one place", alone)):
    right = (test @ trained[:-1] + trained[-1]).argmax(1) == truth
    print(f"{name}: {100 * right.mean():.1f} % of {len(test)} rows are right")
print(
    f"{received / 80 / len(parts):,.0f} bytes from a client in a round; in floats {head.nbytes:,}"
)
