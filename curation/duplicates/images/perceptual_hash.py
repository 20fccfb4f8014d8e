"""Perceptual hashes of images: 64 bits that small edits change little.

The signs of the 8 × 8 lowest frequencies of a 32 × 32 gray thumbnail against their median (Zauner,
"Implementation and benchmarking of perceptual image hash functions", 2010). Copies that were
re-encoded or resized are within a few bits; cropped, turned or captioned ones are not, nor can a
hash tell look-alikes: `image_duplicates` finds more at ten times the cost. Cost: 0.1 ms an image,
n² / 2 comparisons of eight bytes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from thresher.core.counted import counted
from thresher.core.errors import InputError
from thresher.core.missing import read_values
from thresher.core.neighbors import MAX_PAIRS, NeighborGraph
from thresher.core.progress import track
from thresher.core.signatures import checked

from ..exact import checked_ids, group_by_content
from .views import gray_of

SIDE, FREQUENCIES = 32, 8
BITS = FREQUENCIES * FREQUENCIES
ROWS = 512
# An image whose frequencies are all weaker than this, in gray values, is of one color.
BLANK = 1e-3


@checked
def perceptual_hashes(images: np.ndarray | Sequence[np.ndarray | None]) -> np.ndarray:
    """Hash images of any size, ndarray of uint64, shape (n,).

    Parameters
    ----------
    images : sequence of ndarray of uint8, shape (h, w, 3), or None for one that cannot be read
        Those, and images of one color, get 0.

    Examples
    --------
    >>> import numpy as np
    >>> from curation import perceptual_hashes
    >>> image = np.random.default_rng(0).integers(0, 255, (16, 16, 3)).astype(np.uint8)
    >>> hashes = perceptual_hashes([image, image.repeat(4, axis=0).repeat(4, axis=1)])
    >>> hashes.dtype.name, bin(int(hashes[0] ^ hashes[1])).count("1") < 6
    ('uint64', True)
    """
    return np.array([_hash(image) for image in images], np.uint64)


def _hash(image: np.ndarray | None) -> int:
    import cv2

    if image is None:
        return 0
    small = cv2.resize(gray_of(image), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    low = cv2.dct(small.astype(np.float32))[:FREQUENCIES, :FREQUENCIES].ravel()
    if np.abs(low[1:]).max() < BLANK:
        return 0
    bits = low > np.median(low[1:])
    return int(np.packbits(bits).view(">u8")[0])


@checked
def hash_graph(
    hashes: np.ndarray,
    *,
    row_ids: np.ndarray | None = None,
    max_distance: int = 6,
    mirrored: np.ndarray | None = None,
) -> NeighborGraph:
    """Find all pairs of images whose hashes differ in few bits. Exact.

    Parameters
    ----------
    hashes : ndarray of uint64, shape (n,)
        Those of 0 are similar to nothing.
    row_ids : ndarray of str, shape (n,), optional
        Default ``"0"``, ``"1"``, ….
    max_distance : int
        Different bits, 0 to 31 of 64.
    mirrored : ndarray of uint64, shape (n,), optional
        Hashes of the mirror images, where those count as copies.

    Returns
    -------
    NeighborGraph
        Its similarities are 1 − bits / 64; its threshold that of `max_distance`.

    Raises
    ------
    InputError
        On a bad option, or more close pairs than memory should hold.

    Examples
    --------
    >>> import numpy as np
    >>> from curation import hash_graph, perceptual_hashes
    >>> images = np.random.default_rng(0).integers(0, 255, (3, 16, 16, 3)).astype(np.uint8)
    >>> images = images.repeat(8, axis=1).repeat(8, axis=2)
    >>> images[2] = images[0] // 2 + 60  # paler
    >>> hash_graph(perceptual_hashes(images), max_distance=6).pairs()[0].tolist()
    [0]
    """
    if not 0 <= max_distance < BITS // 2:
        raise InputError(f"`max_distance` must be from 0 to {BITS // 2 - 1}, got {max_distance}.")
    hashes, _ = read_values(hashes, name="hashes")
    if hashes.dtype == object:
        hashes, _ = read_values(hashes.tolist(), name="hashes")
    if hashes.ndim != 1 or hashes.dtype.kind not in "iu" or (hashes < 0).any():
        raise InputError(
            f"`hashes` must be what `perceptual_hashes` returns, uint64 of shape (n,), got "
            f"{hashes.dtype} of shape {hashes.shape}."
        )
    hashes = hashes.astype(np.uint64)
    ids = checked_ids(row_ids, rows=len(hashes))
    if mirrored is not None and np.shape(mirrored) != hashes.shape:
        raise InputError(f"`mirrored` must have shape {hashes.shape}, got {np.shape(mirrored)}.")
    sides = np.stack([hashes, hashes if mirrored is None else np.asarray(mirrored, np.uint64)])
    first, distinct = _first_equal(sides)
    left, right, bits = _close(sides[:, distinct], max_distance)
    return NeighborGraph.from_pairs(
        ids,
        (distinct[left], distinct[right], 1 - bits / BITS),
        threshold=1 - max_distance / BITS,
        method=f"perceptual hashes within {max_distance} of {BITS} bits"
        f"{'' if mirrored is None else ', mirrored too'}; exact",
        same_as=None if len(np.unique(first)) == len(hashes) else first,
    )


def _first_equal(sides: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first row of equal hashes for each row, and those rows that have a hash."""
    keys = np.array([f"{a:x} {b:x}" if a else "" for a, b in sides.T.tolist()], dtype=str)
    _, place, inverse = np.unique(group_by_content(keys), return_index=True, return_inverse=True)
    first = np.asarray(place[inverse], np.int64)
    return first, np.flatnonzero((first == np.arange(len(first))) & (sides[0] != 0))


def _close(sides: np.ndarray, limit: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    found = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64))]
    total, n = 0, sides.shape[1]
    both = (sides[0] != sides[1]).any()
    for start in track(range(0, n, ROWS), description="compare hashes"):
        rows = sides[0, start : start + ROWS, None]
        bits = np.bitwise_count(rows ^ sides[0, start:])
        if both:
            bits = np.minimum(bits, np.bitwise_count(rows ^ sides[1, start:]))
        row, column = np.nonzero(bits <= limit)
        row, column = row[column > row], column[column > row]
        found.append((row + start, column + start, bits[row, column].astype(np.int64)))
        total += len(row)
        if total > MAX_PAIRS:
            raise InputError(
                f"More than {MAX_PAIRS:,} pairs are within {counted(limit, 'bit')}: lower "
                "`max_distance`."
            )
    left, right, distance = (np.concatenate(part) for part in zip(*found, strict=True))
    return left, right, distance
