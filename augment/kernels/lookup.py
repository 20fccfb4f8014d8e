"""Look-up tables on bytes, for each image (or plane of one) a table of its own.

StringZilla does it in vector registers: at 32×32×3 it takes .3 µs an image, at 224×224×3 3 µs,
where OpenCV's LUT takes 1.7 and 46. Where it cannot be loaded OpenCV does the same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from importlib import import_module

import cv2
import numpy as np

from .buffers import take_memory

# Bytes of an image from which on it is copied and changed before the next one.
_APART = 2**14


def look_up(source: np.ndarray, target: np.ndarray, tables: np.ndarray) -> None:
    """Write the images of `source` (n, …) to `target` through uint8 `tables` (n, 256).

    All are contiguous; both may be one array.
    """
    size = target[:1].size
    # A large image is copied alone: it is then still in the second-level cache.
    apart = source is not target and size > _APART
    if source is not target and not apart:
        np.copyto(target, source)
    translate = _translate() or _by_opencv
    values, levels = target.reshape(-1).data, tables.reshape(-1).data
    for place in range(len(target)):
        if apart:
            np.copyto(target[place], source[place])
        part = values[place * size : (place + 1) * size]
        translate(part, levels[place * 256 : (place + 1) * 256], inplace=True)


def look_up_channels(
    source: np.ndarray, target: np.ndarray, find: Callable[[np.ndarray], np.ndarray]
) -> None:
    """Do the same to images (n, H, W, C) with a table for each channel.

    `find` is given the planes (C · n, H, W), those of the first channel first, and returns the
    tables (C · n, 256).
    """
    n, height, width, channels = source.shape
    tall = (n * height, width, channels)
    split = take_memory((channels, n * height, width))
    cv2.split(source.reshape(tall), tuple(split))
    planes = split.reshape(channels * n, height, width)
    look_up(planes, planes, find(planes))
    cv2.merge(tuple(split), target.reshape(tall))


def _by_opencv(values: memoryview, levels: memoryview, *, inplace: bool) -> None:  # noqa: ARG001
    line = np.frombuffer(values, dtype=np.uint8)[None]
    cv2.LUT(line, np.frombuffer(levels, dtype=np.uint8), line)


@lru_cache(maxsize=1)
def _translate() -> Callable[..., None] | None:
    try:
        return import_module("stringzilla").translate  # type: ignore[no-any-return]
    except (ImportError, AttributeError):
        return None
