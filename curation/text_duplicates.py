"""Near-duplicate texts by Jaccard similarity of their shingles, counted exactly for every pair.

Long texts are compared by word 5-grams, since character n-grams make long unrelated texts similar
(Lee et al., "Deduplicating training data makes language models better", ACL 2022, use word 5-grams
as well). Short texts, where one changed word destroys most word n-grams, are compared by character
5-grams, and texts shorter than that as wholes: none is skipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from thresher.core.errors import check_choice, check_number
from thresher.core.missing import text_list
from thresher.core.neighbors import NeighborGraph, Recall
from thresher.core.randomness import RandomState, check_random_state
from thresher.core.search.recall import measured_recall
from thresher.core.signatures import checked

from .exact import checked_ids
from .set_join import choose_bands, jaccard, minhash_candidates, prefix_candidates, prefix_cost
from .shingles import Shingles, character_shingles, normalized, word_shingles

METHODS = ("auto", "exact", "minhash")
SHINGLE = 5
LONG_TEXT = 60
CHEAP_CANDIDATES = 20_000_000
SAMPLED_ROWS = 500
# Lowest threshold for which look-alikes are of interest; rows multiplied with all others at once.
SMALLEST, ROWS_PER_PRODUCT = 0.2, 64

Pairs = tuple[np.ndarray, np.ndarray, np.ndarray]


@checked
def text_graph(
    texts: Sequence[str],
    *,
    row_ids: np.ndarray | None = None,
    threshold: float = 0.8,
    method: str = "auto",
    random_state: RandomState = 0,
) -> NeighborGraph:
    """Find all pairs of texts whose Jaccard similarity is at least `threshold`.

    Case, punctuation, white space and Unicode form do not count. A pair is compared by word 5-grams
    if both texts have 60 words or more, else by character 5-grams.

    Parameters
    ----------
    texts : sequence of str, length n
        Texts without a word are similar to nothing.
    row_ids : ndarray of str, shape (n,), optional
        Default ``"0"``, ``"1"``, ….
    threshold : float
        In (0, 1].
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
    check_number("threshold", threshold, low=0, high=1, low_open=True)
    check_choice("method", method, METHODS)
    given = text_list("texts", texts)
    ids = checked_ids(row_ids, rows=len(given))
    plain = [normalized(text) for text in given]
    first = _first_equal(plain)
    same_as = first if (first != np.arange(len(plain))).any() else None
    worded = np.array([bool(text) for text in plain], bool)
    distinct = np.flatnonzero(worded & (first == np.arange(len(plain))))
    rng = check_random_state(random_state)
    parts = [
        _join(kind, rows, threshold, method=method, rng=rng)
        for kind, rows in _kinds([plain[row] for row in distinct], threshold)
    ]
    first_rows, second_rows, scores = _concatenated([part[0] for part in parts])
    recalls = [part[1] for part in parts if part[1] is not None]
    return NeighborGraph.from_pairs(
        ids,
        (distinct[first_rows], distinct[second_rows], scores),
        threshold=threshold,
        exact=not recalls,
        recall=min(recalls, key=lambda recall: recall.estimate, default=None),
        method="; ".join(part[2] for part in parts) or "no two texts to compare",
        same_as=same_as,
    )


def _first_equal(plain: list[str]) -> np.ndarray:
    """Return the position of the first equal text; texts without a word equal no other."""
    seen: dict[str, int] = {}
    firsts = [seen.setdefault(text, row) if text else row for row, text in enumerate(plain)]
    return np.array(firsts, np.int64)


@dataclass(frozen=True)
class _Kind:
    name: str
    shingles: Shingles
    short: np.ndarray | None


def _kinds(plain: list[str], threshold: float) -> list[tuple[_Kind, np.ndarray]]:
    """Return the comparisons to make, each with the rows that take part."""
    words = np.array([text.count(" ") + 1 for text in plain], np.int64)
    short = words < LONG_TEXT
    long_rows = np.flatnonzero(~short)
    # A text much longer than any short one cannot reach the threshold with it.
    near_short = np.flatnonzero(words * threshold < LONG_TEXT) if short.any() else long_rows[:0]
    kinds = []
    if len(long_rows) > 1:
        shingles = word_shingles([plain[row] for row in long_rows], SHINGLE)
        kinds.append((_Kind("word 5-grams", shingles, None), long_rows))
    if len(near_short) > 1:
        shingles = character_shingles([plain[row] for row in near_short], SHINGLE)
        kinds.append((_Kind("character 5-grams", shingles, short[near_short]), near_short))
    return kinds


def nearest_jaccard(
    texts: Sequence[str], rows: np.ndarray, *, count: int = 10
) -> tuple[np.ndarray, np.ndarray]:
    """Compare some texts with all others, as `text_graph` does, and keep the most similar.

    Equal texts count as one. Cost: one sparse product of the rows with all texts.

    Parameters
    ----------
    texts : sequence of str, length n
    rows : ndarray of int64, shape (m,)
        Positions of the texts to compare.
    count : int
        Similarities to return for each.

    Returns
    -------
    nearest : ndarray of float32, shape (m, count)
        Highest first; 0 where there are fewer others, and for texts without a word.
    copied : ndarray of bool, shape (m,)
        Whether another text is equal.
    """
    plain = [normalized(text) for text in texts]
    first = _first_equal(plain)
    distinct = np.flatnonzero((first == np.arange(len(plain))) & np.array([*map(bool, plain)]))
    nearest = np.zeros((len(rows), count), np.float32)
    asked = first[rows]
    for kind, members in _kinds([plain[row] for row in distinct], SMALLEST):
        places = np.full(len(plain), -1, np.int64)
        places[distinct[members]] = np.arange(len(members))
        mine = np.flatnonzero(places[asked] >= 0)
        if kind.short is not None:
            # Two long texts that stand here for the sake of short ones are compared by words.
            mine = mine[kind.short[places[asked[mine]]]]
        found = _top_jaccard(kind.shingles.matrix(), places[asked[mine]], count)
        merged = np.sort(np.concatenate([nearest[mine], found], axis=1), axis=1)
        nearest[mine] = merged[:, ::-1][:, :count]
    return nearest, np.bincount(first, minlength=len(plain))[asked] > 1


def _top_jaccard(matrix: sparse.csr_matrix, rows: np.ndarray, count: int) -> np.ndarray:
    """Return the highest similarities of some rows of a 0–1 matrix to its other rows."""
    sizes, top = np.diff(matrix.indptr), np.zeros((len(rows), count), np.float32)
    for start in range(0, len(rows), ROWS_PER_PRODUCT):
        part = rows[start : start + ROWS_PER_PRODUCT]
        shared = (matrix[part] @ matrix.T).tocsr()
        for place, row in enumerate(part):
            span = slice(shared.indptr[place], shared.indptr[place + 1])
            column, both = shared.indices[span], shared.data[span]
            scores = (both / (sizes[row] + sizes[column] - both))[column != row]
            # Of many others few are wanted: they are set apart before they are put in order.
            best = np.partition(scores, -count)[-count:] if len(scores) > count else scores
            top[start + place, : len(best)] = np.sort(best)[::-1]
    return top


def paired_jaccard(left: Sequence[str], right: Sequence[str]) -> np.ndarray:
    """Return the similarity of each text to its counterpart, float32, shape (n,).

    Compared as `text_graph` does; 0 where either has no word.
    """
    plain = [normalized(text) for text in [*left, *right]]
    n = len(left)
    words = np.array([text.count(" ") + 1 for text in plain], np.int64)
    both_long = np.minimum(words[:n], words[n:]) >= LONG_TEXT
    worded = np.array([bool(a and b) for a, b in zip(plain[:n], plain[n:], strict=True)], bool)
    result = np.zeros(n, np.float32)
    for chosen, make in ((both_long, word_shingles), (~both_long, character_shingles)):
        rows = np.flatnonzero(chosen & worded)
        pairs = [plain[row] for row in rows] + [plain[row + n] for row in rows]
        matrix = make(pairs, SHINGLE).matrix()
        found = jaccard(matrix, np.arange(len(rows)), np.arange(len(rows)) + len(rows))
        result[rows] = found
    return result


def _join(
    kind: _Kind, rows: np.ndarray, threshold: float, *, method: str, rng: np.random.Generator
) -> tuple[Pairs, Recall | None, str]:
    shingles, recall = kind.shingles, None
    how = f"{kind.name} of {len(rows)} texts, "
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
