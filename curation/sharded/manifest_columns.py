"""A manifest for many rows: duplicates are decided in columns, entangled rows by `decide`.

`decide` holds Python objects for every row, too many here. A duplicate whose twin stays needs no
weighing of findings: its label decides. Only rows with a wrong label, and their duplicates, do.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from thresher.core.issues import Issues
from thresher.core.manifest import SCHEMA, Manifest
from thresher.core.text_arrays import text_array
from thresher.core.ties import few_bits

from ..decisions.decide import decide
from ..decisions.policy import Policy
from ..decisions.safeguards import codes_differ
from ..labels.result import LabelIssues
from .confident_learning import ConfidentLabels


@dataclass(frozen=True)
class Twins:
    """What `GroupByStars` wrote: kept rows, and for each other row its kept twin."""

    kept: np.ndarray
    duplicate_of: np.ndarray
    similarity: np.ndarray

    @classmethod
    def read(cls, folder: Path) -> Twins:
        """Read the three arrays, shape (n,) each."""
        names = ("kept", "duplicate_of", "similarity")
        return cls(*(np.load(folder / f"{name}.npy") for name in names))

    @property
    def scores(self) -> np.ndarray:
        """1 − similarity to the twin, 1 for kept rows; float32, shape (n,)."""
        return np.where(self.kept, np.float32(1), np.float32(1) - self.similarity).clip(0, 1)

    def to_issues(self, rows: np.ndarray, row_ids: pa.Array) -> Issues:
        """Return the findings about some of the dropped rows."""
        return Issues.from_columns(
            "near_duplicate",
            row_ids=row_ids.take(pa.array(rows)).to_pylist(),
            scores=self.scores[rows],
            twins=row_ids.take(pa.array(self.duplicate_of[rows])).to_pylist(),
        )


@dataclass(frozen=True)
class Given:
    """What is known of the rows beforehand; one value a row.

    Attributes
    ----------
    row_ids : pyarrow.StringArray
    splits : ndarray of str or None
    codes : ndarray of int64 or None
        Labels; −1 = missing.
    classes : tuple of str
    """

    row_ids: pa.Array
    splits: np.ndarray | None
    codes: np.ndarray | None
    classes: tuple[str, ...]

    def names(self, rows: np.ndarray) -> list[str | None]:
        """Return the labels of some rows."""
        if self.codes is None:
            return [None] * len(rows)
        return [self.classes[code] if code >= 0 else None for code in self.codes[rows].tolist()]

    def torn(self, twins: Twins) -> np.ndarray:
        """Return which rows have a label that their kept twin has not; bool, shape (n,)."""
        torn = np.zeros(len(self.row_ids), bool)
        if self.codes is not None:
            dropped = np.flatnonzero(~twins.kept)
            kept = self.codes[twins.duplicate_of[dropped]]
            torn[dropped] = codes_differ(self.codes[dropped], kept)
        return torn

    def old_labels(self) -> pa.Array:
        """Return the labels of all rows, without a Python object for each."""
        if self.codes is None:
            return pa.nulls(len(self.row_ids), pa.string())
        return _strings(pa.array(self.classes, pa.string()), self.codes)


def make_manifest(
    twins: Twins,
    wrong: ConfidentLabels | None,
    given: Given,
    *,
    policy: Policy,
    header: dict[str, Any],
) -> Manifest:
    """Decide on every row as `curation.decide` does on the same findings."""
    columns = _duplicates(twins, given, policy.near_duplicate)
    if wrong is not None:
        stays = pc.not_equal(columns["action"], "drop").to_numpy(zero_copy_only=False)
        rows = _entangled(twins, wrong, given, stays, fewest=policy.fewest_per_class)
        part = _decide(rows, twins, wrong, given, policy)
        columns = {name: _placed(columns[name], part[name], rows) for name in SCHEMA.names}
    table = pa.table([columns[name] for name in SCHEMA.names], schema=SCHEMA).combine_chunks()
    return Manifest(table, {**header, "policy": policy.to_json()})


def _duplicates(twins: Twins, given: Given, action: str) -> dict[str, pa.Array]:
    """Return the columns of a manifest that knows of duplicates only."""
    acts = ~twins.kept if action != "none" else np.zeros(len(twins.kept), bool)
    targets = np.where(acts, twins.duplicate_of, -1)
    named = np.where(acts, 0, -1)
    actions = np.where(given.torn(twins), np.int8(2), np.int8(1)) * acts
    return {
        "row_id": given.row_ids,
        "action": _strings(pa.array(["keep", action, "review"]), actions),
        "reason": _strings(pa.array(["near_duplicate"]), named),
        "score": pa.array(few_bits(twins.scores).astype(np.float32), mask=~acts),
        "twin": _strings(given.row_ids, targets),
        "old_label": given.old_labels(),
        "new_label": pa.nulls(len(acts), pa.string()),
    }


def _strings(values: pa.Array, positions: np.ndarray) -> pa.Array:
    """Return the values at positions, null where a position is −1."""
    return values.take(pa.array(np.maximum(positions, 0), mask=positions < 0))


def _entangled(
    twins: Twins, wrong: ConfidentLabels, given: Given, stays: np.ndarray, *, fewest: int
) -> np.ndarray:
    """Return the rows whose fate hangs on a label, and enough others of each class.

    `decide` counts the rows that a class keeps; beyond the fewest it may keep, more change nothing.
    `stays` says which rows stay by what is known of duplicates. A duplicate comes with its twin.
    """
    touched = wrong.flagged.copy()
    dropped = np.flatnonzero(~twins.kept)
    touched[dropped] |= touched[twins.duplicate_of[dropped]]
    assert given.codes is not None
    others = np.flatnonzero(~touched & stays)
    order = others[np.argsort(given.codes[others], kind="stable")]
    codes = given.codes[order]
    place = np.arange(len(order)) - np.searchsorted(codes, codes)
    touched[order[place < fewest]] = True
    touched[twins.duplicate_of[dropped[touched[dropped]]]] = True
    return np.flatnonzero(touched)


def _decide(
    rows: np.ndarray, twins: Twins, wrong: ConfidentLabels, given: Given, policy: Policy
) -> pa.Table:
    names = text_array(given.row_ids.take(pa.array(rows)).to_pylist())
    assert given.codes is not None
    labels = LabelIssues(
        row_ids=names,
        labels=given.codes[rows],
        classes=given.classes,
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
        twins.to_issues(duplicates, given.row_ids),
        row_ids=names,
        splits=None if given.splits is None else given.splits[rows],
        labels=given.names(rows),
        policy=policy,
    ).table


def _placed(column: pa.Array, values: pa.ChunkedArray, rows: np.ndarray) -> pa.Array:
    """Return the column with other values at some rows."""
    mask = np.zeros(len(column), bool)
    mask[rows] = True
    return pc.replace_with_mask(column, pa.array(mask), values.combine_chunks())
