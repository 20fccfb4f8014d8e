"""A model in use: its inputs change, an alarm says so, 40 labels teach the next, which takes over.

Weeks pass in seconds: each round is a day of 150 digits that a server answers. After eight days the
scanner moves each picture two pixels to the right.

Run: python examples/watch_a_model.py. It needs thresher[train,serve]; nothing is downloaded. The
page watched/monitor.html shows what happened until the alarm.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from starlette.testclient import TestClient

from lifecycle import (
    RequestRing,
    ServingOptions,
    Shadow,
    load_served,
    serving_app,
    write_reference,
)
from thresher.app import monitor
from training import compact_model, export, fit, samples_from_arrays

FOLDER = Path("watched")
CLASSES = [str(digit) for digit in range(10)]
TOKEN = "keep this one in a safe place"
DAY = 86_400
rng = np.random.default_rng(0)
digits = load_digits()
rows, labels = digits.data.astype(np.float32), digits.target
order = rng.permutation(len(rows))
learned, held_out, used = order[:900], order[900:1300], order[1300:]


def moved(pictures: np.ndarray) -> np.ndarray:
    """Two pixels to the right, as the scanner does from the ninth day on."""
    return np.roll(pictures.reshape(-1, 8, 8), 2, axis=2).reshape(-1, 64)


def train(folder: Path, pictures: np.ndarray, truth: np.ndarray) -> None:
    ids = np.arange(len(pictures)).astype(str)
    model = compact_model("mlp", num_classes=10, input_shape=(64,), width=64)
    fit(model, samples_from_arrays(pictures, row_ids=ids, targets=truth), epochs=20)
    export(model, folder, classes=CLASSES)


class Days:
    """Digits of one day after the other, sent to the server, and the log that it keeps."""

    def __init__(self, client: TestClient, rings: list[RequestRing]) -> None:
        self.client, self.rings, self.number = client, rings, 0
        self.truth: dict[str, str] = {}

    def send(self, *, changed: bool) -> tuple[np.ndarray, np.ndarray]:
        """Send a day; return its pictures and their labels."""
        chosen = rng.choice(used, 150)
        pictures = moved(rows[chosen]) if changed else rows[chosen]
        start = 20_000 * DAY + self.number * DAY
        self.rings.append(RequestRing(FOLDER / "requests", clock=lambda: start))
        self.client.post("/predict", json={"rows": pictures.tolist()})
        self.rings[-1].close()
        self.number += 1
        return pictures, labels[chosen]


def answer(asked: Path, truth: dict[str, str]) -> None:
    """Do what a person does: fill the column ``label``."""
    with asked.open(encoding="utf-8") as file:
        names = [row["row_id"] for row in csv.DictReader(file)]
    with asked.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("row_id", "label"), *((name, truth[name]) for name in names)])


def look(days: Days, truth: np.ndarray, ask: int) -> object:
    """Look at the day, and have `ask` of its rows labeled."""
    found = monitor(
        FOLDER / "requests", out=FOLDER, reference=FOLDER / "reference.parquet", ask=ask
    )
    days.truth |= {
        f"{days.rings[-1].name}-{place}": CLASSES[digit] for place, digit in enumerate(truth)
    }
    if found.asked:
        answer(found.asked, days.truth)
    return found


first, second = FOLDER / "first", FOLDER / "second"
train(first, rows[learned], labels[learned])
served = load_served(first)
write_reference(
    FOLDER / "reference.parquet",
    served.predict(rows[held_out]),
    labels=[CLASSES[digit] for digit in labels[held_out]],
    classes=CLASSES,
    model=served.digest,  # so that the log of another model is refused
)

rings: list[RequestRing] = []
options = ServingOptions(admin_token=TOKEN, cache_mb=0)
app = serving_app(first, options=options, observers=[lambda served: rings[-1](served)])
with TestClient(app) as client:
    days = Days(client, rings)
    while True:
        pictures, truth = days.send(changed=days.number >= 8)
        found = look(days, truth, ask=20)
        if found.watch.alarm:
            break
    print(
        f"day {days.number}: alarm, {found.watch.reason}; it is right on {found.days[-1].accuracy}"
    )

    # 40 labels of moved digits, seen more often than the old ones, teach the next model.
    pictures, truth = days.send(changed=True)
    few = np.tile(np.arange(40), 10)
    train(
        second,
        np.vstack([rows[learned], pictures[few]]),
        np.concatenate([labels[learned], truth[few]]),
    )

    # Shadow: both answer the same rows; only where they disagree a label is asked.
    old, new = load_served(first), load_served(second)
    shadow = Shadow().kept_in(FOLDER / "shadow")
    seen = 0
    while shadow.result().verdict == "undecided":
        pictures, truth = days.send(changed=True)
        answers = zip(old.predict(pictures).argmax(1), new.predict(pictures).argmax(1), strict=True)
        known = {}
        for (a, b), digit in zip(answers, truth, strict=True):
            shadow.saw(f"row {seen}", old=CLASSES[a], new=CLASSES[b])
            known[f"row {seen}"] = CLASSES[digit]
            seen += 1
        for row in shadow.wanted():
            shadow.label(row, known[row])
    result = shadow.result()
    shadow.close()
    print(
        f"shadow: {result.verdict}, better by {100 * result.difference:.0f} points "
        f"({100 * result.lower:.0f} to {100 * result.upper:.0f}); {result.labels} labels of "
        f"{result.rows} rows"
    )
    assert result.verdict == "promote"

    # It gives other answers than the old one on purpose.
    body = {"path": str(second), "force": True}
    told = client.post("/swap", json=body, headers={"authorization": f"Bearer {TOKEN}"})
    pictures, truth = days.send(changed=True)
    said = client.post("/predict", json={"rows": pictures.tolist()}).json()["labels"]
    right = np.mean([label == CLASSES[digit] for label, digit in zip(said, truth, strict=True)])
    print(f"promoted: {told.status_code == 200}; day {days.number}: right on {100 * right:.0f} %")
print(FOLDER / "monitor.html")
