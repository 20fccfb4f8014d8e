"""A map of the rows: the two directions in which vectors differ most, made once and kept.

Principal components (Pearson, 1901) of unit-length vectors, by the eigenvectors of their
covariance: O(n d²) time in blocks of rows, and O(n + d²) memory beside the vectors. The outermost
thousandth of the rows is moved to the edge, so that a few strangers do not press all others into a
dot.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...core.counted import counted
from ...core.embeddings import Embeddings
from ...core.encoders.projection import fix_signs
from ...core.errors import InputError
from ...core.files import atomic_path
from ...core.fingerprint import fingerprint

BLOCK = 16_384
OUTERMOST = 0.001
FORMAT = 1


def project(embeddings: Embeddings) -> np.ndarray:
    """Return a place on the map for each row: float32, shape (n, 2), in [−1, 1].

    Rows without direction stand where the mean is.
    """
    n, d = embeddings.vectors.shape
    total, products = np.zeros(d), np.zeros((d, d))
    for start in range(0, n, BLOCK):
        block = np.asarray(embeddings.vectors[start : start + BLOCK], np.float64)
        total += block.sum(axis=0)
        products += block.T @ block
    mean = total / max(1, n)
    _, vectors = np.linalg.eigh(products / max(1, n) - np.outer(mean, mean))
    axes = fix_signs(vectors[:, ::-1][:, :2])
    places = np.zeros((n, 2))
    for start in range(0, n, BLOCK):
        block = np.asarray(embeddings.vectors[start : start + BLOCK], np.float64)
        has_direction = block.any(axis=1, keepdims=True)
        block = np.where(has_direction, block - mean, 0.0)
        places[start : start + BLOCK, : axes.shape[1]] = block @ axes
    return _in_frame(places)


def _in_frame(places: np.ndarray) -> np.ndarray:
    if not len(places):
        return places.astype(np.float32)
    low, high = np.quantile(places, [OUTERMOST, 1 - OUTERMOST], axis=0)
    half = np.where(high > low, (high - low) / 2, 1.0)
    scaled = (places - (low + high) / 2) / half.max()
    return np.asarray(scaled.clip(-1, 1), np.float32)


def kept_map(embeddings: Embeddings, path: Path) -> np.ndarray:
    """Return the map of these vectors from a file, or make it and keep it there.

    Parameters
    ----------
    embeddings : Embeddings
    path : Path
        A file ``.npz``; one of other vectors is replaced.
    """
    names = np.asarray(embeddings.row_ids, dtype=object)
    # Vectors of a user's own have no fingerprint: some of them stand for all.
    some = np.asarray(embeddings.vectors[:: max(1, len(names) // 64)], np.float32)
    key = fingerprint(FORMAT, embeddings.encoder, embeddings.fingerprint, names, some)
    known = _read(path, key)
    if known is not None:
        return known
    places = project(embeddings)
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, places=places, key=np.array(key))
    return places


def _read(path: Path, key: str) -> np.ndarray | None:
    try:
        with np.load(path, allow_pickle=False) as file:
            return np.asarray(file["places"]) if str(file["key"]) == key else None
    except (OSError, ValueError, KeyError, EOFError):
        return None


def places_by_row(places: np.ndarray, numbers: np.ndarray, *, rows: int) -> np.ndarray:
    """Return the places of all rows of a review; float32, shape (rows, 2), NaN for none.

    Parameters
    ----------
    places : ndarray of float32, shape (m, 2)
    numbers : ndarray of int, shape (m,)
        The row number of each place; −1 for none.
    rows : int

    Raises
    ------
    InputError
        When none of the places is that of a row.
    """
    known = numbers >= 0
    if len(numbers) and not known.any():
        raise InputError(
            f"The {counted(len(numbers), 'vector is', 'vectors are')} about other rows than the "
            "decisions: their row ids differ. Give the vectors of these data."
        )
    found = np.full((rows, 2), np.nan, np.float32)
    found[numbers[known]] = places[known]
    return found
