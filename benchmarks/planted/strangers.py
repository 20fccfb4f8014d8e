"""Five kinds of images and of texts that have no place in a set, drawn from a generator."""

from __future__ import annotations

import string
from collections.abc import Callable

import cv2
import numpy as np

from .image_damage import page, static

Drawing = Callable[[int, np.random.Generator], np.ndarray]


def graphics(side: int, rng: np.random.Generator) -> np.ndarray:
    """Draw one to four lines and boxes on an even ground."""
    image = np.full((side, side, 3), rng.integers(0, 256, 3), np.uint8)
    for _ in range(rng.integers(1, 5)):
        color = rng.integers(0, 256, 3).tolist()
        start, end = rng.integers(0, side, (2, 2)).tolist()
        width = int(rng.integers(2, max(3, side // 8)))
        draw = cv2.rectangle if rng.random() < 0.5 else cv2.line
        draw(image, start, end, color, width)
    return image


def noise(side: int, rng: np.random.Generator) -> np.ndarray:
    return static(np.empty((side, side, 3), np.uint8), rng)


def text_page(side: int, rng: np.random.Generator) -> np.ndarray:
    whole = page(np.empty((224, 224, 3), np.uint8), rng)
    return cv2.resize(whole, (side, side), interpolation=cv2.INTER_AREA)


DRAWN: dict[str, Drawing] = {"noise": noise, "pages": text_page, "graphics": graphics}

GERMAN = [
    "Der Zug nach Berlin fährt heute später ab",
    "Wir haben gestern einen neuen Tisch gekauft",
    "Die Kinder spielen im Garten hinter dem Haus",
    "Er konnte die Tür nicht öffnen, weil der Schlüssel fehlte",
    "Das Wetter wird morgen wieder besser, sagt die Vorhersage",
    "Meine Schwester arbeitet seit zwei Jahren in einem Krankenhaus",
    "Bitte geben Sie mir ein Glas Wasser und die Rechnung",
    "Im Winter ist der See oft zugefroren und man kann darauf laufen",
]


def german(rng: np.random.Generator) -> str:
    first, second = rng.choice(len(GERMAN), 2, replace=False)
    return f"{GERMAN[first]}, {GERMAN[second].lower()}"


def letters(rng: np.random.Generator) -> str:
    return "".join(rng.choice(list(string.ascii_lowercase + "    "), 60))


def code(rng: np.random.Generator) -> str:
    a, b, c = rng.choice(list("abcxyzijk"), 3, replace=False)
    return f"def {a}{b}({c}, n={rng.integers(99)}): return [{c}[i] * n for i in range(len({c}))]"
