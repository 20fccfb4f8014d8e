"""What a policy does to a small teacher's view of labeled images: the measurements of an audit.

A teacher is fitted without each row in turn (in folds; few rows are cut three times), once
on plain copies and once on augmented ones, and asked about the clean row. The change of its margin
(score of the true class less the best other score) is the *effect*: it uses every row, where a
change of accuracy sees only rows that change sides. Beside it: how many confident rows turn into
another class, how far images move away from the data, and whether classes can still be told apart
among the augmented images themselves (inverted digits can, blanked ones cannot).

Cost for n rows and v views: n·v encodings and one kernel system of n·(v + 1)·(1 − 1/folds) rows a
fold; .4 CPU-seconds for 300 rows and 2 views on one core.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from thresher.core.interval import Z

from ..augmenter import Augmenter
from ..operations.policy import Policy
from .kernel_ridge import Teacher, fit_teacher, squared_distances, stratified_folds

FOLDS = 3
# With few rows it matters which of them a fold holds: four partitions of 200 rows of CIFAR-10 rank
# operations by harm with AUCs of .77 to .84.
ROWS_TO_PARTITION, MOST_PARTITIONS = 600, 3


@dataclass(frozen=True)
class Measurement:
    """What was measured of one policy on n rows; everything paired with the same rows unchanged.

    Attributes
    ----------
    effect
        Change of the margin, shape (n,); above 0 helps.
    accuracy_change
        Change of being right, between −1 and 1, shape (n,).
    flipped
        Share of views in which a row that was right and confident is confidently another class,
        shape (n,); NaN for rows that were not confident.
    drop
        Share of views in which a row is no longer recognized, less the share before, shape (n,).
    recovered
        Change of being right when the teacher learns and is asked about augmented images, (n,).
    distance
        Median distance of an augmented image to its nearest clean image, in units of the median
        distance between nearest neighbors.
    diversity
        Median distance between two views of an image, in the same units.
    microseconds
        CPU time of augmenting one image.
    """

    effect: np.ndarray
    accuracy_change: np.ndarray
    flipped: np.ndarray
    drop: np.ndarray
    recovered: np.ndarray
    distance: float
    diversity: float
    microseconds: float


class Screen:
    """Labeled images prepared once, so that many policies can be measured on them.

    Parameters
    ----------
    images
        uint8 (n, H, W, C).
    labels
        int (n,) of 0 … C − 1, each class at least twice.
    encoder
        Turns images into vectors; see `thresher.core.get_encoder`. Fitted here if it needs to be.
    views
        Augmented copies of each row.
    seed
        Of the folds and of the augmentations.
    """

    def __init__(
        self, images: np.ndarray, labels: np.ndarray, *, encoder: Any, views: int, seed: int
    ) -> None:
        self.images, self.labels, self.views, self.seed = images, labels, views, seed
        self.encoder = encoder if encoder.fitted else encoder.fit(images)
        self.features = self._encode(images)
        self.classes = int(labels.max()) + 1
        count = int(np.clip(ROWS_TO_PARTITION // len(labels), 1, MOST_PARTITIONS))
        self._partitions = [
            stratified_folds(labels, folds=FOLDS, generator=np.random.default_rng([seed, part]))
            for part in range(count)
        ]
        self._clean = self._taught([self.features], self._partitions[0])
        self.clean_scores = self._answers(self._clean, self.features)
        copies = [self.features] * (views + 1)
        self._copied_scores = [
            self._answers(self._taught(copies, fold), self.features, fold)
            for fold in self._partitions
        ]
        distances = squared_distances(self.features, self.features)
        np.fill_diagonal(distances, np.inf)
        self._spacing = max(float(np.median(np.sqrt(distances.min(axis=1)))), 1e-6)

    @property
    def accuracy(self) -> float:
        """Share of the rows that the teacher recognizes without having seen them."""
        return float(self._right(self.clean_scores).mean())

    def measure(self, policy: Policy) -> Measurement:
        """Measure a policy on all rows."""
        versions, microseconds = self._augment(policy)
        vectors = [self._encode(version) for version in versions]
        taught = [
            self._answers(self._taught([self.features, *vectors], fold), self.features, fold)
            for fold in self._partitions
        ]
        pairs = list(zip(taught, self._copied_scores, strict=True))
        after = [self._answers(self._clean, vector) for vector in vectors]
        return Measurement(
            effect=np.mean([self._margin(new) - self._margin(old) for new, old in pairs], axis=0),
            accuracy_change=np.mean([self._change(new, old) for new, old in pairs], axis=0),
            flipped=self._flipped(after),
            drop=np.mean([self._change(self.clean_scores, one) for one in after], axis=0),
            recovered=self._recovered(vectors),
            distance=self._distance(vectors),
            diversity=self._diversity(vectors),
            microseconds=microseconds,
        )

    def _augment(self, policy: Policy) -> tuple[list[np.ndarray], float]:
        augmenter = Augmenter(policy, random_state=self.seed)
        keys = np.arange(len(self.images), dtype=np.uint64)
        start = time.process_time()
        versions = [
            augmenter.batch(self.images, keys, epoch=0, view=view) for view in range(self.views)
        ]
        seconds = time.process_time() - start
        return versions, seconds / (self.views * len(self.images)) * 1e6

    def _encode(self, images: np.ndarray) -> np.ndarray:
        return np.asarray(self.encoder.encode(images), dtype=np.float64)

    def _taught(self, parts: list[np.ndarray], partition: np.ndarray) -> list[Teacher]:
        """Fit a teacher without each fold, on the other rows of all parts."""
        teachers = []
        for fold in range(FOLDS):
            kept = partition != fold
            rows, labels = [part[kept] for part in parts], np.tile(self.labels[kept], len(parts))
            teachers.append(fit_teacher(np.concatenate(rows), labels, classes=self.classes))
        return teachers

    def _answers(
        self, teachers: list[Teacher], features: np.ndarray, partition: np.ndarray | None = None
    ) -> np.ndarray:
        """Ask about each row the teacher that was fitted without it."""
        folds = self._partitions[0] if partition is None else partition
        scores = np.empty((len(features), self.classes))
        for fold, teacher in enumerate(teachers):
            scores[folds == fold] = teacher.scores(features[folds == fold])
        return scores

    def _right(self, scores: np.ndarray) -> np.ndarray:
        return np.asarray(scores.argmax(axis=1) == self.labels)

    def _change(self, new: np.ndarray, old: np.ndarray) -> np.ndarray:
        return np.asarray(self._right(new).astype(float) - self._right(old))

    def _margin(self, scores: np.ndarray) -> np.ndarray:
        rows = np.arange(len(scores))
        others = scores.copy()
        others[rows, self.labels] = -np.inf
        return np.asarray(scores[rows, self.labels] - others.max(axis=1))

    def _flipped(self, after: list[np.ndarray]) -> np.ndarray:
        ranked = np.sort(self.clean_scores, axis=1)
        lead = ranked[:, -1] - ranked[:, -2]
        right = self._right(self.clean_scores)
        level = float(np.median(lead[right])) if right.any() else np.inf
        flips = []
        for scores in after:
            ranked = np.sort(scores, axis=1)
            sure = ranked[:, -1] - ranked[:, -2] >= level
            flips.append(sure & ~self._right(scores))
        share = np.mean(flips, axis=0)
        return np.asarray(np.where(right & (lead >= level), share, np.nan))

    def _recovered(self, vectors: list[np.ndarray]) -> np.ndarray:
        teachers = self._taught([vectors[0]], self._partitions[0])
        return self._change(self._answers(teachers, vectors[0]), self.clean_scores)

    def _distance(self, vectors: list[np.ndarray]) -> float:
        nearest = [squared_distances(vector, self.features).min(axis=1) for vector in vectors]
        return float(np.median(np.sqrt(nearest))) / self._spacing

    def _diversity(self, vectors: list[np.ndarray]) -> float:
        others = [self.features, *vectors][-2:]
        moved = np.sqrt(((others[0] - others[1]) ** 2).sum(axis=1))
        return float(np.median(moved)) / self._spacing


def mean_interval(values: np.ndarray) -> tuple[float, float, float]:
    """Return the mean of `values` and its 95 % interval by the normal approximation, NaN left out.

    With fewer than two values the interval is unbounded.
    """
    present = values[~np.isnan(values)]
    if len(present) < 2:
        return (float(present.mean()) if len(present) else 0.0), -np.inf, np.inf
    mean = float(present.mean())
    half = Z * float(present.std(ddof=1)) / np.sqrt(len(present))
    return mean, mean - half, mean + half
