"""Write small files in the very form of published ones that people begin with.

The words are made up; header lines, delimiters, quotes, encodings and column names are those that
the published files have. Run ``python tests/first_files.py FOLDER`` to have them.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import datasets
import numpy as np
from PIL import Image

ROWS = 40
HAM = [
    "lunch",
    "home",
    "bus",
    "later",
    "mum",
    "sorry",
    "class",
    "movie",
    "tonight",
    "dinner",
    "lor",
]
SPAM = ["FREE", "prize", "claim", "txt", "won", "cash", "urgent", "call", "mobile", "guaranteed"]


class Maker:
    """Makes texts by one random stream, so that the files are the same every time."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(7)

    def words(self, pool: list[str], count: int) -> str:
        """Return some words."""
        return " ".join(self.rng.choice(pool, count).tolist())

    def message(self, row: int) -> tuple[str, str]:
        """Return the kind and the text of a short message, an own one for each row."""
        if row % 4 == 0:
            return "spam", f"{self.words(SPAM, 9)}! Call 0871{row:04} now, £{100 + row} waiting"
        return "ham", f"{self.words(HAM, 8)}, {self.words(HAM, 5)} {row}..."


def sms_spam_collection(folder: Path, make: Maker) -> None:
    """Tab between kind and text, no header, no suffix, quotes as plain characters, UTF-8."""
    lines = ["\t".join(make.message(row)) for row in range(ROWS)]
    lines[5] = f'ham\t"Hello {make.words(HAM, 6)}" she said, so'
    lines[9] = f'ham\t{make.words(HAM, 4)} "ok {make.words(HAM, 4)}'
    lines[30] = lines[3]
    (folder / "SMSSpamCollection").write_text("\n".join(lines) + "\n", encoding="utf-8")


def kaggle_spam(folder: Path, make: Maker) -> None:
    """``v1,v2,,,`` in Latin-1; a text that spills over stands in the unnamed columns too."""
    with open(folder / "spam.csv", "w", encoding="latin-1", newline="") as file:
        out = csv.writer(file, lineterminator="\r\n")
        out.writerow(["v1", "v2", "", "", ""])
        for row in range(ROWS):
            spill = ["PO Box 5249", 'MK17 92H. 450Ppw 16"', ""] if row == 12 else ["", "", ""]
            out.writerow([*make.message(row), *spill])


def titanic(folder: Path, make: Maker) -> None:
    """``train.csv`` of the passengers: quoted names, ages and cabins that are missing."""
    names = "PassengerId,Survived,Pclass,Name,Sex,Age,SibSp,Parch,Ticket,Fare,Cabin,Embarked"
    family = ["Braund", "Cumings", "Heikkinen", "Futrelle", "Allen", "Moran", "Palsson", "Nasser"]
    first = ["Owen", "John", "Laina", "Lily", "William", "James", "Gosta", "Adele", "Anna"]
    with open(folder / "titanic.csv", "w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(names.split(","))
        for row in range(1, ROWS + 1):
            man = row % 3 > 0
            name = f"{family[row % 8]}, {'Mr' if man else 'Mrs'}. {make.words(first, 2)}"
            if row in (20, 21):  # father and son, alike in all but name and age
                name = f"Thayer, Mr. John Borland{' Jr' if row == 21 else ''}"
            age = "" if row % 5 == 0 else 0.83 if row == 8 else 18 + row % 40
            cabin = "C23 C25 C27" if row == 28 else f"C{row}" if row % 4 == 0 else ""
            ticket = "A/5 21171" if row % 2 else 110_000 + row
            fare = [7.25, 71.2833, 8.05, 53.1][row % 4]
            who = [row, row % 2, 1 + row % 3, name, "male" if man else "female", age]
            out.writerow([*who, row % 2, 0, ticket, fare, cabin, "SCQ"[row % 3] * (row != 17)])


def alpaca(folder: Path, make: Maker) -> None:
    """One JSON list of ``instruction``, ``input`` (mostly empty) and ``output``."""
    tasks = ["river", "poem", "verb", "atom", "tax", "song", "forest", "soup", "engine", "moon"]
    rows = [
        {
            "instruction": f"Is a {make.words(tasks, 2)} a kind of {make.words(tasks, 2)} {row}?",
            "input": make.words(tasks, 5) if row % 3 == 0 else "",
            "output": "Yes." if row % 2 else f"{make.words(tasks, 14).capitalize()}.",
        }
        for row in range(ROWS)
    ]
    (folder / "alpaca_data.json").write_text(json.dumps(rows, indent=4), encoding="utf-8")


def chat(folder: Path, make: Maker) -> None:
    """JSON Lines of ``messages``, each with a role and a content."""
    with open(folder / "chat.jsonl", "w", encoding="utf-8") as file:
        for row in range(ROWS):
            turns = [
                {"role": "system", "content": "You are a helpful assistant."},
                {"role": "user", "content": f"{make.words(HAM, 8)} {row}?"},
                {"role": "assistant", "content": make.words(SPAM, 12)},
            ]
            file.write(json.dumps({"messages": turns}) + "\n")


def photos(folder: Path, make: Maker) -> None:
    """A flat folder of pictures with ``metadata.csv``, and what a Mac leaves in it."""
    root = folder / "photos"
    (root / "__MACOSX").mkdir(parents=True)
    (root / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (root / "__MACOSX" / "._0001.png").write_bytes(b"\0\5\26\7")
    lines = ["file_name,breed,taken"]
    for row in range(20):
        coarse = make.rng.integers(0, 256, (4, 4, 3)).astype(np.uint8)
        picture = Image.fromarray(coarse).resize((48, 48), Image.Resampling.BICUBIC)
        picture.save(root / f"{row:04}.png")
        lines.append(f"{row:04}.png,{'beagle' if row % 2 else 'pug'},2024-03-{row + 1:02}")
    (root / "metadata.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def saved_splits(folder: Path, make: Maker) -> None:
    """A ``DatasetDict`` as ``save_to_disk`` leaves it, its labels as codes of named classes."""
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "pos"])}
    )
    parts = {}
    for split, rows in (("train", ROWS), ("test", 12)):
        texts = [f"{make.words(HAM + SPAM, 14)} {split} {row}" for row in range(rows)]
        labels = [row % 2 for row in range(rows)]
        parts[split] = datasets.Dataset.from_dict({"text": texts, "label": labels}, features)
    datasets.DatasetDict(parts).save_to_disk(str(folder / "reviews"))


def flowers(folder: Path, make: Maker) -> None:
    """``iris.data``: no header, the species last, an empty line at the end."""
    lines = []
    for row in range(60):
        kind = ["setosa", "versicolor", "virginica"][row // 20]
        sizes = make.rng.normal(row // 20 + 3, 0.4, 4).round(1)
        lines.append(",".join(map(str, sizes)) + f",Iris-{kind}")
    (folder / "iris.data").write_text("\n".join(lines) + "\n\n", encoding="utf-8")


def emotions(folder: Path, make: Maker) -> None:
    """JSON Lines with any number of labels a row, none in some."""
    pools = {"joy": HAM[:4], "anger": SPAM[:4], "surprise": HAM[6:]}
    with open(folder / "emotions.jsonl", "w", encoding="utf-8") as file:
        for row in range(ROWS):
            held = [name for bit, name in enumerate(pools) if (row % 8) >> bit & 1]
            words = [make.words(pools[name], 5) for name in held] or [make.words(["well"], 3)]
            text = f"{' '.join(words)} {row}"
            file.write(json.dumps({"id": f"e{row:03}", "text": text, "labels": held}) + "\n")


FILES = (
    sms_spam_collection,
    kaggle_spam,
    titanic,
    alpaca,
    chat,
    photos,
    saved_splits,
    flowers,
    emotions,
)


def write_all(folder: Path) -> None:
    """Write every file into an existing folder."""
    make = Maker()
    for write in FILES:
        write(folder, make)


if __name__ == "__main__":
    write_all(Path(sys.argv[1]))
