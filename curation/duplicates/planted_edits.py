"""Small edits that leave a row the same to a person: what near-duplicate search should find."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np

ImageEdit = Callable[[np.ndarray, np.random.Generator], np.ndarray]
TextEdit = Callable[[str, np.random.Generator], str]


def recompressed(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    """Save as JPEG of quality 40 and read again."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=40)
    return np.asarray(Image.open(stream).convert("RGB"))


def brightened(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Make all pixels 10–25 % brighter or darker."""
    factor = 1 + rng.uniform(0.1, 0.25) * rng.choice([-1, 1])
    return np.asarray((image * factor).clip(0, 255).round().astype(np.uint8))


def resized(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shrink to 50–80 % and back."""
    import cv2

    height, width = image.shape[:2]
    factor = rng.uniform(0.5, 0.8)
    small = max(1, round(width * factor)), max(1, round(height * factor))
    shrunk = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(shrunk, (width, height), interpolation=cv2.INTER_LINEAR))


def shifted(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Move by 3–6 % of the side, one pixel at least, repeating the edge."""
    moves = [_shift(size, rng) for size in image.shape[:2]]
    spans = [np.clip(np.arange(n) + m, 0, n - 1) for n, m in zip(image.shape, moves, strict=False)]
    return image[np.ix_(*spans)]


def _shift(size: int, rng: np.random.Generator) -> int:
    return int(max(1, round(size * rng.uniform(0.03, 0.06))) * rng.choice([-1, 1]))


def mirrored(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    """Swap left and right."""
    return np.ascontiguousarray(image[:, ::-1])


def mistyped(text: str, rng: np.random.Generator) -> str:
    """Swap two neighboring letters, once in every forty characters and once at least."""
    letters = list(text)
    for _ in range(max(1, len(text) // 40)):
        if len(letters) > 1:
            place = int(rng.integers(len(letters) - 1))
            letters[place], letters[place + 1] = letters[place + 1], letters[place]
    return "".join(letters)


def restyled(text: str, rng: np.random.Generator) -> str:
    """Change the case and the final punctuation."""
    bare = text.rstrip(" .!?")
    ending = str(rng.choice([".", "!", "", " ."]))
    return (bare.upper() if rng.random() < 0.3 else bare.lower()) + ending


def shortened(text: str, rng: np.random.Generator) -> str:
    """Leave out one word."""
    words = text.split()
    if len(words) > 1:
        del words[int(rng.integers(len(words)))]
    return " ".join(words)


IMAGE_EDITS: dict[str, ImageEdit] = {
    "jpeg": recompressed,
    "brightness": brightened,
    "resize": resized,
    "shift": shifted,
    "mirror": mirrored,
}
TEXT_EDITS: dict[str, TextEdit] = {
    "typo": mistyped,
    "case and punctuation": restyled,
    "dropped word": shortened,
}
