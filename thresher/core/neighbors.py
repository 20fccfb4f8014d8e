"""The neighbour graph: which rows are close to which, found once and used by every check."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from .errors import InputError
from .files import atomic_path


@dataclass(frozen=True)
class Recall:
    """Measured share of true neighbours that a search found, with its 95 % interval."""

    estimate: float
    low: float
    high: float
    sampled_rows: int


@dataclass(frozen=True)
class NeighborGraph:
    """Neighbours of each row in compressed sparse rows, without the row itself.

    Neighbours of row i are ``indices[indptr[i]:indptr[i + 1]]``, most similar first, ties by
    position. A graph made with a threshold is symmetric and complete up to its measured recall; one
    made with ``k`` holds the k most similar of each row.

    Attributes
    ----------
    row_ids : ndarray of str, shape (n,)
    indptr : ndarray of int64, shape (n + 1,)
    indices : ndarray of int64, shape (m,)
        Positions in `row_ids`.
    similarities : ndarray of float32, shape (m,)
        Cosine similarity, recomputed in float32 for every stored pair.
    threshold : float or None
        Smallest similarity kept, for a graph made with a threshold.
    k : int or None
        Neighbours a row, for a graph made with `k`.
    exact : bool
        Whether the search was exhaustive.
    recall : Recall or None
        Measured on sampled rows when the search was approximate.
    method : str
        How it was searched and why, in a sentence.
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

    def __len__(self) -> int:
        return len(self.row_ids)

    def neighbors(self, position: int) -> tuple[np.ndarray, np.ndarray]:
        """Return positions and similarities of the neighbours of one row."""
        span = slice(self.indptr[position], self.indptr[position + 1])
        return self.indices[span], self.similarities[span]

    def pairs(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return each pair once as (first, second, similarity) with first < second."""
        rows = np.repeat(np.arange(len(self)), np.diff(self.indptr))
        first, second = np.minimum(rows, self.indices), np.maximum(rows, self.indices)
        _, once = np.unique(first * np.int64(len(self)) + second, return_index=True)
        return first[once], second[once], self.similarities[once]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one ``.npz`` file, atomically."""
        recall = self.recall
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(
                file,
                row_ids=self.row_ids.astype(str),
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
            )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> NeighborGraph:
        """Read what `save` wrote."""
        try:
            with np.load(path) as file:
                parts = {name: file[name] for name in file.files}
        except (OSError, ValueError) as error:
            raise InputError(f"{path} cannot be read as a neighbour graph ({error}).") from error
        return cls(
            row_ids=parts["row_ids"],
            indptr=parts["indptr"],
            indices=parts["indices"],
            similarities=parts["similarities"],
            threshold=None if np.isnan(parts["threshold"]) else float(parts["threshold"]),
            k=None if parts["k"] < 0 else int(parts["k"]),
            exact=bool(parts["exact"]),
            recall=_recall(parts["recall"]),
            method=str(parts["method"]),
        )


def _recall(values: np.ndarray) -> Recall | None:
    if not len(values):
        return None
    estimate, low, high, sampled_rows = values.tolist()
    return Recall(estimate, low, high, int(sampled_rows))
