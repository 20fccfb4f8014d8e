"""Embeddings: unit-length vectors that travel with their row ids."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .counted import counted
from .errors import InputError
from .files import atomic_path, read_json, write_json
from .lifted import lifted, one_direction, warn_of_one_direction
from .matrices import as_matrix
from .missing import id_texts
from .shown import Shown
from .text_arrays import packed_texts, unpacked_texts

FORMAT = 1


@dataclass(frozen=True, repr=False)
class Embeddings(Shown):
    """One vector for each row.

    Attributes
    ----------
    row_ids : ndarray of str, shape (n,)
        Ids, each once.
    vectors : ndarray of float32, shape (n, d)
        Unit length; a row without direction (blank, unreadable) is all zeros and similar to
        nothing, itself included. May be memory-mapped.
    encoder : str
        Name of the encoder, such as ``"builtin:image"``.
    fingerprint : str
        Identifies the encoder, its version, its fitted state and its settings.

    Examples
    --------
    >>> import numpy as np
    >>> from thresher.core import Embeddings
    >>> embeddings = Embeddings.from_vectors(np.array([[3.0, 4.0], [0.0, 2.0]]), row_ids=["a", "b"])
    >>> embeddings.vectors  # of length one
    array([[0.6, 0.8],
           [0. , 1. ]], dtype=float32)
    """

    row_ids: np.ndarray
    vectors: np.ndarray
    encoder: str = "user"
    fingerprint: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "vectors", as_matrix("vectors", self.vectors))
        if not isinstance(self.row_ids, np.ndarray) or self.row_ids.dtype.kind not in "UTO":
            object.__setattr__(self, "row_ids", id_texts("row_ids", self.row_ids))
        if self.row_ids.ndim != 1:
            raise InputError(f"`row_ids` must have one dimension, got {self.row_ids.ndim}.")
        if self.vectors.ndim != 2 or len(self.vectors) != len(self.row_ids):
            raise InputError(
                f"Embeddings need one vector a row: got {counted(len(self.row_ids), 'row id')} and "
                f"vectors of shape {self.vectors.shape}."
            )

    @classmethod
    def from_vectors(
        cls,
        vectors: np.ndarray,
        *,
        row_ids: np.ndarray | None = None,
        encoder: str = "user",
        fingerprint: str = "",
    ) -> Embeddings:
        """Make embeddings from vectors of any length and float type.

        Parameters
        ----------
        vectors : ndarray, shape (n, d)
        row_ids : ndarray of str, shape (n,), optional
            Default ``"0"``, ``"1"``, ….

        Raises
        ------
        InputError
            On NaN or infinite values (the first rows are named), on a wrong shape, on repeated ids.
        """
        vectors = as_matrix("vectors", vectors)
        ids = (
            np.arange(len(vectors)).astype(str) if row_ids is None else id_texts("row_ids", row_ids)
        )
        if len(ids) != len(vectors):
            raise InputError(
                f"There are {counted(len(vectors), 'vector')}, but {counted(len(ids), 'row id')}."
            )
        _check_unique(ids)
        unit = unit_length(vectors, row_ids=ids)
        return cls(ids, unit, encoder=encoder, fingerprint=fingerprint)

    @classmethod
    def from_numbers(cls, vectors: np.ndarray, *, row_ids: np.ndarray | None = None) -> Embeddings:
        """Make embeddings from vectors or plain numbers, whichever they are.

        Where all point nearly the same way, points are compared by where they lie and not by their
        directions from the origin; see `core.lifted`. Their ``encoder`` is then ``"lifted"``.
        """
        vectors = as_matrix("embeddings", vectors)
        if one_direction(vectors):
            unit_length(vectors, row_ids=row_ids)  # names rows with NaN
            return cls.from_vectors(lifted(vectors), row_ids=row_ids, encoder="lifted")
        return cls.from_vectors(vectors, row_ids=row_ids)

    def __len__(self) -> int:
        return len(self.row_ids)

    def take(self, positions: np.ndarray) -> Embeddings:
        """Return the embeddings at `positions` (an index or a boolean mask), in that order."""
        return Embeddings(
            self.row_ids[positions], self.vectors[positions], self.encoder, self.fingerprint
        )

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write ``vectors.npy``, ``row_ids.npy`` and ``embeddings.json``, atomically."""
        with atomic_path(folder) as temporary:
            temporary.mkdir()
            np.save(temporary / "vectors.npy", self.vectors)
            np.save(temporary / "row_ids.npy", packed_texts(self.row_ids))
            header = {
                "format": FORMAT,
                "encoder": self.encoder,
                "fingerprint": self.fingerprint,
                "rows": len(self),
                "dimensions": int(self.vectors.shape[1]),
            }
            write_json(temporary / "embeddings.json", header)

    @classmethod
    def load(cls, folder: str | os.PathLike[str], *, mmap: bool = True) -> Embeddings:
        """Read what `save` wrote; the vectors stay on disk unless ``mmap=False``."""
        path = Path(folder)
        header = read_json(path / "embeddings.json")
        if header.get("format") != FORMAT:
            raise InputError(
                f"{path} has format {header.get('format')}, not {FORMAT}: embed again."
            )
        vectors = np.load(path / "vectors.npy", mmap_mode="r" if mmap else None)
        row_ids = unpacked_texts(np.load(path / "row_ids.npy"))
        return cls(row_ids, vectors, header["encoder"], header["fingerprint"])


def as_embeddings(embeddings: Any, *, numbers: bool = False) -> Embeddings:
    """Return embeddings as they are, or make them of one vector for each row, in any form.

    Parameters
    ----------
    embeddings : Embeddings, or what `as_matrix` takes
    numbers : bool
        See `Embeddings.from_numbers`; without it only directions count.
    """
    if isinstance(embeddings, Embeddings):
        return embeddings
    vectors = as_matrix("embeddings", embeddings)
    if numbers:
        return Embeddings.from_numbers(vectors)
    warn_of_one_direction(vectors)
    return Embeddings.from_vectors(vectors)


def unit_length(vectors: np.ndarray, *, row_ids: np.ndarray | None = None) -> np.ndarray:
    """Scale rows, shape (n, d), to length one in float32; all-zero rows stay zero.

    Raises
    ------
    InputError
        When a row holds NaN or infinity; up to five are named.
    """
    with np.errstate(over="ignore", under="ignore"):
        result = np.array(vectors, dtype=np.float32)
    if vectors.dtype == np.float64:
        _rescue(result, vectors)
    bad = np.flatnonzero(~np.isfinite(result).all(axis=1))
    if len(bad):
        named = bad[:5] if row_ids is None else row_ids[bad[:5]]
        raise InputError(
            f"{len(bad)} of {counted(len(result), 'vector holds', 'vectors hold')} NaN or infinite "
            f"values, the first in row(s) {', '.join(map(str, named))}. Drop or repair them first."
        )
    # Dividing by the largest entry first keeps the squares of tiny and huge values in range.
    scale = np.abs(result).max(axis=1, keepdims=True, initial=0)
    np.divide(result, scale, out=result, where=scale > 0)
    norms = np.linalg.norm(result, axis=1, keepdims=True)
    np.divide(result, norms, out=result, where=norms > 0)
    return result


def _rescue(result: np.ndarray, vectors: np.ndarray) -> None:
    """Scale the rows whose numbers float32 cannot hold before they become float32, in place."""
    lost = ~np.isfinite(result).all(axis=1) | ~result.any(axis=1)
    for row in np.flatnonzero(lost):
        largest = np.abs(vectors[row]).max(initial=0)
        if np.isfinite(largest) and largest > 0:
            result[row] = vectors[row] / largest


def _check_unique(row_ids: np.ndarray) -> None:
    values, counts = np.unique(row_ids, return_counts=True)
    if (counts > 1).any():
        twice = values[counts > 1][:5]
        raise InputError(f"Row ids must be unique; given more than once: {', '.join(twice)}.")
