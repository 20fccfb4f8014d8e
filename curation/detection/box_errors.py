"""Wrong boxes by a detector's predictions, each with a chance of being wrong in one of four ways.

Unlike `curation.find_box_issues`, whose scores are those of ObjectLab for images, nothing depends
on a fixed confidence: a missing box is told by how often the detector is right when it is so sure,
a badly placed one by how far its boxes usually lie off for that size and confidence, a class by how
often its classes agree with the labels, and a label on nothing by which objects it misses.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thresher.core.counted import percent
from thresher.core.detection.detection_set import DetectionSet
from thresher.core.detection.predictions import Predictions
from thresher.core.issues import Issues
from thresher.core.shown import ShownRows
from thresher.core.signatures import checked

from .contradictions import Contradictions
from .evidence import contacts, matched

WORDS = {
    "missing": "a box is missing",
    "badly placed": "the box is badly placed",
    "wrong class": "the box is of another class",
    "spurious": "the box is on nothing",
}


@dataclass(frozen=True, repr=False)
class BoxErrors(ShownRows):
    """One entry for each box and way in which it may be wrong, and for each that may be missing.

    Attributes
    ----------
    row_ids : ndarray of str, shape (r,)
        Of the box; of the image for a missing one.
    kinds : ndarray of str, shape (r,)
        ``"missing"``, ``"badly placed"``, ``"wrong class"`` or ``"spurious"``.
    chances : ndarray of float64, shape (r,)
        How likely it is, in [0, 1].
    boxes : ndarray of int64, shape (r,)
        Position of the labeled box, or of the predicted one that is missing among the labels.
    suggested : ndarray of str, shape (r,)
        A class, corners x1 y1 x2 y2, or both; empty for a label on nothing.
    image_of : ndarray of int64, shape (r,)
        Position of the image.
    """

    row_ids: np.ndarray
    kinds: np.ndarray
    chances: np.ndarray
    boxes: np.ndarray
    suggested: np.ndarray
    image_of: np.ndarray

    def __len__(self) -> int:
        return len(self.row_ids)

    def of_images(self, kind: str, *, images: int) -> np.ndarray:
        """Return how likely each image has an error of a kind, shape (n,)."""
        lacks = np.zeros(images)
        mine = self.kinds == kind
        np.add.at(lacks, self.image_of[mine], np.log1p(-np.minimum(self.chances[mine], 1 - 1e-9)))
        return np.asarray(1 - np.exp(lacks))

    def to_issues(self, *, threshold: float = 0.5) -> Issues:
        """Return what is wrong with a chance of at least `threshold`, as the check ``label``."""
        at = np.flatnonzero(self.chances >= threshold)
        said = [
            f"{WORDS[self.kinds[place]]}, {percent(min(self.chances[place], 0.99))} likely"
            for place in at.tolist()
        ]
        issues = Issues.from_columns(
            "label",
            row_ids=self.row_ids[at].tolist(),
            scores=(1 - self.chances[at]).tolist(),
            suggested=[text or None for text in self.suggested[at].tolist()],
            details=said,
        )
        return Issues.concat([issues])


@checked
def find_box_errors(dataset: DetectionSet, predictions: Predictions) -> BoxErrors:
    r"""Find boxes that are missing, badly placed, of another class, or on nothing.

    Parameters
    ----------
    dataset : DetectionSet
    predictions : Predictions
        Of a detector that did not learn from these images; best with a low limit of confidence.

    Returns
    -------
    BoxErrors

    Examples
    --------
    >>> import numpy as np
    >>> from pathlib import Path
    >>> from curation import find_box_errors
    >>> from thresher.core import Predictions, load_detection_set
    >>> _ = Path("photo.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    >>> photos = load_detection_set(".", format="yolo")
    >>> said = Predictions(image_of=np.array([0]), boxes=photos.boxes, codes=np.array([0]),
    ...                    scores=np.array([0.9]))
    >>> sorted(set(find_box_errors(photos, said).kinds.tolist()))
    ['badly placed', 'spurious', 'wrong class']
    """
    boxes = dataset.boxes
    sound = np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    labels = np.flatnonzero(sound & ~dataset.crowd)
    pairs = contacts(dataset, predictions, labels)
    same = dataset.codes[pairs.label] == predictions.codes[pairs.prediction]
    own = matched(pairs, same, predictions.scores, (len(boxes), len(predictions)))
    seen = Contradictions(dataset, predictions, labels, pairs, same, own)
    parts = [seen.missing(), seen.badly_placed(), seen.wrong_class(), seen.spurious()]
    return BoxErrors(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
