"""Near duplicates: every dropped row names the kept row that it duplicates."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from thresher.core.errors import InputError
from thresher.core.issues import Issues
from thresher.core.neighbors import NeighborGraph
from thresher.core.shown import ShownRows
from thresher.core.signatures import checked

from .stars import checked_rows, group_by_stars


@dataclass(frozen=True, repr=False)
class NearDuplicates(ShownRows):
    """Near duplicates at one threshold; another threshold or size needs no new search.

    Attributes
    ----------
    row_ids : ndarray of str, shape (n,)
    kept : ndarray of bool, shape (n,)
        No two kept rows are within the threshold of each other, protected ones aside.
    duplicate_of : ndarray of int64, shape (n,)
        Position of the most similar kept row, within the threshold; −1 for kept rows.
    similarity : ndarray of float32, shape (n,)
        Similarity to that row; −1 for kept rows.
    threshold : float
    graph : NeighborGraph
    protect, priority : ndarray or None
        As given, for `at` and `to_size`.
    """

    row_ids: np.ndarray
    kept: np.ndarray
    duplicate_of: np.ndarray
    similarity: np.ndarray
    threshold: float
    graph: NeighborGraph = field(repr=False)
    protect: np.ndarray | None = field(default=None, repr=False)
    priority: np.ndarray | None = field(default=None, repr=False)

    @property
    def scores(self) -> np.ndarray:
        """1 − similarity to the kept twin, 0 for equal rows, 1 for kept rows; float32, (n,)."""
        return np.where(self.kept, np.float32(1), np.float32(1) - self.similarity).clip(0, 1)

    @property
    def dropped(self) -> np.ndarray:
        """Positions of the duplicates, surest first, ties by row id."""
        rows = np.flatnonzero(~self.kept)
        order: np.ndarray = rows[np.lexsort((self.row_ids[rows], -self.similarity[rows]))]
        return order

    def groups(self) -> list[np.ndarray]:
        """Return the positions of each star that drops a row: the kept row, then its duplicates."""
        dropped = self.dropped
        order = np.argsort(self.duplicate_of[dropped], kind="stable")
        centers, starts = np.unique(self.duplicate_of[dropped][order], return_index=True)
        members = np.split(dropped[order], starts[1:])
        return [np.concatenate([[c], rows]) for c, rows in zip(centers, members, strict=False)]

    def at(self, threshold: float) -> NearDuplicates:
        """Return the duplicates at a higher threshold than the graph's, without a new search."""
        return find_near_duplicates(
            self.graph, threshold=threshold, protect=self.protect, priority=self.priority
        )

    def to_size(self, n: int) -> NearDuplicates:
        """Return a result that keeps exactly `n` rows, dropping the surest duplicates.

        The threshold is raised until at most `n` rows are kept; the least similar duplicates then
        come back until there are `n`. Every dropped row still has a kept twin.

        Raises
        ------
        InputError
            When even the graph's own threshold keeps more than `n` rows, or there are fewer.
        """
        fewest = self.at(self._lowest())
        least, most = int(fewest.kept.sum()), len(self.row_ids)
        if not least <= n <= most:
            raise InputError(
                f"`n` must be from {least}, what the graph's threshold {self._lowest():g} leaves, "
                f"to {most}, got {n}. Search with a lower threshold to go further."
            )
        result = self._tightest(fewest, n)
        return result._restore(n - int(result.kept.sum()))

    def _lowest(self) -> float:
        return self.threshold if self.graph.threshold is None else self.graph.threshold

    def _tightest(self, fewest: NearDuplicates, n: int) -> NearDuplicates:
        """Bisect for the highest stored similarity at which at most `n` rows are kept."""
        levels = np.unique(self.graph.similarities)
        best, low, high = fewest, 0, len(levels)
        while low < high:
            middle = (low + high) // 2
            result = self.at(max(float(levels[middle]), self._lowest()))
            if int(result.kept.sum()) <= n:
                best, low = result, middle + 1
            else:
                high = middle
        return best

    def _restore(self, count: int) -> NearDuplicates:
        rows = self.dropped[len(self.dropped) - count :]
        kept, duplicate_of = self.kept.copy(), self.duplicate_of.copy()
        similarity = self.similarity.copy()
        kept[rows], duplicate_of[rows], similarity[rows] = True, -1, -1
        return replace(self, kept=kept, duplicate_of=duplicate_of, similarity=similarity)

    def borderline(self, k: int = 20) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the `k` least sure duplicates as (rows, their twins, similarities).

        Least similar first: if these are duplicates, all are.
        """
        rows = self.dropped[::-1][:k]
        return rows, self.duplicate_of[rows], self.similarity[rows]

    def to_issues(self) -> Issues:
        """Return one ``near_duplicate`` issue a dropped row, with the kept row as its twin."""
        rows = self.dropped
        return Issues.from_columns(
            "near_duplicate",
            row_ids=self.row_ids[rows],
            scores=self.scores[rows],
            twins=self.row_ids[self.duplicate_of[rows]],
            details=[f"similarity {value:.4f} to the kept row" for value in self.similarity[rows]],
        )


@checked
def find_near_duplicates(
    graph: NeighborGraph,
    *,
    threshold: float | None = None,
    protect: np.ndarray | None = None,
    priority: np.ndarray | None = None,
) -> NearDuplicates:
    """Choose which of the rows that are close to each other to keep.

    Every dropped row has a kept row within the threshold, and no two kept rows are within it,
    protected ones aside; see `grouping`. The same rows are kept in whatever order they come.

    Parameters
    ----------
    graph : NeighborGraph
        Made with a threshold, by `neighbor_graph`, `text_graph` or `image_graph`.
    threshold : float, optional
        At least the graph's; default the graph's.
    protect : ndarray of bool, shape (n,), optional
        Rows never dropped, such as those of the test split.
    priority : ndarray of float, shape (n,), optional
        Higher is kept: a score, a resolution, a length, or what `grouping.keep_by` returns. Ties
        go to the row with more neighbors, then the smaller row id.

    Raises
    ------
    InputError
        When the graph was made with ``k``, or an argument does not fit it.

    Examples
    --------
    >>> import numpy as np
    >>> from curation import find_near_duplicates
    >>> from thresher.core import neighbor_graph
    >>> graph = neighbor_graph(np.array([[1.0, 0.0], [1.0, 0.01], [0.0, 1.0]]), threshold=0.9)
    >>> found = find_near_duplicates(graph)
    >>> found.kept.tolist(), found.duplicate_of.tolist()
    ([True, False, True], [-1, 0, -1])
    """
    stars = group_by_stars(graph, threshold=threshold, protect=protect, priority=priority)
    limit = graph.threshold if threshold is None else threshold
    assert limit is not None  # group_by_stars has refused graphs without one
    rows = len(graph)
    return NearDuplicates(
        graph.row_ids,
        stars.kept,
        stars.duplicate_of,
        stars.similarity,
        threshold=limit,
        graph=graph,
        protect=None if protect is None else checked_rows("protect", protect, rows, bool),
        priority=None if priority is None else checked_rows("priority", priority, rows, float),
    )
