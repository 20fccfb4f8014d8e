"""Grouping by stars: one kept row and the rows close to it, never a chain of rows.

Stars are a greedy maximal independent set of the neighbor graph (Aslam, Pelekhov, Rus, "The star
clustering algorithm", JGAA 2004). Connected components drop rows that no kept row is close to, up
to half of those dropped on real text; stars cannot. Cost: O(pairs) and one pass over the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from thresher.core.classes import label_texts
from thresher.core.counted import counted
from thresher.core.errors import InputError, check_choice, check_number
from thresher.core.missing import read_numbers
from thresher.core.neighbors import NeighborGraph
from thresher.core.numerics.ragged import positions
from thresher.core.signatures import checked

POLICIES = ("first", "medoid", "label_agreement", "resolution", "length")


@dataclass(frozen=True)
class Stars:
    """Kept rows, and for each other row the kept row that it duplicates.

    Attributes
    ----------
    kept : ndarray of bool, shape (n,)
    duplicate_of : ndarray of int64, shape (n,)
        Position of the most similar kept row; −1 for kept rows.
    similarity : ndarray of float32, shape (n,)
        Similarity to that row; −1 for kept rows.
    """

    kept: np.ndarray
    duplicate_of: np.ndarray
    similarity: np.ndarray


def group_by_stars(
    graph: NeighborGraph,
    *,
    threshold: float | None = None,
    protect: np.ndarray | None = None,
    priority: np.ndarray | None = None,
) -> Stars:
    """Keep rows such that every other row has a kept one within the threshold.

    Rows are taken in the order: protected, higher priority, more neighbors, smaller row id. Each
    is kept unless it is close to a row that was kept before; so no two kept rows are close, but for
    protected ones. The outcome does not depend on the order of the input.

    Parameters
    ----------
    graph : NeighborGraph
        Made with a threshold.
    threshold : float, optional
        At least the graph's; default the graph's.
    protect : ndarray of bool, shape (n,), optional
        Rows to keep in any case.
    priority : ndarray of float, shape (n,), optional
        Higher is kept first.

    Raises
    ------
    InputError
        When the graph was made with ``k``, or an argument does not fit it.
    """
    limit = _checked_threshold(graph, threshold)
    protected = checked_rows("protect", protect, len(graph), bool)
    score = checked_rows("priority", priority, len(graph), float)
    by_id = np.argsort(graph.row_ids, kind="stable")
    rank = rank_rows(by_id, graph.degrees(limit), protected=protected, priority=score)
    head = best_of_equal(graph.first_rows, rank)
    kept_first = _independent_set(graph, limit, rank[head], protected)
    twin, similarity = _closest_kept(graph, limit, kept_first, rank[head])
    first = graph.first_rows
    own = np.arange(len(graph))
    kept = protected | (kept_first[first] & (head[first] == own))
    target = np.where(kept_first[first], head[first], head[twin[first]])
    score = np.where(kept_first[first], np.float32(1), similarity[first])
    return Stars(kept, np.where(kept, -1, target), np.where(kept, np.float32(-1), score))


def _checked_threshold(graph: NeighborGraph, threshold: float | None) -> float:
    if graph.threshold is None:
        raise InputError(
            "The graph was made with `k` and lacks pairs of dense groups. Use a threshold: "
            "neighbor_graph(embeddings, threshold=0.9)."
        )
    if threshold is None:
        return graph.threshold
    if threshold < graph.threshold:
        raise InputError(
            f"`threshold` is {threshold:g}, but the graph holds pairs from {graph.threshold:g} on. "
            "Search again with the lower threshold."
        )
    return check_number("threshold", threshold, low=0, high=1, low_open=True)


def checked_rows(name: str, values: np.ndarray | None, rows: int, kind: type) -> np.ndarray:
    """Return one value a row, zeros where none are given; refuse another shape and NaN."""
    if values is None:
        return np.zeros(rows, kind)
    numbers = read_numbers(name, values)
    if numbers.shape != (rows,):
        raise InputError(f"`{name}` must have shape ({rows},), got {numbers.shape}.")
    if np.isnan(numbers).any():
        raise InputError(
            f"`{name}` holds NaN in {int(np.isnan(numbers).sum())} of {counted(rows, 'row')}."
        )
    array: np.ndarray = numbers.astype(kind)
    return array


def rank_rows(
    by_id: np.ndarray, degrees: np.ndarray, *, protected: np.ndarray, priority: np.ndarray
) -> np.ndarray:
    """Return the place of each row in the order in which rows are kept; int64, shape (n,).

    Parameters
    ----------
    by_id : ndarray of int64, shape (n,)
        Positions of the rows, sorted by row id.
    degrees : ndarray of int64, shape (n,)
    protected : ndarray of bool, shape (n,)
    priority : ndarray of float, shape (n,)
    """
    place = np.empty(len(by_id), np.int64)
    place[by_id] = np.arange(len(by_id))
    order = np.lexsort((place, -degrees, -priority, ~protected))
    rank = np.empty(len(by_id), np.int64)
    rank[order] = np.arange(len(by_id))
    return rank


def best_of_equal(first: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """Return for each first row the best-ranked of the rows equal to it; others: themselves."""
    head = np.arange(len(first))
    order = np.lexsort((rank, first))
    groups, starts = np.unique(first[order], return_index=True)
    head[groups] = order[starts]
    return head


def _independent_set(
    graph: NeighborGraph, threshold: float, rank: np.ndarray, protected: np.ndarray
) -> np.ndarray:
    """Choose among first rows, in the order of `rank`; protected ones are always chosen."""
    first_rows = np.unique(graph.first_rows)
    chosen, blocked = np.zeros(len(graph), bool), np.zeros(len(graph), bool)
    forced = np.unique(graph.first_rows[protected])
    rows, neighbors, _ = graph.stored(threshold)
    ends = graph.indptr[:-1] + np.bincount(rows, minlength=len(graph))
    chosen[forced] = True
    blocked[neighbors[chosen[rows]]] = True
    lonely = graph.indptr[:-1] == ends
    chosen[first_rows[lonely[first_rows]]] = True
    undecided = first_rows[~chosen[first_rows] & ~blocked[first_rows]]
    starts, stops, indices = graph.indptr.tolist(), ends.tolist(), graph.indices
    for row in undecided[np.argsort(rank[undecided], kind="stable")].tolist():
        if not blocked[row]:
            chosen[row] = True
            blocked[indices[starts[row] : stops[row]]] = True
    return chosen


def _closest_kept(
    graph: NeighborGraph, threshold: float, chosen: np.ndarray, rank: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    twin = np.full(len(graph), -1, np.int64)
    similarity = np.full(len(graph), -1, np.float32)
    rows, neighbors, scores = graph.stored(threshold)
    dropped = ~chosen[rows] & chosen[neighbors]
    rows, neighbors, scores = rows[dropped], neighbors[dropped], scores[dropped]
    order = np.lexsort((rank[neighbors], -scores, rows))
    found, place = np.unique(rows[order], return_index=True)
    twin[found], similarity[found] = neighbors[order][place], scores[order][place]
    return twin, similarity


@checked
def keep_by(
    policy: str,
    graph: NeighborGraph,
    *,
    labels: np.ndarray | None = None,
    values: Sequence[str] | Sequence[np.ndarray | None] | np.ndarray | None = None,
) -> np.ndarray:
    """Turn a policy of which copy to keep into a priority for each row.

    A score of one's own needs no policy: hand it to `priority` directly.

    Parameters
    ----------
    policy : {"first", "medoid", "label_agreement", "resolution", "length"}
        ``"first"``: the earliest row. ``"medoid"``: the row with the highest summed similarity to
        its neighbors. ``"label_agreement"``: rows whose label most of their neighbors share.
        ``"resolution"``: the image of the most pixels. ``"length"``: the text of the most words.
    labels : ndarray, shape (n,)
        For ``"label_agreement"``.
    values : sequence of ndarray, shape (h, w, …), or of str, length n
        Images for ``"resolution"``, None for one that cannot be read; texts for ``"length"``.

    Returns
    -------
    ndarray of float64, shape (n,)

    Examples
    --------
    >>> from curation import find_near_duplicates, keep_by, text_graph
    >>> texts = ["a red kettle for two", "a red kettle for two!", "a small table"]
    >>> graph = text_graph(texts, threshold=0.7)
    >>> longest = keep_by("length", graph, values=texts)
    >>> find_near_duplicates(graph, priority=longest).kept.tolist()
    [True, False, True]
    """
    check_choice("policy", policy, POLICIES)
    if policy == "first":
        return -np.arange(len(graph), dtype=float)
    if policy == "medoid":
        return _summed_similarity(graph)
    given = labels if policy == "label_agreement" else values
    if given is None:
        needed = "labels" if policy == "label_agreement" else "values"
        raise InputError(f"The policy {policy!r} needs `{needed}`.")
    if policy == "label_agreement":
        return _label_agreement(graph, label_texts(given, rows=len(graph)))
    if len(given) != len(graph):
        raise InputError(f"`values` must have length {len(graph)}, got {len(given)}.")
    measure = _pixels if policy == "resolution" else _words
    return np.array([measure(value) for value in given], float)


def _pixels(image: Any) -> int:
    return 0 if image is None else int(image.shape[0] * image.shape[1])


def _words(text: Any) -> int:
    return len(str(text).split())


def _summed_similarity(graph: NeighborGraph) -> np.ndarray:
    first = graph.first_rows
    rows, neighbors, scores = graph.stored()
    weights = scores.astype(np.float64) * graph.copies[neighbors]
    sums = np.bincount(rows, weights=weights, minlength=len(graph))
    # Sums of the same numbers in another order differ in their last bits.
    rounded: np.ndarray = np.round((sums + graph.copies - 1)[first], 6)
    return rounded


def _label_agreement(graph: NeighborGraph, labels: np.ndarray) -> np.ndarray:
    n = len(graph)
    classes, codes = np.unique(labels, return_inverse=True)
    first = graph.first_rows
    # How many rows of each class stand at each first row, as sorted (row, class) keys.
    keys, counts = np.unique(first * np.int64(len(classes)) + codes, return_counts=True)

    def held(row: np.ndarray, code: np.ndarray) -> np.ndarray:
        wanted = row * np.int64(len(classes)) + code
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where(keys[place] == wanted, counts[place], 0)

    if not n:
        return np.zeros(0)
    agreeing = held(first, codes) - 1
    spans = np.diff(graph.indptr)[first]
    row = np.repeat(np.arange(n), spans)
    neighbors = graph.indices[positions(graph.indptr[first], spans)]
    agreeing = agreeing + np.bincount(row, weights=held(neighbors, codes[row]), minlength=n)
    degrees = graph.degrees()
    share: np.ndarray = np.divide(agreeing, degrees, out=np.ones(n), where=degrees > 0)
    share[labels == ""] = 0.0
    return share
