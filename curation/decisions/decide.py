"""Turn findings into one decision for each row.

Checks find, the manifest decides. Rows of the test and validation splits are protected: they are
at most marked for review.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from thresher.core.classes import label_texts
from thresher.core.counted import counted
from thresher.core.errors import InputError
from thresher.core.issues import Issue, Issues
from thresher.core.manifest import Manifest
from thresher.core.missing import id_texts
from thresher.core.signatures import checked

from .policy import CHECKS, Policy
from .safeguards import DUPLICATES, LINKED, Decision, differ, keep_classes, keep_twins

STRENGTH = {"drop": 0, "relabel": 1, "review": 2}


@checked
def decide(
    *issues: Issues,
    row_ids: np.ndarray | Sequence[str],
    splits: np.ndarray | Sequence[str] | None = None,
    labels: np.ndarray | Sequence[str | None] | None = None,
    policy: Policy | Mapping[str, Any] | None = None,
    header: dict[str, Any] | None = None,
) -> Manifest:
    """Decide what happens to every row.

    Parameters
    ----------
    *issues : Issues
        Findings of any checks; a row may have several.
    row_ids : array of str, shape (n,)
        All rows, in the order of the dataset.
    splits : array of str, shape (n,), optional
        ``train``, ``validation`` or ``test``; without it every row counts as ``train``.
    labels : array of str, shape (n,), optional
        Present labels (None = missing); needed to relabel, and to keep every class alive.
    policy : Policy or mapping of its fields, optional
        Default: drop unusable rows, leaks, duplicates and wrong labels of the training split;
        review the rest.
    header : dict, optional
        Goes into the manifest's header beside the policy.

    Returns
    -------
    Manifest
        The strongest action wins (drop, relabel, review, keep); within it the check that stands
        first in `CHECKS`, then the lowest score. The twin of a row that is dropped stays; a
        duplicate whose twin has another label, or none, is at most reviewed; and no class is
        emptied on a guess. See `curation.decisions.safeguards`.

    Raises
    ------
    InputError
        On findings about unknown rows, and on a policy with an unknown name or value.

    Examples
    --------
    >>> from curation import decide
    >>> from thresher.core import Issues
    >>> copies = Issues.from_columns("exact_duplicate", row_ids=["b"], scores=[0.0], twins=["a"])
    >>> manifest = decide(copies, row_ids=["a", "b", "c"])
    >>> manifest.actions.tolist()
    ['keep', 'drop', 'keep']
    """
    policy = Policy.read(policy)
    ids = id_texts("row_ids", row_ids)
    split_of = np.full(len(ids), "train")
    if splits is not None:
        split_of = id_texts("splits", splits, unnamed=True)
    if len(split_of) != len(ids):
        raise InputError(
            f"There are {counted(len(ids), 'row')}, but {counted(len(split_of), 'split')}."
        )
    label_of = _texts(labels, len(ids))
    row_of = {row_id: at for at, row_id in enumerate(ids.tolist())}
    if len(row_of) != len(ids):
        raise InputError("Row ids must be unique.")
    protected = np.isin(split_of, policy.protected)
    found = copies_by_label(_by_row(issues, row_of), row_of, label_of, first=protected)

    def is_torn(row: int, issue: Issue) -> bool:
        twin = row_of.get(issue.twin or "")
        return (
            issue.check in DUPLICATES and twin is not None and differ(label_of[row], label_of[twin])
        )

    def decide_row(row: int, *, leave_out: tuple[str, ...] = ()) -> Decision:
        of_row = [issue for issue in found[row] if issue.check not in leave_out]
        torn = [is_torn(row, issue) for issue in of_row]
        return _decide_row(of_row, torn, policy, bool(protected[row]), label_of[row])

    decisions = [Decision()] * len(ids)
    for row in found:
        decisions[row] = decide_row(row)
    keep_twins(
        decisions,
        row_of,
        label_of,
        without_links=lambda row: decide_row(row, leave_out=LINKED),
    )
    keep_classes(decisions, label_of, fewest=policy.fewest_per_class)
    return Manifest.from_columns(
        ids.tolist(),
        [decision.action for decision in decisions],
        reasons=[decision.reason for decision in decisions],
        scores=[decision.score for decision in decisions],
        twins=[decision.twin for decision in decisions],
        old_labels=label_of,
        new_labels=[decision.new_label for decision in decisions],
        header={**(header or {}), "policy": policy.to_json()},
    )


def with_final_twins(issues: Issues, manifest: Manifest) -> Issues:
    """Return findings in which no row that is dropped names a twin that is dropped too.

    A check names the row that it would keep; another one may drop that. The twin is then the one of
    the row's decision, which stays, or none.
    """
    table = issues.table
    actions = manifest.table["action"].combine_chunks()
    ids = manifest.table["row_id"].combine_chunks()

    def goes(names: pa.ChunkedArray) -> pa.ChunkedArray:
        at = pc.index_in(names, value_set=ids, skip_nulls=True)
        return pc.fill_null(pc.equal(actions.take(at.combine_chunks()), "drop"), False)

    linked = pc.is_in(table["check"], value_set=pa.array(LINKED))
    stale = pc.and_(linked, pc.and_(goes(table["row_id"]), goes(table["twin"])))
    if not pc.any(stale).as_py():
        return issues
    at = pc.index_in(table["row_id"], value_set=ids).combine_chunks()
    said = pc.binary_join_element_wise(table["detail"], "dropped itself", ", which is ")
    columns = {
        "twin": pc.if_else(stale, manifest.table["twin"].take(at), table["twin"]),
        "detail": pc.if_else(stale, said, table["detail"]),
    }
    for name, column in columns.items():
        table = table.set_column(table.column_names.index(name), name, column)
    return Issues(table)


def _texts(labels: np.ndarray | Sequence[str | None] | None, n: int) -> list[str | None]:
    if labels is None:
        return [None] * n
    return [name or None for name in label_texts(labels, rows=n).tolist()]


def _by_row(issues: Iterable[Issues], row_of: dict[str, int]) -> dict[int, list[Issue]]:
    found: dict[int, list[Issue]] = {}
    unknown: list[str] = []
    for issue in Issues.concat(issues):
        if issue.row_id in row_of:
            found.setdefault(row_of[issue.row_id], []).append(issue)
        else:
            unknown.append(issue.row_id)
    if unknown:
        raise InputError(
            f"{len(unknown)} finding(s) are about rows that are not in `row_ids`, such as "
            f"{', '.join(unknown[:5])}."
        )
    return found


def copies_by_label(
    found: dict[int, list[Issue]],
    row_of: dict[str, int],
    labels: list[str | None],
    *,
    first: np.ndarray,
) -> dict[int, list[Issue]]:
    """Point equal rows whose twin has another label to the first of them that has their own.

    So of ``cat, dog, dog`` one ``dog`` is a copy of the other, and the two classes a conflict.

    Parameters
    ----------
    found : dict
        Findings by row.
    first : ndarray of bool, shape (n,)
        Rows that come before all others.
    """
    heads: dict[tuple[str | None, str | None], str] = {}
    ids = list(row_of)
    result = dict(found)
    for row in sorted(found, key=lambda row: (not first[row], row)):
        for place, issue in enumerate(found[row]):
            twin = row_of.get(issue.twin or "")
            if issue.check != "exact_duplicate" or twin is None:
                continue
            if not differ(labels[row], labels[twin]):
                continue
            head = heads.setdefault((issue.twin, labels[row]), ids[row])
            if head != ids[row]:
                own = [*result[row]]
                own[place] = replace(issue, twin=head)
                result[row] = own
    return result


def _decide_row(
    of_row: list[Issue], torn: list[bool], policy: Policy, protected: bool, label: str | None
) -> Decision:
    """Take the strongest of the actions that the findings about one row ask for.

    `torn` says which of them are duplicates of a row that has another label.
    """

    def rank(asked: tuple[str, Issue, bool]) -> tuple[int, float, float]:
        action, issue, weak = asked
        at = CHECKS.index("conflict" if weak else issue.check) if issue.check in CHECKS else 99
        return STRENGTH[action], at + 0.5 * weak, issue.score

    asked = [(policy.action(issue), issue, weak) for issue, weak in zip(of_row, torn, strict=True)]
    asked = [each for each in asked if each[0] != "none"]
    asked = [
        ("review" if protected or weak else action, issue, weak) for action, issue, weak in asked
    ]
    if not asked:
        return Decision()
    action, issue, _ = min(asked, key=rank)
    if action == "relabel" and issue.suggested == label:
        action = "review"
    new_label = issue.suggested if action == "relabel" else None
    return Decision(action, issue.check, issue.score, issue.twin, new_label)
