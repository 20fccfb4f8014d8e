"""Numbers that both backends need: noise for erased boxes, weights for blurs and sharpening."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from thresher.core.numerics.hashing import STEP, mix64

# Words of noise drawn at a time: their array stays in the second-level cache.
_WORDS = 2**13
_STEPS = np.arange(1, _WORDS + 1, dtype=np.uint64) * STEP


def fill_boxes(images: Sequence[np.ndarray], rows: np.ndarray) -> None:
    """Fill a box of each image (H, W, C): rows (top, left, bottom, right, fill, noise).

    A box with a noise number below 0 gets the level `fill`, another one noise from that number.
    """
    parts = [
        image[top:bottom, left:right]
        for image, (top, left, bottom, right) in zip(
            images, rows[:, :4].astype(int).tolist(), strict=True
        )
    ]
    noisy = np.flatnonzero(rows[:, 5] >= 0)
    sizes = [parts[place].size for place in noisy.tolist()]
    for place, noise in zip(noisy.tolist(), _noises(sizes, rows[noisy, 5]), strict=True):
        parts[place][...] = noise.reshape(parts[place].shape)
    for place in np.flatnonzero(rows[:, 5] < 0).tolist():
        parts[place][...] = int(rows[place, 4])


def _noises(sizes: Sequence[int], numbers: np.ndarray) -> Iterator[np.ndarray]:
    """Yield so many uint8 of noise for each number, an integer below 2**53 given as a float."""
    words = np.array(sizes, dtype=np.int64) // 8 + 1
    for part in _groups(words):
        ends = np.cumsum(words[part]).tolist()
        # Each box counts its own words from 1, whatever other boxes there are.
        counts, starts = words[part].tolist(), numbers[part].astype(np.uint64)
        steps = _steps(max(counts))
        values = np.empty(ends[-1], dtype=np.uint64)
        for end, own, start in zip(ends, counts, starts, strict=True):
            np.add(steps[:own], start, out=values[end - own : end])
        octets = mix64(values).astype("<u8", copy=False).view(np.uint8)
        for end, own, size in zip(ends, counts, sizes[part], strict=True):
            yield octets[8 * (end - own) : 8 * (end - own) + size]


def _steps(count: int) -> np.ndarray:
    """Return the first multiples of `STEP`, from once on, uint64 (count,)."""
    if count <= len(_STEPS):
        return _STEPS[:count]
    return np.arange(1, count + 1, dtype=np.uint64) * STEP


def _groups(words: np.ndarray) -> Iterator[slice]:
    """Yield neighboring boxes, so many that their noise stays in the cache, at least one."""
    start, total = 0, 0
    for place, own in enumerate(words.tolist()):
        if place > start and total + own > _WORDS:
            yield slice(start, place)
            start, total = place, 0
        total += own
    if len(words):
        yield slice(start, len(words))


def sharpen_shares(factor: np.ndarray) -> np.ndarray:
    """Return (n, 2): how much of the image and of its 3×3 mean a sharpened image holds.

    PIL's smoothing is the 3×3 sum plus four times the center, divided by 13.
    """
    smooth = 1 - factor
    return np.stack([factor + smooth * (4 / 13), smooth * (9 / 13)], axis=1)


def gaussian_weights(sigma: np.ndarray, radius: int) -> np.ndarray:
    """Return weights in 256ths, float32 (n, 2·radius + 1), symmetric, each row's sum exactly 256.

    A row reaches three standard deviations to each side. Whole 256ths make blurring exact in
    integers, so that it gives the same bits everywhere and leaves even areas as they are.
    """
    place = np.arange(-radius, radius + 1)[None, :]
    weights = np.exp(-0.5 * (place / np.maximum(sigma, 1e-3)[:, None]) ** 2)
    weights[np.abs(place) > np.ceil(3 * sigma)[:, None]] = 0
    # Rounding the running sum keeps what tails smaller than half a 256th add up to.
    sums = np.round(np.cumsum(weights, axis=1) * (256 / weights.sum(axis=1, keepdims=True)))
    side = np.diff(sums[:, :radius], axis=1, prepend=0)
    center = 256 - 2 * side.sum(axis=1, keepdims=True)
    return np.concatenate([side, center, side[:, ::-1]], axis=1).astype(np.float32)
