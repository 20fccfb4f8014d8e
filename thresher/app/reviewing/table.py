"""Rows and findings of a review as arrays by row number, so that a page asks for no row by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.decisions.safeguards import DUPLICATES

from ...core.columns import class_names, read_row_ids, read_splits
from ...core.issues import Issue, Issues
from ...core.manifest import ACTIONS
from ..pages.content import CHECKS
from ..pages.findings_page import CORE_SET
from ..review_sheet import ORDER, Reviewed

# The list of all decisions that change or question a row.
DECIDED = "decisions"
NOT_READ = ""
# Of rows that nothing is decided about: they were set aside in reading, or are of other data.
OUTSIDE = "outside"
ROW_ACTIONS = (*ACTIONS, OUTSIDE)


@dataclass(frozen=True)
class Listed:
    """Findings in the order in which they are shown; each array has shape (m,).

    Attributes
    ----------
    rows, twins : ndarray of int32
        Row numbers; −1 for no twin, or one outside the data.
    scores : ndarray of float32
        0–1, low = bad; of a copy, 1 − its similarity to the kept row. NaN for none.
    suggested : ndarray of int32
        Positions in `ReviewTable.labels`; −1 for none.
    grouped : bool
        Whether findings with one twin stand together, the surest first, groups by their surest.
    """

    rows: np.ndarray
    twins: np.ndarray
    scores: np.ndarray
    suggested: np.ndarray
    grouped: bool = False

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, order: np.ndarray, *, grouped: bool = False) -> Listed:
        """Return some findings, in another order."""
        return Listed(
            self.rows[order],
            self.twins[order],
            self.scores[order],
            self.suggested[order],
            grouped=grouped,
        )


class ReviewTable:
    """What a review looks at, by row number: the place of a row in the manifest.

    Findings may be about rows that nothing is decided about, such as files that could not be read;
    these have the numbers after those of the manifest.

    Attributes
    ----------
    reviewed : Reviewed
    decided : int
        Rows of the manifest.
    row_ids : pyarrow.Array of string, shape (n,)
    actions : ndarray of uint8, shape (n,)
        Positions in `ROW_ACTIONS`.
    reasons : ndarray of int16, shape (n,)
        Positions in `checks`; −1 for none.
    labels : list of str
        All labels that rows have or findings suggest, those of rows first, sorted.
    given : ndarray of int32, shape (n,)
        The label of each row, a position in `labels`; −1 for none.
    splits : ndarray of object, shape (n,)
        Empty for a row that was set aside in reading.
    checks : tuple of str
        Those with findings, the most pressing first.
    """

    def __init__(self, reviewed: Reviewed) -> None:
        self.reviewed = reviewed
        table = reviewed.manifest.table.combine_chunks()
        found = reviewed.issues.table.combine_chunks()
        self.decided = len(table)
        own, named = _texts(table["row_id"]), pc.unique(found["row_id"])
        outside = named.filter(pc.invert(pc.is_in(named, value_set=own)))
        self.row_ids = pa.concat_arrays([own, outside])
        more = len(outside)
        checks = set(pc.unique(found["check"]).to_pylist())
        known = [check for check in (*ORDER, "coreset") if check in checks]
        self.checks = (*known, *sorted(checks.difference(known)))
        actions = _codes(table["action"], ACTIONS)
        self.actions = _padded(actions, more, ROW_ACTIONS.index(OUTSIDE)).astype(np.uint8)
        self.reasons = _padded(_codes(table["reason"], self.checks), more, -1).astype(np.int16)
        self.scores = _padded(table["score"].to_numpy().astype(np.float32), more, np.nan)
        self.twins = _padded(self.numbers(_texts(table["twin"])), more, -1)
        labels = _sorted(table["old_label"])
        others = [_sorted(column) for column in (table["new_label"], found["suggested"])]
        self.own_labels = frozenset(labels)
        self.labels = [*labels, *sorted(set().union(*others).difference(labels))]
        self.given = _padded(_codes(table["old_label"], self.labels), more, -1)
        self.new_labels = _padded(_codes(table["new_label"], self.labels), more, -1)
        self._found = found
        self._finding_rows = self.numbers(_texts(found["row_id"]))
        self._finding_twins = self.numbers(_texts(found["twin"]))

    def __len__(self) -> int:
        return len(self.row_ids)

    def numbers(self, row_ids: pa.Array) -> np.ndarray:
        """Return the numbers of rows by id, −1 for those that are not in the manifest; int32."""
        found = pc.index_in(row_ids, value_set=self.row_ids, skip_nulls=True)
        return np.asarray(found.fill_null(-1).to_numpy(zero_copy_only=False), np.int32)

    def numbers_of(self, row_ids: Iterable[str]) -> np.ndarray:
        """Return the numbers of rows by id, −1 for those that are not in the manifest; int32."""
        return self.numbers(pa.array(list(row_ids), pa.string()))

    @cached_property
    def at_loaded(self) -> np.ndarray:
        """Where each row stands in ``reviewed.loaded.dataset``; −1 for one set aside; int64."""
        ids = pa.array(read_row_ids(self.reviewed.loaded.dataset), pa.string())
        found = pc.index_in(self.row_ids, value_set=ids)
        return np.asarray(found.fill_null(-1).to_numpy(zero_copy_only=False), np.int64)

    @cached_property
    def splits(self) -> np.ndarray:
        """The split of each row, empty for one that was set aside; ndarray of object."""
        known = np.append(read_splits(self.reviewed.loaded.dataset).astype(object), NOT_READ)
        found: np.ndarray = known[self.at_loaded]
        return found

    @cached_property
    def shown_labels(self) -> pa.ChunkedArray:
        """The labels as `reviewed.loaded` has them, null for none; shape of its dataset."""
        loaded = self.reviewed.loaded
        if loaded.schema.label is None:
            return pa.chunked_array([pa.nulls(len(loaded.dataset), pa.string())])
        return class_names(loaded.dataset, loaded.schema.label)

    def listed(self, name: str) -> Listed:
        """Return the findings of a check, or with `DECIDED` the decisions, in the order shown."""
        if name == DECIDED:
            return self._decided()
        at = np.flatnonzero(pc.equal(self._found["check"], name).to_numpy(zero_copy_only=False))
        part = self._found.take(pa.array(at))
        listed = Listed(
            self._finding_rows[at],
            self._finding_twins[at],
            part["score"].to_numpy().astype(np.float32),
            _codes(part["suggested"], self.labels),
        )
        if name in DUPLICATES:
            return grouped(listed)
        listed = listed.take(_worst_first(listed))
        return listed.take(_first_of_each(listed))

    def count(self, check: str) -> int:
        """Return how many lines the list of a check has."""
        at = np.flatnonzero(pc.equal(self._found["check"], check).to_numpy(zero_copy_only=False))
        if check in DUPLICATES:
            return len(at)
        return len(np.unique(_pairs(self._finding_rows[at], self._finding_twins[at])))

    def _decided(self) -> Listed:
        rows = np.flatnonzero(self.actions[: self.decided] != ACTIONS.index("keep"))
        place = np.array([ORDER.index(c) if c in ORDER else len(ORDER) for c in self.checks] + [99])
        scores = np.nan_to_num(self.scores[rows], nan=0.0)
        order = np.lexsort((rows, scores, place[self.reasons[rows]]))
        rows = rows[order].astype(np.int32)
        return Listed(rows, self.twins[rows], self.scores[rows], self._better(rows))

    def _better(self, rows: np.ndarray) -> np.ndarray:
        """Return the label that a decision or a finding about each row proposes, −1 for none."""
        better: np.ndarray = self.new_labels[rows].copy()
        first = np.full(len(self), -1, np.int32)
        codes = _codes(self._found["suggested"], self.labels)
        useful = np.flatnonzero(codes >= 0)[::-1]
        first[self._finding_rows[useful]] = codes[useful]
        better[better < 0] = first[rows[better < 0]]
        return better

    @cached_property
    def _findings_by_row(self) -> tuple[np.ndarray, np.ndarray]:
        order = np.argsort(self._finding_rows, kind="stable")
        return order, self._finding_rows[order]

    def findings_of(self, rows: Sequence[int]) -> dict[int, list[tuple[Issue, int]]]:
        """Return all findings about some rows, each with the number of its twin, −1 for none."""
        order, sorted_rows = self._findings_by_row
        low = np.searchsorted(sorted_rows, rows, side="left")
        high = np.searchsorted(sorted_rows, rows, side="right")
        at = [order[a:b] for a, b in zip(low.tolist(), high.tolist(), strict=True)]
        every = np.concatenate([*at, np.empty(0, np.int64)])
        listed = zip(
            Issues(self._found.take(pa.array(every))),
            self._finding_twins[every].tolist(),
            strict=True,
        )
        return {row: [next(listed) for _ in part] for row, part in zip(rows, at, strict=True)}

    def decisions_of(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        """Return the lines of the manifest about some rows; of others, lines that say so."""
        inside = [row for row in rows if row < self.decided]
        taken = self.reviewed.manifest.table.take(pa.array(inside, pa.int64()))
        lines = iter(taken.to_pylist())
        nothing = dict.fromkeys(taken.column_names) | {"action": OUTSIDE}
        return [
            next(lines) if row < self.decided else nothing | {"row_id": self.row_ids[row].as_py()}
            for row in rows
        ]

    def titles(self) -> dict[str, tuple[str, str]]:
        """Return the title and the meaning of each check."""
        named = {**CHECKS, "coreset": CORE_SET}
        return {check: named.get(check, (check.replace("_", " "), "")) for check in self.checks}


def grouped(listed: Listed) -> Listed:
    """Put findings with one twin together: groups by their lowest score, within it by score."""
    if not len(listed):
        return listed.take(np.empty(0, np.int64), grouped=True)
    names, group = np.unique(listed.twins, return_inverse=True)
    lowest = np.full(len(names), np.inf, np.float32)
    np.minimum.at(lowest, group, listed.scores)
    # A copy of a row outside the data stands by itself.
    alone = listed.twins < 0
    first = np.where(alone, listed.scores, lowest[group])
    order = np.lexsort((listed.rows, listed.scores, np.where(alone, -1, group), first))
    return listed.take(order, grouped=True)


def _padded(values: np.ndarray, more: int, value: float) -> np.ndarray:
    """Add a value for each row that nothing is decided about."""
    return np.concatenate([values, np.full(more, value, values.dtype)])


def _worst_first(listed: Listed) -> np.ndarray:
    return np.lexsort((listed.rows, listed.scores))


def _pairs(rows: np.ndarray, twins: np.ndarray) -> np.ndarray:
    """Return a number for each pair of a row and its twin; int64."""
    return (rows.astype(np.int64) << 32) | (twins.astype(np.int64) + 1)


def _first_of_each(listed: Listed) -> np.ndarray:
    """Return the place of the first finding about each row and twin: a row is one card of a list.

    All findings about a row stand on its card, so that a second card would ask the same again.
    """
    _, first = np.unique(_pairs(listed.rows, listed.twins), return_index=True)
    return np.sort(first)


def _texts(column: Any) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _codes(column: Any, names: Sequence[str]) -> np.ndarray:
    """Return the position of each text in `names`, −1 for null and others; int32."""
    found = pc.index_in(_texts(column), value_set=pa.array(names, pa.string()), skip_nulls=True)
    return np.asarray(found.fill_null(-1).to_numpy(zero_copy_only=False), np.int32)


def _sorted(column: Any) -> list[str]:
    return sorted(set(pc.unique(column).drop_null().to_pylist()))
