"""Core sets chosen greedily, one row after the other: k-center and facility location.

Both take unit vectors, shape (n_rows, d), and return `n` distinct positions in the order of choice.
Neither makes an n × n matrix.
"""

from __future__ import annotations

import heapq

import numpy as np

from .budgets import proportional_budgets, take_turns

# Rows among which k-center looks for its next centers before it goes over all rows again.
POOL = 1024
CELLS = 8_000_000
# Facility location compares rows with at most so many others.
SHARD = 4000
CANDIDATES = 16_384
# A set much smaller than the witnesses cannot run out of them.
FEW = SHARD // 4


def k_center(vectors: np.ndarray, n: int) -> np.ndarray:
    """Take the row farthest from those taken so far (Gonzalez, 1985; Sener and Savarese, 2018).

    The farthest row is at most twice as far from the set as in the best set. The first is the row
    nearest to the mean, so that nothing is drawn. Costs O(n_rows · n · d), as products of matrices:
    distances to the set only shrink, so the farthest rows of one pass over all rows hold the next
    centers for as long as one of them is still farther than every row left out was in that pass.
    """
    chosen = [int(np.argmax(vectors @ vectors.mean(axis=0)))]
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


def facility_location(vectors: np.ndarray, n: int, *, rng: np.random.Generator) -> np.ndarray:
    """Maximise the sum over rows of the similarity to their nearest chosen row, greedily.

    Mirzasoleiman, Bilmes and Leskovec (2020); the greedy set reaches at least 63 % of the best sum.
    Up to `SHARD` rows are treated exactly. More are dealt at random into shards that choose their
    part each (GreeDi: Mirzasoleiman et al., 2013), or, for a set of at most `FEW`, drawn candidates
    are compared with `SHARD` drawn rows. Costs O(n_rows · `SHARD` · d) and 256 MB at most.
    """
    rows = len(vectors)
    if rows <= SHARD:
        return lazy_greedy(_similarity(vectors, vectors), n)
    if n <= FEW:
        candidates = np.sort(rng.choice(rows, min(rows, CANDIDATES), replace=False))
        witnesses = vectors[np.sort(rng.choice(rows, SHARD, replace=False))]
        return np.asarray(candidates[lazy_greedy(_similarity(vectors[candidates], witnesses), n)])
    shards = np.array_split(rng.permutation(rows), -(-rows // SHARD))
    budgets = proportional_budgets(np.array([len(shard) for shard in shards]), n)
    return take_turns(
        [
            shard[lazy_greedy(_similarity(vectors[shard], vectors[shard]), int(budget))]
            for shard, budget in zip(shards, budgets, strict=True)
        ]
    )


def lazy_greedy(similarity: np.ndarray, n: int) -> np.ndarray:
    """Choose `n` rows of a matrix ≥ 0, (candidates, witnesses), for the greatest sum of maxima.

    Gains only shrink as the set grows, so a gain that was just computed and still beats all older
    ones is the greatest (Minoux, 1978): the choice is the plain greedy one for a few looks each.
    """
    best = np.zeros(similarity.shape[1], dtype=similarity.dtype)
    queue = [(-float(gain), row) for row, gain in enumerate(similarity.sum(axis=1))]
    heapq.heapify(queue)
    chosen: list[int] = []
    while len(chosen) < n:
        _, row = heapq.heappop(queue)
        covered = np.maximum(similarity[row], best)
        gain = float((covered - best).sum())
        if not queue or (-gain, row) <= queue[0]:
            chosen.append(row)
            best = covered
        else:
            heapq.heappush(queue, (-gain, row))
    return np.asarray(chosen, dtype=np.int64)


def _similarity(vectors: np.ndarray, witnesses: np.ndarray) -> np.ndarray:
    products = vectors @ witnesses.T
    return np.asarray(np.maximum(products, 0, out=products))
