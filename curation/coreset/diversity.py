"""Core sets chosen for diversity: NovelSelect and greedy information projection.

Both take unit vectors on a grid (`thresher.core.grid`), shape (n_rows, d), and return `n` distinct
positions in the order of choice; ties go to the first row. Neither makes an n × n matrix.
"""

from __future__ import annotations

import numpy as np

from thresher.core.grid import on_grid
from thresher.core.ties import first_highest

from .budgets import proportional_budgets, take_turns
from .greedy import neighboring_shards

# NovelSelect compares rows within shards of so many; and of the rows chosen so far, so many nearest
# ones by their ranks, those beyond by their mean.
SHARD = 4000
RANKS = 128
# As in the paper: neighbors that say how dense it is around a row, and the power of that.
NEIGHBORS = 10
DENSITY_POWER = 0.5
AXIS_BITS = 12
BLOCK_CELLS = 8_000_000
# Directions and queries of a pursuit are rounded to so many bits, so that products with rows are
# exact on every processor.
UNIT_BITS, QUERY_BITS = 20, 22
# What is left of a row, as a share of its squared length, below which it lies in the span of the
# chosen ones: the little that is left of a row says more of chance than of its direction.
SPENT = 0.03


def novelsum(vectors: np.ndarray, n: int) -> np.ndarray:
    """Take the row that is most novel beside those taken so far (NovelSelect).

    Yang et al., "Measuring data diversity for instruction tuning: a systematic analysis and a
    reliable metric" (ACL 2025). The novelty of a row is the sum over the chosen ones of distance ·
    (density of the row + density of the chosen one) / rank, nearest first. Density is (mean
    distance to the 10 nearest rows) ** −0.5. The first row is the one nearest to the mean, where
    the authors draw one. Ranks beyond `RANKS` count by the mean of their distances, and more than
    `SHARD` rows are cut into shards of neighboring rows, which choose their part each. Costs
    O(n_rows · n · `RANKS`) time.
    """
    shards = neighboring_shards(vectors, most=SHARD)
    budgets = proportional_budgets(np.array([len(shard) for shard in shards]), n)
    parts = [
        shard[_novel(vectors[shard], int(budget))]
        for shard, budget in zip(shards, budgets, strict=True)
        if budget
    ]
    return take_turns(parts)


def _novel(vectors: np.ndarray, n: int) -> np.ndarray:
    density = _density(vectors)
    middle = on_grid(vectors.mean(axis=0, dtype=np.float64), AXIS_BITS).astype(np.float32)
    chosen = [int(np.argmax(vectors @ middle))]
    harmonic = np.cumsum(1 / np.arange(1, n + 1))
    nearest = np.full((len(vectors), min(RANKS, n)), np.inf)
    total = np.zeros(len(vectors))
    open_to = np.ones(len(vectors), bool)
    while len(chosen) < n:
        last = chosen[-1]
        open_to[last] = False
        far = (1 - vectors @ vectors[last]).astype(np.float64) * (density + density[last])
        total += far
        _insert(nearest, far)
        known = min(len(chosen), nearest.shape[1])
        front = nearest[:, :known]
        novelty = front @ (1 / np.arange(1, known + 1))
        beyond = len(chosen) - known
        if beyond:
            mean = (total - front.sum(axis=1)) / beyond
            novelty += mean * (harmonic[len(chosen) - 1] - harmonic[known - 1])
        chosen.append(int(first_highest(np.where(open_to, novelty, -np.inf))))
    return np.asarray(chosen[:n], np.int64)


def _insert(nearest: np.ndarray, values: np.ndarray) -> None:
    """Put one value into each sorted row, the largest falling out."""
    places = (nearest <= values[:, None]).sum(axis=1)
    moved = np.arange(nearest.shape[1]) > places[:, None]
    shifted = np.concatenate([nearest[:, :1], nearest[:, :-1]], axis=1)
    np.copyto(nearest, shifted, where=moved)
    rows = np.flatnonzero(places < nearest.shape[1])
    nearest[rows, places[rows]] = values[rows]


def _density(vectors: np.ndarray) -> np.ndarray:
    """Return (mean distance to the nearest rows) ** −0.5, float64 (n,); copies have the highest."""
    count = min(NEIGHBORS, len(vectors) - 1)
    if not count:
        return np.ones(len(vectors))
    mean = np.empty(len(vectors))
    block = max(1, BLOCK_CELLS // len(vectors))
    for start in range(0, len(vectors), block):
        similar = vectors[start : start + block] @ vectors.T
        similar[np.arange(len(similar)), np.arange(start, start + len(similar))] = -np.inf
        top = np.sort(np.partition(similar, -count, axis=1)[:, -count:], axis=1)
        mean[start : start + block] = (1 - top.astype(np.float64)).mean(axis=1)
    positive = mean[mean > 0]
    floor = positive.min() if len(positive) else 1.0
    return np.asarray(np.maximum(mean, floor) ** -DENSITY_POWER)


def gip(vectors: np.ndarray, n: int) -> np.ndarray:
    """Take rows whose span holds most of all rows' directions, greedily.

    Dong et al., "Greedy information projection for LLM data selection" (2026): with rows and
    queries jointly Gaussian, the information that a set has about the queries is the length of the
    queries' projection onto the span of the set, which a matching pursuit raises step by step. Here
    the queries are the rows themselves. After d steps the span holds all; the rest is then chosen
    in the same way, anew among the rows that are left. Costs O(n_rows · n · d).
    """
    left = np.arange(len(vectors))
    chosen: list[np.ndarray] = []
    while n:
        picked = _pursuit(vectors[left].astype(np.float64), n)
        chosen.append(left[picked])
        left = np.delete(left, picked)
        n -= len(picked)
    return np.concatenate(chosen)


def _pursuit(rows: np.ndarray, n: int) -> np.ndarray:
    """Choose up to `n` rows until their span holds all rows; at least one."""
    queries = on_grid(rows.T @ rows / len(rows), QUERY_BITS)
    length = np.einsum("nd,nd->n", rows, rows)
    whole = np.maximum(length, np.finfo(float).tiny)
    held = np.einsum("nd,nd->n", on_grid(rows @ queries, QUERY_BITS), rows)
    basis = np.zeros((min(n, rows.shape[1]), rows.shape[1]))
    chosen: list[int] = []
    for step in range(len(basis)):
        gains = np.where(length > SPENT * whole, held / np.maximum(length, 1e-300), -1.0)
        gains[chosen] = -2.0
        best = int(first_highest(gains))
        if chosen and gains[best] < 0:
            break
        chosen.append(best)
        found = basis[:step]
        unit = rows[best] - found.T @ (found @ rows[best])
        unit -= found.T @ (found @ unit)
        unit = on_grid(unit / max(float(np.linalg.norm(unit)), 1e-150), UNIT_BITS)
        basis[step] = unit
        pulled = queries @ unit
        pulled = on_grid(pulled - found.T @ (found @ pulled), QUERY_BITS)
        along, across = (rows @ np.stack([unit, pulled], axis=1)).T
        held = np.maximum(held - 2 * along * across + along**2 * float(unit @ pulled), 0)
        length = np.maximum(length - along**2, 0)
    return np.asarray(chosen, np.int64)
