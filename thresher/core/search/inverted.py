"""The same partition searched by FAISS, for comparison and for those who have tuned it.

An ``IndexIVFFlat`` (Sivic and Zisserman, 2003; Douze et al., 2024) over the same centroids, so that
the cells to look into are chosen, and the recall is measured, as for our own search.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..progress import track
from .exhaustive import MARGIN, SPARE, rescored

QUERY_ROWS = 4096


def build_index(vectors: np.ndarray, centroids: np.ndarray) -> Any:
    """Return a FAISS index of all rows, one inverted list a cell."""
    import faiss

    d = vectors.shape[1]
    quantizer = faiss.IndexFlatIP(d)
    quantizer.add(np.ascontiguousarray(centroids, np.float32))
    index = faiss.IndexIVFFlat(quantizer, d, len(centroids), faiss.METRIC_INNER_PRODUCT)
    for start in range(0, len(vectors), QUERY_ROWS):
        index.add(np.ascontiguousarray(vectors[start : start + QUERY_ROWS], np.float32))
    return index


def close_pairs(
    index: Any, vectors: np.ndarray, probes: int, *, threshold: float
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield candidate pairs, lower position first; a pair may come from either side's query."""
    index.nprobe = probes
    n = np.int64(len(vectors))
    for start in track(range(0, len(vectors), QUERY_ROWS), description="search with FAISS"):
        block = np.ascontiguousarray(vectors[start : start + QUERY_ROWS], np.float32)
        limits, _, second = index.range_search(block, float(threshold - MARGIN))
        first = np.repeat(np.arange(start, start + len(block)), np.diff(limits.astype(np.int64)))
        other = first != second
        first, second = first[other], second[other].astype(np.int64)
        if len(first):
            yield np.divmod(np.unique(np.minimum(first, second) * n + np.maximum(first, second)), n)


def nearest_rows(
    index: Any, vectors: np.ndarray, probes: int, *, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return indices and similarities of the `k` nearest, shapes (n, k); −1 where there is none."""
    index.nprobe = probes
    indices = np.full((len(vectors), k), -1, np.int64)
    similarities = np.full((len(vectors), k), -np.inf, np.float32)
    for start in track(range(0, len(vectors), QUERY_ROWS), description="search with FAISS"):
        rows = np.arange(start, min(start + QUERY_ROWS, len(vectors)))
        block = np.ascontiguousarray(vectors[rows[0] : rows[-1] + 1], np.float32)
        scores, found = index.search(block, k + 1 + SPARE)
        found[(found == rows[:, None]) | (scores <= 0)] = -1
        best, value = rescored(vectors, vectors, rows, found, k=k)
        indices[rows, : best.shape[1]], similarities[rows, : best.shape[1]] = best, value
    indices[similarities == -np.inf] = -1
    return indices, similarities
