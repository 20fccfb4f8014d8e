"""Answers for rows that nearly repeat earlier ones, where that was shown to change nearly nothing.

A row's embedding is cheap, since it must cost less than the model: pixels averaged to 8 × 8, counts
of token ids in 256 buckets, standardized features. How close is close enough is chosen on held-out
rows by going from the closest pairs outward for as long as the upper limit of the disagreement
(Clopper and Pearson, 1934, one-sided, 95 %) among the rows answered this way, not among all rows,
is at most 0.1 %. Testing in this fixed order needs no correction for the many thresholds ("Learn
then Test", Angelopoulos et al., 2021).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thresher.core.counted import counted, percent
from thresher.core.errors import InputError

from .cache import OVERHEAD, Kept
from .served_model import ServedModel

ALLOWED, CONFIDENCE = 0.001, 0.95
_GRID, _BUCKETS = 8, 256
_BLOCK = 512
_PIXEL_AXES = 4


@dataclass(frozen=True, eq=False)
class NearRule:
    """How close a row must lie to an earlier one.

    Attributes
    ----------
    distance : float
        Largest Euclidean distance of the embeddings.
    hits, rows : int
        Held-out rows with an earlier row so close, and all of them.
    differing : int
        Hits on which the model itself gives another class.
    bound : float
        The share of hits that differ is at most this with 95 % confidence.
    center, scale : ndarray of float32, shape (d,)
        By which embeddings of features are standardized; 0 and 1 for images and texts.
    """

    distance: float
    hits: int
    rows: int
    differing: int
    bound: float
    center: np.ndarray
    scale: np.ndarray

    def __str__(self) -> str:
        return (
            f"distance {self.distance:.4g}: {self.hits:,} of "
            f"{counted(self.rows, 'held-out row repeats', 'held-out rows repeat')} an earlier one "
            f"so closely, {self.differing:,} of them would be answered otherwise; at most "
            f"{percent(self.bound, digits=2)} with {percent(CONFIDENCE)} confidence"
        )


def choose_near(model: ServedModel, rows: np.ndarray) -> NearRule:
    """Choose the distance on held-out rows, in the order in which they came.

    Parameters
    ----------
    model : ServedModel
    rows : ndarray, shape (n, *input_spec.shape)
        Best a log of real requests: whether near repeats come is a matter of traffic.

    Raises
    ------
    InputError
        When no distance can be shown to be close enough, with what was found.
    """
    inputs = model.input_spec.checked(rows)
    plain = embed_rows(inputs)
    center, scale = _standard(plain, inputs)
    vectors = (plain - center) / scale
    classes = np.concatenate(
        [model.predict(inputs[at : at + _BLOCK]).argmax(1) for at in range(0, len(inputs), _BLOCK)]
        or [np.zeros(0, np.int64)]
    )
    distances, nearest = _nearest_before(vectors)
    order = np.argsort(distances, kind="stable")
    order = order[np.isfinite(distances[order])]
    differs = np.cumsum(classes[order] != classes[nearest[order]])
    hits = np.arange(1, len(order) + 1)
    # Rows at one distance are taken or left together.
    ends = np.flatnonzero(np.diff(distances[order], append=np.inf) > 0)
    bounds = np.array([upper_limit(int(differs[at]), int(hits[at])) for at in ends])
    # Few hits prove nothing, whatever they are: the order starts where a proof is possible.
    able = [at for at, end in enumerate(ends) if upper_limit(0, int(hits[end])) <= ALLOWED]
    best = -1
    for at in able:
        if bounds[at] > ALLOWED:
            break
        best = at
    if best < 0:
        raise InputError(_unproven(len(rows), ends, hits, differs, bool(able)))
    end = ends[best]
    return NearRule(
        distance=float(distances[order[end]]),
        hits=int(hits[end]),
        rows=len(rows),
        differing=int(differs[end]),
        bound=float(bounds[best]),
        center=center,
        scale=scale,
    )


def _unproven(n: int, ends: np.ndarray, hits: np.ndarray, differs: np.ndarray, able: bool) -> str:
    least = int(np.ceil(np.log(1 - CONFIDENCE) / np.log1p(-ALLOWED)))
    said = (
        f"the closest {least:,} would be answered otherwise too often"
        if able
        else f"a proof needs at least {counted(least, 'row')} with an earlier one before them"
    )
    total = f" ({int(differs[-1]):,} of {int(hits[-1]):,} at any distance)" if len(ends) else ""
    return (
        f"No distance can be shown to change at most {percent(ALLOWED, digits=1)} of the answers "
        f"on these "
        f"{counted(n, 'held-out row')}: {said}{total}. Give a longer log of real requests, or "
        "leave out the near cache: the exact one is always right."
    )


def upper_limit(differing: int, hits: int) -> float:
    """Return the upper end of the one-sided 95 % interval of a share (Clopper and Pearson)."""
    from scipy.stats import beta

    return float(beta.ppf(CONFIDENCE, differing + 1, hits - differing)) if differing < hits else 1.0


def embed_rows(inputs: np.ndarray) -> np.ndarray:
    """Return cheap embeddings of input rows, float32 (n, d), before standardizing."""
    if inputs.dtype == np.uint8 and inputs.ndim == _PIXEL_AXES:
        return _pooled(inputs)
    if inputs.dtype.kind == "i":
        return _counted(inputs)
    return inputs.reshape(len(inputs), -1).astype(np.float32)


def _pooled(images: np.ndarray) -> np.ndarray:
    """Average pixels in up to 8 × 8 fields, in units of white."""
    _, _, height, width = images.shape
    tops = np.unique(np.linspace(0, height, _GRID, endpoint=False).astype(int))
    lefts = np.unique(np.linspace(0, width, _GRID, endpoint=False).astype(int))
    sums = np.add.reduceat(images, tops, axis=2, dtype=np.float32)
    sums = np.add.reduceat(sums, lefts, axis=3)
    sizes = np.outer(np.diff(tops, append=height), np.diff(lefts, append=width))
    return np.asarray((sums / (255 * sizes)).reshape(len(images), -1), dtype=np.float32)


def _counted(tokens: np.ndarray) -> np.ndarray:
    flat = tokens.reshape(len(tokens), -1)
    buckets = flat % _BUCKETS + _BUCKETS * np.arange(len(flat))[:, None]
    counts = np.bincount(buckets[flat != 0], minlength=_BUCKETS * len(flat))
    return counts.reshape(len(flat), _BUCKETS).astype(np.float32)


def _standard(vectors: np.ndarray, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if inputs.dtype.kind != "f" or not len(vectors):
        return np.zeros(vectors.shape[1], np.float32), np.ones(vectors.shape[1], np.float32)
    scale = vectors.std(axis=0)
    return vectors.mean(axis=0), np.where(scale > 0, scale, 1).astype(np.float32)


def _nearest_before(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distance to the closest earlier row, inf for the first, and which it is."""
    n = len(vectors)
    distances, nearest = np.full(n, np.inf), np.zeros(n, dtype=np.int64)
    squares = (vectors.astype(np.float64) ** 2).sum(axis=1)
    for start in range(0, n, _BLOCK):
        stop = min(start + _BLOCK, n)
        gaps = squares[start:stop, None] + squares[None, :stop]
        gaps -= 2 * (vectors[start:stop].astype(np.float64) @ vectors[:stop].T.astype(np.float64))
        gaps[np.arange(stop)[None, :] >= np.arange(start, stop)[:, None]] = np.inf
        nearest[start:stop] = gaps.argmin(axis=1)
        distances[start:stop] = np.sqrt(np.maximum(gaps.min(axis=1), 0))
    return distances, nearest


class NearCache:
    """The last answered rows, by their embeddings.

    Parameters
    ----------
    rule : NearRule
    limit : int
        Bytes for vectors and answers; the oldest go.
    classes : int
    """

    def __init__(self, rule: NearRule, *, limit: int, classes: int) -> None:
        self.rule = rule
        width = len(rule.center)
        self.room = max(1, limit // (4 * width + 8 + 4 * classes + OVERHEAD))
        self._vectors = np.zeros((self.room, width), np.float32)
        self._squares = np.full(self.room, np.inf, np.float32)
        self._kept: list[Kept | None] = [None] * self.room
        self._next = self._used = 0

    def lookup(self, inputs: np.ndarray) -> dict[int, Kept]:
        """Return the answers of rows that lie close enough to an earlier one, by place."""
        if not self._used:
            return {}
        vectors = self._embedded(inputs)
        gaps = self._squares[: self._used] - 2 * (vectors @ self._vectors[: self._used].T)
        gaps += (vectors**2).sum(axis=1, keepdims=True)
        closest = gaps.argmin(axis=1)
        near = gaps[np.arange(len(inputs)), closest] <= self.rule.distance**2
        found = {}
        for at in np.flatnonzero(near):
            kept = self._kept[closest[at]]
            assert kept is not None
            found[int(at)] = kept
        return found

    def keep(self, inputs: np.ndarray, logits: np.ndarray, stages: np.ndarray) -> None:
        """Keep rows that the model answered."""
        for vector, row, stage in zip(self._embedded(inputs), logits, stages, strict=True):
            self._vectors[self._next] = vector
            self._squares[self._next] = vector @ vector
            self._kept[self._next] = Kept(row.copy(), int(stage))
            self._next = (self._next + 1) % self.room
            self._used = min(self._used + 1, self.room)

    def _embedded(self, inputs: np.ndarray) -> np.ndarray:
        return np.asarray((embed_rows(inputs) - self.rule.center) / self.rule.scale)
