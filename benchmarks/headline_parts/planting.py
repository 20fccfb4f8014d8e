"""Near copies and leaked test rows, planted among training rows at places that are kept."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

Change = Callable[[Any, np.random.Generator], Any]
OWN, COPY, LEAK = "own", "copy", "leak"


@dataclass(frozen=True)
class Planted:
    """Training rows in a new order, and what each of them is.

    Attributes
    ----------
    rows : list
    codes : ndarray of int64, shape (n,)
        Labels; a copy has its original's, a leaked row the test row's.
    kind : ndarray of str, shape (n,)
        ``"own"``, ``"copy"`` or ``"leak"``.
    source : ndarray of int64, shape (n,)
        The row's place before: among the training rows, of a leak among the test rows.
    """

    rows: list[Any]
    codes: np.ndarray
    kind: np.ndarray
    source: np.ndarray


def plant(
    rows: Sequence[Any],
    codes: np.ndarray,
    *,
    test: tuple[Sequence[Any], np.ndarray],
    copies: int,
    leaks: int,
    change: Change,
    rng: np.random.Generator,
) -> Planted:
    """Add changed copies of so many training rows and of so many test rows, and shuffle all."""
    copied = rng.choice(len(rows), copies, replace=False)
    leaked = rng.choice(len(test[0]), leaks, replace=False)
    every = [
        *rows,
        *(change(rows[at], rng) for at in copied.tolist()),
        *(change(test[0][at], rng) for at in leaked.tolist()),
    ]
    labels = np.concatenate([codes, codes[copied], test[1][leaked]])
    kind = np.repeat([OWN, COPY, LEAK], [len(rows), copies, leaks])
    source = np.concatenate([np.arange(len(rows)), copied, leaked])
    order = rng.permutation(len(every))
    return Planted([every[at] for at in order], labels[order], kind[order], source[order])


def wrong_labels(
    codes: np.ndarray, *, share: float, classes: int, rng: np.random.Generator
) -> np.ndarray:
    """Give a share of the rows the label of another class, each as likely."""
    changed = rng.choice(len(codes), round(share * len(codes)), replace=False)
    found = codes.copy()
    found[changed] = (codes[changed] + rng.integers(1, classes, len(changed))) % classes
    return found


def changed_image(data: bytes, rng: np.random.Generator) -> bytes:
    """Crop a picture by up to an eighth of its sides, or brighten it, or write it as JPEG again."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    way, quality = rng.integers(3), int(rng.integers(85, 96))
    if way == 0:
        width, height = image.size
        across, down = (max(1, round(side * rng.uniform(0.04, 0.125))) for side in image.size)
        left, top = int(rng.integers(across + 1)), int(rng.integers(down + 1))
        box = (left, top, left + width - across, top + height - down)
        image = image.crop(box).resize((width, height), Image.Resampling.BILINEAR)
    elif way == 1:
        factor = float(rng.choice([rng.uniform(0.75, 0.9), rng.uniform(1.1, 1.25)]))
        pixels = np.asarray(image) * factor
        image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    else:
        quality = int(rng.integers(40, 75))
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def changed_text(text: str, rng: np.random.Generator) -> str:
    """Swap two letters of a word, leave a word out, or write all in capitals without the stop."""
    words = text.split()
    way = rng.integers(3)
    at = int(rng.integers(len(words)))
    if way == 0 and len(words[at]) > 3:
        place = int(rng.integers(1, len(words[at]) - 2))
        word = words[at]
        words[at] = word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    elif way == 1 and len(words) > 4:
        del words[at]
    else:
        return text.upper().rstrip(".?! ")
    return " ".join(words)


def changed_numbers(*columns: tuple[int, float]) -> Change:
    """Return a change that moves one of some columns by up to so much, whole numbers staying so.

    Parameters
    ----------
    *columns : tuple of int and float
        Column, and how far it is moved: at least 1.
    """

    def change(row: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        column, most = columns[int(rng.integers(len(columns)))]
        step = int(rng.integers(1, int(most) + 1)) * int(rng.choice([-1, 1]))
        found = row.copy()
        found[column] = max(0.0, found[column] + step)
        return found

    return change
