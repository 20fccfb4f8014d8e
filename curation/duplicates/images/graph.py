"""Near-duplicate images without a trained encoder: candidates by many looks, then alignment.

Each image is looked up by thumbnails of itself, its crops and its mirror image (`image_views`); the
nearest are laid over each other and compared in detail (`aligned_correlation`). What remains unlike
counts less where a pair stands out from the other candidates, as the ratio test of Lowe (IJCV 2004)
has it: in a sea of similar skies the nearest is no copy. Finds re-encoded, resized, recolored,
blurred, captioned, slightly turned, cropped and mirrored copies; crops of less than half the side
need an encoder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from thresher.core.counted import counted
from thresher.core.errors import InputError, check_count, check_number
from thresher.core.neighbors import NeighborGraph
from thresher.core.numerics.ragged import place_in_run
from thresher.core.search import neighbor_graph, top_k
from thresher.core.signatures import checked

from ..exact import checked_ids, group_by_content
from .alignment import aligned_correlation
from .views import SIDE, THUMBNAIL, Look, View, gray_squares, thumbnails, views

CHEAP_SEARCH = 1e12
# Thumbnails less alike than this are not worth aligning.
HOPELESS = 0.6
# Those more alike than this take no place among an image's candidates, up to a limit.
CLOSE, MOST_CLOSE = 0.9, 40
# Thumbnails to hold: of whole images, mirrored or not in four turns, and of the crop at hand.
HELD = 9


@checked
def image_graph(
    images: np.ndarray | Sequence[np.ndarray | None],
    *,
    row_ids: np.ndarray | None = None,
    threshold: float = 0.5,
    queries: np.ndarray | None = None,
    mirror: bool = True,
    crops: bool = True,
    turned: bool = False,
    candidates: int = 10,
) -> NeighborGraph:
    """Find pairs of images that show the same.

    Costs 10–20 CPU-milliseconds an image and 6,000 n² multiply-adds (300 n² without `crops`); from
    80,000 images on, thumbnails are compared through a partition instead.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, h, w, 3), or sequence of ndarray of uint8, shape (h, w, 3)
        RGB. In a sequence sizes may differ, and None stands for an image that cannot be read,
        which is similar to nothing; it is gone through once.
    row_ids : ndarray of str, shape (n,), optional
        Default ``"0"``, ``"1"``, ….
    threshold : float
        In (0, 1]. Equal images have 1, copies mostly more than .6, look-alikes mostly less than .4.
    queries : ndarray of bool, shape (n,), optional
        Rows to look up, such as those of the test split, which then costs less; pairs of two other
        rows are not looked for. Default all.
    mirror, crops, turned : bool
        Whether a mirror image, a crop of half the side or more, or an image turned by a
        quarter or a half counts as a copy.
    candidates : int
        Nearest looks of each image to align, 2 or more. More find more pairs of large groups.

    Returns
    -------
    NeighborGraph
        ``exact`` is False and ``recall`` None: a copy that is not among an image's nearest looks is
        missed.

    Raises
    ------
    InputError
        When an image is not uint8 RGB, or on a bad option.

    Examples
    --------
    >>> import cv2
    >>> import numpy as np
    >>> from curation import image_graph
    >>> blots = np.random.default_rng(0).normal(128, 40, (12, 8, 8, 3)).astype(np.float32)
    >>> photos = [cv2.resize(one, (96, 96)).clip(0, 255).astype(np.uint8) for one in blots]
    >>> cropped = photos[3][10:, 8:]
    >>> graph = image_graph([*photos, cropped])
    >>> [row.tolist() for row in graph.pairs()[:2]]
    [[3], [12]]
    """
    check_number("threshold", threshold, low=0, high=1, low_open=True)
    check_count("candidates", candidates, low=2)
    _check_images(images)
    n = len(images)
    asked = np.ones(n, bool) if queries is None else np.asarray(queries, bool)
    if asked.shape != (n,):
        raise InputError(f"`queries` must have shape ({n},), got {asked.shape}.")
    ids = checked_ids(row_ids, rows=n)
    squares, digests = gray_squares(images)
    first = _first_equal(digests)
    distinct = np.flatnonzero((first == np.arange(n)) & (digests != ""))
    # A row equal to one that is looked up is looked up with it.
    wanted = np.isin(distinct, first[asked])
    looks = views(mirror=mirror, crops=crops, turned=turned)
    found = _Looked(squares[distinct], digests[distinct], wanted).candidates(looks, candidates)
    left, right, scores = _verified(squares[distinct], found, looks, threshold)
    return NeighborGraph.from_pairs(
        ids,
        (distinct[left], distinct[right], scores),
        threshold=threshold,
        exact=False,
        method=f"{candidates} nearest of {counted(len(looks), 'look')} of each image, aligned at "
        f"{SIDE} × {SIDE} pixels",
        same_as=None if len(distinct) == n else first,
    )


def _check_images(images: np.ndarray | Sequence[np.ndarray | None]) -> None:
    if isinstance(images, np.ndarray) and (images.dtype != np.uint8 or images.ndim != 4):
        raise InputError(
            "`images` must be uint8 of shape (n, height, width, 3), got "
            f"{images.dtype} of shape {images.shape}."
        )


def _first_equal(digests: np.ndarray) -> np.ndarray:
    """Return the position of the first image of equal pixels, int64, shape (n,)."""
    _, place, inverse = np.unique(group_by_content(digests), return_index=True, return_inverse=True)
    return np.asarray(place[inverse], np.int64)


@dataclass(frozen=True)
class _Candidates:
    """Pairs to align: the row whose box is laid over the other, the number of the view.

    ``share`` is the distance of the thumbnails as a share of that of the row's other candidates.
    """

    row: np.ndarray
    other: np.ndarray
    view: np.ndarray
    share: np.ndarray


Found = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class _Looked:
    """Distinct images, their digests, and which of them to look up."""

    squares: np.ndarray
    digests: np.ndarray
    wanted: np.ndarray

    def candidates(self, looks: Sequence[View], count: int) -> _Candidates:
        """Return for each image to look up the `count` most alike others, by their best view."""
        k = min(count + MOST_CLOSE + 1, len(self.squares))
        best = tuple(np.empty(0, kind) for kind in (np.int64, np.int64, np.int64, bool, float))
        thumbs = lru_cache(maxsize=HELD)(lambda look: thumbnails(look.of(self.squares)))
        for number, view in enumerate(looks if k > 1 else []):
            # Where only some are looked up, they may also be what a part of another shows.
            for swapped in (False,) if self.wanted.all() or not number else (False, True):
                rows, others, scores = self._nearest(view, k, swapped=swapped, thumbs=thumbs)
                numbers = np.full(len(rows), number)
                new = rows, others, numbers, np.full(len(rows), swapped), scores
                joined = tuple(np.concatenate(parts) for parts in zip(best, new, strict=True))
                best = _best_of_each(joined, count)  # type: ignore[arg-type]
        return self._weighed(best)  # type: ignore[arg-type]

    def _nearest(
        self, view: View, k: int, *, swapped: bool, thumbs: Callable[[Look], np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (row, other, similarity) of the rows to look up and their nearest others."""
        rows = np.flatnonzero(self.wanted)
        asked, held = (view.second, view.first) if swapped else (view.first, view.second)
        if float(len(rows)) * len(self.squares) * THUMBNAIL**2 > CHEAP_SEARCH:
            row, found, scores = _partitioned(thumbs(asked), thumbs(held), k)
            used = self.wanted[row] & (scores >= HOPELESS) & (found != row)
            return row[used], found[used], np.round(scores[used].astype(float), 5)
        indices, scores = top_k(thumbs(asked)[rows], thumbs(held), k=k)
        place, column = np.nonzero((scores >= HOPELESS) & (indices != rows[:, None]))
        found = indices[place, column]
        return rows[place], found, np.round(scores[place, column].astype(float), 5)

    def _weighed(self, found: Found) -> _Candidates:
        """Set each pair's distance against its row's, and store it in one direction only."""
        row, other, view, swapped, score = found
        distance = np.sqrt(np.clip(2 - 2 * score, 0, 4))
        sums = np.bincount(row, weights=distance, minlength=len(self.squares))
        usual = sums / np.maximum(1, np.bincount(row, minlength=len(self.squares)))
        share = np.divide(distance, usual[row], out=np.ones(len(row)), where=usual[row] > 0)
        row, other = np.where(swapped, other, row), np.where(swapped, row, other)
        pair = np.minimum(row, other) * np.int64(len(self.squares)) + np.maximum(row, other)
        # Which of two equally good directions is taken must not depend on the order of rows.
        order = np.lexsort((self.digests[row], view, -score, pair))
        _, start, inverse = np.unique(pair[order], return_index=True, return_inverse=True)
        least = np.full(len(start), 1.0)
        np.minimum.at(least, inverse, share[order])
        chosen = order[start]
        return _Candidates(row[chosen], other[chosen], view[chosen], least)


def _partitioned(
    asked: np.ndarray, held: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (row, other, similarity) of nearly all nearest views, where all would be too many."""
    n = len(asked)
    same = asked is held
    # Looks of the other kind take half of the places.
    graph = neighbor_graph(asked if same else np.concatenate([asked, held]), k=k if same else 2 * k)
    row = np.repeat(np.arange(len(graph)), np.diff(graph.indptr))
    across = np.ones(len(row), bool) if same else (row < n) & (graph.indices >= n)
    return row[across], graph.indices[across] % n, graph.similarities[across]


def _best_of_each(found: Found, count: int) -> Found:
    """Keep the best view of each pair; of each row, all close pairs and the `count` best others."""
    row, other, view, _, score = found
    order = np.lexsort((view, -score, other, row))
    fresh = np.ones(len(order), bool)
    fresh[1:] = (np.diff(row[order]) != 0) | (np.diff(other[order]) != 0)
    order = order[fresh]
    order = order[np.lexsort((-score[order], row[order]))]
    _, start = np.unique(row[order], return_index=True)
    place = place_in_run(start, n=len(order))
    close = np.bincount(row[order], weights=score[order] >= CLOSE, minlength=1)[row[order]]
    kept = order[place < count + np.minimum(close, MOST_CLOSE)]
    return tuple(part[kept] for part in found)  # type: ignore[return-value]


def _verified(
    squares: np.ndarray, found: _Candidates, looks: Sequence[View], threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Align every candidate pair and return those at or above `threshold`."""
    seen = [looks[number] for number in found.view.tolist()]
    aligned = aligned_correlation(squares, found.row, found.other, seen=seen)
    scores = (1 - (1 - aligned) * found.share.clip(0, 1)).astype(np.float32)
    scores[aligned <= 0] = 0
    passed = scores >= np.float32(threshold)
    return found.row[passed], found.other[passed], scores[passed]
