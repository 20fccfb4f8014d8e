"""Verdicts of people about decisions: read from a filled review, checked whole, then applied."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from active_learning.adapters.row_files import read_rows
from curation.decisions.safeguards import Decision, keep_twins

from ..core.classes import class_key
from ..core.errors import InputError, did_you_mean
from ..core.issues import Issues
from ..core.manifest import Manifest
from ..core.sheet_cells import unescape_cell
from .review_sheet import findings_by_row, propose

VERDICTS = ("accept", "reject", "relabel", "keep_other")
NUMBER = re.compile(r"0*(\d+)([.,]0+)?")


@dataclass(frozen=True)
class Verdict:
    """What a person said of one row, and in which line of the file."""

    row_id: str
    verdict: str
    line: int
    label: str | None = None
    note: str | None = None


def read_verdicts(path: str | os.PathLike[str], manifest: Manifest) -> list[Verdict]:
    """Read a review that was filled in; lines without a verdict are undecided and left out.

    Delimiter, byte order mark, order and case of columns, further columns and what a spreadsheet
    makes of numbers do not matter.

    Raises
    ------
    InputError
        For an unknown row or verdict, a new label without ``relabel`` or the other way round, and
        two verdicts about one row; the lines are named.
    """
    known = _RowNames(manifest.row_ids.tolist())
    found: dict[str, Verdict] = {}
    for line, cells in read_rows(path, needed=()):
        row = _named(cells)
        for column in ("row_id", "verdict"):
            if column not in row:
                raise InputError(
                    f"{path}, line {line}: there is no column {column!r}. Columns: "
                    f"{', '.join(row)}."
                )
        try:
            one = _read_line(row, line, known)
        except InputError as error:
            raise InputError(f"{path}, line {line}: {error} Nothing was applied.") from error
        if one is None:
            continue
        before = found.setdefault(one.row_id, one)
        if (before.verdict, before.label) != (one.verdict, one.label):
            raise InputError(
                f"{path}, lines {before.line} and {line}: row {one.row_id} has the verdicts "
                f"{before.verdict!r} and {one.verdict!r}. Keep one of them. Nothing was applied."
            )
    return list(found.values())


def _named(cells: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name).strip().lower(): value for name, value in cells.items() if name is not None}


def _text(value: Any) -> str:
    return "" if value is None else str(unescape_cell(value)).strip()


def _read_line(row: dict[str, Any], line: int, known: _RowNames) -> Verdict | None:
    said = re.sub(r"[\s-]+", "_", _text(row["verdict"]).lower())
    label, note = _text(row.get("label")), _text(row.get("note")) or None
    if not said:
        if label:
            raise InputError(f"the label {label!r} has no verdict; write 'relabel' beside it.")
        return None
    if said not in VERDICTS:
        raise InputError(
            f"{_text(row['verdict'])!r} is no verdict; write one of {', '.join(VERDICTS)}, or "
            f"nothing.{did_you_mean(said, VERDICTS)}"
        )
    row_id = known.find(_text(row["row_id"]))
    if said == "relabel" and not label:
        raise InputError("'relabel' needs the new label in the column 'label'.")
    if said != "relabel" and label:
        raise InputError(f"the verdict is {said!r}, but there is a new label, {label!r}.")
    return Verdict(row_id, said, line, label or None, note)


class _RowNames:
    """Finds rows by what a spreadsheet leaves of their ids."""

    def __init__(self, row_ids: Sequence[str]) -> None:
        self.exact = set(row_ids)
        self.loose: dict[str, list[str]] = {}
        for row_id in row_ids:
            self.loose.setdefault(_loose(row_id), []).append(row_id)

    def find(self, text: str) -> str:
        if text in self.exact:
            return text
        found = self.loose.get(_loose(text), [])
        if len(found) != 1:
            what = "is not in the manifest" if not found else "could be several rows"
            raise InputError(f"the row id {text!r} {what}.")
        return found[0]


def _loose(row_id: str) -> str:
    number = NUMBER.fullmatch(row_id.strip())
    return number[1] if number else row_id.strip().casefold()


def with_verdicts(
    manifest: Manifest,
    verdicts: Sequence[Verdict],
    *,
    issues: Issues,
    new_labels: bool = False,
    record: Mapping[str, Any] | None = None,
) -> Manifest:
    """Return the decisions after what people said; those without a verdict stay as they are.

    Parameters
    ----------
    manifest : Manifest
    verdicts : sequence of Verdict
        ``accept`` does what is proposed, ``reject`` keeps the row as it is, ``relabel`` gives it
        another label, ``keep_other`` keeps the row and drops its twin instead.
    issues : Issues
        The findings that the decisions rest on.
    new_labels : bool
        Whether labels may be new that no row has.
    record : mapping, optional
        Who, when and why, for the manifest's header.

    Raises
    ------
    InputError
        When verdicts contradict each other or cannot be carried out; their lines are named.
    """
    rows = {row["row_id"]: row for row in manifest.table.to_pylist()}
    decided = _Decided(rows, issues, new_labels=new_labels)
    for one in verdicts:
        decided.take(one)
    decided.check()
    decisions = decided.settle()
    told = {
        one.row_id: {
            name: value
            for name, value in vars(one).items()
            if name != "row_id" and value is not None
        }
        for one in verdicts
    }
    entry = {**(record or {}), "rows": told}
    return Manifest.from_columns(
        list(rows),
        [one.action for one in decisions],
        reasons=[one.reason for one in decisions],
        scores=[one.score for one in decisions],
        twins=[one.twin for one in decisions],
        old_labels=[row["old_label"] for row in rows.values()],
        new_labels=[one.new_label for one in decisions],
        header={
            **manifest.header,
            "verdicts": [*manifest.header.get("verdicts", []), entry],
        },
    )


def record_of(path: Path, *, by: str) -> dict[str, Any]:
    """Return who gave verdicts, when, and the file that holds them."""
    return {
        "by": by,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }


class _Decided:
    """The decisions of a manifest, changed verdict by verdict."""

    def __init__(
        self, rows: dict[str, dict[str, Any]], issues: Issues, *, new_labels: bool
    ) -> None:
        self.rows, self.found, self.new_labels = rows, findings_by_row(issues), new_labels
        self.changed: dict[str, Decision] = {}
        self.stays: dict[str, int] = {}
        self.goes: dict[str, int] = {}
        self.labels = {row["old_label"] for row in rows.values() if row["old_label"]}
        # A spreadsheet writes TRUE for true, and other systems accents in another form.
        self.spelled = {class_key(label): label for label in self.labels}

    def take(self, one: Verdict) -> None:
        """Carry out one verdict."""
        row = self.rows[one.row_id]
        evidence = (row["reason"], row["score"], row["twin"])
        if one.verdict == "reject":
            self._keep(one, Decision("keep"))
        elif one.verdict == "relabel":
            self._keep(one, self._relabel(one, one.label or "", evidence))
        elif one.verdict == "keep_other":
            self._swap(one, row)
        elif row["action"] == "keep":
            self._keep(one, Decision("keep"))
        else:
            action, better = propose(row, self.found.get(one.row_id, []))
            if action == "relabel":
                self._keep(one, self._relabel(one, better or "", evidence))
            else:
                self._drop(one.row_id, one.line, Decision("drop", *evidence))

    def _keep(self, one: Verdict, decision: Decision) -> None:
        self.stays[one.row_id] = one.line
        self.changed[one.row_id] = decision

    def _drop(self, row_id: str, line: int, decision: Decision) -> None:
        self.goes[row_id] = line
        self.changed.setdefault(row_id, decision)

    def _swap(self, one: Verdict, row: dict[str, Any]) -> None:
        twin = row["twin"]
        if twin not in self.rows:
            raise InputError(
                f"Line {one.line}: row {one.row_id} has no twin, so there is no other."
            )
        self._keep(one, Decision("keep"))
        self._drop(twin, one.line, Decision("drop", row["reason"], row["score"], one.row_id))

    def _relabel(self, one: Verdict, label: str, evidence: tuple[Any, Any, Any]) -> Decision:
        old = self.rows[one.row_id]["old_label"]
        label = self.spelled.get(class_key(label), label)
        if not self.labels:
            raise InputError(f"Line {one.line}: the manifest knows no labels, so none is changed.")
        if label not in self.labels and not self.new_labels:
            raise InputError(
                f"Line {one.line}: no row has the label {label!r}."
                f"{did_you_mean(label, self.labels)} Allow it with --new-labels."
            )
        if label == old:
            return Decision("keep")
        return Decision("relabel", *evidence, new_label=label)

    def check(self) -> None:
        """Raise where one verdict keeps a row that another one drops, or a pair is lost."""
        torn = [row_id for row_id in self.stays if row_id in self.goes]
        if torn:
            first, second = sorted((self.stays[torn[0]], self.goes[torn[0]]))
            raise InputError(
                f"Lines {first} and {second} contradict each other: one keeps row {torn[0]}, the "
                "other drops it. Nothing was applied."
            )
        for row_id, line in self.goes.items():
            twin = self.rows[row_id]["twin"]
            if self.rows[row_id]["reason"] == "conflict" and twin in self.goes:
                first, second = sorted((line, self.goes[twin]))
                raise InputError(
                    f"Lines {first} and {second} drop two rows of equal content, {row_id} and "
                    f"{twin}. Reject or relabel the one that is right. Nothing was applied."
                )

    def settle(self) -> list[Decision]:
        """Return all decisions, in which the twin of a dropped row stays."""
        ids = list(self.rows)
        decisions = [self.changed.get(row_id) or _as_it_is(self.rows[row_id]) for row_id in ids]
        labels = [row["old_label"] for row in self.rows.values()]
        keep_twins(
            decisions,
            {row_id: at for at, row_id in enumerate(ids)},
            labels,
            without_links=lambda at: _asked_again(self.rows[ids[at]]),
        )
        for row_id, decision in zip(ids, decisions, strict=True):
            if row_id in self.goes and decision.action != "drop":
                twin = self.changed[row_id].twin
                line, other = self.goes[row_id], self.goes.get(twin or "")
                raise InputError(
                    f"Line {line} drops row {row_id} as a copy of {twin}, which does not stay"
                    f"{'' if other is None else f' by line {other}'}, or has another label. Reject "
                    "one of them. Nothing was applied."
                )
        return decisions


def _as_it_is(row: dict[str, Any]) -> Decision:
    return Decision(row["action"], row["reason"], row["score"], row["twin"], row["new_label"])


def _asked_again(row: dict[str, Any]) -> Decision:
    """Return the decision about a row whose twin a person has dropped: someone has to look."""
    return Decision("review", row["reason"], row["score"])
