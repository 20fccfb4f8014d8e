"""The neighbor graph: which rows are close to which, found once and used by every check."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .counted import counted
from .errors import InputError, check_number
from .files import atomic_path
from .missing import id_texts, read_values
from .shown import Shown
from .text_arrays import packed_texts, unpacked_texts

MAX_PAIRS = 50_000_000


@dataclass(frozen=True)
class Recall:
    """Measured share of true neighbors that a search found, with its 95 % interval."""

    estimate: float
    low: float
    high: float
    sampled_rows: int


@dataclass(frozen=True, repr=False)
class NeighborGraph(Shown):
    """Neighbors of each row in compressed sparse rows, without the row itself.

    Stored neighbors of row i are ``indices[indptr[i]:indptr[i + 1]]``, most similar first, ties by
    position. A graph made with a threshold is symmetric and complete up to its measured recall; one
    made with ``k`` holds the k most similar of each row.

    Equal rows would make a threshold graph grow with the square of their number. It therefore
    stores pairs between *first* rows only, and `same_as` says for each row which row, at or before
    it, is the first that equals it. `neighbors`, `degrees`, `pair_count` and `expand` count equal
    rows in full; read `indices` directly only where `same_as` is None.

    Attributes
    ----------
    row_ids : ndarray of str, shape (n,)
    indptr : ndarray of int64, shape (n + 1,)
    indices : ndarray of int64, shape (m,)
        Positions in `row_ids`.
    similarities : ndarray of float32, shape (m,)
        Cosine similarity, recomputed for every stored pair and rounded to float32.
    threshold : float or None
        Smallest similarity kept, for a graph made with a threshold.
    k : int or None
        Neighbors a row, for a graph made with `k`.
    exact : bool
        Whether the search was exhaustive.
    recall : Recall or None
        Measured on sampled rows when the search was approximate.
    method : str
        How it was searched and why, in a sentence.
    same_as : ndarray of int64, shape (n,), or None
        Position of the first row equal to each row (its own where it is the first); None when no
        two rows are equal, and always None for a graph made with ``k``, which stores equal rows
        like any others.

    Examples
    --------
    >>> from thresher.core import NeighborGraph, neighbor_graph
    >>> graph = neighbor_graph([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]], threshold=0.9)
    >>> isinstance(graph, NeighborGraph), graph.pair_count
    (True, 1)
    >>> [row.tolist() for row in graph.pairs()[:2]]
    [[0], [1]]
    """

    row_ids: np.ndarray
    indptr: np.ndarray
    indices: np.ndarray
    similarities: np.ndarray
    threshold: float | None
    k: int | None
    exact: bool
    recall: Recall | None = None
    method: str = ""
    same_as: np.ndarray | None = None

    @classmethod
    def from_pairs(
        cls,
        row_ids: np.ndarray,
        pairs: tuple[np.ndarray, np.ndarray, np.ndarray],
        *,
        threshold: float,
        exact: bool = True,
        recall: Recall | None = None,
        method: str = "pairs given",
        same_as: np.ndarray | None = None,
    ) -> NeighborGraph:
        """Make a symmetric threshold graph from pairs, found here or by an index of one's own.

        Parameters
        ----------
        row_ids : ndarray of str, shape (n,)
        pairs : (first, second, similarities), each of shape (m,)
            Each pair once, in either direction; with `same_as`, between first rows only.

        Raises
        ------
        InputError
            When a pair joins a row with itself, repeats, or lies below `threshold`.
        """
        row_ids = id_texts("row_ids", row_ids)
        first, second, similarities = _checked_pairs(pairs, n=len(row_ids), threshold=threshold)
        rows, indices = np.concatenate([first, second]), np.concatenate([second, first])
        both = np.concatenate([similarities, similarities])
        indptr, order = compressed_rows(rows, indices, both, n=len(row_ids))
        return cls(
            row_ids,
            indptr,
            indices[order],
            both[order],
            threshold=threshold,
            k=None,
            exact=exact,
            recall=recall,
            method=method,
            same_as=same_as,
        )

    def __len__(self) -> int:
        return len(self.row_ids)

    @cached_property
    def first_rows(self) -> np.ndarray:
        """`same_as`, or each row's own position where no rows are equal; int64, shape (n,)."""
        return np.arange(len(self)) if self.same_as is None else self.same_as

    @cached_property
    def copies(self) -> np.ndarray:
        """Number of rows equal to each first row, itself included; 0 for later rows; shape (n,)."""
        return np.bincount(self.first_rows, minlength=len(self))

    @cached_property
    def _members(self) -> np.ndarray:
        return np.argsort(self.first_rows, kind="stable")

    @cached_property
    def _starts(self) -> np.ndarray:
        return np.concatenate([[0], np.cumsum(self.copies)])

    def equal_rows(self, position: int) -> np.ndarray:
        """Return the positions of all rows equal to the row at `position`, itself included."""
        first = self.first_rows[position]
        return self._members[self._starts[first] : self._starts[first + 1]]

    def stored(self, threshold: float | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return stored pairs, each in both directions, as (rows, neighbors, similarities)."""
        rows = np.repeat(np.arange(len(self)), np.diff(self.indptr))
        if threshold is None:
            return rows, self.indices, self.similarities
        close = self.similarities >= threshold
        return rows[close], self.indices[close], self.similarities[close]

    def neighbors(self, position: int) -> tuple[np.ndarray, np.ndarray]:
        """Return positions and similarities of all neighbors of one row, most similar first."""
        first = self.first_rows[position]
        span = slice(self.indptr[first], self.indptr[first + 1])
        if self.same_as is None:
            return self.indices[span], self.similarities[span]
        equal = self.equal_rows(position)
        parts = [equal[equal != position], *map(self.equal_rows, self.indices[span])]
        found = np.concatenate(parts)
        close = np.concatenate([np.ones(1, np.float32), self.similarities[span]])
        similarities = np.repeat(close, [len(part) for part in parts])
        order = np.lexsort((found, -similarities))
        return found[order], similarities[order]

    def degrees(self, threshold: float | None = None) -> np.ndarray:
        """Return the number of neighbors of each row, equal rows counted; int64, shape (n,)."""
        rows, neighbors, _ = self.stored(threshold)
        counts = np.bincount(rows, weights=self.copies[neighbors], minlength=len(self))
        equal = self.copies[self.first_rows] - 1
        degrees: np.ndarray = counts.astype(np.int64)[self.first_rows] + equal
        return degrees

    @property
    def pair_count(self) -> int:
        """Number of unordered pairs of a threshold graph, equal rows counted in full."""
        return int(self.degrees().sum()) // 2

    def pairs(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return each stored pair once as (first, second, similarity) with first < second.

        A row that equals an earlier one comes in one pair, with the first such row; `expand` gives
        every pair.
        """
        rows, neighbors, similarities = self.stored()
        later = np.flatnonzero(self.first_rows != np.arange(len(self)))
        first = np.concatenate([np.minimum(rows, neighbors), self.first_rows[later]])
        second = np.concatenate([np.maximum(rows, neighbors), later])
        similarities = np.concatenate([similarities, np.ones(len(later), np.float32)])
        _, once = np.unique(first * np.int64(len(self)) + second, return_index=True)
        return first[once], second[once], similarities[once]

    def expand(self, *, max_pairs: int = MAX_PAIRS) -> NeighborGraph:
        """Return the graph with every pair of equal rows stored, so that `same_as` is None.

        Raises
        ------
        InputError
            When there would be more than `max_pairs` pairs.
        """
        if self.same_as is None:
            return self
        if self.pair_count > max_pairs:
            raise InputError(
                f"The graph stands for {counted(self.pair_count, 'pair')}, more than "
                f"{max_pairs:,}; it can only be used unexpanded, through `same_as`."
            )
        found = [self.neighbors(position) for position in range(len(self))]
        return NeighborGraph(
            self.row_ids,
            np.concatenate([[0], np.cumsum([len(part) for part, _ in found], dtype=np.int64)]),
            np.concatenate([part for part, _ in found]),
            np.concatenate([part for _, part in found]),
            threshold=self.threshold,
            k=self.k,
            exact=self.exact,
            recall=self.recall,
            method=self.method,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one ``.npz`` file, atomically."""
        recall = self.recall
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(
                file,
                row_ids=packed_texts(self.row_ids),
                indptr=self.indptr,
                indices=self.indices,
                similarities=self.similarities,
                threshold=np.nan if self.threshold is None else self.threshold,
                k=-1 if self.k is None else self.k,
                exact=self.exact,
                recall=np.array(
                    []
                    if recall is None
                    else [recall.estimate, recall.low, recall.high, recall.sampled_rows]
                ),
                method=self.method,
                same_as=np.array([], np.int64) if self.same_as is None else self.same_as,
            )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> NeighborGraph:
        """Read what `save` wrote."""
        try:
            with np.load(path) as file:
                parts = {name: file[name] for name in file.files}
        except (OSError, ValueError) as error:
            raise InputError(f"{path} cannot be read as a neighbor graph ({error}).") from error
        return cls(
            row_ids=unpacked_texts(parts["row_ids"]),
            indptr=parts["indptr"],
            indices=parts["indices"],
            similarities=parts["similarities"],
            threshold=None if np.isnan(parts["threshold"]) else float(parts["threshold"]),
            k=None if parts["k"] < 0 else int(parts["k"]),
            exact=bool(parts["exact"]),
            recall=_recall(parts["recall"]),
            method=str(parts["method"]),
            same_as=parts["same_as"] if len(parts["same_as"]) else None,
        )


def compressed_rows(
    rows: np.ndarray, indices: np.ndarray, similarities: np.ndarray, *, n: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return ``indptr`` and the order that sorts edges by row, similarity (falling), neighbor."""
    order = np.lexsort((indices, -similarities, rows))
    counts = np.bincount(rows, minlength=n)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), order


def _checked_pairs(
    pairs: tuple[np.ndarray, np.ndarray, np.ndarray], *, n: int, threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    check_number("threshold", threshold, low=-1, high=1)
    if not isinstance(pairs, (tuple, list)) or len(pairs) != 3:
        raise InputError("`pairs` must be three arrays: first rows, second rows, similarities.")
    first, second, similarities = (read_values(part, name="pairs")[0] for part in pairs)
    if not first.shape == second.shape == similarities.shape == (len(first),):
        raise InputError("The three arrays of `pairs` must have one dimension and equal length.")
    if (first.dtype.kind not in "iu" or second.dtype.kind not in "iu") and len(first):
        raise InputError("`pairs` must hold positions of rows, which are whole numbers.")
    if similarities.dtype.kind not in "fiu":
        raise InputError("`pairs` must hold similarities, which are numbers.")
    first, second = first.astype(np.int64), second.astype(np.int64)
    similarities = similarities.astype(np.float32)
    if not len(first):
        return first, second, similarities
    low, high = np.minimum(first, second), np.maximum(first, second)
    if low.min() < 0 or high.max() >= n:
        raise InputError(f"`pairs` must hold positions from 0 to {n - 1}.")
    keys = low * np.int64(n) + high
    rising = bool((np.diff(keys) > 0).all())  # as a search gives them; telling costs no sorting
    if (low == high).any() or not (rising or len(np.unique(keys)) == len(keys)):
        raise InputError("`pairs` must hold each pair of two different rows once.")
    if not similarities.min() >= np.float32(threshold):
        raise InputError(f"`pairs` holds similarities below the threshold {threshold:g} or NaN.")
    return first, second, similarities


def _recall(values: np.ndarray) -> Recall | None:
    if not len(values):
        return None
    estimate, low, high, sampled_rows = values.tolist()
    return Recall(estimate, low, high, int(sampled_rows))
