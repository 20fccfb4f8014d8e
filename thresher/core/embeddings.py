"""Embeddings: unit-length vectors that travel with their row ids."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .errors import InputError
from .files import atomic_path, read_json, write_json
from .lifted import lifted, one_direction

FORMAT = 1


@dataclass(frozen=True)
class Embeddings:
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
    """

    row_ids: np.ndarray
    vectors: np.ndarray
    encoder: str = "user"
    fingerprint: str = ""

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or len(self.vectors) != len(self.row_ids):
            raise InputError(
                f"Embeddings need one vector a row: got {len(self.row_ids)} row ids and vectors of "
                f"shape {self.vectors.shape}."
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
        vectors = np.asarray(vectors)
        if vectors.ndim != 2:
            raise InputError(
                f"`vectors` must have two dimensions (rows, features), got {vectors.ndim}."
            )
        ids = (
            np.arange(len(vectors)).astype(str)
            if row_ids is None
            else np.asarray(row_ids).astype(str)
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
        vectors = np.asarray(vectors)
        if vectors.ndim == 2 and one_direction(vectors):
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
            np.save(temporary / "row_ids.npy", self.row_ids.astype(str))
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
        row_ids = np.load(path / "row_ids.npy")
        return cls(row_ids, vectors, header["encoder"], header["fingerprint"])


def unit_length(vectors: np.ndarray, *, row_ids: np.ndarray | None = None) -> np.ndarray:
    """Scale rows, shape (n, d), to length one in float32; all-zero rows stay zero.

    Raises
    ------
    InputError
        When a row holds NaN or infinity; up to five are named.
    """
    result = np.array(vectors, dtype=np.float32)
    bad = np.flatnonzero(~np.isfinite(result).all(axis=1))
    if len(bad):
        named = bad[:5] if row_ids is None else row_ids[bad[:5]]
        raise InputError(
            f"{len(bad)} of {len(result)} vectors hold NaN or infinite values, the first in row(s) "
            f"{', '.join(map(str, named))}. Drop or repair them first."
        )
    # Dividing by the largest entry first keeps the squares of tiny and huge values in range.
    scale = np.abs(result).max(axis=1, keepdims=True, initial=0)
    np.divide(result, scale, out=result, where=scale > 0)
    norms = np.linalg.norm(result, axis=1, keepdims=True)
    np.divide(result, norms, out=result, where=norms > 0)
    return result


def _check_unique(row_ids: np.ndarray) -> None:
    values, counts = np.unique(row_ids, return_counts=True)
    if (counts > 1).any():
        twice = values[counts > 1][:5]
        raise InputError(f"Row ids must be unique; given more than once: {', '.join(twice)}.")
