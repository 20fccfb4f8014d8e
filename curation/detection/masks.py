"""Outlines of objects: damaged ones, islands, holes, and what a second opinion draws otherwise.

Boundary overlap is the overlap of what lies within a few pixels of the two outlines (Cheng et al.,
"Boundary IoU", CVPR 2021): a large object may be drawn badly with an overlap of .95.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from thresher.core.counted import percent
from thresher.core.detection.detection_set import DetectionSet
from thresher.core.detection.rle import Rle
from thresher.core.detection.segments import Segment, bounds_of
from thresher.core.errors import InputError
from thresher.core.issues import Issue, Issues
from thresher.core.progress import track
from thresher.core.signatures import checked

from ..labels.box_scores import intersection_over_union

# Pieces and holes below this share of the object, and outlines whose bounds overlap the box less.
TINY, BOUNDS = 0.01, 0.8
# Width of the boundary as a share of the image's diagonal, and what counts as drawn otherwise.
BOUNDARY, UNLIKE = 0.02, 0.5
SAME_OBJECT = 0.5
MARGIN = 1


@dataclass(frozen=True)
class Piece:
    """A mask, shape (h, w), and where its upper left corner lies in the image."""

    mask: np.ndarray
    left: int
    top: int


@checked
def find_mask_issues(dataset: DetectionSet, *, other: DetectionSet | None = None) -> Issues:
    r"""Find outlines that are damaged, fit their box badly, or have tiny islands or holes.

    Parameters
    ----------
    dataset : DetectionSet
        Boxes without an outline are left out.
    other : DetectionSet, optional
        The same images by a second annotator or a model, with outlines: what these draw otherwise
        (boundary overlap below one half), or give another class, is a finding of the check
        ``label``.

    Returns
    -------
    Issues
        Of boxes; checks ``quality`` and ``label``.

    Raises
    ------
    InputError
        When `other` has none of the images.

    Examples
    --------
    >>> from pathlib import Path
    >>> from curation import find_mask_issues
    >>> from thresher.core import load_detection_set
    >>> _ = Path("cats.json").write_text(
    ...     '{"images": [{"id": 7, "file_name": "a.jpg", "width": 64, "height": 48}],'
    ...     '"annotations": [{"id": 1, "image_id": 7, "category_id": 3, "bbox": [0, 0, 40, 40],'
    ...     '"segmentation": [[0, 0, 9, 0, 9, 9]]}], "categories": [{"id": 3, "name": "cat"}]}'
    ... )
    >>> [issue.detail for issue in find_mask_issues(load_detection_set("cats.json"))]
    ['the outline spans 0 0 9 9, and the box overlaps that by 5 %']
    """
    found: list[Issue] = []
    for box in track(range(len(dataset.boxes)), description="look at outlines"):
        row = str(dataset.box_ids[box])
        try:
            segment = dataset.segment(box)
        except InputError as error:
            found.append(Issue(row, "quality", 0.0, detail=f"unreadable outline: {error}"))
            continue
        if segment is not None:
            said = next(_faults(dataset, box, segment), None)
            if said is not None:
                found.append(Issue(row, "quality", said[0], detail=said[1]))
    if other is not None:
        found += _second_opinion(dataset, other)
    return Issues.concat([Issues.from_rows(found)])


def _faults(dataset: DetectionSet, box: int, segment: Segment) -> Iterator[tuple[float, str]]:
    """Yield what is wrong with one outline, the worst first, with a score."""
    piece = drawn(segment)
    area = int(piece.mask.sum())
    if not area:
        yield 0.0, "empty: the outline holds no pixel"
        return
    if dataset.crowd[box] and not isinstance(segment, Rle):
        yield 0.3, "a crowd has polygons, which COCO keeps for single objects"
    bounds = bounds_of(segment) if not isinstance(segment, Rle) else _bounds(piece)
    overlap = float(intersection_over_union(bounds[None], dataset.boxes[[box]])[0, 0])
    if overlap < BOUNDS and np.isfinite(dataset.boxes[box]).all():
        spans = " ".join(f"{one:g}" for one in np.round(bounds, 1))
        yield (
            overlap / 2,
            f"the outline spans {spans}, and the box overlaps that by {percent(overlap)}",
        )
    islands, holes = _small_parts(piece.mask), _small_parts(~piece.mask, inside=True, area=area)
    for many, name in ((islands, "island"), (holes, "hole")):
        if many:
            plural = "s" if many > 1 else ""
            yield 0.4, f"{many} tiny {name}{plural} of less than {percent(TINY)} of the object"


def drawn(segment: Segment) -> Piece:
    """Return the pixels of an outline, cut to its bounds with a margin."""
    import cv2

    if isinstance(segment, Rle):
        whole = segment.to_mask()
        rows, columns = np.flatnonzero(whole.any(axis=1)), np.flatnonzero(whole.any(axis=0))
        if not len(rows):
            return Piece(np.zeros((1, 1), bool), 0, 0)
        top, left = int(rows[0]), int(columns[0])
        cut = whole[top : rows[-1] + 1, left : columns[-1] + 1]
        return Piece(np.pad(cut, MARGIN), left - MARGIN, top - MARGIN)
    bounds = bounds_of(segment)
    left, top = (np.floor(bounds[:2]).astype(int) - MARGIN).tolist()
    width, height = (np.ceil(bounds[2:]).astype(int) - (left, top) + 1 + MARGIN).tolist()
    if width * height > 2**28:
        raise InputError(f"An outline spans {width} × {height} pixels.")
    canvas = np.zeros((height, width), np.uint8)
    for part in segment:
        # Polygons are in corners of pixels, OpenCV draws through their centers.
        points = np.ceil(part - (left, top) - 0.5).astype(np.int32)
        cv2.fillPoly(canvas, [points], 1)
    return Piece(canvas.astype(bool), left, top)


def _bounds(piece: Piece) -> np.ndarray:
    height, width = piece.mask.shape
    left, top = piece.left + MARGIN, piece.top + MARGIN
    return np.array([left, top, left + width - 2 * MARGIN, top + height - 2 * MARGIN], np.float64)


def _small_parts(mask: np.ndarray, *, inside: bool = False, area: int | None = None) -> int:
    """Return how many connected parts are tiny; with `inside` without those at the edge."""
    import cv2

    neighbors = 4 if inside else 8
    count, _, stats, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=neighbors
    )
    parts = stats[1:count]
    if inside and len(parts):
        height, width = mask.shape
        x, y, w, h = parts[:, :4].T
        parts = parts[(x > 0) & (y > 0) & (x + w < width) & (y + h < height)]
    whole = int(mask.sum()) if area is None else area
    return int((parts[:, 4] < TINY * whole).sum())


def boundary_overlap(first: np.ndarray, second: np.ndarray, *, width: int) -> float:
    """Return the overlap of what lies within `width` pixels of two masks' outlines, in [0, 1].

    Parameters
    ----------
    first, second : ndarray of bool, shape (h, w)
    width : int
        At least 1.
    """
    bands = [_band(mask, width) for mask in (first, second)]
    either = int((bands[0] | bands[1]).sum())
    return float((bands[0] & bands[1]).sum() / either) if either else 1.0


def _band(mask: np.ndarray, width: int) -> np.ndarray:
    import cv2

    padded = np.pad(mask.astype(np.uint8), 1)
    inner = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=width)
    return np.asarray(mask & ~inner[1:-1, 1:-1].astype(bool))


def _second_opinion(dataset: DetectionSet, other: DetectionSet) -> list[Issue]:
    place = {row_id: at for at, row_id in enumerate(other.row_ids.tolist())}
    shared = [(at, place[row]) for at, row in enumerate(dataset.row_ids.tolist()) if row in place]
    if not shared:
        raise InputError("`other` has none of the images, by their row ids.")
    found = []
    for mine, theirs in shared:
        found += list(_opinions(dataset, other, mine, theirs))
    return found


def _opinions(
    dataset: DetectionSet, other: DetectionSet, image: int, same_image: int
) -> Iterator[Issue]:
    """Yield where a second opinion about the objects of one image differs."""
    rows, columns = dataset.of_image(image), other.of_image(same_image)
    overlap = intersection_over_union(dataset.boxes[rows], other.boxes[columns])
    overlap = np.where(np.isfinite(overlap), overlap, 0)
    while overlap.size and overlap.max() >= SAME_OBJECT:
        a, b = np.unravel_index(int(overlap.argmax()), overlap.shape)
        overlap[a], overlap[:, b] = 0, 0
        box, partner = int(rows[a]), int(columns[b])
        names = dataset.class_names(dataset.codes[[box]]), other.class_names(other.codes[[partner]])
        row, theirs = str(dataset.box_ids[box]), names[1][0]
        both = _boundaries(dataset, box, other, partner)
        if both is not None and names[0] != names[1] and both >= UNLIKE:
            said = f"the same outline is a {theirs!r} in the second opinion"
            yield Issue(row, "label", 1 - both, suggested=theirs, detail=said)
        elif both is not None and both < UNLIKE:
            said = f"the second opinion draws the outline otherwise: {percent(both)} of it agree"
            yield Issue(row, "label", both, detail=said)


def _boundaries(dataset: DetectionSet, box: int, other: DetectionSet, partner: int) -> float | None:
    """Return the boundary overlap of two objects; None where one has no outline."""
    segments = dataset.segment(box), other.segment(partner)
    if segments[0] is None or segments[1] is None:
        return None
    pieces = drawn(segments[0]), drawn(segments[1])
    first, second = _on_one_canvas(*pieces)
    diagonal = float(np.hypot(*dataset.sizes[dataset.image_of[box]]))
    return boundary_overlap(first, second, width=max(1, round(BOUNDARY * diagonal)))


def _on_one_canvas(first: Piece, second: Piece) -> tuple[np.ndarray, np.ndarray]:
    left, top = min(first.left, second.left), min(first.top, second.top)
    ends = [
        (piece.left + piece.mask.shape[1] - left, piece.top + piece.mask.shape[0] - top)
        for piece in (first, second)
    ]
    shape = max(end[1] for end in ends), max(end[0] for end in ends)
    result = []
    for piece in (first, second):
        canvas = np.zeros(shape, bool)
        y, x = piece.top - top, piece.left - left
        canvas[y : y + piece.mask.shape[0], x : x + piece.mask.shape[1]] = piece.mask
        result.append(canvas)
    return result[0], result[1]
