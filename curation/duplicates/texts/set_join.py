"""Pairs of similar sets: candidates by prefix filter (exact) or MinHash (for large corpora).

Prefix filter: two sets with Jaccard similarity of at least t share one of their |x| − ⌈t |x|⌉ + 1
rarest members (Chaudhuri, Ganti, Kaushik, ICDE 2006; Bayardo, Ma, Srikant, WWW 2007). MinHash:
Broder 1997, banded as in Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", ch. 3. Every
candidate's similarity is then counted exactly.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from thresher.core.errors import TooManyPairs
from thresher.core.neighbors import MAX_PAIRS
from thresher.core.numerics.hashing import splitmix64
from thresher.core.progress import track

from .shingles import Shingles

PERMUTATIONS = 128
CAUGHT_AT_THRESHOLD = 0.995
CHUNK = 1 << 18


def prefix_cost(shingles: Shingles, threshold: float) -> int:
    """Return the number of candidates, repeats included, that the prefix filter would make."""
    members, _ = _prefixes(shingles, threshold)
    _, counts = np.unique(members, return_counts=True)
    return int((counts.astype(np.int64) * (counts - 1) // 2).sum())


def prefix_candidates(shingles: Shingles, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Return all pairs of sets that could reach `threshold`, and more; first < second."""
    members, owners = _prefixes(shingles, threshold)
    return _pairs_sharing(members, owners, shingles.sizes, threshold)


def _prefixes(shingles: Shingles, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    _, inverse, counts = np.unique(shingles.hashes, return_inverse=True, return_counts=True)
    owners, sizes = shingles.owners, shingles.sizes
    order = np.lexsort((inverse, counts[inverse], owners))
    place = np.arange(len(owners)) - np.repeat(shingles.indptr[:-1], sizes)
    length = sizes - np.ceil(threshold * sizes - 1e-9).astype(np.int64) + 1
    early = place < length[owners]
    return inverse[order][early], owners[early]


def minhash_candidates(
    shingles: Shingles, threshold: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs of sets that agree in a band of MinHash values; first < second.

    Each pair at `threshold` is among them with probability of at least 0.995, more similar pairs
    with a higher one. Empty sets are in no pair.
    """
    bands, rows = choose_bands(threshold)
    filled = np.flatnonzero(shingles.sizes > 0)
    keys = np.zeros((bands, len(filled)), np.uint64)
    for band in track(range(bands), description="hash texts"):
        for _ in range(rows):
            keys[band] = splitmix64(keys[band] ^ _minima(shingles, filled, rng))
    owners = np.tile(filled, bands)
    return _pairs_sharing(keys.ravel(), owners, shingles.sizes, threshold)


def choose_bands(threshold: float) -> tuple[int, int]:
    """Return (bands, rows) with the most rows that still catch nearly all pairs at `threshold`."""
    for rows in range(PERMUTATIONS, 1, -1):
        bands = PERMUTATIONS // rows
        if 1 - (1 - threshold**rows) ** bands >= CAUGHT_AT_THRESHOLD:
            return bands, rows
    return PERMUTATIONS, 1


def _minima(shingles: Shingles, filled: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the smallest value of each non-empty set under one random permutation."""
    odd, shift = rng.integers(0, 2**64, 2, dtype=np.uint64)
    result = np.empty(len(filled), np.uint64)
    starts, stops = shingles.indptr[filled], shingles.indptr[filled + 1]
    low = 0
    while low < len(filled):
        high = max(low + 1, int(np.searchsorted(stops, starts[low] + CHUNK, side="right")))
        values = shingles.hashes[starts[low] : stops[high - 1]] * (odd | np.uint64(1)) + shift
        # The low bits of a product are no permutation worth the name: fold the high ones in.
        values ^= values >> np.uint64(32)
        values *= np.uint64(0xD6E8FEB86659FD93)
        result[low:high] = np.minimum.reduceat(values, starts[low:high] - starts[low])
        low = high
    return result


def _pairs_sharing(
    keys: np.ndarray, owners: np.ndarray, sizes: np.ndarray, threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of owners that share a key and whose sizes allow `threshold`."""
    order = np.lexsort((sizes[owners], keys))
    keys, owners = keys[order], owners[order]
    _, starts, counts = np.unique(keys, return_index=True, return_counts=True)
    ends = np.repeat(starts + counts, counts)
    found = [np.empty(0, np.int64)]
    held, n = 0, len(sizes)
    # Each entry meets the entries behind it, one step further in every round.
    places = np.arange(len(keys))
    for step in range(1, int(counts.max(initial=0))):
        places = places[places + step < ends[places]]
        left, right = owners[places], owners[places + step]
        # Sizes rise within a key: a partner that is too large ends the row.
        close = sizes[left] >= threshold * sizes[right] - 1e-9
        places, left, right = places[close], left[close], right[close]
        if not len(places):
            break
        pairs = np.minimum(left, right) * np.int64(n) + np.maximum(left, right)
        found.append(pairs[left != right])
        held += len(pairs)
        if held > 2 * MAX_PAIRS:
            found, held = _deduplicated(found, threshold)
    return np.divmod(_deduplicated(found, threshold)[0][0], max(1, n))


def _deduplicated(parts: list[np.ndarray], threshold: float) -> tuple[list[np.ndarray], int]:
    # Sorted, not hashed as by `numpy.unique`, which takes 60 times as long for 10 million numbers.
    pairs = np.sort(np.concatenate(parts))
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]
    if len(pairs) > MAX_PAIRS:
        higher = f"{(1 + threshold) / 2:.4g}"
        raise TooManyPairs(
            f"More than {MAX_PAIRS:,} pairs of texts may have a similarity of {threshold:.4g}, too "
            "many to compare: they say nearly the same, as made by a pattern. Give a higher "
            f"`threshold`, such as {higher} (`thresher curate --set find.near_threshold={higher}`, "
            f"`thresher curate duplicates --threshold {higher}`), or look for equal ones alone "
            "(`thresher curate duplicates --exact`)."
        )
    return [pairs], len(pairs)


def jaccard(matrix: sparse.csr_matrix, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the Jaccard similarity of pairs of rows of a 0–1 matrix, float32, shape (m,)."""
    sizes = np.diff(matrix.indptr)
    result = np.zeros(len(first), np.float32)
    step = 1 << 16
    for start in range(0, len(first), step):
        left, right = first[start : start + step], second[start : start + step]
        shared = np.asarray(matrix[left].multiply(matrix[right]).sum(axis=1)).ravel()
        result[start : start + step] = shared / (sizes[left] + sizes[right] - shared)
    return result
