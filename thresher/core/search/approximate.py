"""Search through a partition: rows meet only the rows of nearby cells.

The number of cells to look into is not tuned by trial: on sampled rows, whose neighbors are found
exhaustively, the rank of each neighbor's cell tells how many cells reach it. A second sample then
measures the recall of what was found. The rows that look into one cell are compared with the rows
it holds in one matrix product, which costs several times less than scanning lists row by row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ..neighbors import MAX_PAIRS, Recall
from ..progress import track
from .exhaustive import MARGIN, SPARE, PairCollector, Pairs, pairs_above, rescored, top_k
from .inverted import build_index, close_pairs, nearest_rows
from .partition import cells_needed, count_cells, fit_centroids, meetings, nearest_cells
from .recall import measured_recall

# Rows that the number of cells is chosen on; rows that recall is measured on, more where fewer than
# enough of them have a neighbor.
CHOSEN_ON = 300
SAMPLED_ROWS, MOST_SAMPLED_ROWS, ENOUGH_ROWS = 500, 2000, 300
FEWEST_PROBES = 6
BLOCK_PRODUCTS = 1 << 22
BUFFER_VALUES = 1 << 24

Nearest = tuple[np.ndarray, np.ndarray]
Found = TypeVar("Found")


@dataclass(frozen=True)
class Reached:
    """How a partition was searched: its cells, the cells each row looked into, the recall."""

    cells: int
    probes: int
    recall: Recall


def approximate_pairs(
    vectors: np.ndarray,
    *,
    threshold: float,
    recall: float,
    rng: np.random.Generator,
    max_pairs: int = MAX_PAIRS,
    faiss: bool = False,
) -> tuple[Pairs, Reached] | None:
    """Find nearly all pairs at or above `threshold`, each once.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, d)
        Unit length or zero.
    recall : float
        Share of pairs to find.
    faiss : bool
        Let a FAISS index look into the cells.

    Returns
    -------
    tuple or None
        None when so many cells are needed that exhaustive search costs less.
    """
    order = rng.permutation(len(vectors))
    centroids = fit_centroids(vectors, count_cells(len(vectors)), rng)
    rows, first, second = _true_pairs(vectors, order[:CHOSEN_ON], threshold)
    needed = np.minimum(
        cells_needed(vectors, centroids, rows[first], second),
        cells_needed(vectors, centroids, second, rows[first]),
    )
    check = _sample_with_pairs(vectors, order[CHOSEN_ON:], threshold)

    index = build_index(vectors, centroids) if faiss else None

    def search(probes: int) -> Pairs:
        collector = PairCollector(vectors, None, threshold=threshold, max_pairs=max_pairs)
        if index is not None:
            candidates = close_pairs(index, vectors, probes, threshold=threshold)
        else:
            cells = nearest_cells(vectors, centroids, probes)
            candidates = _close_pairs(vectors, cells, len(centroids), threshold=threshold)
        for low, high in candidates:
            collector.add(low, high)
        return collector.result()

    def measure(pairs: Pairs) -> Recall:
        return _pair_recall(pairs, check, n=len(vectors))

    return _widen(search, measure, needed, cells=len(centroids), recall=recall)


def approximate_top_k(
    vectors: np.ndarray,
    *,
    k: int,
    recall: float,
    rng: np.random.Generator,
    faiss: bool = False,
) -> tuple[Nearest, Reached] | None:
    """Find nearly all of the `k` nearest rows of each row.

    Returns
    -------
    ((indices, similarities), Reached) or None
        Arrays as from `exhaustive.top_k`; None when exhaustive search costs less.
    """
    order = rng.permutation(len(vectors))
    centroids = fit_centroids(vectors, count_cells(len(vectors)), rng)
    sample = order[:CHOSEN_ON]
    truth = _true_nearest(vectors, sample, k)
    row, column = np.nonzero(truth >= 0)
    needed = cells_needed(vectors, centroids, sample[row], truth[row, column])
    check = order[CHOSEN_ON : CHOSEN_ON + SAMPLED_ROWS]
    expected = _true_nearest(vectors, check, k)

    index = build_index(vectors, centroids) if faiss else None

    def search(probes: int) -> Nearest:
        if index is not None:
            return nearest_rows(index, vectors, probes, k=k)
        cells = nearest_cells(vectors, centroids, probes)
        return _nearest_through(vectors, cells, cells=len(centroids), k=k)

    def measure(nearest: Nearest) -> Recall:
        hits = [np.isin(*pair).sum() for pair in zip(expected, nearest[0][check], strict=True)]
        missing = (expected < 0).sum(axis=1)
        lacking = (nearest[0][check] < 0).any(axis=1)
        return measured_recall(np.array(hits) - missing * lacking, (expected >= 0).sum(axis=1))

    return _widen(search, measure, needed, cells=len(centroids), recall=recall)


def _widen(
    search: Callable[[int], Found],
    measure: Callable[[Found], Recall],
    needed: np.ndarray,
    *,
    cells: int,
    recall: float,
) -> tuple[Found, Reached] | None:
    """Search as many cells as the sample needs, and twice as many while the check falls short."""
    probes = _choose_probes(needed, recall)
    while probes <= cells // 4:
        found = search(probes)
        measured = measure(found)
        if measured.estimate >= recall:
            return found, Reached(cells, probes, measured)
        probes *= 2
    return None


def _choose_probes(needed: np.ndarray, recall: float) -> int:
    if not len(needed):
        return FEWEST_PROBES
    # A tenth of the misses allowed: the sample is small, and it was used for the choice. Where many
    # are allowed, a standard error more suffices: the last rows need many times the cells of most.
    error = np.sqrt(recall * (1 - recall) / CHOSEN_ON)
    share = min(1 - (1 - recall) / 10, recall + error)
    return max(FEWEST_PROBES, int(np.quantile(needed, share, method="inverted_cdf")))


def _true_pairs(
    vectors: np.ndarray, rows: np.ndarray, threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return sorted `rows` and all their neighbors as (place in `rows`, neighbor)."""
    rows = np.sort(rows)
    first, second, _ = pairs_above(vectors[rows], vectors, threshold=threshold)
    other = rows[first] != second
    return rows, first[other], second[other]


def _sample_with_pairs(
    vectors: np.ndarray, order: np.ndarray, threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sample rows, and as many more as it takes until enough have neighbors to measure recall on.

    How many that are is foretold by the first ones alone, with a tenth to spare.
    """
    most = min(MOST_SAMPLED_ROWS, len(order))
    rows, first, second = _true_pairs(vectors, order[:SAMPLED_ROWS], threshold)
    having = len(np.unique(first))
    wanted = most if not having else int(1.1 * ENOUGH_ROWS / having * SAMPLED_ROWS)
    if having >= ENOUGH_ROWS or len(rows) >= most:
        return rows, first, second
    more, also, found = _true_pairs(vectors, order[SAMPLED_ROWS : min(wanted, most)], threshold)
    return (
        np.concatenate([rows, more]),
        np.concatenate([first, also + len(rows)]),
        np.concatenate([second, found]),
    )


def _close_pairs(
    vectors: np.ndarray, probed: np.ndarray, cells: int, *, threshold: float
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield candidate pairs, lower position first; a pair may come from either side's probe."""
    cut = np.float32(threshold - MARGIN)
    owner = probed[:, 0]
    met = meetings(probed, cells=cells, owner=owner)
    for searching, held in track(met, description="compare rows of nearby cells", total=cells):
        targets = np.asarray(vectors[held]).T
        step = max(1, BLOCK_PRODUCTS // len(held))
        for start in range(0, len(searching), step):
            block = searching[start : start + step]
            row, column = np.divmod(
                np.flatnonzero(np.asarray(vectors[block]) @ targets >= cut), len(held)
            )
            first, second = block[row], held[column]
            # A row of the cell meets each other one twice; only the lower one's meeting counts.
            once = (first < second) | (owner[first] != owner[second])
            first, second = first[once], second[once]
            if len(first):
                yield np.minimum(first, second), np.maximum(first, second)


def _pair_recall(
    pairs: Pairs, check: tuple[np.ndarray, np.ndarray, np.ndarray], *, n: int
) -> Recall:
    rows, first, second = check
    low, high = np.minimum(rows[first], second), np.maximum(rows[first], second)
    hit = np.isin(low * np.int64(n) + high, pairs[0] * np.int64(n) + pairs[1])
    count = np.bincount(first, minlength=len(rows))
    return measured_recall(np.bincount(first[hit], minlength=len(rows)), count)


def _true_nearest(vectors: np.ndarray, rows: np.ndarray, k: int) -> np.ndarray:
    """Return the k nearest rows of each of `rows`, itself excluded, −1 where there are fewer."""
    found, _ = top_k(vectors[rows], vectors, k=k + 1)
    # Distinct rows are no closer to each other than to themselves, but may tie after rounding.
    own = found == rows[:, None]
    own[~own.any(axis=1), -1] = True
    others: np.ndarray = found[~own].reshape(len(rows), k)
    return others


def _nearest_through(vectors: np.ndarray, probed: np.ndarray, *, cells: int, k: int) -> Nearest:
    n, probes = probed.shape
    indices = np.full((n, k), -1, np.int64)
    similarities = np.full((n, k), -np.inf, np.float32)
    width = k + SPARE
    step = max(1, BUFFER_VALUES // (probes * width))
    starts = range(0, n, step)
    for start in track(starts, description="find nearest rows through nearby cells"):
        rows = np.arange(start, min(start + step, n))
        found = _best_in_cells(vectors, rows, probed, cells=cells, width=width)
        best = rescored(vectors, vectors, rows, found, k=k)
        indices[rows, : best[0].shape[1]], similarities[rows, : best[1].shape[1]] = best
    indices[similarities == -np.inf] = -1
    return indices, similarities


def _best_in_cells(
    vectors: np.ndarray, rows: np.ndarray, probed: np.ndarray, *, cells: int, width: int
) -> np.ndarray:
    """Return the `width` best candidates of each row, shape (b, width), −1 for none."""
    probes = probed.shape[1]
    filled = np.zeros(len(rows), np.int64)
    places = np.full((len(rows), probes * width), -1, np.int64)
    scores = np.full((len(rows), probes * width), -np.inf, np.float32)
    for searching, held in meetings(probed[rows], cells=cells, owner=probed[:, 0]):
        targets, take = np.asarray(vectors[held]).T, min(width, len(held))
        lively = targets.any(axis=0)
        step = max(1, BLOCK_PRODUCTS // len(held))
        for start in range(0, len(searching), step):
            block = searching[start : start + step]
            products = np.asarray(vectors[rows[block]]) @ targets
            products[(rows[block][:, None] == held) | ~lively] = -np.inf
            best = np.argpartition(products, len(held) - take, axis=1)[:, -take:]
            columns = filled[block][:, None] + np.arange(take)
            places[block[:, None], columns] = held[best]
            scores[block[:, None], columns] = np.take_along_axis(products, best, 1)
            filled[block] += take
    width = min(width, places.shape[1])
    order = np.argpartition(scores, scores.shape[1] - width, axis=1)[:, -width:]
    found = np.take_along_axis(places, order, 1)
    found[np.take_along_axis(scores, order, 1) == -np.inf] = -1
    return found
