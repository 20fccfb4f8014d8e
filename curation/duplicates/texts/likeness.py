"""How alike texts are: Jaccard similarity of their shingles, for some rows or for pairs.

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

from .set_join import jaccard
from .shingles import Shingles, character_shingles, normalized, word_shingles

SHINGLE = 5
LONG_TEXT = 60
# Lowest threshold for which look-alikes are of interest; rows multiplied with all others at once.
SMALLEST, ROWS_PER_PRODUCT = 0.2, 64


def first_equal(plain: list[str]) -> np.ndarray:
    """Return the position of the first equal text; texts without a word equal no other."""
    seen: dict[str, int] = {}
    firsts = [seen.setdefault(text, row) if text else row for row, text in enumerate(plain)]
    return np.array(firsts, np.int64)


@dataclass(frozen=True)
class Kind:
    """One way to compare texts.

    Attributes
    ----------
    name : str
    shingles : Shingles
        Of the texts that take part.
    short : ndarray of bool, or None
        Which of them are short, where pairs of long ones are compared in another way.
    """

    name: str
    shingles: Shingles
    short: np.ndarray | None


def kinds_of(plain: list[str], threshold: float) -> list[tuple[Kind, np.ndarray]]:
    """Return the comparisons to make, each with the rows that take part."""
    words = np.array([text.count(" ") + 1 for text in plain], np.int64)
    short = words < LONG_TEXT
    long_rows = np.flatnonzero(~short)
    # A text much longer than any short one cannot reach the threshold with it.
    near_short = np.flatnonzero(words * threshold < LONG_TEXT) if short.any() else long_rows[:0]
    kinds = []
    if len(long_rows) > 1:
        shingles = word_shingles([plain[row] for row in long_rows], SHINGLE)
        kinds.append((Kind("word 5-grams", shingles, None), long_rows))
    if len(near_short) > 1:
        shingles = character_shingles([plain[row] for row in near_short], SHINGLE)
        kinds.append((Kind("character 5-grams", shingles, short[near_short]), near_short))
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
    first = first_equal(plain)
    distinct = np.flatnonzero((first == np.arange(len(plain))) & np.array([*map(bool, plain)]))
    nearest = np.zeros((len(rows), count), np.float32)
    asked = first[rows]
    for kind, members in kinds_of([plain[row] for row in distinct], SMALLEST):
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
