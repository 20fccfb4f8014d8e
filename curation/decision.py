"""Turn findings into one decision for each row.

Checks find, the manifest decides. The order of reasons, from strongest: unreadable or empty rows,
leaks, exact duplicates, near duplicates, wrong labels, conflicts, outliers. Rows of the test and
validation splits are protected: they are at most marked for review.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from thresher.core.errors import InputError, check_choice
from thresher.core.issues import Issue, Issues
from thresher.core.manifest import Manifest

CHECKS = (
    "quality",
    "leakage",
    "exact_duplicate",
    "near_duplicate",
    "label",
    "conflict",
    "outlier",
    "coreset",
)
UNUSABLE = ("unreadable", "blank", "constant", "empty", "not finite")
OPTIONS = ("drop", "relabel", "review", "none")


@dataclass(frozen=True)
class Policy:
    """What to do with each kind of finding: ``"drop"``, ``"review"`` or ``"none"``.

    Attributes
    ----------
    exact_duplicate, near_duplicate, leakage, conflict, outlier : str
    unusable : str
        Quality issues that leave nothing to learn from: unreadable, blank, empty.
    quality : str
        All other quality issues.
    label : str
        Also ``"relabel"``: write the suggested label.
    coreset : str
        Rows that a core set left out.
    protected : tuple of str
        Splits whose rows are never dropped or relabelled, only marked for review.
    fewest_per_class : int
        Rows of each class that are kept whatever the findings say; duplicates and leaks excepted.
    """

    exact_duplicate: str = "drop"
    near_duplicate: str = "drop"
    leakage: str = "drop"
    conflict: str = "review"
    outlier: str = "review"
    unusable: str = "drop"
    quality: str = "review"
    label: str = "drop"
    coreset: str = "drop"
    protected: tuple[str, ...] = ("test", "validation")
    fewest_per_class: int = 2

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if name == "label":
                check_choice(name, value, OPTIONS)
            elif name not in ("protected", "fewest_per_class"):
                check_choice(name, value, ("drop", "review", "none"))

    def action(self, issue: Issue) -> str:
        """Return what to do with one finding in a split that is not protected."""
        if issue.check == "quality":
            text = (issue.detail or "").lower()
            return self.unusable if text.startswith(UNUSABLE) else self.quality
        if issue.check not in CHECKS:
            return "review"
        action: str = getattr(self, issue.check)
        return "review" if action == "relabel" and not issue.suggested else action


@dataclass(frozen=True)
class _Decision:
    action: str = "keep"
    reason: str | None = None
    score: float | None = None
    twin: str | None = None
    new_label: str | None = None


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
    header : dict, optional
        Goes into the manifest beside the policy and the counts.

    Returns
    -------
    Manifest
        The strongest action wins (drop, relabel, review, keep); within it the check that stands
        first in `CHECKS`, then the lowest score.

    Raises
    ------
    InputError
        On findings about unknown rows, and on a policy with an unknown name or value.
    """
    policy = _policy(policy)
    ids = np.asarray(row_ids).astype(str)
    split_of = np.full(len(ids), "train") if splits is None else np.asarray(splits).astype(str)
    label_of = _texts(labels, len(ids))
    if len(split_of) != len(ids):
        raise InputError(f"There are {len(ids)} rows, but {len(split_of)} splits.")
    found = _by_row(issues, ids)
    protected = np.isin(split_of, policy.protected)
    decisions = [_Decision()] * len(ids)
    for row, of_row in found.items():
        decisions[row] = _decide_row(of_row, policy, bool(protected[row]), label_of[row])
    _keep_classes(decisions, label_of, policy)
    return Manifest.from_columns(
        ids.tolist(),
        [decision.action for decision in decisions],
        reasons=[decision.reason for decision in decisions],
        scores=[decision.score for decision in decisions],
        twins=[decision.twin for decision in decisions],
        old_labels=label_of,
        new_labels=[decision.new_label for decision in decisions],
        header={**(header or {}), "policy": asdict(policy) | {"protected": [*policy.protected]}},
    )


def _policy(policy: Policy | Mapping[str, Any] | None) -> Policy:
    if policy is None or isinstance(policy, Policy):
        return policy or Policy()
    for name in policy:
        check_choice("policy", name, Policy.__dataclass_fields__)
    return Policy(**policy)


def _texts(labels: np.ndarray | Sequence[str | None] | None, n: int) -> list[str | None]:
    if labels is None:
        return [None] * n
    if len(labels) != n:
        raise InputError(f"There are {n} rows, but {len(labels)} labels.")
    return [None if label is None else str(label) for label in labels]


def _by_row(issues: Iterable[Issues], ids: np.ndarray) -> dict[int, list[Issue]]:
    position = {row_id: at for at, row_id in enumerate(ids.tolist())}
    if len(position) != len(ids):
        raise InputError("Row ids must be unique.")
    found: dict[int, list[Issue]] = {}
    unknown: list[str] = []
    for issue in Issues.concat(issues):
        if issue.row_id in position:
            found.setdefault(position[issue.row_id], []).append(issue)
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
) -> _Decision:
    strength = {"drop": 0, "relabel": 1, "review": 2}

    def rank(pair: tuple[str, Issue]) -> tuple[int, int, float]:
        action, issue = pair
        at = CHECKS.index(issue.check) if issue.check in CHECKS else len(CHECKS)
        return strength[action], at, issue.score

    asked = [(policy.action(issue), issue) for issue in of_row]
    asked = [(action, issue) for action, issue in asked if action != "none"]
    if protected:
        asked = [("review", issue) for _, issue in asked]
    if not asked:
        return _Decision()
    action, issue = min(asked, key=rank)
    if action == "relabel" and issue.suggested == label:
        action = "review"
    new_label = issue.suggested if action == "relabel" else None
    return _Decision(action, issue.check, issue.score, issue.twin, new_label)


def _keep_classes(decisions: list[_Decision], labels: list[str | None], policy: Policy) -> None:
    """Turn drops and relabels into reviews where a class would lose its last rows.

    Duplicates and leaks have a copy that stays, and unusable rows teach nothing: they go all the
    same. The rows with the highest scores stay first.
    """
    protected_reasons = ("label", "outlier", "conflict", "coreset", "quality")
    rows: dict[str, list[int]] = {}
    alive: dict[str, int] = {}
    for row, (decision, label) in enumerate(zip(decisions, labels, strict=True)):
        if label is None:
            continue
        leaves = decision.action in ("drop", "relabel")
        alive[label] = alive.get(label, 0) + (not leaves)
        if leaves and decision.reason in protected_reasons:
            rows.setdefault(label, []).append(row)
    for label, leaving in rows.items():
        missing = policy.fewest_per_class - alive[label]
        leaving.sort(key=lambda row: (-(decisions[row].score or 0.0), row))
        for row in leaving[: max(0, missing)]:
            old = decisions[row]
            decisions[row] = _Decision("review", old.reason, old.score, old.twin)
