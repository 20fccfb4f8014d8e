"""Exhaustive search in blocks: every similarity is computed, few are kept. O(n m d) time.

Products are float32 matrix multiplications (BLAS, or PyTorch on CUDA); every pair that could pass
is then scored again in float64 and rounded to float32, so that a similarity does not depend on
block sizes, row order or device.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..counted import counted
from ..errors import TooManyPairs
from ..neighbors import MAX_PAIRS
from ..progress import track

if TYPE_CHECKING:
    import torch

# Float32 products of unit vectors are off by less than this.
MARGIN = 2e-6
QUERY_ROWS, REFERENCE_ROWS = 1024, 4096
CUDA_ROWS = 16_384
SPARE = 8
# Products are looked through in so many groups; where more than so many times those wanted pass a
# floor, all are sorted out instead.
GROUPS, CROWDED = 128, 8

Pairs = tuple[np.ndarray, np.ndarray, np.ndarray]


def similarity(
    first_vectors: np.ndarray, second_vectors: np.ndarray, first: np.ndarray, second: np.ndarray
) -> np.ndarray:
    """Return the cosine of each pair of rows, float32, shape (m,)."""
    result = np.empty(len(first), np.float32)
    step = max(1, (1 << 21) // max(1, first_vectors.shape[1]))
    for start in range(0, len(first), step):
        span = slice(start, start + step)
        left = first_vectors[first[span]].astype(np.float64)
        result[span] = np.einsum("ij,ij->i", left, second_vectors[second[span]])
    return np.clip(result, -1, 1)


def pairs_above(
    queries: np.ndarray,
    references: np.ndarray | None = None,
    *,
    threshold: float,
    device: str = "cpu",
    max_pairs: int = MAX_PAIRS,
) -> Pairs:
    """Find all pairs with a similarity of at least `threshold`.

    Parameters
    ----------
    queries, references : ndarray of float32, shapes (n, d) and (m, d)
        Unit length or zero. Without `references`, each pair within `queries` once, first < second.
    device : {"cpu", "cuda"}

    Returns
    -------
    (first, second, similarities)
        Sorted by first, then second; positions in `queries` and in `references`.

    Raises
    ------
    TooManyPairs
        When more than `max_pairs` pairs pass, before memory runs out.
    """
    blocks = _cuda_blocks if device == "cuda" else close_blocks
    collector = PairCollector(queries, references, threshold=threshold, max_pairs=max_pairs)
    for first, second in blocks(queries, references, np.float32(threshold - MARGIN)):
        collector.add(first, second)
    return collector.result()


class PairCollector:
    """Candidate pairs, scored as they come and kept if they pass."""

    def __init__(
        self,
        queries: np.ndarray,
        references: np.ndarray | None,
        *,
        threshold: float,
        max_pairs: int = MAX_PAIRS,
    ) -> None:
        self.queries = queries
        self.references = queries if references is None else references
        self.threshold = np.float32(threshold)
        self.max_pairs = max_pairs
        self._parts: list[Pairs] = []
        self._count = 0

    def add(self, first: np.ndarray, second: np.ndarray) -> None:
        """Score pairs, shape (m,) each, and keep those at or above the threshold."""
        scores = similarity(self.queries, self.references, first, second)
        passed = scores >= self.threshold
        self._parts.append((first[passed], second[passed], scores[passed]))
        self._count += int(passed.sum())
        if self._count > self.max_pairs:
            raise TooManyPairs(
                f"More than {counted(self.max_pairs, 'pair has', 'pairs have')} a similarity of "
                f"{self.threshold:g} or more, too many to hold in memory: raise the threshold, or "
                "keep the pairs on disk with curation.sharded.curate_shards (`thresher curate "
                "shards`)."
            )

    def result(self) -> Pairs:
        """Return each pair once, sorted by first, then second."""
        if not self._parts:
            nothing = np.empty(0, np.int64)
            return nothing, nothing, np.empty(0, np.float32)
        first, second, scores = (np.concatenate(part) for part in zip(*self._parts, strict=True))
        keys = first * np.int64(len(self.references)) + second
        _, once = np.unique(keys, return_index=True)
        return first[once], second[once], scores[once]


def close_blocks(
    queries: np.ndarray, references: np.ndarray | None, threshold: np.float32
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the pairs with a float32 product of at least `threshold`, a block of rows at a time."""
    columns = queries if references is None else references
    starts = range(0, len(queries), QUERY_ROWS)
    for start in track(starts, description="compare all pairs"):
        block = np.asarray(queries[start : start + QUERY_ROWS])
        origin = start if references is None else 0
        for column in range(origin, len(columns), REFERENCE_ROWS):
            products = block @ np.asarray(columns[column : column + REFERENCE_ROWS]).T
            hits = np.flatnonzero(products >= threshold)
            first, second = np.divmod(hits, products.shape[1])
            yield from _shifted(first + start, second + column, within=references is None)


def _shifted(
    first: np.ndarray, second: np.ndarray, *, within: bool
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    if within:
        upper = first < second
        first, second = first[upper], second[upper]
    if len(first):
        yield first, second


def _cuda_blocks(
    queries: np.ndarray, references: np.ndarray | None, threshold: np.float32
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    columns = queries if references is None else references
    starts = range(0, len(queries), CUDA_ROWS)
    for start in track(starts, description="compare all pairs (CUDA)"):
        block = _on_cuda(queries[start : start + CUDA_ROWS])
        origin = start if references is None else 0
        for column in range(origin, len(columns), CUDA_ROWS):
            products = _full_precision(block, _on_cuda(columns[column : column + CUDA_ROWS]))
            hits = (products >= float(threshold)).nonzero().cpu().numpy()
            yield from _shifted(hits[:, 0] + start, hits[:, 1] + column, within=references is None)


def _on_cuda(rows: np.ndarray) -> torch.Tensor:
    import torch

    return torch.from_numpy(np.array(rows, np.float32)).cuda()


def _full_precision(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Multiply without TF32, whose error of 1e-3 would lose pairs, whatever the user has set."""
    import torch

    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        return left @ right.T
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def top_k(
    queries: np.ndarray,
    references: np.ndarray | None = None,
    *,
    k: int,
    device: str = "cpu",
) -> tuple[np.ndarray, np.ndarray]:
    """Find the k most similar references of every query.

    Parameters
    ----------
    queries, references : ndarray of float32, shapes (n, d) and (m, d)
        Unit length or zero. Without `references`, neighbors within `queries`, never the row
        itself. Zero rows have no neighbors and are nobody's.
    device : {"cpu", "cuda"}

    Returns
    -------
    indices : ndarray of int64, shape (n, k)
        Most similar first, ties by position; −1 where there are fewer than k.
    similarities : ndarray of float32, shape (n, k)
        −inf where `indices` is −1.
    """
    columns = queries if references is None else references
    width = min(k + SPARE, len(columns))
    alive = np.flatnonzero(_nonzero(columns))
    indices = np.full((len(queries), k), -1, np.int64)
    similarities = np.full((len(queries), k), -np.inf, np.float32)
    blocks = _cuda_candidates if device == "cuda" else _cpu_candidates
    for rows, found in blocks(queries, columns, alive, width=width, within=references is None):
        best = rescored(queries, columns, rows, found, k=k)
        indices[rows, : best[0].shape[1]], similarities[rows, : best[1].shape[1]] = best
    return indices, similarities


def rescored(
    queries: np.ndarray, columns: np.ndarray, rows: np.ndarray, found: np.ndarray, *, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Score candidates, shape (b, w), −1 for none, and return the best k of each row, in order."""
    scores = np.full(found.shape, -np.inf, np.float32)
    row, column = np.nonzero(found >= 0)
    scores[row, column] = similarity(queries, columns, rows[row], found[row, column])
    order = np.lexsort((found, -scores), axis=1)[:, :k]
    return np.take_along_axis(found, order, 1), np.take_along_axis(scores, order, 1)


def _nonzero(vectors: np.ndarray) -> np.ndarray:
    steps = range(0, len(vectors), 65_536)
    parts = [np.asarray(vectors[start : start + 65_536]).any(axis=1) for start in steps]
    return np.concatenate(parts) if parts else np.zeros(0, bool)


def _cpu_candidates(
    queries: np.ndarray, columns: np.ndarray, alive: np.ndarray, *, width: int, within: bool
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    starts = range(0, len(queries), QUERY_ROWS)
    for start in track(starts, description="find nearest rows"):
        rows = np.arange(start, min(start + QUERY_ROWS, len(queries)))
        block = np.asarray(queries[rows[0] : rows[-1] + 1])
        best = np.full((len(rows), 0), -1, np.int64), np.empty((len(rows), 0), np.float32)
        for column in range(0, len(alive), REFERENCE_ROWS):
            chosen = alive[column : column + REFERENCE_ROWS]
            products = block @ np.asarray(columns[chosen]).T
            if within:
                own = np.flatnonzero((chosen >= rows[0]) & (chosen <= rows[-1]))
                products[chosen[own] - rows[0], own] = -np.inf
            best = _merge(best, chosen, products, width=width)
        lively = block.any(axis=1)
        yield rows[lively], np.where(np.isfinite(best[1]), best[0], -1)[lively]


def _merge(
    best: tuple[np.ndarray, np.ndarray], chosen: np.ndarray, products: np.ndarray, *, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Keep the `width` highest of the best so far and of one block of products."""
    scores, places = _promising(products, best[1], width=width)
    scores, order = _highest(np.concatenate([best[1], scores], axis=1), width)
    return np.take_along_axis(np.concatenate([best[0], chosen[places]], 1), order, 1), scores


def _promising(
    products: np.ndarray, best: np.ndarray, *, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return products that may be among the `width` highest with those of `best`, and their places.

    One comparison with a floor finds them, in a fifth of the time that a partition of all takes.
    Missing ones are −inf at place 0.
    """
    if best.shape[1] == width:
        found = products > best.min(axis=1, keepdims=True)
    elif width <= GROUPS // 2 and products.shape[1] >= 4 * GROUPS:
        # So many groups have a product that high, and each is another product.
        found = products >= _highest(_group_maxima(products), width)[0].min(axis=1, keepdims=True)
    else:
        return _highest(products, width)
    hits = np.flatnonzero(found)
    if len(hits) > CROWDED * width * len(products):  # many are equal, as zeros of sparse rows are
        return _highest(products, width)
    row = hits // products.shape[1]
    counts = np.bincount(row, minlength=len(products))
    place = np.arange(len(hits)) - (np.cumsum(counts) - counts)[row]
    shape = len(products), int(counts.max(initial=0))
    scores, places = np.full(shape, -np.inf, products.dtype), np.zeros(shape, np.int64)
    scores[row, place], places[row, place] = products.ravel()[hits], hits % products.shape[1]
    return scores, places


def _group_maxima(products: np.ndarray) -> np.ndarray:
    """Return the highest of every `GROUPS`-th product, shape (n, GROUPS)."""
    maxima = products[:, :GROUPS].copy()
    for start in range(GROUPS, products.shape[1], GROUPS):
        part = products[:, start : start + GROUPS]
        into = maxima[:, : part.shape[1]]
        np.maximum(into, part, out=into)
    return maxima


def _highest(scores: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    width = min(width, scores.shape[1])
    places = np.argpartition(scores, scores.shape[1] - width, axis=1)[:, -width:]
    return np.take_along_axis(scores, places, 1), places


def _cuda_candidates(
    queries: np.ndarray, columns: np.ndarray, alive: np.ndarray, *, width: int, within: bool
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    import torch

    for start in track(range(0, len(queries), 4096), description="find nearest rows (CUDA)"):
        rows = np.arange(start, min(start + 4096, len(queries)))
        block = _on_cuda(queries[rows[0] : rows[-1] + 1])
        parts: list[Any] = []
        for column in range(0, len(alive), CUDA_ROWS):
            chosen = alive[column : column + CUDA_ROWS]
            products = _full_precision(block, _on_cuda(columns[chosen]))
            places = torch.from_numpy(chosen).cuda()
            if within:
                own = torch.from_numpy(rows).cuda()
                products[own[:, None] == places] = -torch.inf
            values, order = products.topk(min(width, len(chosen)), dim=1)
            parts.append((values, places[order]))
        if not parts:
            continue
        values, order = torch.cat([part[0] for part in parts], 1).sort(dim=1, descending=True)
        found = torch.cat([part[1] for part in parts], 1).gather(1, order)[:, :width]
        found[~values[:, :width].isfinite()] = -1
        lively = block.any(dim=1).cpu().numpy()
        yield rows[lively], found.cpu().numpy()[lively]
