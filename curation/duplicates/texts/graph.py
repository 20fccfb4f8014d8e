"""Near-duplicate texts by Jaccard similarity of their shingles, counted exactly for every pair.

Texts are compared as `text_likeness` says, from a threshold on that is learnt from them unless one
is given (`text_thresholds`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from thresher.core.counted import counted
from thresher.core.errors import InputError, check_choice, check_number
from thresher.core.missing import text_list
from thresher.core.neighbors import NeighborGraph, Recall
from thresher.core.randomness import RandomState, check_random_state
from thresher.core.search.recall import measured_recall
from thresher.core.signatures import checked

from ..exact import checked_ids
from .likeness import ROWS_PER_PRODUCT, Kind, first_equal, kinds_of
from .set_join import choose_bands, jaccard, minhash_candidates, prefix_candidates, prefix_cost
from .shingles import normalized
from .thresholds import choose_text_threshold

METHODS = ("auto", "exact", "minhash")
CHEAP_CANDIDATES = 20_000_000
SAMPLED_ROWS = 500

Pairs = tuple[np.ndarray, np.ndarray, np.ndarray]


@checked
def text_graph(
    texts: Sequence[str],
    *,
    row_ids: np.ndarray | None = None,
    threshold: float | str = "auto",
    method: str = "auto",
    random_state: RandomState = 0,
) -> NeighborGraph:
    """Find all pairs of texts whose Jaccard similarity is at least a threshold.

    Case, punctuation, white space and Unicode form do not count. A pair is compared by word 5-grams
    if both texts have 60 words or more, else by character 5-grams.

    Parameters
    ----------
    texts : sequence of str, length n
        Texts without a word are similar to nothing.
    row_ids : ndarray of str, shape (n,), optional
        Default ``"0"``, ``"1"``, ….
    threshold : float or "auto"
        In (0, 1]; ``"auto"`` learns it from the texts, see `choose_text_threshold`, and
        ``method`` of the graph says why.
    method : {"auto", "exact", "minhash"}
        ``"exact"`` finds candidates by their rarest shingles and misses none; ``"minhash"`` by 128
        MinHash values, with recall measured on 500 texts. ``"auto"`` takes the exact one unless
        that would make more than 20 million candidates.

    Returns
    -------
    NeighborGraph
        For `find_near_duplicates` and `find_leakage`; its similarities are Jaccard's.

    Examples
    --------
    >>> from curation import text_graph
    >>> texts = ["a red kettle for two", "a red kettle for two!", "a small table"]
    >>> [row.tolist() for row in text_graph(texts, threshold=0.7).pairs()]
    [[0], [1], [1.0]]
    """
    check_choice("method", method, METHODS)
    given = text_list("texts", texts)
    ids = checked_ids(row_ids, rows=len(given))
    threshold, why = _threshold(threshold, given)
    plain = [normalized(text) for text in given]
    first = first_equal(plain)
    same_as = first if (first != np.arange(len(plain))).any() else None
    worded = np.array([bool(text) for text in plain], bool)
    distinct = np.flatnonzero(worded & (first == np.arange(len(plain))))
    rng = check_random_state(random_state)
    parts = [
        _join(kind, rows, threshold, method=method, rng=rng)
        for kind, rows in kinds_of([plain[row] for row in distinct], threshold)
    ]
    first_rows, second_rows, scores = _concatenated([part[0] for part in parts])
    recalls = [part[1] for part in parts if part[1] is not None]
    return NeighborGraph.from_pairs(
        ids,
        (distinct[first_rows], distinct[second_rows], scores),
        threshold=threshold,
        exact=not recalls,
        recall=min(recalls, key=lambda recall: recall.estimate, default=None),
        method="; ".join(part[2] for part in parts) + why if parts else "no two texts to compare",
        same_as=same_as,
    )


def _threshold(asked: float | str, texts: list[str]) -> tuple[float, str]:
    """Return the threshold, and the reason for one that was chosen."""
    if isinstance(asked, str):
        if asked != "auto":
            raise InputError(f"`threshold` must be a number or 'auto', got {asked!r}.")
        chosen = choose_text_threshold(texts)
        return float(chosen.value), f"; threshold {chosen}"
    check_number("threshold", asked, low=0, high=1, low_open=True)
    return asked, ""


def _join(
    kind: Kind, rows: np.ndarray, threshold: float, *, method: str, rng: np.random.Generator
) -> tuple[Pairs, Recall | None, str]:
    shingles, recall = kind.shingles, None
    how = f"{kind.name} of {counted(len(rows), 'text')}, "
    exact = method == "exact" or (
        method == "auto" and prefix_cost(shingles, threshold) <= CHEAP_CANDIDATES
    )
    matrix = shingles.matrix()
    if exact:
        pairs = _verified(matrix, prefix_candidates(shingles, threshold), threshold)
        how += "exact by prefix filter"
    else:
        pairs = _verified(matrix, minhash_candidates(shingles, threshold, rng), threshold)
        recall = _measured(matrix, pairs, threshold, rng)
        how += "{} bands of {} MinHash values".format(*choose_bands(threshold))
    if kind.short is not None:
        mixed = kind.short[pairs[0]] | kind.short[pairs[1]]
        pairs = pairs[0][mixed], pairs[1][mixed], pairs[2][mixed]
    return (rows[pairs[0]], rows[pairs[1]], pairs[2]), recall, how


def _verified(
    matrix: sparse.csr_matrix, candidates: tuple[np.ndarray, np.ndarray], threshold: float
) -> Pairs:
    scores = jaccard(matrix, *candidates)
    passed = scores >= np.float32(threshold)
    return candidates[0][passed], candidates[1][passed], scores[passed]


def _measured(
    matrix: sparse.csr_matrix, pairs: Pairs, threshold: float, rng: np.random.Generator
) -> Recall:
    """Compare sampled texts with all others and count which of their pairs were found."""
    n = matrix.shape[0]
    rows = np.sort(rng.choice(n, min(n, SAMPLED_ROWS), replace=False))
    known = pairs[0] * np.int64(n) + pairs[1]
    found, true = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.int64)
    for start in range(0, len(rows), ROWS_PER_PRODUCT):
        part = rows[start : start + ROWS_PER_PRODUCT]
        place, first, second = _reaching(matrix, part, threshold)
        hit = np.isin(np.minimum(first, second) * np.int64(n) + np.maximum(first, second), known)
        span = slice(start, start + len(part))
        found[span] = np.bincount(place[hit], minlength=len(part))
        true[span] = np.bincount(place, minlength=len(part))
    return measured_recall(found, true)


def _reaching(
    matrix: sparse.csr_matrix, rows: np.ndarray, threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pairs of `rows` with all others that reach the threshold, and whose they are."""
    shared = (matrix[rows] @ matrix.T).tocoo()
    first, second = rows[shared.row], shared.col.astype(np.int64)
    sizes = np.diff(matrix.indptr)
    scores = (shared.data / (sizes[first] + sizes[second] - shared.data)).astype(np.float32)
    true = (scores >= np.float32(threshold)) & (first != second)
    return shared.row[true], first[true], second[true]


def _concatenated(parts: list[Pairs]) -> Pairs:
    nothing = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32)
    first, second, scores = (np.concatenate(part) for part in zip(nothing, *parts, strict=True))
    return first, second, scores
