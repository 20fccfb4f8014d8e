"""What a query gives back: which rows to label next, in which order, and why."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from thresher.core.errors import InputError
from thresher.core.files import atomic_path
from thresher.core.shown import ShownRows
from thresher.core.text_arrays import text_array


@dataclass(frozen=True)
class Picks:
    """Rows that a strategy chose, by position, best first.

    Attributes
    ----------
    positions : ndarray of int64, shape (n,)
        Positions in the pool.
    scores : ndarray of float64, shape (n,)
        The strategy's own utility of each row when it was picked; higher = more worth a label.
        Utilities of different strategies are not comparable.
    propensities : ndarray of float64, shape (n,)
        Probability with which each row was drawn, given what was picked before it; 1 where the
        strategy had no choice, NaN where the law has no simple form.
    reasons : tuple of str, length n
        A word or two for each row, such as ``"uncertainty"`` or ``"coverage"``.

    Examples
    --------
    >>> import numpy as np
    >>> from active_learning import Picks, get_strategy, query
    >>> class Widest:
    ...     name, needs = "widest", frozenset()
    ...     def select(self, context, n: int) -> Picks:
    ...         return get_strategy("random").select(context, n)
    >>> len(query(np.eye(4), n=2, strategy=Widest()).row_ids)
    2
    """

    positions: np.ndarray
    scores: np.ndarray
    propensities: np.ndarray
    reasons: tuple[str, ...]

    @classmethod
    def of(
        cls,
        positions: np.ndarray,
        *,
        scores: np.ndarray,
        reason: str,
        propensities: np.ndarray | float = 1.0,
    ) -> Picks:
        """Make picks that share one reason."""
        positions = np.asarray(positions, dtype=np.int64)
        return cls(
            positions,
            np.asarray(scores, dtype=np.float64),
            np.broadcast_to(np.float64(propensities), positions.shape).copy(),
            (reason,) * len(positions),
        )

    def __len__(self) -> int:
        return len(self.positions)

    @classmethod
    def join(cls, parts: list[Picks]) -> Picks:
        """Put picks one after the other."""
        return cls(
            np.concatenate([part.positions for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.propensities for part in parts]),
            tuple(reason for part in parts for reason in part.reasons),
        )

    def take(self, order: np.ndarray) -> Picks:
        """Return the picks at the places `order`, in that order."""
        return Picks(
            self.positions[order],
            self.scores[order],
            self.propensities[order],
            tuple(self.reasons[place] for place in order),
        )


@dataclass(frozen=True, repr=False)
class Selection(ShownRows):
    """An ordered choice of rows.

    Attributes
    ----------
    row_ids : ndarray of str, shape (n,)
        Best first.
    positions : ndarray of int64, shape (n,)
        The same rows as positions in the pool that was asked.
    scores : ndarray of float64, shape (n,)
        Utility of each row when it was picked; higher = more worth a label.
    propensities : ndarray of float64, shape (n,)
        See `Picks`.
    reasons : tuple of str, length n
    strategy : str
        Name of the strategy.

    Examples
    --------
    >>> import numpy as np
    >>> from active_learning import Selection, query
    >>> chosen = query(np.eye(4), n=2, strategy="k_center")
    >>> chosen.save("chosen.json")
    >>> Selection.load("chosen.json").row_ids.tolist() == chosen.row_ids.tolist()
    True
    """

    row_ids: np.ndarray
    positions: np.ndarray
    scores: np.ndarray
    propensities: np.ndarray
    reasons: tuple[str, ...]
    strategy: str

    def __len__(self) -> int:
        return len(self.row_ids)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a Parquet file, atomically."""
        columns = {
            "row_id": pa.array(self.row_ids.tolist(), pa.string()),
            "position": self.positions,
            "score": self.scores,
            "propensity": self.propensities,
            "reason": list(self.reasons),
        }
        table = pa.table(columns).replace_schema_metadata({"strategy": self.strategy})
        with atomic_path(path) as temporary:
            pq.write_table(table, temporary)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Selection:
        """Read what `save` wrote."""
        try:
            table = pq.read_table(path)
        except (OSError, pa.ArrowInvalid) as error:
            raise InputError(f"{path} cannot be read as a selection ({error}).") from error
        return cls(
            text_array(table["row_id"].to_pylist()),
            table["position"].to_numpy(),
            table["score"].to_numpy(),
            table["propensity"].to_numpy(),
            tuple(table["reason"].to_pylist()),
            table.schema.metadata[b"strategy"].decode(),
        )
