"""What a search for issues of a whole data set returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class CorpusIssue:
    """One thing about the data set as a whole that can spoil a model or its evaluation.

    Attributes
    ----------
    kind : str
        ``"imbalance"``, ``"few rows"``, ``"shortcut"``, ``"sorted"`` or ``"drift"``.
    score : float
        0 to 1, low = bad.
    message : str
        What was found and what to do about it, in a sentence or two.
    evidence : dict
        The numbers behind it, JSON-able.
    """

    kind: str
    score: float
    message: str
    evidence: dict[str, Any]


@dataclass(frozen=True)
class CorpusIssues:
    """Issues of a whole data set, worst first.

    Attributes
    ----------
    issues : tuple of CorpusIssue
    checked : dict of str
        Each check and what it found or why it could not look, in a sentence.
    """

    issues: tuple[CorpusIssue, ...]
    checked: dict[str, str]

    def __len__(self) -> int:
        return len(self.issues)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {"issues": [vars(issue) for issue in self.issues], "checked": self.checked}
