"""A labeling loop with two people: ask, answer, disagree, stop when the model is good enough.

The same from the command line: thresher label init, next, tell, status, export

Run: python examples/label_with_two_people.py
"""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

from active_learning import SKIP, Session, export_labels
from thresher.core import Embeddings

TARGET = 0.9
pixels, truth = (array[:600] for array in load_digits(return_X_y=True))
embeddings = Embeddings.from_vectors(pixels, row_ids=[f"scan-{at:04}" for at in range(len(pixels))])
digit_of = dict(zip(embeddings.row_ids.tolist(), truth.astype(str).tolist(), strict=True))
draw = np.random.default_rng(0)


def answer(row_id: str, *, mistakes: float) -> str:
    """Stand in for a person, who is wrong now and then and skips what cannot be read."""
    if draw.random() < 0.02:
        return SKIP
    return str(draw.integers(10)) if draw.random() < mistakes else digit_of[row_id]


def open_session() -> Session:
    """Open the same file again and again; every answer is on disk when `tell` returns."""
    return Session(
        "labels.db",
        ids=embeddings.row_ids,
        embeddings=embeddings,
        classes=[str(digit) for digit in range(10)],
        background=False,
    )


for number in range(4):
    with open_session() as session:  # as if the program had been killed in between
        for person, mistakes in (("ann", 0.02), ("bo", 0.10)):
            batch = session.ask(20, annotator=person, lease="2h")
            session.tell(
                {row: answer(row, mistakes=mistakes) for row in batch.row_ids}, annotator=person
            )
        report = session.report(target=TARGET)
    print(f"after {40 * (number + 1)} questions:", report.advice.reasons[3])

print("stop" if report.advice.stop else "go on", *report.advice.reasons, sep="\n  ")

with open_session() as session:
    doubted = session.ask(30, annotator="ann", mode="relabel")  # what bo said, looked at again
    session.tell({row: answer(row, mistakes=0.02) for row in doubted.row_ids}, annotator="ann")
    labels = session.labels()
    assert session.replay() == []  # the log explains every batch
    export_labels(session, "labels.csv")

right = np.mean(
    [digit_of[row] == label for row, label in zip(labels.row_ids, labels.labels, strict=True)]
)
print(
    f"{len(labels.row_ids)} of {len(truth)} rows have labels, {100 * right:.1f} % of them right: "
    "labels.csv"
)
