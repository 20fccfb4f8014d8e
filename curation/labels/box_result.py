"""What a search for wrong boxes returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thresher.core.issues import Issues
from thresher.core.shown import Shown

from .noise import NoiseRate
from .scored import Scored

MOST_NAMED = 3
IN_WORDS = {
    "overlooked": "predicted box {} is not labeled",
    "badly located": "box {} is badly located",
    "swapped": "box {} is of another class",
    "extra": "box {} holds nothing",
    "empty": "box {} has no area",
}


@dataclass(frozen=True, repr=False)
class BoxFindings(Scored):
    """One entry for each box and each way in which it can be wrong; see also `Scored`.

    Its ids are such as ``"image7/swapped/2"``, its noise rate the share of the entries that are
    flagged, which may be any share of the wrong ones, or, calibrated, estimated to be wrong; its
    expected precision is known after `calibrate` only.

    Attributes
    ----------
    row_of : ndarray of int64, shape (m,)
        Position of the image.
    kinds : ndarray of str, shape (m,)
        ``"overlooked"`` (a prediction that the labels lack), ``"badly located"``, ``"swapped"``,
        ``"extra"`` (a label on nothing) or ``"empty"`` (no area).
    boxes : ndarray of int64, shape (m,)
        Position among the image's labeled boxes, of overlooked ones among its predicted boxes.
    """

    row_of: np.ndarray
    kinds: np.ndarray
    boxes: np.ndarray

    @property
    def judged(self) -> np.ndarray:
        """All entries, ndarray of bool, shape (m,)."""
        return np.ones(len(self), dtype=bool)


@dataclass(frozen=True, repr=False)
class BoxIssues(Shown):
    """How much each image's boxes are to be trusted.

    Attributes
    ----------
    row_ids : ndarray of str, shape (n,)
        One for each image.
    scores : ndarray of float64, shape (n,)
        0–1, low = bad: the lowest of the image's findings; 1 without any.
    flagged : ndarray of bool, shape (n,)
    findings : BoxFindings
    """

    row_ids: np.ndarray
    scores: np.ndarray
    flagged: np.ndarray
    findings: BoxFindings

    @classmethod
    def of(cls, row_ids: np.ndarray, findings: BoxFindings) -> BoxIssues:
        """Gather findings, image by image."""
        scores, flagged = np.ones(len(row_ids)), np.zeros(len(row_ids), dtype=bool)
        np.minimum.at(scores, findings.row_of, findings.scores)
        np.logical_or.at(flagged, findings.row_of, findings.flagged)
        return cls(row_ids, scores, flagged, findings)

    def __len__(self) -> int:
        return len(self.row_ids)

    @property
    def threshold(self) -> float:
        """Findings with a score below it are flagged."""
        return self.findings.threshold

    @property
    def noise_rate(self) -> NoiseRate:
        """Share of flagged findings among all."""
        return self.findings.noise_rate

    @property
    def method(self) -> str:
        """How it was found, in a sentence."""
        return self.findings.method

    def at(self, threshold: float) -> BoxIssues:
        """Flag by another threshold, without scoring anything again."""
        return BoxIssues.of(self.row_ids, self.findings.at(threshold))

    def audit(self, n: int) -> np.ndarray:
        """Return the ids of the `n` findings most worth a look; see `curation.labels.audit`."""
        return self.findings.audit(n)

    def calibrate(self, findings: np.ndarray, is_error: np.ndarray) -> BoxIssues:
        """Learn from audited findings how scores and errors relate."""
        return BoxIssues.of(self.row_ids, self.findings.calibrate(findings, is_error))

    def to_issues(self) -> Issues:
        """Return the flagged images as issues of the check ``label``, worst boxes named."""
        rows, found = np.flatnonzero(self.flagged), self.findings
        details = []
        for row in rows:
            at = np.flatnonzero(found.flagged & (found.row_of == row))
            worst = at[np.argsort(found.scores[at], kind="stable")][:MOST_NAMED]
            said = [IN_WORDS[found.kinds[entry]].format(found.boxes[entry]) for entry in worst]
            more = [f"{len(at) - len(worst)} more"] if len(at) > len(worst) else []
            details.append("; ".join(said + more))
        part = Issues.from_columns(
            "label",
            row_ids=self.row_ids[rows].tolist(),
            scores=self.scores[rows].tolist(),
            details=details,
        )
        return Issues.concat([part])
