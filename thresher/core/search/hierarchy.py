"""A partition in two levels, for rows that do not fit in memory.

Groups hold cells. A row is scored against the cells of its nearest groups only, so that finding its
cell costs d (√c + PROBED_GROUPS √c) multiply-adds for c cells instead of c d. It looks into every
cell that is nearly as near as its own; how near is a margin on the cosine to the centroids, learnt
from pairs, so that rows in the middle of a cell look into few cells and rows at an edge into many.

A pair is found if one of its rows looks into the cell of the other. That depends on the rows and
the partition alone: the recall of a margin is known before anything is searched.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..grid import exact_rows
from .partition import fit_centroids, nearest_cells

PROBED_GROUPS = 8
MOST_VISITS = 64
BLOCK_SCORES = 1 << 22


@dataclass(frozen=True)
class Hierarchy:
    """Unit-length centroids of groups and of their cells.

    Attributes
    ----------
    groups : ndarray of float32, shape (g, d)
    cells : ndarray of float32, shape (c, d)
        The cells of one group stand together.
    starts : ndarray of int64, shape (g + 1,)
        Cells of group i: ``starts[i]`` to ``starts[i + 1]``.
    """

    groups: np.ndarray
    cells: np.ndarray
    starts: np.ndarray

    @property
    def group_of_cell(self) -> np.ndarray:
        """Group of each cell; int64, shape (c,)."""
        return np.repeat(np.arange(len(self.groups)), np.diff(self.starts))


def fit_hierarchy(sample: np.ndarray, *, cells: int, rng: np.random.Generator) -> Hierarchy:
    """Fit about `cells` cells in √cells groups on sampled unit rows, shape (m, d)."""
    groups = fit_centroids(sample, max(1, round(cells**0.5)), rng)
    owner = nearest_cells(sample, groups, 1)[:, 0]
    fair, parts = cells / len(groups), []
    for group in range(len(groups)):
        rows = sample[owner == group]
        # Scores of a row stand in a table as wide as the largest group, so none may be much larger.
        share = min(max(cells * len(rows) / len(sample), fair / 2), 1.5 * fair)
        count = min(len(rows), max(1, round(share)))
        parts.append(fit_centroids(rows, count, rng) if count else groups[group : group + 1])
    starts = np.concatenate([[0], np.cumsum([len(part) for part in parts])])
    return Hierarchy(groups, np.concatenate(parts), starts.astype(np.int64))


def visits(
    vectors: np.ndarray, partition: Hierarchy, *, margin: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the cell of each row and the cells that it looks into.

    Returns
    -------
    owner : ndarray of int64, shape (n,)
    row, cell : ndarray of int64, shape (m,)
        One entry for each cell that a row looks into, its own among them.
    """
    widest = int(np.diff(partition.starts).max(initial=1))
    slots = min(PROBED_GROUPS, len(partition.groups))
    step = max(1, BLOCK_SCORES // (slots * widest))
    owners, rows, cells = [], [], []
    for start in range(0, len(vectors), step):
        block = exact_rows(vectors[start : start + step])
        near, scores = _score(block, partition, slots, widest)
        best = scores.argmax(axis=1)
        highest = scores[np.arange(len(block)), best]
        row, column = np.nonzero(_within(scores, highest - np.float32(margin)))
        owners.append(_cell(near, np.arange(len(block)), best, partition, widest))
        rows.append(row + start)
        cells.append(_cell(near, row, column, partition, widest))
    nothing = np.empty(0, np.int64)
    owner, row, cell = (np.concatenate([nothing, *parts]) for parts in (owners, rows, cells))
    return owner, row, cell


def _score(
    block: np.ndarray, partition: Hierarchy, slots: int, widest: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest groups, (b, slots), and the cosines to their cells, (b, slots widest)."""
    near = nearest_cells(block, partition.groups, slots)
    scores = np.full((len(block), slots, widest), -np.inf, np.float32)
    order = np.argsort(near.ravel(), kind="stable")
    ends = np.cumsum(np.bincount(near.ravel(), minlength=len(partition.groups)))
    for group, end in enumerate(ends):
        row, slot = np.divmod(order[ends[group - 1] if group else 0 : end], slots)
        span = slice(partition.starts[group], partition.starts[group + 1])
        if len(row):
            scores[row, slot, : span.stop - span.start] = block[row] @ partition.cells[span].T
    return near, scores.reshape(len(block), slots * widest)


def _within(scores: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """Mark the scores of each row at or above its limit, at most the `MOST_VISITS` highest."""
    close: np.ndarray = scores >= limit[:, None]
    crowded = np.flatnonzero(close.sum(axis=1) > MOST_VISITS)
    if len(crowded):
        highest = np.partition(scores[crowded], -MOST_VISITS, axis=1)[:, -MOST_VISITS]
        close[crowded] = scores[crowded] >= highest[:, None]
    return close


def _cell(
    near: np.ndarray, row: np.ndarray, column: np.ndarray, partition: Hierarchy, widest: int
) -> np.ndarray:
    slot, offset = np.divmod(column, widest)
    cells: np.ndarray = partition.starts[near[row, slot]] + offset
    return cells


def margins_needed(first: np.ndarray, second: np.ndarray, partition: Hierarchy) -> np.ndarray:
    """Return for each pair of rows, shapes (m, d), the least margin at which it is found.

    Returns
    -------
    ndarray of float64, shape (m,)
        0 where both have the same cell, infinite where each lies outside the other's groups.
    """
    return np.asarray(
        np.minimum(_one_way(first, second, partition), _one_way(second, first, partition))
    )


def _one_way(looking: np.ndarray, found: np.ndarray, partition: Hierarchy) -> np.ndarray:
    own = visits(looking, partition, margin=0)[0]
    target = visits(found, partition, margin=0)[0]
    near = nearest_cells(looking, partition.groups, min(PROBED_GROUPS, len(partition.groups)))
    reached = (near == partition.group_of_cell[target][:, None]).any(axis=1)
    apart = partition.cells[own] - partition.cells[target]
    gap = np.einsum("ij,ij->i", exact_rows(looking), apart)
    return np.asarray(np.where(reached, np.maximum(gap, 0), np.inf))
