"""Find wrong boxes: missing ones, ones too many, badly located ones, and swapped classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from thresher.core.counted import counted
from thresher.core.errors import InputError, check_number
from thresher.core.missing import read_values
from thresher.core.signatures import checked
from thresher.core.text_arrays import text_array

from .box_result import BoxFindings, BoxIssues
from .box_scores import (
    OVERLAP_WEIGHT,
    Boxes,
    Compared,
    badly_located_scores,
    compare,
    overlooked_scores,
    support,
    swapped_scores,
)
from .inputs import check_unit_range, encode_labels, read_row_ids
from .noise import NoiseRate

THRESHOLD = 0.5
Found = list[tuple[int, str, int, float]]


@checked
def find_box_issues(
    targets: Sequence[Mapping[str, Any]],
    *,
    predictions: Sequence[Mapping[str, Any]],
    row_ids: np.ndarray | None = None,
    confident: float = 0.95,
    likely: float = 0.5,
) -> BoxIssues:
    """Find images with a wrong box, from the out-of-sample predictions of a detector.

    The dictionaries are those of torchvision's detectors; see `curation.labels.box_scores` for the
    scores.

    Parameters
    ----------
    targets : n mappings
        ``"boxes"``, shape (m, 4), corners x1, y1, x2, y2 in pixels, and ``"labels"``, shape (m,),
        int codes or names.
    predictions : n mappings
        The same of the predicted boxes, and their confidences, ``"scores"``, in [0, 1].
    row_ids : ndarray of str, shape (n,), optional
    confident : float
        Confidence from which a prediction says that a label is missing or swapped.
    likely : float
        Confidence above which one says where a box lies.

    Returns
    -------
    BoxIssues

    Raises
    ------
    InputError
        On unequal lengths, a missing key, coordinates that are not finite, predicted boxes of
        negative size, and when most labeled boxes have no area (another format, surely).

    Examples
    --------
    >>> import numpy as np
    >>> from curation import find_box_issues
    >>> drawn = {"boxes": np.array([[10.0, 10, 50, 50]]), "labels": np.array([0])}
    >>> predicted = {"boxes": drawn["boxes"], "labels": np.array([1]), "scores": np.array([0.99])}
    >>> right = {"boxes": drawn["boxes"], "labels": np.array([0]), "scores": np.array([0.99])}
    >>> found = find_box_issues([drawn, drawn], predictions=[right, predicted])
    >>> found.to_issues().counts()
    {'label': 1}
    """
    check_number("confident", confident, low=0, high=1)
    check_number("likely", likely, low=0, high=1)
    ids = read_row_ids(row_ids, None, len(targets))
    if len(predictions) != len(targets):
        raise InputError(
            f"There are {counted(len(targets), 'image')}, but "
            f"{counted(len(predictions), 'prediction')}."
        )
    names = ids.tolist()
    labeled = [_read(one, names[i], "target") for i, one in enumerate(targets)]
    predicted = [_read(one, names[i], "prediction") for i, one in enumerate(predictions)]
    labeled, predicted = _encode(labeled, predicted)
    _check_sizes(labeled, predicted, ids)
    found = _empty(labeled)
    images, places = _compare_all(labeled, predicted)
    least = min([1 - OVERLAP_WEIGHT, *(_least(image) for image in images)])
    detected = _detection_rates(images, likely=likely)
    for row, (image, place) in enumerate(zip(images, places, strict=True)):
        missing = overlooked_scores(image, confident=confident, least=least)
        at = np.flatnonzero(np.isfinite(missing))
        found += _entries(row, "overlooked", at, missing[at])
        kinds = {
            "badly located": badly_located_scores(image, likely=likely),
            "swapped": swapped_scores(image, confident=confident, least=least),
            "extra": 1 - (1 - support(image, likely=likely)) * detected[image.labeled.codes],
        }
        for kind, scores in kinds.items():
            found += _entries(row, kind, place, scores)
    return BoxIssues.of(ids, _findings(ids, found))


def _read(mapping: Mapping[str, Any], row_id: str, what: str) -> Boxes:
    names = ("boxes", "labels", "scores") if what == "prediction" else ("boxes", "labels")
    if not isinstance(mapping, Mapping):
        raise InputError(
            f"The {what} of image {row_id!r} must be a mapping with {', '.join(names)}, got "
            f"{type(mapping).__name__}."
        )
    lacking = [name for name in names if name not in mapping]
    if lacking:
        raise InputError(f"The {what} of image {row_id!r} lacks {', '.join(map(repr, lacking))}.")
    corners = np.asarray(mapping["boxes"], dtype=np.float64)
    corners = corners.reshape(0, 4) if not corners.size else corners
    labels, _ = read_values(mapping["labels"], name=f"labels of image {row_id}")
    scores = np.ones(len(labels))
    if what == "prediction":
        scores = check_unit_range(f"scores of image {row_id}", np.asarray(mapping["scores"]))
    if corners.shape != (len(labels), 4) or scores.shape != (len(labels),):
        raise InputError(
            f"The {what} of image {row_id!r} has {counted(len(labels), 'label')}, but boxes of "
            f"shape {corners.shape} and {counted(scores.size, 'score')}."
        )
    if not np.isfinite(corners).all():
        raise InputError(f"The {what} of image {row_id!r} has a box that is not finite.")
    return Boxes(corners, labels, scores)


def _encode(labeled: list[Boxes], predicted: list[Boxes]) -> tuple[list[Boxes], list[Boxes]]:
    """Give labeled and predicted boxes codes of the same classes."""
    every = [boxes.codes for boxes in labeled + predicted if len(boxes.codes)]
    kinds = {"code" if codes.dtype.kind in "iu" else "name" for codes in every}
    if len(kinds) > 1:
        raise InputError("Labels of targets and predictions must both be codes or both be names.")
    flat = np.concatenate(every) if every else np.zeros(0, dtype=np.int64)
    if kinds == {"code"} and flat.min() < 0:
        raise InputError("Every box needs a label; some are negative or empty.")
    codes, _ = encode_labels(flat)
    if (codes < 0).any():
        raise InputError("Every box needs a label; some are negative or empty.")
    lengths = [len(boxes.codes) for boxes in labeled + predicted]
    parts = np.split(codes, np.cumsum(lengths)[:-1]) if lengths else []
    coded = [
        Boxes(boxes.corners, part, boxes.scores)
        for boxes, part in zip(labeled + predicted, parts, strict=True)
    ]
    return coded[: len(labeled)], coded[len(labeled) :]


def _has_area(boxes: Boxes) -> np.ndarray:
    return np.asarray((boxes.corners[:, 2:] > boxes.corners[:, :2]).all(axis=1))


def _check_sizes(labeled: list[Boxes], predicted: list[Boxes], ids: np.ndarray) -> None:
    for row_id, boxes in zip(ids.tolist(), predicted, strict=True):
        if (boxes.corners[:, 2:] < boxes.corners[:, :2]).any():
            raise InputError(
                f"A predicted box of image {row_id!r} has a negative size. Boxes are x1, y1, x2, "
                "y2; turn width and height into the second corner."
            )
    with_area = np.concatenate([_has_area(boxes) for boxes in labeled] or [np.zeros(0, bool)])
    if len(with_area) and with_area.mean() < 0.5:
        raise InputError(
            f"{(~with_area).sum()} of "
            f"{counted(len(with_area), 'labeled box has', 'labeled boxes have')} no area. Boxes "
            "are x1, y1, x2, y2; turn width and height into the second corner."
        )


def _empty(labeled: list[Boxes]) -> Found:
    return [
        (row, "empty", int(box), 0.0)
        for row, boxes in enumerate(labeled)
        for box in np.flatnonzero(~_has_area(boxes))
    ]


def _compare_all(
    labeled: list[Boxes], predicted: list[Boxes]
) -> tuple[list[Compared], list[np.ndarray]]:
    """Compare the boxes that have an area; return also the place of each among all labeled."""
    places = [np.flatnonzero(_has_area(boxes)) for boxes in labeled]
    images = []
    for boxes, found, place in zip(labeled, predicted, places, strict=True):
        whole = Boxes(boxes.corners[place], boxes.codes[place], boxes.scores[place])
        images.append(compare(whole, found))
    return images, places


def _least(image: Compared) -> float:
    """Return the lowest similarity above zero; two boxes that do not touch are below a tenth."""
    above = image.similarity[image.similarity > 0]
    return float(above.min()) if above.size else 1.0


def _detection_rates(images: list[Compared], *, likely: float) -> np.ndarray:
    """Return the mean support of each class's labeled boxes, shape (K,).

    A box without any is less suspicious in a class that the detector often misses.
    """
    if not images:
        return np.zeros(0)
    codes = np.concatenate([image.labeled.codes for image in images])
    sure = np.concatenate([support(image, likely=likely) for image in images])
    counts = np.bincount(codes)
    return np.asarray(np.bincount(codes, weights=sure) / np.maximum(counts, 1))


def _entries(row: int, kind: str, boxes: np.ndarray, scores: np.ndarray) -> Found:
    pairs = zip(boxes.tolist(), scores.tolist(), strict=True)
    return [(row, kind, box, score) for box, score in pairs]


def _findings(ids: np.ndarray, found: Found) -> BoxFindings:
    found = sorted(found, key=lambda entry: entry[0])
    names = [f"{ids[row]}/{kind}/{box}" for row, kind, box, _ in found]
    scores = np.clip(np.array([entry[3] for entry in found], dtype=np.float64), 0, 1)
    flagged = scores < THRESHOLD
    share = float(flagged.mean()) if len(flagged) else 0.0
    return BoxFindings(
        row_ids=text_array(names),
        row_of=np.array([entry[0] for entry in found], dtype=np.int64),
        kinds=text_array([entry[1] for entry in found]),
        boxes=np.array([entry[2] for entry in found], dtype=np.int64),
        scores=scores,
        flagged=flagged,
        threshold=THRESHOLD,
        noise_rate=NoiseRate(share, 0.0, 1.0),
        expected_precision=None,
        method="ObjectLab's scores of overlooked, badly located and swapped boxes, and support",
    )
