"""Turn findings into one decision for each row.

Checks find, the manifest decides. Rows of the test and validation splits are protected: they are
at most marked for review.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from thresher.core.classes import label_texts
from thresher.core.errors import InputError
from thresher.core.issues import Issue, Issues
from thresher.core.manifest import Manifest
from thresher.core.signatures import checked

from .policy import CHECKS, Policy
from .safeguards import DUPLICATES, Decision, keep_classes, keep_twins

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
        first in `CHECKS`, then the lowest score. No duplicate is dropped without a twin that stays,
        and no class is emptied on a guess; see `curation.safeguards`.

    Raises
    ------
    InputError
        On findings about unknown rows, and on a policy with an unknown name or value.
    """
    policy = Policy.read(policy)
    ids = np.asarray(row_ids).astype(str)
    split_of = np.full(len(ids), "train") if splits is None else np.asarray(splits).astype(str)
    if len(split_of) != len(ids):
        raise InputError(f"There are {len(ids)} rows, but {len(split_of)} splits.")
    label_of = _texts(labels, len(ids))
    row_of = {row_id: at for at, row_id in enumerate(ids.tolist())}
    if len(row_of) != len(ids):
        raise InputError("Row ids must be unique.")
    found = _by_row(issues, row_of)
    protected = np.isin(split_of, policy.protected)

    def decide_row(row: int, *, leave_out: tuple[str, ...] = ()) -> Decision:
        of_row = [issue for issue in found[row] if issue.check not in leave_out]
        return _decide_row(of_row, policy, bool(protected[row]), label_of[row])

    decisions = [Decision()] * len(ids)
    for row in found:
        decisions[row] = decide_row(row)
    keep_twins(
        decisions,
        row_of,
        label_of,
        without_duplicates=lambda row: decide_row(row, leave_out=DUPLICATES),
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


def _decide_row(
    of_row: list[Issue], policy: Policy, protected: bool, label: str | None
) -> Decision:
    def rank(pair: tuple[str, Issue]) -> tuple[int, int, float]:
        action, issue = pair
        at = CHECKS.index(issue.check) if issue.check in CHECKS else len(CHECKS)
        return STRENGTH[action], at, issue.score

    asked = [(policy.action(issue), issue) for issue in of_row]
    asked = [(action, issue) for action, issue in asked if action != "none"]
    if protected:
        asked = [("review", issue) for _, issue in asked]
    if not asked:
        return Decision()
    action, issue = min(asked, key=rank)
    if action == "relabel" and issue.suggested == label:
        action = "review"
    new_label = issue.suggested if action == "relabel" else None
    return Decision(action, issue.check, issue.score, issue.twin, new_label)
