"""What a detector says of the images of a set: COCO's list of results, or YOLO's lines."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..counted import counted
from ..errors import InputError, did_you_mean
from ..files import walk_files
from ..hidden import is_hidden
from ..shown import Shown
from ..signatures import checked
from .coco_source import CocoSource
from .detection_set import DetectionSet
from .yolo_lines import Wrong, lines_of


@dataclass(frozen=True, repr=False)
class Predictions(Shown):
    """Predicted boxes of a set's images.

    Attributes
    ----------
    image_of : ndarray of int64, shape (p,)
        Position of the image in the set.
    boxes : ndarray of float64, shape (p, 4)
        Corners x1, y1, x2, y2, in the units of the set.
    codes : ndarray of int64, shape (p,)
        Position in the set's classes.
    scores : ndarray of float64, shape (p,)
        Confidences in [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> from thresher.core import Predictions
    >>> found = Predictions(
    ...     image_of=np.array([0]), boxes=np.array([[4.0, 2, 30, 41]]), codes=np.array([0]),
    ...     scores=np.array([0.9])
    ... )
    >>> len(found)
    1
    """

    image_of: np.ndarray
    boxes: np.ndarray
    codes: np.ndarray
    scores: np.ndarray

    def __post_init__(self) -> None:
        n = len(self.image_of)
        shapes = [np.shape(one) for one in (self.boxes, self.codes, self.scores)]
        if shapes != [(n, 4), (n,), (n,)]:
            raise InputError(
                f"{counted(n, 'prediction needs', 'predictions need')} boxes, codes and scores of "
                f"shapes ({n}, 4), ({n},) and ({n},), got {', '.join(map(str, shapes))}."
            )
        if not np.isfinite(self.boxes).all() or (self.boxes[:, 2:] < self.boxes[:, :2]).any():
            raise InputError("Predicted boxes must be finite corners x1 ≤ x2, y1 ≤ y2.")
        if not ((self.scores >= 0) & (self.scores <= 1)).all():
            raise InputError("Confidences of predictions must lie in [0, 1].")

    def __len__(self) -> int:
        return len(self.image_of)

    @cached_property
    def order(self) -> np.ndarray:
        """Predictions image by image, ndarray of int64, shape (p,)."""
        return np.argsort(self.image_of, kind="stable")

    def counts(self, images: int) -> np.ndarray:
        """Return the number of predictions of each image, int64, shape (n,)."""
        return np.bincount(self.image_of, minlength=images)


@checked
def load_predictions(dataset: DetectionSet, path: str | os.PathLike[str]) -> Predictions:
    """Read a detector's predictions for a set.

    Parameters
    ----------
    dataset : DetectionSet
    path : path-like
        COCO: a JSON list of ``{"image_id", "category_id", "bbox", "score"}``; of sets in other
        formats the image is named by its row id or file, the category by its name or position.
        YOLO: a folder of label files with the confidence as sixth number, named like the images.

    Returns
    -------
    Predictions

    Raises
    ------
    InputError
        When the file is none of these, or names an image or class that the set has not.

    Examples
    --------
    >>> from pathlib import Path
    >>> from thresher.core import load_detection_set, load_predictions
    >>> for folder, line in (("set", "0 0.5 0.5 0.2 0.2"), ("out", "0 0.5 0.5 0.4 0.2 0.75")):
    ...     Path(folder).mkdir()
    ...     _ = Path(folder, "photo.txt").write_text(line)
    >>> load_predictions(load_detection_set("set"), "out").scores
    array([0.75])
    """
    given = Path(path)
    if given.is_dir():
        return _of_lines(dataset, given)
    try:
        listed = json.loads(given.read_bytes())
    except OSError as error:
        raise InputError(f"{given} cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise InputError(f"{given} is not valid JSON ({error}).") from error
    if not isinstance(listed, list):
        raise InputError(
            f"{given} must be a list of predictions, as COCO's results are, got "
            f"{type(listed).__name__}."
        )
    return _of_results(dataset, listed, given)


def _of_results(dataset: DetectionSet, listed: Sequence[Any], path: Path) -> Predictions:
    images, classes = _image_names(dataset), _class_names(dataset)
    rows: list[tuple[int, list[float], int, float]] = []
    for number, entry in enumerate(listed, 1):
        try:
            image, label = entry["image_id"], entry.get("category_id", entry.get("category"))
            x, y, width, height = map(float, entry["bbox"])
            score = float(entry["score"])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"Prediction {number} of {path} must have image_id, category_id, bbox of four "
                f"numbers and score, got {entry!r:.100}."
            ) from error
        for name, known in (("image", images), ("class", classes)):
            key = str(image if name == "image" else label)
            if key not in known:
                raise InputError(
                    f"Prediction {number} of {path} is of the {name} {key!r}, which the set has "
                    f"not.{did_you_mean(key, list(known)[:1000])}"
                )
        rows.append((images[str(image)], [x, y, x + width, y + height], classes[str(label)], score))
    return _columns(rows)


def _image_names(dataset: DetectionSet) -> dict[str, int]:
    """Return the position of each image by its id, file and file name."""
    found: dict[str, int] = {}
    ids, files = dataset.row_ids.tolist(), dataset.files.tolist()
    for at, (row_id, file) in enumerate(zip(ids, files, strict=True)):
        for name in (row_id, row_id.rpartition("/")[2], file, Path(file).name, Path(file).stem):
            found.setdefault(name, at)
    return found


def _class_names(dataset: DetectionSet) -> dict[str, int]:
    named = {name: code for code, name in enumerate(dataset.classes)}
    source = dataset.origin.source
    if isinstance(source, CocoSource):
        numbers = {str(key): code for back in source.categories for code, key in back.items()}
    else:
        numbers = {str(code): code for code in range(len(dataset.classes))}
    return named | numbers


def _of_lines(dataset: DetectionSet, folder: Path) -> Predictions:
    images = _image_names(dataset)
    rows: list[tuple[int, list[float], int, float]] = []
    for path in walk_files(folder, skip=is_hidden):
        if path.suffix != ".txt":
            continue
        below = path.relative_to(folder).with_suffix("")
        name = str(below) if str(below) in images else below.name
        if name not in images:
            raise InputError(f"{path} is of no image of the set: none is called {name!r}.")
        scale = _scale(dataset, images[name])
        for line in lines_of(path.read_bytes()):
            if isinstance(line, Wrong) or line.score is None:
                said = line.said if isinstance(line, Wrong) else "the confidence is missing"
                raise InputError(f"{path} line {line.number}: {said}.")
            if line.code >= len(dataset.classes):
                raise InputError(
                    f"{path} line {line.number}: the set has no class {line.code}, its last is "
                    f"{len(dataset.classes) - 1}."
                )
            box = (np.array(line.box) * scale).tolist()
            rows.append((images[name], box, line.code, line.score))
    return _columns(rows)


def _scale(dataset: DetectionSet, image: int) -> np.ndarray:
    return np.asarray(np.maximum(np.tile(dataset.sizes[image], 2), 1))


def _columns(rows: Sequence[tuple[int, list[float], int, float]]) -> Predictions:
    return Predictions(
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.float64).reshape(-1, 4),
        np.array([row[2] for row in rows], np.int64),
        np.array([row[3] for row in rows], np.float64),
    )
