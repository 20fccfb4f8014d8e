"""Near-duplicate images without a trained encoder: coarse candidates, then aligned verification.

Each image and its mirror image are looked up by 8 × 8 colour thumbnails; the nearest are
compared pixel by pixel at their best shift. What remains unlike counts less where a pair stands out
from the other candidates, as the ratio test of Lowe (IJCV 2004) has it: in a sea of similar skies
the nearest is no copy. Finds re-encoded, resized, brightened, slightly moved and mirrored copies;
strong crops and rotations need an encoder.
"""

from __future__ import annotations

import numpy as np

from thresher.core.embeddings import unit_length
from thresher.core.errors import InputError, check_number
from thresher.core.neighbors import NeighborGraph
from thresher.core.randomness import RandomState
from thresher.core.search import neighbor_graph, top_k
from thresher.core.search.identical import first_equal

from .aligned_correlation import aligned_correlation

SIDE, THUMBNAIL = 32, 8
CHEAP_SEARCH = 1e12

Candidates = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def image_graph(
    images: np.ndarray,
    *,
    row_ids: np.ndarray | None = None,
    threshold: float = 0.9,
    queries: np.ndarray | None = None,
    mirror: bool = True,
    candidates: int = 10,
    device: str = "auto",
    random_state: RandomState = 0,
) -> NeighborGraph:
    """Find pairs of images that show the same picture.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, s, s, 3)
        RGB, such as `read_images` gives; compared at 32 pixels.
    row_ids : ndarray of str, shape (n,), optional
        Default ``"0"``, ``"1"``, ….
    threshold : float
        In (0, 1]; see the module on what a similarity is made of.
    queries : ndarray of bool, shape (n,), optional
        Rows to look up, such as those of the test split, which then costs less; pairs of two other
        rows are not looked for. Default all.
    mirror : bool
        Whether a mirror image is a duplicate.
    candidates : int
        Nearest thumbnails of each image to compare pixel by pixel, 2 or more; 20 find a few more
        copies in twice the time.

    Returns
    -------
    NeighborGraph
        ``exact`` is False and ``recall`` None: a copy that is not among an image's nearest
        thumbnails is missed.

    Raises
    ------
    InputError
        When `images` is not uint8 RGB, or on a bad option.
    """
    check_number("threshold", threshold, low=0, high=1, low_open=True)
    check_number("candidates", candidates, low=2)
    n = len(images)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
        raise InputError(
            "`images` must be uint8 of shape (n, height, width, 3), got "
            f"{images.dtype} of shape {images.shape}."
        )
    asked = np.ones(n, bool) if queries is None else np.asarray(queries, bool)
    if asked.shape != (n,):
        raise InputError(f"`queries` must have shape ({n},), got {asked.shape}.")
    ids = np.arange(n).astype(str) if row_ids is None else np.asarray(row_ids).astype(str)
    small = _resized(images, SIDE)
    first = first_equal(small.reshape(n, SIDE * SIDE * 3).astype(np.float32) + 1)
    distinct = np.flatnonzero(first == np.arange(n))
    # A row equal to one that is looked up is looked up with it.
    wanted = np.isin(distinct, first[asked])
    vectors = _looks(small[distinct], mirror=mirror)
    nearest = _nearest(
        vectors, np.flatnonzero(wanted), candidates + 2, device=device, random_state=random_state
    )
    found = _candidates(nearest, wanted, candidates)
    left, right, scores = _verified(small[distinct], found, threshold)
    return NeighborGraph.from_pairs(
        ids,
        (distinct[left], distinct[right], scores),
        threshold=threshold,
        exact=False,
        method=f"{candidates} nearest 8 × 8 thumbnails of each image"
        f"{', mirrored too,' if mirror else ''} compared pixel by pixel",
        same_as=None if len(distinct) == n else first,
    )


def _resized(images: np.ndarray, side: int) -> np.ndarray:
    import cv2

    if not len(images):
        return np.zeros((0, side, side, 3), np.uint8)
    if images.shape[1:3] == (side, side):
        return images
    return np.stack([cv2.resize(im, (side, side), interpolation=cv2.INTER_AREA) for im in images])


def _thumbnails(images: np.ndarray) -> np.ndarray:
    """Return 8 × 8 colour thumbnails less their mean, unit length, float32, shape (n, 192)."""
    flat = _resized(images, THUMBNAIL).reshape(len(images), THUMBNAIL**2 * 3).astype(np.float32)
    return unit_length(flat - flat.mean(axis=1, keepdims=True))


def _looks(images: np.ndarray, *, mirror: bool) -> np.ndarray:
    """Return the thumbnails of the images and, after them, of their mirror images."""
    vectors = _thumbnails(images)
    if not mirror:
        return vectors
    return np.concatenate([vectors, _thumbnails(images[:, :, ::-1])])


def _nearest(
    looks: np.ndarray, rows: np.ndarray, k: int, *, device: str, random_state: RandomState
) -> tuple[np.ndarray, np.ndarray]:
    k = min(k, max(1, len(looks)))
    if float(len(rows)) * len(looks) * looks.shape[1] <= CHEAP_SEARCH:
        return top_k(looks[rows], looks, k=k)
    graph = neighbor_graph(looks, k=k, device=device, random_state=random_state)
    return _padded(graph, rows, k)


def _candidates(
    nearest: tuple[np.ndarray, np.ndarray], wanted: np.ndarray, count: int
) -> Candidates:
    """Return (row, candidate, whether mirrored, distance as a share of the others' distance)."""
    indices, scores = nearest
    n, rows = max(1, len(wanted)), np.flatnonzero(wanted)
    # Neither the image itself nor its own mirror image is a candidate.
    scores = np.where((indices >= 0) & (indices % n != rows[:, None]), scores, -np.inf)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    indices, scores = (np.take_along_axis(a, order, 1) for a in (indices, scores))
    distances = np.sqrt(np.clip(2 - 2 * scores, 0, 4))
    alike = np.isfinite(scores)
    usual = np.where(alike, distances, 0).sum(axis=1) / np.maximum(1, alike.sum(axis=1))
    share = np.divide(distances, usual[:, None], out=np.ones_like(distances), where=alike)
    row, column = np.nonzero(alike)
    found = indices[row, column]
    return rows[row], found % n, found >= n, share[row, column].clip(0, 1)


def _padded(graph: NeighborGraph, rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    indices = np.full((len(graph), k), -1, np.int64)
    scores = np.full((len(graph), k), -np.inf, np.float32)
    row = np.repeat(np.arange(len(graph)), np.diff(graph.indptr))
    place = np.arange(len(row)) - graph.indptr[row]
    indices[row, place], scores[row, place] = graph.indices, graph.similarities
    return indices[rows], scores[rows]


def _verified(
    images: np.ndarray, found: Candidates, threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Align every candidate pair once and return those at or above `threshold`."""
    row, candidate, flipped, share = found
    low, high = np.minimum(row, candidate), np.maximum(row, candidate)
    n = max(1, len(images))
    keys = (low * np.int64(n) + high) * 2 + flipped
    keys, inverse = np.unique(keys, return_inverse=True)
    outstanding = np.ones(len(keys))
    np.minimum.at(outstanding, inverse, share)
    first, second = np.divmod(keys // 2, n)
    aligned = aligned_correlation(images, first, second, flipped=keys % 2 == 1)
    scores = (1 - (1 - aligned) * outstanding).astype(np.float32)
    scores[aligned <= 0] = 0
    order = np.lexsort((-scores, second, first))
    pairs = (keys // 2)[order]
    best = np.ones(len(pairs), bool)
    best[1:] = pairs[1:] != pairs[:-1]
    best &= scores[order] >= np.float32(threshold)
    kept = order[best]
    return first[kept], second[kept], scores[kept]
