"""Verdicts of people about decisions: one rule, checked whole, then applied."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from curation.decisions.safeguards import Decision, keep_twins

from ..core.classes import class_key
from ..core.errors import did_you_mean
from ..core.issues import Issue, Issues
from ..core.manifest import Manifest
from .review_sheet import findings_by_row, propose
from .verdict import Verdict, VerdictError

# Why a row goes that nobody but a person wants dropped.
ASKED_FOR = "verdict"


def _both(first: Verdict, second: Verdict) -> str:
    """Return where two verdicts were said, to begin a sentence."""
    if first.line is None or second.line is None:
        return f"The verdicts on rows {first.row_id} and {second.row_id}"
    low, high = sorted((first.line, second.line))
    return f"Lines {low} and {high}"


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
        another label, ``keep_other`` keeps the row and drops its twin instead, ``drop`` drops it
        whatever is proposed.
    issues : Issues
        The findings that the decisions rest on.
    new_labels : bool
        Whether labels may be new that no row has.
    record : mapping, optional
        Who, when and why, for the manifest's header.

    Raises
    ------
    VerdictError
        When verdicts contradict each other or cannot be carried out; their lines are named.
    """
    rows = {row["row_id"]: row for row in manifest.table.to_pylist()}
    labels = {row["old_label"] for row in rows.values() if row["old_label"]}
    decided = _Decided(rows, findings_by_row(issues), labels=labels, new_labels=new_labels)
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


def check_each(
    rows: Sequence[dict[str, Any]],
    verdicts: Sequence[Verdict],
    *,
    found: Mapping[str, list[Issue]],
    labels: Collection[str],
    new_labels: bool = False,
) -> None:
    """Raise where a verdict cannot be carried out whatever is said of other rows.

    Parameters
    ----------
    rows : sequence of dict
        Lines of the manifest: those of the rows and of their twins.
    verdicts : sequence of Verdict
    found : mapping
        Findings by row id.
    labels : collection of str
        All labels that rows have.
    new_labels : bool

    Raises
    ------
    VerdictError
    """
    decided = _Decided(
        {row["row_id"]: row for row in rows}, found, labels=labels, new_labels=new_labels
    )
    for one in verdicts:
        decided.take(one)


class _Decided:
    """The decisions of a manifest, changed verdict by verdict."""

    def __init__(
        self,
        rows: dict[str, dict[str, Any]],
        found: Mapping[str, list[Issue]],
        *,
        labels: Collection[str],
        new_labels: bool,
    ) -> None:
        self.rows, self.found, self.labels, self.new_labels = rows, found, labels, new_labels
        self.changed: dict[str, Decision] = {}
        self.stays: dict[str, Verdict] = {}
        self.goes: dict[str, Verdict] = {}
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
        elif one.verdict == "drop":
            self._drop(one.row_id, one, Decision("drop", ASKED_FOR))
        elif row["action"] == "keep":
            self._keep(one, Decision("keep"))
        else:
            action, better = propose(row, self.found.get(one.row_id, []))
            if action == "relabel":
                self._keep(one, self._relabel(one, better or "", evidence))
            else:
                self._drop(one.row_id, one, Decision("drop", *evidence))

    def _keep(self, one: Verdict, decision: Decision) -> None:
        self.stays[one.row_id] = one
        self.changed[one.row_id] = decision

    def _drop(self, row_id: str, one: Verdict, decision: Decision) -> None:
        self.goes[row_id] = one
        if row_id not in self.changed or self.changed[row_id].reason == ASKED_FOR:
            self.changed[row_id] = decision  # a copy that names the row that stays says more

    def _swap(self, one: Verdict, row: dict[str, Any]) -> None:
        twin = row["twin"]
        if twin not in self.rows:
            raise VerdictError(
                f"{one.said}: row {one.row_id} has no twin, so there is no other.", one
            )
        self._keep(one, Decision("keep"))
        self._drop(twin, one, Decision("drop", row["reason"], row["score"], one.row_id))

    def _relabel(self, one: Verdict, label: str, evidence: tuple[Any, Any, Any]) -> Decision:
        old = self.rows[one.row_id]["old_label"]
        label = self.spelled.get(class_key(label), label)
        if not self.labels:
            raise VerdictError(f"{one.said}: the rows have no labels, so none is changed.", one)
        if label not in self.labels and not self.new_labels:
            allow = "Allow it with --new-labels." if one.line else "Add it as a new label."
            raise VerdictError(
                f"{one.said}: no row has the label {label!r}."
                f"{did_you_mean(label, self.labels)} {allow}",
                one,
            )
        if label == old:
            return Decision("keep")
        return Decision("relabel", *evidence, new_label=label)

    def check(self) -> None:
        """Raise where one verdict keeps a row that another one drops, or a pair is lost."""
        torn = [row_id for row_id in self.stays if row_id in self.goes]
        if torn:
            keeps, drops = self.stays[torn[0]], self.goes[torn[0]]
            raise VerdictError(
                f"{_both(keeps, drops)} contradict each other: one keeps row {torn[0]}, the other "
                "drops it. Nothing was applied.",
                keeps,
                drops,
            )
        for row_id, one in self.goes.items():
            other = self.goes.get(self.rows[row_id]["twin"])
            if self.rows[row_id]["reason"] != "conflict" or other is None:
                continue
            if one.verdict == other.verdict == "drop":
                continue  # asked for in so many words
            raise VerdictError(
                f"{_both(one, other)} drop two rows of equal content, {row_id} and "
                f"{self.rows[row_id]['twin']}. Reject or relabel the one that is right. Nothing "
                "was applied.",
                one,
                other,
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
                one, other = self.goes[row_id], self.goes.get(twin or "")
                by = "" if other is None or other.line is None else f" by line {other.line}"
                raise VerdictError(
                    f"{one.said} drops row {row_id} as a copy of {twin}, which does not stay{by}, "
                    "or has another label. Reject one of them, or say 'drop' where the row is to "
                    "go in any case. Nothing was applied.",
                    *(each for each in (one, other) if each is not None),
                )
        return decisions


def _as_it_is(row: dict[str, Any]) -> Decision:
    return Decision(row["action"], row["reason"], row["score"], row["twin"], row["new_label"])


def _asked_again(row: dict[str, Any]) -> Decision:
    """Return the decision about a row whose twin a person has dropped: someone has to look."""
    return Decision("review", row["reason"], row["score"])
