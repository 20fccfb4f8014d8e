"""When two pairs are the same, and the best of those that are.

Pairs are taken in the order of their scores; a pair stays unless one that stayed before is the same
in its image, its caption, or both. So every dropped pair has a kept one that is the same as it and
scores no lower: a greedy maximal independent set, as in `curation.duplicates.stars`, over several
relations at once. Costs one pass over pairs and close pairs, which are in
memory.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from ..sharded.pairs import NeighborPairs

EMPTY = np.empty(0, np.int64)


@dataclass(frozen=True)
class Relation:
    """Groups of equal rows, and which groups are close to each other.

    Attributes
    ----------
    name : str
        ``image``, ``caption`` or ``both``.
    codes : ndarray of int64, shape (n,)
        Group of each row; −1 = equal to no other.
    starts, close, similarity : ndarray
        The groups close to group g are ``close[starts[g]:starts[g + 1]]``; int64, int64, float32.
    vectors : ndarray of float32, shape (n, d), optional
        Rows of close groups are the same only if the cosine of these reaches `threshold`, and so
        are rows of one group.
    threshold : float
    """

    name: str
    codes: np.ndarray
    starts: np.ndarray
    close: np.ndarray
    similarity: np.ndarray
    vectors: np.ndarray | None = field(default=None, repr=False)
    threshold: float = 1.0


def equal_keys(name: str, *keys: pa.ChunkedArray) -> Relation:
    """Return the relation of rows whose keys are all equal; a row without one is equal to none."""
    codes = np.zeros(len(keys[0]), np.int64)
    known = np.ones(len(codes), bool)
    for column in keys:
        coded = column.combine_chunks().dictionary_encode()
        part = coded.indices.fill_null(-1).to_numpy().astype(np.int64)
        known &= part >= 0
        _, codes = np.unique(codes * (len(coded.dictionary) + 1) + part, return_inverse=True)
    codes[~known] = -1
    starts = np.zeros(int(codes.max(initial=-1)) + 2, np.int64)
    return Relation(name, codes, starts, EMPTY, np.empty(0, np.float32))


def close_vectors(
    name: str, pairs: NeighborPairs, *, vectors: np.ndarray | None = None, threshold: float = 1.0
) -> Relation:
    """Return the relation of rows whose vectors are close, and which reach `threshold` in others.

    Parameters
    ----------
    pairs : NeighborPairs
    vectors, threshold
        See `Relation`.
    """
    codes = pairs.equal.groups()
    found = list(pairs.edges)
    left = np.concatenate([EMPTY, *(part for low, high, _ in found for part in (low, high))])
    right = np.concatenate([EMPTY, *(part for low, high, _ in found for part in (high, low))])
    nothing = np.empty(0, np.float32)
    cosines = np.concatenate([nothing, *(part for *_, part in found for _ in range(2))])
    order = np.argsort(left, kind="stable")
    starts = np.searchsorted(left[order], np.arange(len(codes) + 1))
    return Relation(name, codes, starts, right[order], cosines[order], vectors, threshold)


@dataclass(frozen=True)
class Copies:
    """Pairs that another one stands for; one value a row.

    Attributes
    ----------
    duplicate_of : ndarray of int64
        Row of the kept pair; −1 where the pair itself is kept.
    relation : ndarray of str
        In what they are the same, empty where the pair is kept.
    similarity : ndarray of float32
        1 where equal.
    """

    duplicate_of: np.ndarray
    relation: np.ndarray
    similarity: np.ndarray


def keep_best(relations: list[Relation], order: np.ndarray) -> Copies:
    """Keep each pair unless one before it in the order is the same by one of the relations.

    Parameters
    ----------
    relations : list of Relation, of n rows each
    order : ndarray of int64, shape (n,)
        All rows, the best first.
    """
    twin = np.full(len(order), -1, np.int64)
    why = np.full(len(order), "", object)
    similarity = np.full(len(order), -1, np.float32)
    claims = [
        _Claims(relation) if relation.vectors is None else _ClaimsOfBoth(relation, relation.vectors)
        for relation in relations
    ]
    for row in order.tolist():
        for claim in claims:
            found = claim.same_as(row)
            if found is not None:
                twin[row], similarity[row] = found
                why[row] = claim.relation.name
                break
        else:
            for claim in claims:
                claim.keep(row)
    return Copies(twin, why, similarity)


class _Claims:
    """Which kept pairs stand for which groups of one relation."""

    def __init__(self, relation: Relation) -> None:
        self.relation = relation
        self.codes = array("q", relation.codes)
        self.starts = array("q", relation.starts)
        groups = len(relation.starts) - 1
        self.row, self.similarity = array("q", [-1]) * groups, array("f", [-1]) * groups

    def same_as(self, row: int) -> tuple[int, float] | None:
        """Return the kept pair that is most the same as a row, and how similar it is."""
        code = self.codes[row]
        if code < 0 or self.row[code] < 0:
            return None
        return self.row[code], self.similarity[code]

    def keep(self, row: int) -> None:
        """Let a row stand for its group and those close to it."""
        code = self.codes[row]
        if code < 0:
            return
        self.claim(code, row, 1.0)
        start, stop = self.starts[code], self.starts[code + 1]
        if start < stop:
            close, cosines = self.relation.close[start:stop], self.relation.similarity[start:stop]
            for other, cosine in zip(close.tolist(), cosines.tolist(), strict=True):
                self.claim(other, row, cosine)

    def claim(self, code: int, row: int, similarity: float) -> None:
        """Let a row stand for a group, unless a more similar one does."""
        if similarity > self.similarity[code]:
            self.row[code], self.similarity[code] = row, similarity


class _ClaimsOfBoth(_Claims):
    """The same, where rows must also be close in other vectors: all kept rows of a group count."""

    def __init__(self, relation: Relation, vectors: np.ndarray) -> None:
        super().__init__(relation)
        self.vectors = vectors
        self.kept: dict[int, list[tuple[int, float]]] = {}

    def same_as(self, row: int) -> tuple[int, float] | None:
        """Return the kept pair that is most the same as a row, and how similar it is."""
        claims = self.kept.get(self.codes[row])
        if claims is None or self.codes[row] < 0:
            return None
        rows = [kept for kept, _ in claims]
        cosines = self.vectors[rows] @ self.vectors[row]
        best = int(cosines.argmax())
        if cosines[best] < self.relation.threshold:
            return None
        return rows[best], float(min(claims[best][1], cosines[best]))

    def claim(self, code: int, row: int, similarity: float) -> None:
        """Let a row stand for a group, beside those that do."""
        self.kept.setdefault(code, []).append((row, similarity))
