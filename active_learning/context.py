"""What a strategy sees: the pool's arrays, what is labelled, what may be asked, and the randomness.

Letters in array names and shapes: n rows in the pool, d dimensions, c classes, k models.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from thresher.core.embeddings import Embeddings, unit_length
from thresher.core.errors import InputError
from thresher.core.randomness import RandomState, check_random_state

from .scores import margin_uncertainty

SUM_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Context:
    """The pool as strategies see it. Make it with `make_context`, which checks every array.

    Attributes
    ----------
    row_ids : ndarray of str, shape (n,)
    labeled : ndarray of bool, shape (n,)
        Rows that have a label.
    pending : ndarray of bool, shape (n,)
        Rows that are with an annotator: not to be asked, and counted as covered.
    candidates : ndarray of bool, shape (n,)
        Rows that may be asked at all; labelled and pending ones are taken out by `available`.
    costs : ndarray of float64, shape (n,)
        Cost of a label for each row, in any unit; utilities are divided by it.
    weights : ndarray of float64, shape (n,)
        Importance of each row; utilities are multiplied by it, and coverage counts it.
    rng : Generator
    embeddings : ndarray of float32, shape (n, d), or None
        Unit length.
    pred_probs : ndarray of float32, shape (n, c), or None
    ensemble_probs : ndarray of float32, shape (k, n, c), or None
        Probabilities of the members of a committee.
    dropout_probs : ndarray of float32, shape (k, n, c), or None
        Probabilities of passes with dropout of the input.
    given_uncertainty : ndarray of float64, shape (n,), or None
        The caller's own uncertainty (regression, boxes, multi-label), not below 0.
    class_counts : ndarray of float64, shape (c,), or None
        Labels so far of each class.
    """

    row_ids: np.ndarray
    labeled: np.ndarray
    pending: np.ndarray
    candidates: np.ndarray
    costs: np.ndarray
    weights: np.ndarray
    rng: np.random.Generator
    embeddings: np.ndarray | None = None
    pred_probs: np.ndarray | None = None
    ensemble_probs: np.ndarray | None = None
    dropout_probs: np.ndarray | None = None
    given_uncertainty: np.ndarray | None = None
    class_counts: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.row_ids)

    @cached_property
    def available(self) -> np.ndarray:
        """Positions that may be picked, ascending, int64."""
        return np.flatnonzero(self.candidates & ~self.labeled & ~self.pending)

    @cached_property
    def covered(self) -> np.ndarray:
        """Positions that are labelled or with an annotator, ascending, int64."""
        return np.flatnonzero(self.labeled | self.pending)

    @cached_property
    def preference(self) -> np.ndarray:
        """Weight over cost of each row, float64, shape (n,)."""
        return np.asarray(self.weights / self.costs)

    @cached_property
    def uncertainty(self) -> np.ndarray:
        """The given uncertainty, else one minus the margin of `pred_probs`; shape (n,)."""
        if self.given_uncertainty is not None:
            return self.given_uncertainty
        return margin_uncertainty(self.probs)

    @property
    def vectors(self) -> np.ndarray:
        """The embeddings, float32, shape (n, d); an error names them when they are missing."""
        if self.embeddings is None:
            raise InputError("This strategy needs `embeddings`.")
        return self.embeddings

    @property
    def probs(self) -> np.ndarray:
        """The class probabilities, shape (n, c); an error names them when they are missing."""
        if self.pred_probs is None:
            raise InputError("This strategy needs `pred_probs`, the probabilities of a model.")
        return self.pred_probs

    @property
    def has_uncertainty(self) -> bool:
        """Whether any uncertainty is known: given, or from `pred_probs`."""
        return self.given_uncertainty is not None or self.pred_probs is not None

    def has(self, need: str) -> bool:
        """Whether the array called `need` is there."""
        if need == "uncertainty":
            return self.has_uncertainty
        return getattr(self, need) is not None

    def only(self, positions: np.ndarray) -> Context:
        """Return the same pool with the rows that may be picked cut down to `positions`."""
        mask = np.zeros(len(self), dtype=bool)
        mask[positions] = True
        return replace(self, candidates=self.candidates & mask)

    def take(self, positions: np.ndarray) -> Context:
        """Return a smaller pool of the rows at `positions`, in that order; `rng` is shared."""

        def cut(values: np.ndarray | None) -> np.ndarray | None:
            return None if values is None else values[positions]

        def cut_members(values: np.ndarray | None) -> np.ndarray | None:
            return None if values is None else values[:, positions]

        return Context(
            row_ids=self.row_ids[positions],
            labeled=self.labeled[positions],
            pending=self.pending[positions],
            candidates=self.candidates[positions],
            costs=self.costs[positions],
            weights=self.weights[positions],
            rng=self.rng,
            embeddings=cut(self.embeddings),
            pred_probs=cut(self.pred_probs),
            ensemble_probs=cut_members(self.ensemble_probs),
            dropout_probs=cut_members(self.dropout_probs),
            given_uncertainty=cut(self.given_uncertainty),
            class_counts=self.class_counts,
        )

    def with_pending(self, positions: np.ndarray) -> Context:
        """Return the same pool with `positions` counted as chosen."""
        pending = self.pending.copy()
        pending[positions] = True
        return replace(self, pending=pending)


def make_context(
    *,
    embeddings: np.ndarray | Embeddings | None = None,
    pred_probs: np.ndarray | None = None,
    ensemble_probs: np.ndarray | None = None,
    dropout_probs: np.ndarray | None = None,
    uncertainty: np.ndarray | None = None,
    labeled: np.ndarray | None = None,
    exclude: np.ndarray | None = None,
    candidates: np.ndarray | None = None,
    costs: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    class_counts: np.ndarray | None = None,
    row_ids: np.ndarray | None = None,
    random_state: RandomState = 0,
) -> Context:
    """Check the arrays of a pool and put them together.

    Parameters are those of `query`. At least one of `embeddings`, `pred_probs`, `ensemble_probs`,
    `uncertainty` and `row_ids` is needed, to know how many rows there are.

    Raises
    ------
    InputError
        On lengths that differ, NaN or infinite values, probabilities outside [0, 1] or that do not
        sum to one, costs that are not positive, repeated row ids; the first rows are named.
    """
    vectors, ids = _vectors_and_ids(embeddings, row_ids)
    sized = (ids, vectors, pred_probs, uncertainty)
    lengths = [len(values) for values in sized if values is not None]
    members = {"ensemble_probs": ensemble_probs, "dropout_probs": dropout_probs}
    lengths += [
        _rows_of_members(name, value) for name, value in members.items() if value is not None
    ]
    if not lengths:
        raise InputError("Give at least one of `embeddings`, `pred_probs` and `row_ids`.")
    n = lengths[0]
    if set(lengths) != {n}:
        raise InputError(f"The arrays of the pool have different lengths: {sorted(set(lengths))}.")
    ids = np.arange(n).astype(str) if ids is None else ids
    return Context(
        row_ids=ids,
        labeled=_mask("labeled", labeled, n=n, default=False),
        pending=_mask("exclude", exclude, n=n, default=False),
        candidates=_mask("candidates", candidates, n=n, default=True),
        costs=_positive("costs", costs, row_ids=ids, zero=False),
        weights=_positive("weights", weights, row_ids=ids, zero=True),
        rng=check_random_state(random_state),
        embeddings=vectors,
        pred_probs=None if pred_probs is None else check_pred_probs(pred_probs, row_ids=ids),
        ensemble_probs=_members(ensemble_probs, row_ids=ids),
        dropout_probs=_members(dropout_probs, row_ids=ids),
        given_uncertainty=(
            None
            if uncertainty is None
            else _positive("uncertainty", uncertainty, row_ids=ids, zero=True)
        ),
        class_counts=None if class_counts is None else np.asarray(class_counts, dtype=np.float64),
    )


def check_pred_probs(pred_probs: np.ndarray, *, row_ids: np.ndarray) -> np.ndarray:
    """Return `pred_probs`, shape (n, c), as float32 after checking that each row is a distribution.

    Raises
    ------
    InputError
        On NaN, values outside [0, 1], or rows that do not sum to one within 0.001.
    """
    probs = np.asarray(pred_probs)
    if probs.ndim != 2 or not probs.shape[1]:
        raise InputError(f"`pred_probs` must have shape (rows, classes), got {probs.shape}.")
    if probs.dtype != np.float32:
        probs = probs.astype(np.float32)
    sums = probs.sum(axis=1, dtype=np.float64)
    # One comparison that is false for NaN as well.
    fine = (np.abs(sums - 1) <= SUM_TOLERANCE) & (probs.min(axis=1) >= -1e-6)
    if not fine.all():
        bad = np.flatnonzero(~fine)
        raise InputError(
            f"{len(bad)} of {len(probs)} rows of `pred_probs` are not probabilities that sum to "
            f"one, first row {str(row_ids[bad[0]])!r} with sum {sums[bad[0]]:.4g}. "
            "Give softmax output, not logits."
        )
    return probs


def _vectors_and_ids(
    embeddings: np.ndarray | Embeddings | None, row_ids: np.ndarray | None
) -> tuple[np.ndarray | None, np.ndarray | None]:
    ids = None if row_ids is None else np.asarray(row_ids).astype(str)
    if ids is not None and len(np.unique(ids)) < len(ids):
        values, counts = np.unique(ids, return_counts=True)
        raise InputError(f"Row ids must be unique; {str(values[counts > 1][0])!r} is given twice.")
    if embeddings is None:
        return None, ids
    if isinstance(embeddings, Embeddings):
        if ids is not None and not np.array_equal(ids, embeddings.row_ids):
            raise InputError("`row_ids` differ from the row ids of `embeddings`. Leave them out.")
        return embeddings.vectors, embeddings.row_ids
    vectors = np.asarray(embeddings)
    if vectors.ndim != 2:
        raise InputError(f"`embeddings` must have shape (rows, dimensions), got {vectors.shape}.")
    if ids is not None and len(ids) != len(vectors):
        raise InputError(f"{len(ids)} row ids were given for {len(vectors)} embeddings.")
    return unit_length(vectors, row_ids=ids), ids


def _mask(name: str, value: np.ndarray | None, *, n: int, default: bool) -> np.ndarray:
    if value is None:
        return np.full(n, default)
    array = np.asarray(value)
    if array.dtype == bool:
        if array.shape != (n,):
            raise InputError(f"`{name}` must be a mask of {n} rows, got shape {array.shape}.")
        return array
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise InputError(f"`{name}` must be a boolean mask or positions, got dtype {array.dtype}.")
    if array.size and (array.min() < 0 or array.max() >= n):
        raise InputError(
            f"`{name}` must hold positions from 0 to {n - 1}, got {array.min()} to {array.max()}."
        )
    mask = np.zeros(n, dtype=bool)
    mask[array.astype(np.int64)] = True
    return mask


def _positive(
    name: str, value: np.ndarray | None, *, row_ids: np.ndarray, zero: bool
) -> np.ndarray:
    if value is None:
        return np.ones(len(row_ids))
    array = np.asarray(value, dtype=np.float64)
    if array.shape != row_ids.shape:
        raise InputError(f"`{name}` must hold {len(row_ids)} numbers, got shape {array.shape}.")
    bad = np.flatnonzero(~(np.isfinite(array) & (array >= 0 if zero else array > 0)))
    if len(bad):
        raise InputError(
            f"`{name}` must be {'at least' if zero else 'above'} 0 and finite, got "
            f"{array[bad[0]]} for row {str(row_ids[bad[0]])!r}."
        )
    return array


def _rows_of_members(name: str, value: np.ndarray) -> int:
    shape = np.shape(value)
    if len(shape) != 3 or not shape[0]:
        raise InputError(f"`{name}` must have shape (models, rows, classes), got {shape}.")
    return int(shape[1])


def _members(value: np.ndarray | None, *, row_ids: np.ndarray) -> np.ndarray | None:
    if value is None:
        return None
    return np.stack([check_pred_probs(member, row_ids=row_ids) for member in value])
