"""What a strategy sees: the pool's arrays, what is labeled, what may be asked, and the randomness.

Letters in array names and shapes: n rows in the pool, d dimensions, c classes, k models.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Unpack

import numpy as np

from thresher.core.embeddings import Embeddings
from thresher.core.errors import InputError
from thresher.core.matrices import as_matrix
from thresher.core.options import filled
from thresher.core.randomness import RandomState, check_random_state
from thresher.core.signatures import checked

from .arrays import (
    check_pred_probs,
    mask_of,
    members_of,
    plain,
    positive,
    rows_of_members,
    uncertainty_of,
    vectors_and_ids,
)
from .grid_rows import GridRows
from .inner_products import device_of
from .options import PoolOptions
from .probabilities import ONE_LABEL, Kind


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
        Rows that may be asked at all; labeled and pending ones are taken out by `available`.
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
    kind : Kind
        What the probabilities mean: one label a row, or each class on its own.
    device : str or None
        The torch device that multiplies embeddings; None for numpy.
    grid : GridRows or None
        The embeddings on a grid, where they are kept from one query to the next.

    Examples
    --------
    >>> import numpy as np
    >>> from active_learning import Context, get_strategy, query
    >>> class First:
    ...     name, needs = "first", frozenset()
    ...     def select(self, context: Context, n: int):
    ...         return get_strategy("random").select(context, n)
    >>> query(np.eye(4), n=2, strategy=First()).strategy
    'first'
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
    kind: Kind = ONE_LABEL
    device: str | None = None
    grid: GridRows | None = None

    def __len__(self) -> int:
        return len(self.row_ids)

    @cached_property
    def available(self) -> np.ndarray:
        """Positions that may be picked, ascending, int64."""
        return np.flatnonzero(self.candidates & ~self.labeled & ~self.pending)

    @cached_property
    def covered(self) -> np.ndarray:
        """Positions that are labeled or with an annotator, ascending, int64."""
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
        return self.kind.margin(self.probs)

    @property
    def vectors(self) -> np.ndarray:
        """The embeddings, float32, shape (n, d); an error names them when they are missing.

        On a grid where products are exact, so that every processor picks the same rows.
        """
        return self._rows_on_grid.whole

    def vectors_at(self, positions: np.ndarray) -> np.ndarray:
        """Return some rows of `vectors`, without making all of them."""
        return self._rows_on_grid.at(positions)

    @cached_property
    def _rows_on_grid(self) -> GridRows:
        if self.embeddings is None:
            raise InputError("This strategy needs `embeddings`.")
        return self.grid or GridRows(self.embeddings)

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
            kind=self.kind,
            device=self.device,
            grid=None if self.embeddings is None else GridRows(self.embeddings[positions]),
        )

    def with_pending(self, positions: np.ndarray) -> Context:
        """Return the same pool with `positions` counted as chosen."""
        pending = self.pending.copy()
        pending[positions] = True
        return replace(self, pending=pending)


@checked
def make_context(
    embeddings: np.ndarray | Embeddings | None = None,
    *,
    kind: Kind = ONE_LABEL,
    random_state: RandomState = 0,
    **options: Unpack[PoolOptions],
) -> Context:
    """Check the arrays of a pool and put them together.

    At least one of `embeddings`, `pred_probs`, `ensemble_probs`, `uncertainty`, `predictions` and
    `row_ids` is needed, to know how many rows there are.

    Parameters
    ----------
    embeddings : Embeddings or ndarray, shape (n, d), optional
    kind : Kind
        What the probabilities mean.
    random_state : int, Generator or None
    **options

    Raises
    ------
    InputError
        On lengths that differ, NaN or infinite values, probabilities outside [0, 1] or that do not
        sum to one, costs that are not positive, repeated row ids; the first rows are named.
    """
    given = filled(PoolOptions, options)
    vectors, row_ids = vectors_and_ids(plain(embeddings), given["row_ids"])
    probs = given["pred_probs"]
    arrays = {
        "row_ids": row_ids,
        "embeddings": vectors,
        "pred_probs": None if probs is None else as_matrix("pred_probs", plain(probs)),
        "uncertainty": plain(given["uncertainty"]),
        "ensemble_probs": plain(given["ensemble_probs"]),
        "dropout_probs": plain(given["dropout_probs"]),
        "predictions": plain(given["predictions"]),
    }
    n = _count_rows(arrays)
    ids = np.arange(n).astype(str) if row_ids is None else row_ids
    counts = given["class_counts"]
    return Context(
        row_ids=ids,
        labeled=mask_of("labeled", plain(given["labeled"]), n=n, default=False),
        pending=mask_of("exclude", plain(given["exclude"]), n=n, default=False),
        candidates=mask_of("candidates", plain(given["candidates"]), n=n, default=True),
        costs=positive("costs", plain(given["costs"]), row_ids=ids, zero=False),
        weights=positive("weights", plain(given["weights"]), row_ids=ids, zero=True),
        rng=check_random_state(random_state),
        embeddings=vectors,
        pred_probs=(
            None
            if arrays["pred_probs"] is None
            else check_pred_probs(arrays["pred_probs"], row_ids=ids, kind=kind)
        ),
        ensemble_probs=members_of(arrays["ensemble_probs"], row_ids=ids, kind=kind),
        dropout_probs=members_of(arrays["dropout_probs"], row_ids=ids, kind=kind),
        given_uncertainty=uncertainty_of(arrays["uncertainty"], arrays["predictions"], row_ids=ids),
        class_counts=None if counts is None else np.asarray(plain(counts), dtype=np.float64),
        kind=kind,
        device=device_of(embeddings),
        grid=None if vectors is None else GridRows(vectors),
    )


def _count_rows(arrays: Mapping[str, Any]) -> int:
    """Return the number of rows that all arrays of the pool agree on."""
    lengths = [
        len(arrays[name])
        for name in ("row_ids", "embeddings", "pred_probs")
        if arrays[name] is not None
    ]
    if isinstance(arrays["uncertainty"], np.ndarray):
        lengths.append(len(arrays["uncertainty"]))
    lengths += [
        rows_of_members(name, arrays[name])
        for name in ("ensemble_probs", "dropout_probs")
        if arrays[name] is not None
    ]
    if arrays["predictions"] is not None and not lengths:
        lengths = [np.shape(arrays["predictions"])[-1]]
    if not lengths:
        raise InputError("Give at least one of `embeddings`, `pred_probs` and `row_ids`.")
    if len(set(lengths)) > 1:
        raise InputError(f"The arrays of the pool have different lengths: {sorted(set(lengths))}.")
    return lengths[0]
