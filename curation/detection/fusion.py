"""One set of boxes from those of several annotators, by weighted boxes fusion.

Boxes of one class that overlap are one object; its corners are the mean of theirs, weighted by how
far each annotator is trusted (Solovyev, Wang and Gabruseva, "Weighted boxes fusion", 2021). Unlike
there, two boxes of one annotator are two objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thresher.core.counted import counted
from thresher.core.detection.detection_set import DetectionSet
from thresher.core.errors import InputError, check_number
from thresher.core.shown import Shown
from thresher.core.signatures import checked

from ..labels.box_scores import intersection_over_union


@dataclass(frozen=True, repr=False)
class FusedBoxes(Shown):
    """Objects on which annotators agree more or less; q in all.

    Attributes
    ----------
    image_of : ndarray of int64, shape (q,)
        Position of the image in the first set.
    boxes : ndarray of float64, shape (q, 4)
        Mean corners.
    codes : ndarray of int64, shape (q,)
        Position in the first set's classes.
    agreement : ndarray of float64, shape (q,)
        Share of the annotators' weight that marked the object, in (0, 1].
    spread : ndarray of float64, shape (q,)
        Mean overlap of their boxes with the fused one; 1 where one alone marked it.
    kept : ndarray of bool, shape (q,)
    quality : ndarray of float64, shape (a,)
        Of each annotator: the F1 of their boxes against the kept objects.
    """

    image_of: np.ndarray
    boxes: np.ndarray
    codes: np.ndarray
    agreement: np.ndarray
    spread: np.ndarray
    kept: np.ndarray
    quality: np.ndarray

    def __len__(self) -> int:
        return len(self.image_of)

    def to_set(self, first: DetectionSet) -> DetectionSet:
        """Return the first annotator's set with the kept objects in place of its boxes."""
        none = first.keep(images=np.ones(len(first), bool), boxes=np.zeros(len(first.boxes), bool))
        at = self.kept
        return none.added(image_of=self.image_of[at], boxes=self.boxes[at], codes=self.codes[at])


@checked
def fuse_boxes(
    sets: Sequence[DetectionSet],
    *,
    weights: np.ndarray | Sequence[float] | None = None,
    overlap: float = 0.55,
    least: float = 0.5,
) -> FusedBoxes:
    r"""Join the boxes of several annotators of the same images.

    Parameters
    ----------
    sets : sequence of DetectionSet
        One for each annotator; images are joined by their row ids, classes by their names.
    weights : array of float, shape (a,), optional
        How far each annotator is trusted, above 0; by default all alike.
    overlap : float
        From which boxes are one object, in (0, 1].
    least : float
        Share of the weight of those who saw the image that must have marked an object to keep it.

    Returns
    -------
    FusedBoxes

    Raises
    ------
    InputError
        For fewer than two sets, images or classes that the first set has not, and bad weights.

    Examples
    --------
    >>> from pathlib import Path
    >>> from curation import fuse_boxes
    >>> from thresher.core import load_detection_set
    >>> for name, line in (("ann", "0 0.5 0.5 0.2 0.2\n"), ("bob", "0 0.51 0.5 0.22 0.2\n")):
    ...     Path(name).mkdir()
    ...     _ = Path(name, "photo.txt").write_text(line)
    >>> found = fuse_boxes([load_detection_set("ann"), load_detection_set("bob")])
    >>> found.boxes.round(3).tolist(), found.agreement.tolist()
    ([[0.4, 0.4, 0.61, 0.6]], [1.0])
    """
    check_number("overlap", overlap, low=0, high=1, low_open=True)
    check_number("least", least, low=0, high=1)
    if len(sets) < 2:
        raise InputError(f"There must be the sets of two annotators or more, got {len(sets)}.")
    trusted = _weights(weights, len(sets))
    joined = [_onto(sets[0], one, number) for number, one in enumerate(sets)]
    seen = np.stack([present for *_, present in joined])
    rows = [[] for _ in range(len(sets[0]))]  # type: list[list[tuple[int, int]]]
    for number, (images, _, _) in enumerate(joined):
        for box, image in enumerate(images.tolist()):
            rows[image].append((number, box))
    parts = []
    for image, members in enumerate(rows):
        for one in _objects(members, sets, joined, trusted, overlap):
            parts.append((image, *one))
    return _gathered(parts, sets, joined, trusted, seen, least)


def _weights(weights: np.ndarray | Sequence[float] | None, count: int) -> np.ndarray:
    given = np.ones(count) if weights is None else np.asarray(weights, np.float64)
    if given.shape != (count,) or not (np.isfinite(given) & (given > 0)).all():
        raise InputError(f"`weights` must be {counted(count, 'number')} above 0, one for each set.")
    return given


Joined = tuple[np.ndarray, np.ndarray, np.ndarray]


def _onto(first: DetectionSet, one: DetectionSet, number: int) -> Joined:
    """Return image and class of each box in the first set's terms, and which images are there."""
    place = {row_id: at for at, row_id in enumerate(first.row_ids.tolist())}
    strange = [row_id for row_id in one.row_ids.tolist() if row_id not in place]
    if strange:
        raise InputError(
            f"Set {number} has the image {strange[0]!r}, which the first has not: read the same "
            "images of each annotator."
        )
    code = {name: at for at, name in enumerate(first.classes)}
    unknown = [name for name in one.class_names(np.unique(one.codes)) if name not in code]
    if unknown:
        raise InputError(f"Set {number} has the class {unknown[0]!r}, which the first has not.")
    images = np.array([place[row_id] for row_id in one.row_ids.tolist()], np.int64)
    codes = np.array([code[name] for name in one.class_names(one.codes)], np.int64)
    present = np.zeros(len(first), bool)
    present[images] = True
    return images[one.image_of], codes, present


Member = tuple[int, int]


def _objects(
    members: list[Member],
    sets: Sequence[DetectionSet],
    joined: Sequence[Joined],
    trusted: np.ndarray,
    overlap: float,
) -> list[tuple[int, list[Member], np.ndarray]]:
    """Group the boxes of one image; return class, members and mean corners of each object."""
    order = sorted(members, key=lambda one: -trusted[one[0]])
    codes: list[int] = []
    groups: list[list[Member]] = []
    means: list[np.ndarray] = []
    for member in order:
        number, box = member
        corners, code = sets[number].boxes[box], int(joined[number][1][box])
        if not np.isfinite(corners).all():
            continue
        best = _best(corners, code, number, codes, groups, means)
        if best is not None and best[1] > overlap:
            groups[best[0]].append(member)
            means[best[0]] = _mean(groups[best[0]], sets, trusted)
        else:
            codes.append(code)
            groups.append([member])
            means.append(corners)
    return list(zip(codes, groups, means, strict=True))


def _best(
    corners: np.ndarray,
    code: int,
    number: int,
    codes: list[int],
    groups: list[list[Member]],
    means: list[np.ndarray],
) -> tuple[int, float] | None:
    """Return the object of a class that a box overlaps most, and how far."""
    fits = [
        at
        for at, group in enumerate(groups)
        if codes[at] == code and all(number != one for one, _ in group)
    ]
    if not fits:
        return None
    overlaps = intersection_over_union(corners[None], np.stack([means[at] for at in fits]))[0]
    at = int(overlaps.argmax())
    return fits[at], float(overlaps[at])


def _mean(group: list[Member], sets: Sequence[DetectionSet], trusted: np.ndarray) -> np.ndarray:
    corners = np.stack([sets[number].boxes[box] for number, box in group])
    return np.average(corners, axis=0, weights=[trusted[number] for number, _ in group])


def _gathered(
    parts: list[tuple[int, int, list[Member], np.ndarray]],
    sets: Sequence[DetectionSet],
    joined: Sequence[Joined],
    trusted: np.ndarray,
    seen: np.ndarray,
    least: float,
) -> FusedBoxes:
    image_of = np.array([part[0] for part in parts], np.int64)
    boxes = np.array([part[3] for part in parts], np.float64).reshape(-1, 4)
    weight = np.array([sum(trusted[number] for number, _ in part[2]) for part in parts])
    whole = (trusted[:, None] * seen).sum(axis=0)
    agreement = weight / whole[image_of] if len(parts) else np.zeros(0)
    spread = np.array([_spread(part[2], part[3], sets) for part in parts])
    kept = agreement >= least
    right = np.zeros(len(sets))
    for place in np.flatnonzero(kept).tolist():
        for number, _ in parts[place][2]:
            right[number] += 1
    there = np.array([kept[seen[number, image_of]].sum() if len(parts) else 0
                      for number in range(len(sets))])  # fmt: skip
    marked = np.array([len(images) for images, *_ in joined])
    quality = 2 * right / np.maximum(marked + there, 1)
    codes = np.array([part[1] for part in parts], np.int64)
    return FusedBoxes(image_of, boxes, codes, agreement, spread, kept, quality)


def _spread(group: list[Member], mean: np.ndarray, sets: Sequence[DetectionSet]) -> float:
    corners = np.stack([sets[number].boxes[box] for number, box in group])
    return float(intersection_over_union(mean[None], corners).mean())
