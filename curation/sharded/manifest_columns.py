"""A manifest for many rows: duplicates are decided in columns, entangled rows by `decide`.

`decide` holds Python objects for every row, too many here. A duplicate whose twin stays needs no
weighing of findings: its label decides, and a range of rows is decided on alone. Only rows with a
wrong label, and their duplicates, need more; they are decided on together, before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from thresher.core.issues import Issues
from thresher.core.manifest import SCHEMA
from thresher.core.text_arrays import text_array
from thresher.core.ties import few_bits

from ..decisions.decide import decide
from ..decisions.policy import Policy
from ..decisions.safeguards import codes_differ
from ..labels.result import LabelIssues
from .confident_learning import ConfidentLabels
from .row_ids import RowIds
from .stars import Grouped


@dataclass(frozen=True)
class Twins:
    """What `group_by_stars` wrote: kept rows, and for each other row its kept twin."""

    kept: np.ndarray
    duplicate_of: np.ndarray
    similarity: np.ndarray

    @classmethod
    def read(cls, grouped: Grouped, start: int, stop: int) -> Twins:
        """Read the three arrays of a range of rows; twins are named by their place among all."""
        columns = (grouped.kept, grouped.duplicate_of, grouped.similarity)
        return cls(*(column.read(start, stop) for column in columns))

    @property
    def scores(self) -> np.ndarray:
        """1 − similarity to the twin, 1 for kept rows; float32, shape (n,)."""
        return np.where(self.kept, np.float32(1), np.float32(1) - self.similarity).clip(0, 1)

    def to_issues(self, rows: np.ndarray, row_ids: RowIds) -> Issues:
        """Return the findings about some of the dropped rows."""
        return Issues.from_columns(
            "near_duplicate",
            row_ids=row_ids.take(rows).to_pylist(),
            scores=self.scores[rows],
            twins=row_ids.take(self.duplicate_of[rows]).to_pylist(),
        )


@dataclass(frozen=True)
class Judged:
    """The labels of all rows, and which of them are wrong; one value a row.

    Attributes
    ----------
    splits : ndarray of str or None
    codes : ndarray of int64
        Labels; −1 = missing.
    classes : tuple of str
    wrong : ConfidentLabels
    """

    splits: np.ndarray | None
    codes: np.ndarray
    classes: tuple[str, ...]
    wrong: ConfidentLabels

    def names(self, rows: np.ndarray) -> list[str | None]:
        """Return the labels of some rows."""
        return [self.classes[code] if code >= 0 else None for code in self.codes[rows].tolist()]


@dataclass(frozen=True)
class Duplicates:
    """What is known of some rows and of their twins, of which the manifest's columns are made.

    Attributes
    ----------
    kept : ndarray of bool, shape (m,)
    scores : ndarray of float32, shape (m,)
        See `Twins.scores`.
    row_ids, twins : pyarrow.StringArray, m long
        Twins of kept rows mean nothing.
    codes, twin_codes : ndarray of int64, shape (m,), or None
    classes : tuple of str
    """

    kept: np.ndarray
    scores: np.ndarray
    row_ids: pa.Array
    twins: pa.Array
    codes: np.ndarray | None
    twin_codes: np.ndarray | None
    classes: tuple[str, ...]

    def torn(self) -> np.ndarray:
        """Return which rows have a label that their kept twin has not; bool, shape (m,)."""
        if self.codes is None or self.twin_codes is None:
            return np.zeros(len(self.kept), bool)
        torn: np.ndarray = ~self.kept & codes_differ(self.codes, self.twin_codes)
        return torn

    def old_labels(self) -> pa.Array:
        """Return the labels, without a Python object for each."""
        if self.codes is None:
            return pa.nulls(len(self.kept), pa.string())
        return _strings(pa.array(self.classes, pa.string()), self.codes)

    def columns(self, action: str) -> dict[str, pa.Array]:
        """Return the columns of a manifest that knows of duplicates only; `action` of a policy."""
        acts = ~self.kept if action != "none" else np.zeros(len(self.kept), bool)
        actions = np.where(self.torn(), np.int8(2), np.int8(1)) * acts
        return {
            "row_id": self.row_ids,
            "action": _strings(pa.array(["keep", action, "review"]), actions),
            "reason": _strings(pa.array(["near_duplicate"]), np.where(acts, 0, -1)),
            "score": pa.array(few_bits(self.scores).astype(np.float32), mask=~acts),
            "twin": pc.if_else(pa.array(acts), self.twins, pa.scalar(None, pa.string())),
            "old_label": self.old_labels(),
            "new_label": pa.nulls(len(acts), pa.string()),
        }


def with_decisions(
    columns: dict[str, pa.Array], decided: pa.Table | None, rows: np.ndarray
) -> pa.Table:
    """Return the columns as a table, with other decisions at some rows."""
    if decided is not None:
        columns = {name: _placed(columns[name], decided[name], rows) for name in SCHEMA.names}
    return pa.table([columns[name] for name in SCHEMA.names], schema=SCHEMA).combine_chunks()


def _strings(values: pa.Array, positions: np.ndarray) -> pa.Array:
    """Return the values at positions, null where a position is −1."""
    return values.take(pa.array(np.maximum(positions, 0), mask=positions < 0))


def decide_entangled(
    twins: Twins, row_ids: RowIds, judged: Judged, *, policy: Policy
) -> tuple[np.ndarray, pa.Table]:
    """Decide by `curation.decide` on the rows whose fate hangs on a label.

    Returns
    -------
    rows : ndarray of int64, shape (m,)
    decided : pyarrow.Table
        Columns of a manifest, one line for each of these rows.
    """
    stays = twins.kept.copy()
    dropped = np.flatnonzero(~twins.kept)
    torn = codes_differ(judged.codes[dropped], judged.codes[twins.duplicate_of[dropped]])
    stays[dropped] = torn | (policy.near_duplicate != "drop")
    rows = _entangled(twins, judged, stays, fewest=policy.fewest_per_class)
    return rows, _decide(rows, twins, row_ids, judged, policy)


def _entangled(twins: Twins, judged: Judged, stays: np.ndarray, *, fewest: int) -> np.ndarray:
    """Return the rows whose fate hangs on a label, and enough others of each class.

    `decide` counts the rows that a class keeps; beyond the fewest it may keep, more change nothing.
    `stays` says which rows stay by what is known of duplicates. A duplicate comes with its twin.
    """
    touched = judged.wrong.flagged.copy()
    dropped = np.flatnonzero(~twins.kept)
    touched[dropped] |= touched[twins.duplicate_of[dropped]]
    others = np.flatnonzero(~touched & stays)
    order = others[np.argsort(judged.codes[others], kind="stable")]
    codes = judged.codes[order]
    place = np.arange(len(order)) - np.searchsorted(codes, codes)
    touched[order[place < fewest]] = True
    touched[twins.duplicate_of[dropped[touched[dropped]]]] = True
    return np.flatnonzero(touched)


def _decide(
    rows: np.ndarray, twins: Twins, row_ids: RowIds, judged: Judged, policy: Policy
) -> pa.Table:
    names, wrong = text_array(row_ids.take(rows).to_pylist()), judged.wrong
    labels = LabelIssues(
        row_ids=names,
        labels=judged.codes[rows],
        classes=judged.classes,
        scores=wrong.scores[rows],
        suggested=wrong.suggested[rows],
        flagged=wrong.flagged[rows],
        threshold=0.5,
        noise_rate=wrong.noise_rate,
        expected_precision=None,
        method="confident learning",
    )
    duplicates = rows[~twins.kept[rows]]
    return decide(
        labels.to_issues(),
        twins.to_issues(duplicates, row_ids),
        row_ids=names,
        splits=None if judged.splits is None else judged.splits[rows],
        labels=judged.names(rows),
        policy=policy,
    ).table


def _placed(column: pa.Array, values: pa.ChunkedArray, rows: np.ndarray) -> pa.Array:
    """Return the column with other values at some rows."""
    mask = np.zeros(len(column), bool)
    mask[rows] = True
    return pc.replace_with_mask(column, pa.array(mask), values.combine_chunks())
