"""What is known of the rows beforehand and decides which of close ones is kept, part by part."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .columns import Column, Parts
from .equal_rows import EqualRows
from .ordering import rank_rows_of
from .row_ids import CountedIds, RowIds, StoredIds
from .work import Work

Keys = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class RowFacts:
    """What rows are ranked by, beside the number of their neighbors.

    Attributes
    ----------
    protect : Column of bool, optional
        Rows that are kept in any case.
    priority : Column of float, optional
    place : Column of uint32, CountedIds or None
        Place of a row in the order of all row ids; None where rows count in the order of arrival.
    """

    protect: Column | None
    priority: Column | None
    place: Column | CountedIds | None

    @property
    def arrival(self) -> bool:
        """Whether rows are ranked as they came."""
        return self.place is None

    def before(self, rows: np.ndarray) -> Keys:
        """Return the columns that count before the number of neighbors; low is kept first."""
        found: list[np.ndarray] = []
        if self.protect is not None:
            found.append(~self.protect.take(rows))
        if self.priority is not None:
            found.append(-self.priority.take(rows))
        return tuple(found)

    def places(self, rows: np.ndarray) -> np.ndarray:
        """Return the last column, which no two rows share; int64."""
        if self.place is None:
            return rows
        if isinstance(self.place, CountedIds):
            return self.place.places(rows)
        return self.place.take(rows).astype(np.int64)

    def protected(self, rows: np.ndarray) -> np.ndarray:
        """Return which rows are kept in any case; bool, shape (m,)."""
        return np.zeros(len(rows), bool) if self.protect is None else self.protect.take(rows)


@dataclass(frozen=True)
class IdKeys:
    """Rows sorted by the UTF-8 bytes of their names, which is the order of their characters."""

    ids: StoredIds
    parts: Parts

    def of_part(self, at: int) -> tuple[np.ndarray, Keys]:
        """Return the rows of a part and their names."""
        start, stop = self.parts.span(at)
        names = [name.encode() for name in self.ids.read(start, stop).to_pylist()]
        return np.arange(start, stop), (np.array(names, np.bytes_),)


def places_of(ids: RowIds, work: Work, *, key: Any) -> Column | CountedIds:
    """Sort all rows by id.

    Raises
    ------
    InputError
        When two rows have the same id.
    """
    if isinstance(ids, CountedIds):
        return ids
    parts = work.parts(len(ids))
    said = (
        "Every row must have its id exactly once, but the rows {first} and {second} are both "
        "called '{key}'. Give each file ids of its own."
    )
    return rank_rows_of(work, "ids", IdKeys(ids, parts), parts, key=key, once=said).places


@dataclass(frozen=True)
class FindHeads:
    """Task over parts: ``head.npy``, uint32, for each first row the best-ranked of those equal."""

    equal: EqualRows
    facts: RowFacts
    parts: Parts

    def __call__(self, at: int, folder: Path) -> None:
        """Fill the folder."""
        start, stop = self.parts.span(at)
        several = np.flatnonzero(self.equal.copies.read(start, stop) > 1) + start
        head = np.arange(start, stop, dtype=np.uint32)
        best, first = several, several
        for later in range(at, len(self.parts) if len(several) else at):
            low, high = self.parts.span(later)
            same = self.equal.same_as.read(low, high).astype(np.int64)
            rows = np.arange(low, high)
            copy = (same != rows) & (same >= start) & (same < stop)
            best = np.concatenate([best, rows[copy]])
            best, first = self._best(best, np.concatenate([first, same[copy]]))
        head[first - start] = best
        np.save(folder / "head.npy", head)

    def _best(self, rows: np.ndarray, first: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the best-ranked of the rows of each first row, and the first rows."""
        order = np.lexsort((self.facts.places(rows), *self.facts.before(rows)[::-1], first))
        groups, begins = np.unique(first[order], return_index=True)
        return rows[order[begins]], groups
