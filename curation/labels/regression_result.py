"""What a search for wrong targets returns."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from thresher.core.errors import check_number
from thresher.core.issues import Issues

from .audit import calibrate, choose_audit
from .noise import NoiseRate
from .posterior import expected_precision


@dataclass(frozen=True)
class RegressionIssues:
    """How much each target is to be trusted.

    Attributes
    ----------
    row_ids : ndarray of str, shape (n,)
    targets : ndarray of float64, shape (n,)
        NaN = missing; such a row is never flagged.
    predicted : ndarray of float64, shape (n,)
        Out-of-sample predictions: the suggested targets.
    scores : ndarray of float64, shape (n,)
        Estimated probability that the target is right, 0–1, low = bad (or the score of the method
        asked for).
    flagged : ndarray of bool, shape (n,)
    threshold : float
        Rows with a score below it are flagged.
    noise_rate : NoiseRate
        Estimated share of wrong targets.
    expected_precision : float or None
        Estimated share of flagged rows whose target is wrong.
    method : str
        How it was found, in a sentence.
    """

    row_ids: np.ndarray
    targets: np.ndarray
    predicted: np.ndarray
    scores: np.ndarray
    flagged: np.ndarray
    threshold: float
    noise_rate: NoiseRate
    expected_precision: float | None
    method: str

    def __len__(self) -> int:
        return len(self.row_ids)

    @property
    def judged(self) -> np.ndarray:
        """Which rows have a target, ndarray of bool, shape (n,)."""
        return np.asarray(np.isfinite(self.targets))

    def at(self, threshold: float) -> RegressionIssues:
        """Flag the rows with a score below `threshold` instead, without scoring anything again."""
        check_number("threshold", threshold, low=0, high=1)
        flagged = (self.scores < threshold) & self.judged
        precision = expected_precision(self.scores, flagged)
        return replace(self, threshold=threshold, flagged=flagged, expected_precision=precision)

    def audit(self, n: int) -> np.ndarray:
        """Return the ids of the `n` rows most worth a look; see `curation.labels.audit`."""
        return np.asarray(self.row_ids[choose_audit(self, n)])

    def calibrate(self, rows: np.ndarray, is_error: np.ndarray) -> RegressionIssues:
        """Learn from audited rows how scores and errors relate; see `curation.labels.audit`."""
        return calibrate(self, rows, is_error)

    def to_issues(self) -> Issues:
        """Return the flagged rows as issues of the check ``label``, with predicted targets."""
        at = np.flatnonzero(self.flagged)
        details = [
            f"target {self.targets[row]:.6g}, predicted {self.predicted[row]:.6g}" for row in at
        ]
        part = Issues.from_columns(
            "label",
            row_ids=self.row_ids[at].tolist(),
            scores=self.scores[at].tolist(),
            suggested=[f"{value:.6g}" for value in self.predicted[at]],
            details=details,
        )
        return Issues.concat([part])
