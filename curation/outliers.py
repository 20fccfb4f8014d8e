"""Find rows that are far from all others, or far from the others of their class.

A row's distance is the mean of ``1 − cosine`` to its k nearest rows (Ramaswamy, Rastogi and Shim,
2000), divided by the same of those neighbours (the idea of LOF: Breunig et al., 2000), so that a
sparse region is not an outlier as a whole. The cut is where the tail of the logs of these ratios
leaves the bulk of the data; there is no fixed share, and clean data may have none. Costs O(n k)
beside the graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from thresher.core.classes import label_texts
from thresher.core.embeddings import Embeddings
from thresher.core.errors import InputError, check_number
from thresher.core.issues import Issues
from thresher.core.lifted import distances_from_middle
from thresher.core.matrices import as_matrix
from thresher.core.neighbors import NeighborGraph
from thresher.core.randomness import RandomState
from thresher.core.shown import ShownRows
from thresher.core.signatures import checked

NEIGHBORS = 10
FEWEST_ROWS = 8
# Rows further out than quartile + FENCE × interquartile range of the log distance. Tukey's "far
# out" fence is 3; 1.5 would flag 0.7 % of normally distributed data by design.
FENCE = 3.0
FLOOR = 1e-3


@dataclass(frozen=True, repr=False)
class Outliers(ShownRows):
    """How typical each row is.

    Attributes
    ----------
    row_ids : ndarray of str, shape (n,)
    scores : ndarray of float64, shape (n,)
        0–1, low = far out: 1 at the median distance or nearer, 0.5 at the default cut.
    flagged : ndarray of bool, shape (n,)
    distances : ndarray of float64, shape (n,)
        Mean ``1 − cosine`` to the nearest rows; NaN for rows without a vector, which are no
        outliers but have a quality issue.
    threshold : float
        Rows with a score below it are flagged.
    from_middle : ndarray of float64, shape (n,), or None
        Distance from the middle of all rows, in deviations of the columns, where plain numbers were
        given of which some lie far out.
    """

    row_ids: np.ndarray
    scores: np.ndarray
    flagged: np.ndarray
    distances: np.ndarray
    threshold: float = 0.5
    from_middle: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.row_ids)

    def at(self, threshold: float) -> Outliers:
        """Flag the rows with a score below `threshold` instead."""
        check_number("threshold", threshold, low=0, high=1)
        return replace(self, flagged=self.scores < threshold, threshold=threshold)

    def to_issues(self) -> Issues:
        """Return the flagged rows as issues of the check ``outlier``."""
        at = np.flatnonzero(self.flagged)
        details = [self._describe(int(row)) for row in at]
        part = Issues.from_columns(
            "outlier",
            row_ids=self.row_ids[at].tolist(),
            scores=self.scores[at].tolist(),
            details=details,
        )
        return Issues.concat([part])

    def _describe(self, row: int) -> str:
        text = f"mean cosine {1 - self.distances[row]:.2f} to its nearest rows"
        if self.from_middle is None:
            return text
        times = self.from_middle[row] / max(float(np.median(self.from_middle)), 1e-12)
        return f"{text}, {times:.1f} times as far from the middle as the median row"


@checked
def find_outliers(
    embeddings: Embeddings | np.ndarray,
    *,
    labels: np.ndarray | Sequence[int] | Sequence[str] | None = None,
    graph: NeighborGraph | None = None,
    random_state: RandomState = 0,
) -> Outliers:
    """Find rows unlike all others.

    Parameters
    ----------
    embeddings : Embeddings or ndarray of float, shape (n, d)
        Of an array whose rows have other lengths than one, how far out they lie counts as well.
    labels : array of int or str, shape (n,), optional
        With labels, a row must also be far for its class: each class has its own cut, when it has
        at least 8 rows.
    graph : NeighborGraph, optional
        The k nearest of each row (made with ``k``); made here when not given.
    random_state : int, numpy.random.Generator or None
        For approximate search.

    Returns
    -------
    Outliers

    Raises
    ------
    InputError
        On NaN in the vectors, on unequal lengths, and on a graph made with a threshold, in which an
        outlier has no neighbours at all.

    Examples
    --------
    >>> import numpy as np
    >>> from curation import find_outliers
    >>> points = np.random.default_rng(0).normal(size=(300, 2)) * 0.05 + [1, 1]
    >>> points[5] = [-1, 1]
    >>> found = find_outliers(points)
    >>> int(found.scores.argmin())
    5
    """
    far = None
    if not isinstance(embeddings, Embeddings):
        vectors = as_matrix("embeddings", embeddings)
        far = distances_from_middle(vectors)
        # Of one column directions are signs: only the distance from the middle tells rows apart.
        one = vectors.shape[1] == 1
        embeddings = Embeddings.from_numbers(np.sign(vectors) if one else vectors)
    n = len(embeddings)
    if graph is None:
        graph = _search(embeddings, random_state)
    if graph.k is None or len(graph) != n:
        raise InputError(
            f"`graph` must hold the k nearest of the same {n} rows: make it with "
            "neighbor_graph(embeddings, k=10)."
        )
    groups = np.zeros(n, dtype=np.int64) if labels is None else _groups(labels, n)
    distances = _mean_distance(graph)
    ratios = _local_ratio(graph, distances)
    known = np.isfinite(ratios)
    scores = np.ones(n)
    for group in np.unique(groups):
        inside = np.flatnonzero((groups == group) & known)
        pool = inside if len(inside) >= FEWEST_ROWS else np.flatnonzero(known)
        if len(pool) >= FEWEST_ROWS:
            scores[inside] = _typicality(ratios[inside], ratios[pool])
    if far is not None:
        # Roots of distances are so even that no normally distributed row is beyond the fence.
        roots = np.sqrt(far)
        scores = np.minimum(scores, _typicality(roots, roots))
    return Outliers(embeddings.row_ids, scores, scores < 0.5, distances, from_middle=far)


def _search(embeddings: Embeddings, random_state: RandomState) -> NeighborGraph:
    from thresher.core.search import neighbor_graph

    k = max(1, min(NEIGHBORS, len(embeddings) - 1))
    return neighbor_graph(embeddings, k=k, recall=0.95, random_state=random_state)


def _groups(labels: np.ndarray | Sequence[int] | Sequence[str], n: int) -> np.ndarray:
    return np.unique(label_texts(labels, rows=n), return_inverse=True)[1]


def _mean_distance(graph: NeighborGraph) -> np.ndarray:
    """Return the mean of 1 − similarity to the neighbours, NaN for a row without any."""
    counts = np.diff(graph.indptr)
    rows = np.repeat(np.arange(len(graph)), counts)
    sums = np.bincount(rows, weights=1.0 - graph.similarities, minlength=len(graph))
    return np.asarray(np.divide(sums, counts, out=np.full(len(graph), np.nan), where=counts > 0))


def _local_ratio(graph: NeighborGraph, distances: np.ndarray) -> np.ndarray:
    """Return the log of the distance times the root of its ratio to the neighbours' distance.

    Half the weight goes to the plain distance: the ratio alone would call a row of a tight clique
    an outlier when its neighbours are copies of each other.
    """
    counts = np.diff(graph.indptr)
    rows = np.repeat(np.arange(len(graph)), counts)
    around = np.bincount(
        rows, weights=np.nan_to_num(distances[graph.indices]), minlength=len(graph)
    )
    around = np.divide(around, counts, out=np.full(len(graph), np.nan), where=counts > 0)
    return np.asarray(1.5 * np.log(distances + FLOOR) - 0.5 * np.log(around + FLOOR))


def _typicality(values: np.ndarray, pool: np.ndarray) -> np.ndarray:
    """Map values to 0–1: 1 at the pool's median, 0.5 at its upper fence, towards 0 beyond."""
    lower, median, upper = np.quantile(pool, [0.25, 0.5, 0.75])
    reach = upper - median + FENCE * max(upper - lower, 0.05)
    excess = np.maximum(values - median, 0) / reach
    return np.asarray(1 / (1 + excess**4))
