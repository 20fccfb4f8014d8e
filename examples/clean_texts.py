"""Clean a CSV file of texts: copies, empty rows, and a copy under another label; then undo it.

The same from the command line: thresher curate reviews.csv --out clean.csv

Run: python examples/clean_texts.py
"""

from __future__ import annotations

import csv
import random
from pathlib import Path

from curation import Curator
from thresher.core import load_dataset

THINGS = ("kettle", "lamp", "chair", "tent", "radio", "clock", "mirror", "carpet", "ladder", "fan")
PARTS = (
    "the handle",
    "its cable",
    "the switch",
    "the box",
    "the manual",
    "its surface",
    "the stand",
)
GOOD = (
    "feels solid",
    "was easy to set up",
    "looks fine",
    "beats the old one",
    "came early",
    "is quiet",
)
BAD = ("broke at once", "smells of glue", "was missing", "is far too short", "rattles", "got hot")
FOR = ("my mother", "our workshop", "the kitchen", "a trip", "the office", "my room", "the garden")


def write_reviews(path: Path) -> None:
    """Write 200 reviews with faults that you will see found."""
    draw = random.Random(0)
    lines = []
    for number in range(200):
        stars = draw.choice(("good", "bad"))
        says = [
            f"{part} {word}"
            for part, word in zip(
                draw.sample(PARTS, 3), draw.sample(GOOD if stars == "good" else BAD, 3), strict=True
            )
        ]
        place, thing = draw.choice(FOR), draw.choice(THINGS)
        lines.append([number, f"Bought a {thing} for {place}: {', '.join(says)}.", stars])
    lines.append([200, lines[3][1], lines[3][2]])  # an exact copy
    lines.append([201, lines[5][1].replace("Bought", "I bought"), lines[5][2]])  # a near copy
    lines.append([202, lines[7][1], "bad" if lines[7][2] == "good" else "good"])  # contradicts
    lines.append([203, "   ", "good"])  # nothing to read
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "review", "stars"], *lines])


write_reviews(Path("reviews.csv"))
loaded = load_dataset("reviews.csv", keep_unlabeled=True, test_fraction=0)
print("\n".join(loaded.role_lines))
for issue in loaded.set_aside:
    print(f"set aside: {issue.row_id}: {issue.detail}")

curator = Curator().fit(loaded.dataset, column="review", label="stars")
clean = curator.transform(loaded.dataset)

print("found:", curator.issues_.counts())
print("decided:", curator.manifest_.counts())
print(curator.methods_["near_duplicate"])
print(f"{len(loaded.dataset)} rows, {len(clean)} kept")

applied = curator.manifest_.apply(loaded.dataset)
again = curator.manifest_.undo(applied.dataset, applied.removed)
assert again["review"][:] == loaded.dataset["review"][:]
print("undone: every row is back, in its place")
