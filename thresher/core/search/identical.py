"""Equal rows: found by hash, confirmed value by value, in O(n d) time."""

from __future__ import annotations

import numpy as np

BLOCK_VALUES = 1 << 22


def first_equal(vectors: np.ndarray) -> np.ndarray:
    """Return for each row the position of the first row with the very same values.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, d)
        May be memory-mapped; read in blocks.

    Returns
    -------
    ndarray of int64, shape (n,)
        The row's own position where no earlier row is equal. All-zero rows count as equal to
        nothing, since a row without direction says nothing about its content.
    """
    n = len(vectors)
    hashes, nonzero = row_hashes(vectors)
    same_as = first_of_hashes(hashes, nonzero)
    later = np.flatnonzero(same_as != np.arange(n))
    step = _rows_per_block(vectors)
    for start in range(0, len(later), step):
        rows = later[start : start + step]
        # A hash shared by different rows is rare; such a row then stands for itself.
        equal = (vectors[rows] == vectors[same_as[rows]]).all(axis=1)
        same_as[rows[~equal]] = rows[~equal]
    return same_as


def first_of_hashes(hashes: np.ndarray, nonzero: np.ndarray) -> np.ndarray:
    """Return for each nonzero row, shape (n,), the position of the first row with its hash."""
    _, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    return np.where(nonzero, first[inverse], np.arange(len(hashes)))


def row_hashes(vectors: np.ndarray, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return a hash of each row, uint64 (n,), and whether it has a nonzero value, bool (n,)."""
    rng = np.random.default_rng(seed)
    weights = rng.integers(0, 2**64, vectors.shape[1], dtype=np.uint64) | 1
    hashes, nonzero = np.zeros(len(vectors), np.uint64), np.zeros(len(vectors), bool)
    step = _rows_per_block(vectors)
    for start in range(0, len(vectors), step):
        # Adding zero turns -0.0 into 0.0, which is equal but has other bits.
        block = np.ascontiguousarray(vectors[start : start + step], np.float32) + np.float32(0)
        nonzero[start : start + step] = block.any(axis=1)
        hashes[start : start + step] = block.view(np.uint32).astype(np.uint64) @ weights
    return hashes, nonzero


def _rows_per_block(vectors: np.ndarray) -> int:
    return max(1, BLOCK_VALUES // max(1, int(vectors.shape[1])))
