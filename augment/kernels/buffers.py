"""Memory of results, used again once nobody holds it; images a block at a time.

Memory that a process touches for the first time is costly: on a virtual machine a fresh batch of
224-pixel images cost 70 µs an image, flipping them 10. A block is handed out again only when no
array or tensor refers to it any more, which CPython's reference counts tell.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from threading import Lock

import numpy as np

# Smaller arrays are left to the allocator, larger ones would keep too much memory.
SMALLEST, LARGEST = 2**16, 2**28
# Bytes that are kept at most while nobody uses them.
MOST_KEPT = 2**28
# Images worked on at a time, in bytes: a block and its result stay in the second-level cache.
BLOCK = 2**18
# Neighbors in a block at least, where nothing is gained from what is still in the cache: NumPy's
# calls would take longer than a few images. `equalize` at 224×224: 179 µs an image one by one, 117.
LEAST = 8
LARGEST_BLOCK = 2**22

_blocks: list[np.ndarray] = [np.empty(0, dtype=np.uint8)]
_lock = Lock()
# What the interpreter counts for a block that only the list refers to.
_IDLE = sys.getrefcount(_blocks[0]) if hasattr(sys, "getrefcount") else -1


def take_memory(shape: tuple[int, ...]) -> np.ndarray:
    """Return a contiguous uint8 array of a shape, with undefined values, that nobody else holds."""
    size = math.prod(shape)
    if _IDLE < 0 or not SMALLEST <= size <= LARGEST:
        return np.empty(shape, dtype=np.uint8)
    with _lock:
        return _find(size)[:size].reshape(shape)


def _find(size: int) -> np.ndarray:
    for place in range(len(_blocks)):
        # Not much larger than asked for: a small result must not hold a large block.
        if size <= _blocks[place].size <= 2 * size and sys.getrefcount(_blocks[place]) == _IDLE:
            return _blocks[place]
    block = np.empty(size, dtype=np.uint8)
    # The oldest are forgotten; memory that is in use stays with its users.
    while _blocks and size + sum(one.size for one in _blocks) > MOST_KEPT:
        del _blocks[0]
    _blocks.append(block)
    return block


def copy_images(source: np.ndarray, target: np.ndarray, rows: np.ndarray) -> None:
    """Copy the images at `rows` of `source` to the same places of `target`."""
    if source[:1].nbytes * 8 < BLOCK:
        target[rows] = source[rows]
        return
    for row in rows.tolist():
        target[row] = source[row]


def block_length(images: np.ndarray, *, least: int = 1) -> int:
    """Return how many of the images make a block: at least `least` if they are not very large."""
    size = max(1, images[:1].nbytes)
    return max(1, BLOCK // size, min(least, LARGEST_BLOCK // size))


def in_blocks(
    source: np.ndarray, target: np.ndarray, positions: np.ndarray, *, least: int = 1
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Yield (places in `positions`, images to read, images to write), a block at a time.

    Neighbors are read and written where they are, `least` or more at a time, others through a
    copy; either may be one array.
    """
    near = bool((positions[1:] - positions[:-1] == 1).all())
    size = block_length(source, least=least if near else 1)
    for start in range(0, len(positions), size):
        places = slice(start, start + size)
        part = positions[places]
        if near or len(part) == 1:
            there = slice(int(part[0]), int(part[0]) + len(part))
            yield places, source[there], target[there]
            continue
        read, write = source[part], take_memory((len(part), *source.shape[1:]))
        yield places, read, write
        target[part] = write
