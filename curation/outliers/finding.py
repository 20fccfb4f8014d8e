"""Find rows that are far from all others, or far from the others of their class.

A row's distance is seen in several ways: the mean of ``1 − cosine`` to its k nearest rows
(Ramaswamy, Rastogi and Shim, 2000), the same to a neighbor that no group of some thirty strangers
reaches, and to the mean direction of all; of plain numbers also how far out they lie, and of rows
whose properties were measured how unusual these are. `farness` tells how they are joined. The cut
is where the tail of the bulk should have ended; there is no fixed share, and clean data may have
none beyond. Costs O(n d) beside the graph.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from thresher.core.classes import label_texts
from thresher.core.counted import counted
from thresher.core.embeddings import Embeddings
from thresher.core.errors import InputError, check_number
from thresher.core.issues import Issues
from thresher.core.lifted import distances_from_middle
from thresher.core.matrices import as_matrix
from thresher.core.neighbors import NeighborGraph
from thresher.core.randomness import RandomState
from thresher.core.shown import ShownRows
from thresher.core.signatures import checked

from .farness import beyond_groups, from_mean_direction, in_logs, typicality, unusual

NEIGHBORS = 10
FEWEST_ROWS = 8
# Fewer rows of a class have no tail of their own, and are judged among all rows.
FEWEST_OF_CLASS = 40


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
    properties : tuple of str
        Names of the properties that counted.
    """

    row_ids: np.ndarray
    scores: np.ndarray
    flagged: np.ndarray
    distances: np.ndarray
    threshold: float = 0.5
    from_middle: np.ndarray | None = None
    properties: tuple[str, ...] = ()

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
    properties: Mapping[str, Sequence[float] | np.ndarray] | None = None,
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
        at least 40 rows.
    properties : mapping of str to array of float, shape (n,), optional
        What was measured of every row, such as `QualityIssues.properties`, NaN where nothing was:
        rows that are unusual by these count as far too. Embeddings may not show noise or a page of
        text among photographs; brightness, edges and colors do.
    graph : NeighborGraph, optional
        The k nearest of each row (made with ``k``); made here when not given.
    random_state : int, numpy.random.Generator or None
        For approximate search, and for the sample of more than 1,000 rows.

    Returns
    -------
    Outliers

    Raises
    ------
    InputError
        On NaN in the vectors, on unequal lengths, on properties that are no numbers, and on a graph
        made with a threshold, in which an outlier has no neighbors at all.

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
            f"`graph` must hold the k nearest of the same {counted(n, 'row')}: make it with "
            "neighbor_graph(embeddings, k=10)."
        )
    groups = np.zeros(n, dtype=np.int64) if labels is None else _groups(labels, n)
    distances = _mean_distance(graph)
    known = np.isfinite(distances)
    seen = [
        distances,
        beyond_groups(embeddings.vectors, known, random_state),
        from_mean_direction(embeddings.vectors, known),
    ]
    ways = [in_logs(values) for values in (seen if far is None else [*seen, far])]
    ways += [] if not properties else [unusual(_of_rows(properties, n))]
    scores = np.ones(n)
    for group in np.unique(groups):
        inside = np.flatnonzero((groups == group) & known)
        pool = inside if len(inside) >= FEWEST_OF_CLASS else np.flatnonzero(known)
        if len(pool) >= FEWEST_ROWS:
            scores[inside] = typicality(ways, pool)[inside]
    return Outliers(
        embeddings.row_ids,
        scores,
        scores < 0.5,
        distances,
        from_middle=far,
        properties=tuple(properties or ()),
    )


def describe_outliers(found: Outliers) -> str:
    """Say how outliers were sought."""
    text = "Distance to the nearest rows, to what no small group reaches, and to the mean of all"
    more = f", and how unusual {', '.join(found.properties)} are" if found.properties else ""
    return text + more


def _of_rows(
    properties: Mapping[str, Sequence[float] | np.ndarray], n: int
) -> Mapping[str, Sequence[float] | np.ndarray]:
    for name, values in properties.items():
        if np.ndim(values) != 1 or len(values) != n:
            raise InputError(
                f"`properties[{name!r}]` must hold one number for each of the "
                f"{counted(n, 'row')}, got shape {np.shape(values)}."
            )
    return properties


def _search(embeddings: Embeddings, random_state: RandomState) -> NeighborGraph:
    from thresher.core.search import neighbor_graph

    k = max(1, min(NEIGHBORS, len(embeddings) - 1))
    return neighbor_graph(embeddings, k=k, recall=0.95, random_state=random_state)


def _groups(labels: np.ndarray | Sequence[int] | Sequence[str], n: int) -> np.ndarray:
    return np.unique(label_texts(labels, rows=n), return_inverse=True)[1]


def _mean_distance(graph: NeighborGraph) -> np.ndarray:
    """Return the mean of 1 − similarity to the neighbors, NaN for a row without any."""
    counts = np.diff(graph.indptr)
    rows = np.repeat(np.arange(len(graph)), counts)
    sums = np.bincount(rows, weights=1.0 - graph.similarities, minlength=len(graph))
    return np.asarray(np.divide(sums, counts, out=np.full(len(graph), np.nan), where=counts > 0))
