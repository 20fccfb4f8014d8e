"""Stars over pairs on disk: which rows stay, and which kept row each dropped one duplicates.

The same greedy maximal independent set as `curation.duplicates.stars`, with a few numbers a row in
memory
and the pairs streamed: each pair points from its better-ranked row to the other, and the rows are
decided in the order of their rank. The pairs of one span of ranks are held at a time. Costs a pass
over the pairs for each span of `SPAN_PAIRS` pairs, and three more.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from ..duplicates.stars import best_of_equal, rank_rows
from .edges import Edges

SPAN_PAIRS = 1 << 24


@dataclass(frozen=True)
class GroupByStars:
    """Task for one shard: ``kept.npy``, ``duplicate_of.npy``, ``similarity.npy`` as in `Stars`.

    Attributes
    ----------
    equal : Path
        Folder that `FindEqual` filled.
    rows : Path
        Folder with ``by_id.npy`` (positions of the rows, sorted by row id), ``protect.npy`` and
        ``priority.npy``.
    """

    edges: Edges
    equal: Path
    rows: Path

    def __call__(self, _: None, folder: Path) -> None:
        """Fill the folder."""
        first = np.load(self.equal / "same_as.npy")
        by_id, protected, priority = (
            np.load(self.rows / f"{name}.npy") for name in ("by_id", "protect", "priority")
        )
        degrees = _degrees(self.edges, first)
        rank = rank_rows(by_id, degrees, protected=protected, priority=priority)
        head = best_of_equal(first, rank)
        chosen = _independent_set(self.edges, rank[head], np.unique(first[protected]))
        twin, similarity = _closest_kept(self.edges, chosen, rank[head])
        own = np.arange(len(first))
        equal = chosen[first]
        kept = protected | (equal & (head[first] == own))
        target = np.where(equal, head[first], head[twin[first]])
        score = np.where(equal, np.float32(1), similarity[first])
        np.save(folder / "kept.npy", kept)
        np.save(folder / "duplicate_of.npy", np.where(kept, -1, target))
        np.save(folder / "similarity.npy", np.where(kept, np.float32(-1), score))


def _degrees(edges: Edges, first: np.ndarray) -> np.ndarray:
    """Return the number of neighbors of each row, equal rows counted."""
    n = len(first)
    copies = np.bincount(first, minlength=n)
    counts = np.zeros(n, np.int64)
    for low, high, _ in edges:
        np.add.at(counts, low, copies[high])
        np.add.at(counts, high, copies[low])
    degrees: np.ndarray = counts[first] + copies[first] - 1
    return degrees


def _independent_set(edges: Edges, rank: np.ndarray, forced: np.ndarray) -> np.ndarray:
    """Choose first rows in the order of `rank`, `forced` ones in any case; bool, shape (n,)."""
    blocked, kept_anyway = np.zeros(len(rank), bool), np.zeros(len(rank), bool)
    kept_anyway[forced] = True
    limits = _spans(edges, rank)
    for start, stop in pairwise(limits):
        better, worse = _pointing(edges, rank, start, stop)
        order = np.argsort(rank[better], kind="stable")
        better, worse = better[order], worse[order]
        _, begins = np.unique(rank[better], return_index=True)
        for begin, end in pairwise([*begins.tolist(), len(better)]):
            row = better[begin]
            if not blocked[row] or kept_anyway[row]:
                blocked[worse[begin:end]] = True
    chosen: np.ndarray = ~blocked | kept_anyway
    return chosen


def _spans(edges: Edges, rank: np.ndarray) -> list[int]:
    """Cut the ranks into spans whose rows point at about `SPAN_PAIRS` rows in all."""
    counts = np.zeros(len(rank), np.int64)
    for low, high, _ in edges:
        np.add.at(counts, np.minimum(rank[low], rank[high]), 1)
    total = np.cumsum(counts)
    pairs = int(total[-1]) if len(total) else 0
    cuts = np.searchsorted(total, np.arange(SPAN_PAIRS, pairs, SPAN_PAIRS)) + 1
    return [0, *np.unique(cuts).tolist(), len(rank)]


def _pointing(
    edges: Edges, rank: np.ndarray, start: int, stop: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs whose better row has a rank in the span, as (better, worse)."""
    better, worse = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for low, high, _ in edges:
        first = rank[low] < rank[high]
        top, bottom = np.where(first, low, high), np.where(first, high, low)
        here = (rank[top] >= start) & (rank[top] < stop)
        better.append(top[here])
        worse.append(bottom[here])
    return np.concatenate(better), np.concatenate(worse)


def _closest_kept(
    edges: Edges, chosen: np.ndarray, rank: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the most similar chosen neighbor of each other row, ties by rank, and how similar."""
    twin = np.full(len(rank), -1, np.int64)
    best = np.full(len(rank), -1, np.float32)
    for low, high, scores in edges:
        rows, twins = np.concatenate([low, high]), np.concatenate([high, low])
        both = np.concatenate([scores, scores])
        dropped = ~chosen[rows] & chosen[twins]
        rows, twins, both = rows[dropped], twins[dropped], both[dropped]
        order = np.lexsort((rank[twins], -both, rows))
        rows, once = np.unique(rows[order], return_index=True)
        twins, both = twins[order][once], both[order][once]
        nearer = (both > best[rows]) | ((both == best[rows]) & (rank[twins] < rank[twin[rows]]))
        twin[rows[nearer]], best[rows[nearer]] = twins[nearer], both[nearer]
    return twin, best
