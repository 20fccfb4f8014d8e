"""22 kinds of damage that anyone sees in a photograph; each takes (image, generator), uint8 RGB.

Strengths are drawn at random where a kind has one. `None` stands for a file that cannot be read.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

Damage = Callable[[np.ndarray, np.random.Generator], np.ndarray | None]


def unreadable(image: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:  # noqa: ARG001
    return None


def blank(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.full_like(image, rng.integers(0, 256, 3))


def dark(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    return (image * 0.2).astype(np.uint8)


def overexposed(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return 255 - ((255 - image) * rng.uniform(0.03, 0.1)).astype(np.uint8)


def low_contrast(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return (image * 0.08 + rng.uniform(80, 150)).astype(np.uint8)


def out_of_focus(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    side = min(image.shape[:2])
    return cv2.GaussianBlur(image, (0, 0), side * rng.uniform(0.02, 0.04))


def shaken(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Average along a line of 12 to 20 % of the side, in a direction drawn at random."""
    length = max(3, round(min(image.shape[:2]) * rng.uniform(0.12, 0.2)))
    line = np.zeros((length, length), np.float32)
    line[length // 2] = 1
    turn = cv2.getRotationMatrix2D(((length - 1) / 2,) * 2, rng.uniform(0, 180), 1)
    kernel = cv2.warpAffine(line, turn, (length, length))
    return cv2.filter2D(image, -1, kernel / kernel.sum())


def grainy(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    noise = rng.normal(0, rng.uniform(40, 70), image.shape)
    return (image + noise).clip(0, 255).astype(np.uint8)


def static(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, image.shape, dtype=np.uint8)


def on_its_side(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.ascontiguousarray(np.rot90(image, rng.choice([1, 3])))


def on_its_head(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    return np.ascontiguousarray(image[::-1, ::-1])


def swapped(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    return np.ascontiguousarray(image[..., ::-1])


def negative(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    return 255 - image


def cut_off(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    """Fill the lower two thirds with gray, as decoders do where a file ends too early."""
    result = image.copy()
    result[len(image) // 3 :] = 128
    return result


def letterbox(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Lay bars of black or white over two opposite edges, 12 to 20 % each."""
    result = image.copy()
    lines = result if rng.random() < 0.5 else result.transpose(1, 0, 2)
    bar = round(len(lines) * rng.uniform(0.12, 0.2))
    lines[:bar] = lines[-bar:] = rng.choice([0, 255])
    return result


def pixelated(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    height, width = image.shape[:2]
    by = rng.uniform(0.05, 0.1)
    size = max(2, round(width * by)), max(2, round(height * by))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)


def crushed(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    """Save as JPEG of quality 3."""
    stored = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 3])[1]
    return np.ascontiguousarray(cv2.imdecode(stored, cv2.IMREAD_COLOR)[..., ::-1])


WORDS = "the quick brown fox jumps over a lazy dog while many sheep sleep near old stone walls"


def page(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a scanned page of text, of the size of the image."""
    height, width = image.shape[:2]
    scale = 4
    paper = np.full((height * scale, width * scale), rng.integers(235, 256), np.uint8)
    size, margin = rng.uniform(0.8, 1.4), round(width * scale * 0.08)
    step = round(34 * size)
    for top in range(margin + step, height * scale - margin, step):
        line, words = "", WORDS.split()
        while cv2.getTextSize(line, cv2.FONT_HERSHEY_COMPLEX, size, 2)[0][0] < (
            (width * scale - 2 * margin) * (rng.uniform(0.5, 0.9) if rng.random() < 0.2 else 0.9)
        ):
            line += str(rng.choice(words)) + " "
        cv2.putText(paper, line, (margin, top), cv2.FONT_HERSHEY_COMPLEX, size, 30, 2)
    paper[:, width * scale - margin // 2 :] = paper[0, 0]
    small = cv2.resize(paper, (width, height), interpolation=cv2.INTER_AREA)
    noisy = small + rng.normal(0, 2, small.shape)
    return np.repeat(noisy.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


def sheared(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Read the pixels with a wrong width: each line starts a few pixels later than the last."""
    height, width = image.shape[:2]
    step = max(3, round(width * rng.uniform(0.1, 0.4)))
    starts = step * np.arange(height)[:, None]
    return image[np.arange(height)[:, None], (np.arange(width) + starts) % width]


def strip(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    height = max(2, round(image.shape[1] * rng.uniform(0.08, 0.15)))
    top = int(rng.integers(max(1, len(image) - height)))
    return np.ascontiguousarray(image[top : top + height])


def tiny(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    by = rng.uniform(0.06, 0.1)
    return cv2.resize(image, None, fx=by, fy=by, interpolation=cv2.INTER_AREA)


def tinted(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Lose one or two of the three channels."""
    result = image.copy()
    lost = rng.choice(3, rng.integers(1, 3), replace=False)
    result[..., lost] = 0
    return result


DAMAGES: dict[str, Damage] = {
    "unreadable": unreadable,
    "one color": blank,
    "dark, × 0.2": dark,
    "overexposed": overexposed,
    "contrast × 0.08": low_contrast,
    "out of focus": out_of_focus,
    "shaken": shaken,
    "grain": grainy,
    "static": static,
    "turned by 90°": on_its_side,
    "turned by 180°": on_its_head,
    "red and blue swapped": swapped,
    "negative": negative,
    "cut file": cut_off,
    "letterbox bars": letterbox,
    "pixelated": pixelated,
    "JPEG quality 3": crushed,
    "scanned page": page,
    "wrong line width": sheared,
    "narrow strip": strip,
    "tiny": tiny,
    "channels lost": tinted,
}


def plant(
    images: list[np.ndarray], *, each: int, seed: int
) -> tuple[list[np.ndarray | None], np.ndarray]:
    """Damage `each` images of every kind; return all images and their damage, ``""`` for none."""
    rng = np.random.default_rng(seed)
    kinds = np.repeat(list(DAMAGES), each)
    rows = rng.choice(len(images), len(kinds), replace=False)
    result: list[np.ndarray | None] = list(images)
    damage = np.full(len(images), "", dtype=object)
    for row, kind in zip(rows.tolist(), kinds.tolist(), strict=True):
        result[row], damage[row] = DAMAGES[kind](images[row], rng), kind
    return result, damage
