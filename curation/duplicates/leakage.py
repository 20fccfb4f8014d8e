"""Leakage: rows that come back, the same or nearly, in a split that should not know them.

The pairs are those of the whole graph whose rows lie in different splits. They are not derived from
a deduplication: following only each dropped row to its kept one misses about a fifth of the rows
that leak. Cost: O(pairs) for each split.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from thresher.core.classes import label_texts
from thresher.core.errors import InputError, check_number
from thresher.core.issues import Issues
from thresher.core.missing import id_texts
from thresher.core.neighbors import NeighborGraph
from thresher.core.shown import Shown
from thresher.core.signatures import checked

from .exact import checked_ids, group_by_content

ORDER = ("train", "validation", "test")


@dataclass(frozen=True, repr=False)
class Leakage(Shown):
    """Rows with a close row in a later split, such as train rows that give a test row away.

    Dropping every leaking row leaves no pair of close rows in different splits.

    Attributes
    ----------
    row_ids : ndarray of str, shape (n,)
    leaks : ndarray of bool, shape (n,)
        Rows to drop: the earlier split's side of each pair.
    leaked : ndarray of bool, shape (n,)
        Rows given away: the later split's side.
    twin : ndarray of int64, shape (n,)
        For leaking rows the most similar row of a later split; −1 for others.
    similarity : ndarray of float32, shape (n,)
        Similarity to that row; −1 for others.
    conflict_with : ndarray of int64, shape (n,)
        A row of a later split, as close as the twin, that has another label; −1 for none.
    pair_count : int
        Pairs of close rows in different splits.
    graph, splits, threshold :
        What was searched, for `pairs`.
    """

    row_ids: np.ndarray
    leaks: np.ndarray
    leaked: np.ndarray
    twin: np.ndarray
    similarity: np.ndarray
    conflict_with: np.ndarray
    pair_count: int
    threshold: float
    graph: NeighborGraph = field(repr=False)
    splits: np.ndarray = field(repr=False)
    order: tuple[str, ...] = ORDER
    labels: np.ndarray | None = field(default=None, repr=False)

    @property
    def scores(self) -> np.ndarray:
        """1 − similarity to the twin, 0 for equal rows, 1 for rows that do not leak; float32."""
        return np.where(self.leaks, np.float32(1) - self.similarity, np.float32(1)).clip(0, 1)

    def at(self, threshold: float) -> Leakage:
        """Return the leakage at a higher threshold than the graph's, without a new search."""
        return find_leakage(
            self.graph,
            splits=self.splits,
            threshold=threshold,
            labels=self.labels,
            order=self.order,
        )

    def pairs(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return all pairs as (leaking row, leaked row, similarity), equal rows in full.

        Raises
        ------
        InputError
            When equal rows make more pairs than memory should hold.
        """
        level = _levels(self.splits, self.order)
        rows, neighbors, similarities = self.graph.expand().stored(self.threshold)
        forward = (level[rows] < level[neighbors]) & (level[rows] >= 0)
        return rows[forward], neighbors[forward], similarities[forward]

    def to_issues(self) -> Issues:
        """Return a ``leakage`` issue a leaking row, with the row it gives away as its twin.

        Where the two have different labels there is a ``conflict`` issue too.
        """
        rows, torn = np.flatnonzero(self.leaks), np.flatnonzero(self.conflict_with >= 0)
        leaks = Issues.from_columns(
            "leakage",
            row_ids=self.row_ids[rows],
            scores=self.scores[rows],
            twins=self.row_ids[self.twin[rows]],
            details=[
                f"similarity {value:.4f} to a row of {split}"
                for value, split in zip(
                    self.similarity[rows], self.splits[self.twin[rows]], strict=True
                )
            ],
        )
        conflicts = Issues.from_columns(
            "conflict",
            row_ids=self.row_ids[torn],
            scores=self.scores[torn],
            twins=self.row_ids[self.conflict_with[torn]],
            details=[
                f"a row of {split} this close has another label"
                for split in self.splits[self.conflict_with[torn]]
            ],
        )
        return Issues.concat([leaks, conflicts])


@checked
def find_leakage(
    graph: NeighborGraph,
    *,
    splits: np.ndarray,
    threshold: float | None = None,
    labels: np.ndarray | None = None,
    order: tuple[str, ...] = ORDER,
) -> Leakage:
    """Find rows that are close to a row of a later split.

    Parameters
    ----------
    graph : NeighborGraph
        Made with a threshold, over the rows of all splits; `exact_graph` makes one from content
        hashes.
    splits : ndarray of str, shape (n,)
        Rows of a split that is not in `order` are left out.
    threshold : float, optional
        At least the graph's; default the graph's.
    labels : ndarray, shape (n,), optional
        To find pairs whose labels differ. Compared as text; empty and −1 are missing.
    order : tuple of str
        Splits from the one to drop from first to the one to spare most.

    Raises
    ------
    InputError
        When the graph was made with ``k``, when fewer than two of the splits have rows, or when an
        argument does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from curation import find_leakage
    >>> from thresher.core import neighbor_graph
    >>> graph = neighbor_graph(np.array([[1.0, 0.0], [1.0, 0.01], [0.0, 1.0]]), threshold=0.9)
    >>> found = find_leakage(graph, splits=np.array(["train", "test", "train"]))
    >>> [issue.row_id for issue in found.to_issues()]
    ['0']
    """
    if graph.threshold is None:
        raise InputError("The graph was made with `k` and lacks pairs; make it with a threshold.")
    limit = graph.threshold if threshold is None else threshold
    check_number("threshold", limit, low=graph.threshold, high=1)
    splits = id_texts("splits", splits, unnamed=True)
    if labels is not None:
        labels = label_texts(labels, rows=len(graph))
    if splits.shape != (len(graph),):
        raise InputError(f"`splits` must have shape ({len(graph)},), got {splits.shape}.")
    if len(graph) and len(np.intersect1d(splits, order)) < 2:
        raise InputError(
            f"Leakage needs rows in two of the splits {', '.join(order)}; the data has "
            f"{', '.join(np.unique(splits))}."
        )
    view = _SplitView.of(graph, _levels(splits, order), limit)
    twin, similarity = view.twins()
    return Leakage(
        row_ids=graph.row_ids,
        leaks=twin >= 0,
        leaked=view.leaked(),
        twin=twin,
        similarity=similarity,
        conflict_with=view.conflicts(twin, labels),
        pair_count=view.count_pairs(),
        threshold=limit,
        graph=graph,
        splits=splits,
        order=order,
        labels=labels,
    )


def exact_graph(content_hashes: np.ndarray, *, row_ids: np.ndarray) -> NeighborGraph:
    """Make a graph in which rows of equal content have similarity 1, for exact leakage.

    Parameters
    ----------
    content_hashes : ndarray of str or int, shape (n,)
        Empty and None stand for no content, equal to no other; see `find_exact_duplicates`.
    """
    group = group_by_content(np.asarray(content_hashes))
    _, first, inverse = np.unique(group, return_index=True, return_inverse=True)
    nothing = np.empty(0, np.int64)
    return NeighborGraph.from_pairs(
        checked_ids(row_ids, rows=len(group)),
        (nothing, nothing, np.empty(0)),
        threshold=1.0,
        method="exact: equal content hashes",
        same_as=first[inverse],
    )


def _levels(splits: np.ndarray, order: tuple[str, ...]) -> np.ndarray:
    level = np.full(len(splits), -1, np.int64)
    for place, name in enumerate(order):
        level[splits == name] = place
    return level


@dataclass(frozen=True)
class _SplitView:
    """The graph between groups of equal rows, and which splits have rows in each group.

    ``counts`` and ``sample``, both of shape (n, splits), hold for each first row and split the
    number of rows equal to it and the one of them with the smallest id (−1 for none).
    """

    first: np.ndarray
    level: np.ndarray
    edges: tuple[np.ndarray, np.ndarray, np.ndarray]
    counts: np.ndarray
    sample: np.ndarray
    by_id: np.ndarray

    @classmethod
    def of(cls, graph: NeighborGraph, level: np.ndarray, threshold: float) -> _SplitView:
        n, splits = len(graph), int(level.max(initial=0)) + 1
        by_id = np.argsort(np.argsort(graph.row_ids, kind="stable"), kind="stable")
        rows = np.flatnonzero(level >= 0)
        rows = rows[np.argsort(-by_id[rows], kind="stable")]
        cells = graph.first_rows[rows], level[rows]
        counts, sample = np.zeros((n, splits), np.int64), np.full((n, splits), -1, np.int64)
        np.add.at(counts, cells, 1)
        sample[cells] = rows  # the last one written, with the smallest id, stays
        return cls(graph.first_rows, level, graph.stored(threshold), counts, sample, by_id)

    def twins(self) -> tuple[np.ndarray, np.ndarray]:
        """Return for each row the closest row of a later split, and its similarity."""
        twin = np.full(len(self.first), -1, np.int64)
        similarity = np.full(len(self.first), -1, np.float32)
        for split in range(self.counts.shape[1] - 1):
            found, score = self._closest_later(split)
            rows = np.flatnonzero(self.level == split)
            twin[rows], similarity[rows] = found[self.first[rows]], score[self.first[rows]]
        return twin, similarity

    def _closest_later(self, split: int) -> tuple[np.ndarray, np.ndarray]:
        later = np.full(len(self.first), -1, np.int64)
        for other in range(split + 1, self.counts.shape[1]):
            later = np.where(self.sample[:, other] >= 0, self.sample[:, other], later)
        rows, neighbors, scores = self.edges
        there = later[neighbors] >= 0
        rows, target, scores = rows[there], later[neighbors[there]], scores[there]
        order = np.lexsort((self.by_id[target], -scores, rows))
        found, place = np.unique(rows[order], return_index=True)
        similarity = np.where(later >= 0, np.float32(1), np.float32(-1))
        apart = later[found] < 0
        found, place = found[apart], place[apart]
        later[found], similarity[found] = target[order][place], scores[order][place]
        return later, similarity

    def leaked(self) -> np.ndarray:
        """Return which rows have a close row in an earlier split; bool, shape (n,)."""
        result = np.zeros(len(self.first), bool)
        rows, neighbors, _ = self.edges
        for split in range(1, self.counts.shape[1]):
            earlier: np.ndarray = self.counts[:, :split].sum(axis=1) > 0
            reached = earlier.copy()
            reached[rows[earlier[neighbors]]] = True
            result |= (self.level == split) & reached[self.first]
        return result

    def count_pairs(self) -> int:
        """Return the number of pairs of close rows in different splits."""
        rows, neighbors, _ = self.edges
        total = 0
        for split in range(self.counts.shape[1] - 1):
            later = self.counts[:, split + 1 :].sum(axis=1)
            total += int(self.counts[:, split] @ later)
            total += int(self.counts[rows, split] @ later[neighbors])
        return total

    def conflicts(self, twin: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        """Return for each row one equal to its twin, in the twin's split, with another label."""
        result = np.full(len(twin), -1, np.int64)
        if labels is None:
            return result
        names = label_texts(labels, rows=len(twin))
        _, codes = np.unique(names, return_inverse=True)
        known = (names != "") & (self.level >= 0)
        for sign in (1, -1):
            # The rows with the lowest and the highest label of each group and split.
            extreme = np.full(self.counts.shape, -1, np.int64)
            rows = np.flatnonzero(known)
            rows = rows[np.lexsort((-self.by_id[rows], sign * codes[rows]))]
            extreme[self.first[rows], self.level[rows]] = rows
            mine = np.flatnonzero((twin >= 0) & known & (result < 0))
            other = extreme[self.first[twin[mine]], self.level[twin[mine]]]
            torn = (other >= 0) & (codes[other] != codes[mine])
            result[mine[torn]] = other[torn]
        return result
