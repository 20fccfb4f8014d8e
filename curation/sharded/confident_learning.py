"""Confident learning over shards, equal to `curation.labels.confident` to the last bit.

Pass one takes each row's probability of its own label, from which the thresholds of the classes
follow; pass two counts the joint of labels and classes; pass three flags, one label after the
other, as many rows as the joint has. Memory: some numbers a row, K², and one label's rows for a few
classes at a time. (Northcutt, Jiang and Chuang, 2021.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from thresher.core.counted import counted
from thresher.core.errors import InputError
from thresher.core.fingerprint import fingerprint

from ..labels.confident import (
    count_confident,
    given_is_not_top,
    joint_from,
    largest_margins,
    prune_counts,
    thresholds_from,
)
from ..labels.noise import NoiseRate
from .arrays import BLOCK_ROWS, ShardedArray, blocks
from .work import Work

MOST_VALUES = 1 << 26


@dataclass(frozen=True)
class ConfidentLabels:
    """Wrong labels by confident learning; every array has one value a row.

    Attributes
    ----------
    scores : ndarray of float, shape (n,)
        Probability of the given label, low = bad; 1 for rows without a label.
    suggested : ndarray of int64, shape (n,)
        Most probable class.
    flagged : ndarray of bool, shape (n,)
    noise_rate : NoiseRate
        Share of the labeled rows that is flagged, between none and all that the model disagrees
        with: by confident learning nothing more is known.
    """

    scores: np.ndarray
    suggested: np.ndarray
    flagged: np.ndarray
    noise_rate: NoiseRate


def find_label_issues_in_shards(
    pred_probs: ShardedArray, labels: np.ndarray, work: Work
) -> ConfidentLabels:
    """Find wrong labels.

    Parameters
    ----------
    pred_probs : ShardedArray, shape (n, K)
        Out-of-sample probabilities.
    labels : ndarray of int64, shape (n,)
        Codes; −1 = missing.
    work : Work

    Raises
    ------
    InputError
        On unequal lengths, codes without a column, and rows that are no probabilities.
    """
    if len(labels) != len(pred_probs):
        raise InputError(
            f"There are {counted(len(labels), 'label')}, but {counted(len(pred_probs), 'row')} of "
            "`pred_probs`."
        )
    if labels.max(initial=-1) >= pred_probs.width:
        raise InputError(
            f"The labels go up to code {labels.max()}, but `pred_probs` has "
            f"{counted(pred_probs.width, 'column')}."
        )
    ranges, key = blocks(len(labels)), [pred_probs.stamp(), fingerprint(labels)]
    (given,) = work.do("labels", SaveLabels(labels), key=key)
    own = work.do("own", OwnProbability(pred_probs, given), key=key, shards=ranges)
    (thresholds,) = work.do("thresholds", FindThresholds(own, given, pred_probs.width), key=key)
    count = CountJoint(pred_probs, given, thresholds)
    joints = work.do("joint", count, key=key, shards=ranges)
    flag = FlagLabel(pred_probs, given, thresholds, _prune(joints, labels, pred_probs.width))
    classes = {f"{code:06d}": code for code in np.unique(labels[labels >= 0]).tolist()}
    flags = work.do("flag", flag, key=key, shards=classes)
    return _collect(own, flags, labels)


def _prune(joints: tuple[Path, ...], labels: np.ndarray, num_classes: int) -> np.ndarray:
    zeros = np.zeros((num_classes, num_classes), np.int64)
    counts = sum((np.load(part / "counts.npy") for part in joints), zeros)
    return prune_counts(joint_from(counts, np.bincount(labels[labels >= 0], minlength=num_classes)))


def _collect(own: tuple[Path, ...], flags: tuple[Path, ...], labels: np.ndarray) -> ConfidentLabels:
    scores, suggested, disagree = (
        np.concatenate([np.load(part / f"{name}.npy") for part in own]) if own else np.empty(0)
        for name in ("scores", "suggested", "disagree")
    )
    flagged = np.zeros(len(labels), bool)
    for part in flags:
        flagged[np.load(part / "rows.npy")] = True
    flagged &= disagree.astype(bool)
    counts = int(flagged.sum()), int(disagree.sum())
    rate, high = (count / max(1, int((labels >= 0).sum())) for count in counts)
    return ConfidentLabels(scores, suggested, flagged, NoiseRate(rate, 0.0, max(rate, high)))


@dataclass(frozen=True)
class SaveLabels:
    """Task for one shard: ``labels.npy``, read by all others."""

    labels: np.ndarray

    def __call__(self, _: None, folder: Path) -> None:
        """Fill the folder."""
        np.save(folder / "labels.npy", self.labels)


def _labels(folder: Path, rows: tuple[int, int]) -> np.ndarray:
    return np.array(np.load(folder / "labels.npy", mmap_mode="r")[slice(*rows)])


@dataclass(frozen=True)
class OwnProbability:
    """Task over row ranges, pass one: ``scores.npy``, ``suggested.npy`` and ``disagree.npy``."""

    pred_probs: ShardedArray
    given: Path

    def __call__(self, rows: tuple[int, int], folder: Path) -> None:
        """Fill the folder."""
        probs, labels = _read(self.pred_probs, rows), _labels(self.given, rows)
        _check(probs, rows[0])
        judged = np.flatnonzero(labels >= 0)
        scores, disagree = np.ones(len(probs), probs.dtype), np.zeros(len(probs), bool)
        scores[judged] = probs[judged, labels[judged]]
        disagree[judged] = given_is_not_top(labels[judged], probs[judged])
        np.save(folder / "scores.npy", scores)
        np.save(folder / "suggested.npy", probs.argmax(axis=1))
        np.save(folder / "disagree.npy", disagree)


def _read(pred_probs: ShardedArray, rows: tuple[int, int]) -> np.ndarray:
    return _widened(pred_probs.read(*rows))


def _widened(probs: np.ndarray) -> np.ndarray:
    return np.asarray(probs, np.float64 if probs.dtype == np.float64 else np.float32)


def _check(probs: np.ndarray, start: int) -> None:
    sums = probs.sum(axis=1)
    fine = np.isfinite(sums) & ~np.less(probs, 0).any(axis=1) & (np.abs(sums - 1) <= 0.02)
    bad = np.flatnonzero(~fine)
    if len(bad):
        raise InputError(
            f"{len(bad)} row(s) of `pred_probs` are no probabilities (NaN, negative, or not "
            f"summing to one), the first at position {start + bad[0]}. Apply a softmax first."
        )


@dataclass(frozen=True)
class FindThresholds:
    """Task for one shard: ``thresholds.npy``, (K,), and ``own.npy``, (n,).

    The mean of a class is taken over its rows in order, as in memory: sums of parts would differ in
    the last bit.
    """

    own: tuple[Path, ...]
    given: Path
    num_classes: int

    def __call__(self, _: None, folder: Path) -> None:
        """Fill the folder."""
        labels = np.load(self.given / "labels.npy")
        parts = [np.load(part / "scores.npy") for part in self.own]
        own = np.concatenate(parts) if parts else np.empty(0, np.float32)
        judged = labels >= 0
        thresholds = thresholds_from(labels[judged], own[judged], self.num_classes)
        np.save(folder / "thresholds.npy", thresholds)
        np.save(folder / "own.npy", own)


@dataclass(frozen=True)
class CountJoint:
    """Task over row ranges, pass two: ``counts.npy``, (K, K)."""

    pred_probs: ShardedArray
    given: Path
    thresholds: Path

    def __call__(self, rows: tuple[int, int], folder: Path) -> None:
        """Fill the folder."""
        labels = _labels(self.given, rows)
        judged = labels >= 0
        labels, probs = labels[judged], _read(self.pred_probs, rows)[judged]
        thresholds = np.load(self.thresholds / "thresholds.npy")
        counts, _ = count_confident(labels, probs, thresholds)
        np.save(folder / "counts.npy", counts)


@dataclass(frozen=True)
class FlagLabel:
    """Task over labels, pass three: ``rows.npy``, the rows with this label that are flagged."""

    pred_probs: ShardedArray
    given: Path
    thresholds: Path
    prune: np.ndarray

    def __call__(self, label: int, folder: Path) -> None:
        """Fill the folder."""
        rows = np.flatnonzero(np.load(self.given / "labels.npy", mmap_mode="r") == label)
        given = np.load(self.thresholds / "own.npy", mmap_mode="r")[rows]
        flagged = np.zeros(len(rows), bool)
        others = np.flatnonzero(self.prune[:, label] > 0)
        if len(rows) > 1:  # a class of one row is left alone
            for other, column in self._columns(rows, others[others != label]):
                flagged[largest_margins(column, given, self.prune[other, label])] = True
        np.save(folder / "rows.npy", rows[flagged])

    def _columns(self, rows: np.ndarray, classes: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Yield each class and its probability in the given rows, reading some classes at once."""
        width = max(1, MOST_VALUES // max(1, len(rows)))
        for start in range(0, len(classes), width):
            wanted = classes[start : start + width]
            parts = [
                self.pred_probs.take(rows[at : at + BLOCK_ROWS])[:, wanted]
                for at in range(0, len(rows), BLOCK_ROWS)
            ]
            yield from zip(wanted.tolist(), _widened(np.concatenate(parts)).T, strict=True)
