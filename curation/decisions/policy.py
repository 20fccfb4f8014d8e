"""What to do with each kind of finding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from thresher.core.errors import InputError, check_choice
from thresher.core.issues import Issue

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
ACTIONS = ("drop", "review", "none")
LABEL_ACTIONS = ("drop", "relabel", "review", "none")


@dataclass(frozen=True)
class Policy:
    """What to do with each kind of finding: ``"drop"``, ``"review"`` or ``"none"``.

    Attributes
    ----------
    exact_duplicate, near_duplicate, leakage, conflict, outlier : str
    unusable : str
        Quality issues that leave nothing to learn from: unreadable, blank, empty, not finite.
    unusable_kinds : tuple of str
        Further kinds of quality issues that count as such: ``"refusal"``.
    quality : str
        All other quality issues.
    label : str
        Also ``"relabel"``: write the suggested label.
    coreset : str
        Rows that a core set left out.
    protected : tuple of str
        Splits whose rows are never dropped or relabeled, only marked for review.
    fewest_per_class : int
        Rows of each class that stay whatever the findings say; duplicates, leaks and unusable rows
        excepted.
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
    unusable_kinds: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if name == "label":
                check_choice(name, value, LABEL_ACTIONS)
            elif name not in ("protected", "fewest_per_class", "unusable_kinds"):
                check_choice(name, value, ACTIONS)
        if self.fewest_per_class < 0:
            raise InputError(f"`fewest_per_class` must be at least 0, got {self.fewest_per_class}.")

    @classmethod
    def read(cls, policy: Policy | Mapping[str, Any] | None) -> Policy:
        """Make a policy from a mapping of some of its fields."""
        if policy is None or isinstance(policy, Policy):
            return policy or cls()
        for name in policy:
            check_choice("policy", name, cls.__dataclass_fields__)
        return cls(**policy)

    def action(self, issue: Issue) -> str:
        """Return what to do with one finding in a split that is not protected."""
        if issue.check == "quality":
            text = (issue.detail or "").lower()
            further = any(text.startswith(f"{kind.lower()}:") for kind in self.unusable_kinds)
            return self.unusable if further or text.startswith(UNUSABLE) else self.quality
        if issue.check not in CHECKS:
            return "review"
        action: str = getattr(self, issue.check)
        return "review" if action == "relabel" and not issue.suggested else action

    def to_json(self) -> dict[str, Any]:
        """Return JSON types."""
        values = asdict(self) | {"protected": list(self.protected)}
        kinds = list(values.pop("unusable_kinds"))
        return values | ({"unusable_kinds": kinds} if kinds else {})
