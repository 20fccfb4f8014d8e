"""Core sets chosen greedily, one row after the other: k-center and facility location.

Both take unit vectors on a grid (`thresher.core.grid`), shape (n_rows, d), where products are
exact, and return `n` distinct positions in the order of choice; ties go to the first row. Neither
makes an n × n matrix.
"""

from __future__ import annotations

import numpy as np

from thresher.core.grid import on_grid
from thresher.core.ties import first_highest

from .budgets import proportional_budgets, take_turns

# Rows among which k-center looks for its next centers before it goes over all rows again.
POOL = 1024
CELLS = 8_000_000
# Facility location compares rows with at most so many others. On the 24,720 rows of Adult's larger
# class 500 keep 84 % (half of the rows) and 83 % (a tenth) of what 4,000 gain over random rows, for
# a third of the time; 1,000 keep 87 and 86 %, and on classes of 4,000 rows take twice as long.
SHARD = 500
# Rows that the axis which halves a shard is found on.
AXIS_ROWS = 2000
POWER_STEPS = 12
AXIS_BITS = 12
# Gains that lazy greedy computes at once; twice as many each time that none was the greatest.
LOOKS = 8


def k_center(vectors: np.ndarray, n: int) -> np.ndarray:
    """Take the row farthest from those taken so far (Gonzalez, 1985; Sener and Savarese, 2018).

    The farthest row is at most twice as far from the set as in the best set. The first is the row
    nearest to the mean, so that nothing is drawn. Costs O(n_rows · n · d), as products of matrices:
    distances to the set only shrink, so the farthest rows of one pass over all rows hold the next
    centers for as long as one of them is still farther than every row left out was in that pass.
    """
    middle = on_grid(vectors.mean(axis=0, dtype=np.float64), AXIS_BITS).astype(np.float32)
    chosen = [int(np.argmax(vectors @ middle))]
    nearest = np.full(len(vectors), -np.inf, dtype=np.float32)
    new = chosen[:]
    while len(chosen) < n:
        _raise_to_nearest(nearest, vectors, vectors[new])
        nearest[new] = np.inf
        new = _next_centers(vectors, nearest, n - len(chosen))
        chosen += new
    return np.asarray(chosen, dtype=np.int64)


def _next_centers(vectors: np.ndarray, nearest: np.ndarray, n: int) -> list[int]:
    """Return up to `n` centers that follow, at least one; `nearest`, (n_rows,), is up to date."""
    pool, bound = np.arange(len(nearest)), np.inf
    if len(nearest) > POOL:
        order = np.argpartition(nearest, POOL)
        pool, bound = np.sort(order[:POOL]), float(nearest[order[POOL]])
    members, similarity = vectors[pool], nearest[pool]
    taken: list[int] = []
    while len(taken) < n:
        at = int(similarity.argmin())
        if taken and similarity[at] > bound:
            break
        taken.append(int(pool[at]))
        np.maximum(similarity, members @ members[at], out=similarity)
        similarity[at] = np.inf
    return taken


def _raise_to_nearest(nearest: np.ndarray, vectors: np.ndarray, centers: np.ndarray) -> None:
    """Raise `nearest`, (n_rows,), to the largest similarity with one of `centers`, (k, d)."""
    block = max(1, CELLS // len(centers))
    for start in range(0, len(vectors), block):
        here = slice(start, start + block)
        np.maximum(nearest[here], (vectors[here] @ centers.T).max(axis=1), out=nearest[here])


def facility_location(
    vectors: np.ndarray, n: int, *, demand: np.ndarray | None = None
) -> np.ndarray:
    """Maximize the sum over rows of the similarity to their nearest chosen row, greedily.

    Mirzasoleiman, Bilmes and Leskovec (2020); the greedy set reaches at least 63 % of the best sum.
    With `demand`, float (n_rows,) and positive, each row counts so much in the sum.
    Up to `SHARD` rows are treated exactly. More are cut into shards of neighboring rows that
    choose their part each (GreeDi, Mirzasoleiman et al., 2013, deals them at random): on CIFAR-10
    embeddings in four shards that kept 76 to 85 % of the exact set's gain over random rows, where
    random shards kept 42 to 64 %. Costs O(n_rows · `SHARD` · d).
    """
    shards = neighboring_shards(vectors)
    budgets = proportional_budgets(np.array([len(shard) for shard in shards]), n)
    parts = []
    for shard, budget in zip(shards, budgets, strict=True):
        similarity = _similarity(vectors[shard])
        if demand is not None:
            similarity *= demand[shard].astype(similarity.dtype)
        parts.append(shard[lazy_greedy(similarity, int(budget))])
    return take_turns(parts)


def neighboring_shards(
    vectors: np.ndarray, rows: np.ndarray | None = None, *, most: int | None = None
) -> list[np.ndarray]:
    """Halve the rows along their first principal axis until a part has at most `most`, or `SHARD`.

    `rows`, int64, are the positions to part, all by default. Returns them in parts, each sorted.
    """
    if rows is None:
        rows = np.arange(len(vectors))
    if len(rows) <= (SHARD if most is None else most):
        return [rows]
    some = vectors[rows[:: -(-len(rows) // AXIS_ROWS)]].astype(np.float64)
    centered = some - some.mean(axis=0)
    axis = centered[int(first_highest(np.square(centered).sum(axis=1)))]
    for _ in range(POWER_STEPS):
        axis = centered.T @ (centered @ axis)
        axis /= max(float(np.linalg.norm(axis)), 1e-12)
    # In float64, then on a grid: the order of the rows is the same on every processor.
    order = np.argsort(vectors[rows] @ on_grid(axis, AXIS_BITS).astype(np.float32), kind="stable")
    parts = np.array_split(rows[order], 2)
    return [
        shard for part in parts for shard in neighboring_shards(vectors, np.sort(part), most=most)
    ]


def lazy_greedy(similarity: np.ndarray, n: int) -> np.ndarray:
    """Choose `n` rows of a matrix ≥ 0, (candidates, witnesses), for the greatest sum of maxima.

    Gains only shrink as the set grows, so a gain that was just computed and still beats all older
    ones is the greatest (Minoux, 1978): the choice is the plain greedy one for a few looks each,
    which are taken several at a time. Of equal gains the first row's counts.
    """
    best = np.zeros(similarity.shape[1], dtype=similarity.dtype)
    bound = similarity.sum(axis=1, dtype=np.float64)
    known = np.zeros(len(bound), dtype=np.int64)  # size of the set that a bound was computed for
    chosen: list[int] = []
    looks = LOOKS
    while len(chosen) < n:
        row = int(bound.argmax())
        if known[row] == len(chosen):
            chosen.append(row)
            np.maximum(best, similarity[row], out=best)
            bound[row], looks = -1, LOOKS
            continue
        top = np.argpartition(-bound, looks)[:looks] if looks < len(bound) else slice(None)
        gains = np.maximum(similarity[top] - best, 0).sum(axis=1, dtype=np.float64)
        bound[top], known[top] = np.where(bound[top] < 0, -1, gains), len(chosen)
        looks *= 2
    return np.asarray(chosen, dtype=np.int64)


def _similarity(vectors: np.ndarray) -> np.ndarray:
    products = vectors @ vectors.T
    return np.asarray(np.maximum(products, 0, out=products))
