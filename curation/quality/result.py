"""What a search for quality issues returns."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from thresher.core.issues import Issues
from thresher.core.shown import ShownRows


@dataclass(frozen=True)
class Finding:
    """Rows with one kind of defect: positions, scores (0–1, low = bad) and details, each (m,)."""

    kind: str
    positions: np.ndarray
    scores: np.ndarray
    details: list[str]


@dataclass(frozen=True, repr=False)
class QualityIssues(ShownRows):
    """Defects of rows; a row may have several.

    Attributes
    ----------
    row_ids : ndarray of str, shape (n,)
    scores : ndarray of float64, shape (n,)
        Lowest score of the row's defects; 1 without any.
    flagged : ndarray of bool, shape (n,)
    findings : tuple of Finding
        One for each kind of defect that was found.
    notes : tuple of str
        What concerns the whole corpus, such as constant columns or its languages.
    properties : dict of ndarray, each shape (n,)
        What was measured of every row, such as the brightness of an image or the length of a text;
        see `find_corpus_issues`.
    """

    row_ids: np.ndarray
    scores: np.ndarray
    flagged: np.ndarray
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()
    properties: dict[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        row_ids: np.ndarray,
        findings: list[Finding],
        *,
        notes: tuple[str, ...] = (),
        properties: dict[str, np.ndarray] | None = None,
    ) -> QualityIssues:
        """Combine findings about the same rows."""
        scores = np.ones(len(row_ids))
        flagged = np.zeros(len(row_ids), dtype=bool)
        kept = tuple(finding for finding in findings if len(finding.positions))
        for finding in kept:
            np.minimum.at(scores, finding.positions, finding.scores)
            flagged[finding.positions] = True
        return cls(row_ids, scores, flagged, kept, notes, properties or {})

    def __len__(self) -> int:
        return len(self.row_ids)

    def counts(self) -> dict[str, int]:
        """Return the number of rows with each kind of defect."""
        return {finding.kind: len(finding.positions) for finding in self.findings}

    def to_issues(self) -> Issues:
        """Return the findings as issues of the check ``quality``, the kind first in the detail."""
        parts = [
            Issues.from_columns(
                "quality",
                row_ids=self.row_ids[finding.positions].tolist(),
                scores=finding.scores.tolist(),
                details=[f"{finding.kind}: {detail}" for detail in finding.details],
            )
            for finding in self.findings
        ]
        return Issues.concat(parts)


def finding(
    kind: str, mask: np.ndarray, *, scores: np.ndarray | float, details: str | list[str]
) -> Finding:
    """Make a finding about the rows of a mask, shape (n,).

    `scores` is one number or one for each of the n rows; `details` one text, or one for each row
    of the mask.
    """
    positions = np.flatnonzero(mask)
    wide = np.broadcast_to(np.asarray(scores, dtype=np.float64), mask.shape)
    texts = [details] * len(positions) if isinstance(details, str) else details
    return Finding(kind, positions, np.clip(wide[positions], 0, 1), texts)
