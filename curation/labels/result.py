"""What a search for wrong labels returns."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from thresher.core.errors import check_number
from thresher.core.issues import Issues

from .audit import calibrate, choose_audit
from .noise import NoiseRate
from .posterior import expected_precision


@dataclass(frozen=True)
class LabelIssues:
    """How much each label is to be trusted, and which are flagged.

    Attributes
    ----------
    row_ids : ndarray of str, shape (n,)
    labels : ndarray of int64, shape (n,)
        Given labels as codes; −1 = missing. A row without a label is never flagged.
    classes : tuple of str
        Class names; a code is a position here.
    scores : ndarray of float64, shape (n,)
        Estimated probability that the given label is right, 0–1, low = bad; 1 for rows without a
        label.
    suggested : ndarray of int64, shape (n,)
        Most probable class.
    flagged : ndarray of bool, shape (n,)
    threshold : float
        Rows with a score below it are flagged (by methods that flag by score).
    noise_rate : NoiseRate
        Estimated share of wrong labels among the labelled rows. Mistakes that follow a rule agree
        with each other and are not seen in it, until `calibrate` has learnt from audited rows.
    expected_precision : float or None
        Estimated share of flagged rows whose label is wrong; None without flagged rows.
    method : str
        How it was found and why so, in a sentence.
    """

    row_ids: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    scores: np.ndarray
    suggested: np.ndarray
    flagged: np.ndarray
    threshold: float
    noise_rate: NoiseRate
    expected_precision: float | None
    method: str

    def __len__(self) -> int:
        return len(self.row_ids)

    @property
    def judged(self) -> np.ndarray:
        """Which rows have a label, ndarray of bool, shape (n,)."""
        return np.asarray(self.labels >= 0)

    @property
    def suggested_names(self) -> np.ndarray:
        """Most probable class of each row by name, ndarray of str, shape (n,)."""
        names = np.asarray(self.classes, dtype=str)
        return names[self.suggested] if len(names) else np.full(len(self), "", dtype=str)

    def at(self, threshold: float) -> LabelIssues:
        """Flag the rows with a score below `threshold` instead, without scoring anything again."""
        check_number("threshold", threshold, low=0, high=1)
        flagged = (self.scores < threshold) & self.judged
        precision = expected_precision(self.scores, flagged)
        return replace(self, threshold=threshold, flagged=flagged, expected_precision=precision)

    def audit(self, n: int) -> np.ndarray:
        """Return the ids of the `n` rows most worth a look; see `curation.labels.audit`."""
        return np.asarray(self.row_ids[choose_audit(self, n)])

    def calibrate(self, rows: np.ndarray, is_error: np.ndarray) -> LabelIssues:
        """Learn from audited rows how scores and errors relate; see `curation.labels.audit`."""
        return calibrate(self, rows, is_error)

    def to_issues(self) -> Issues:
        """Return the flagged rows as issues of the check ``label``, with suggested labels."""
        at = np.flatnonzero(self.flagged)
        names, better = np.asarray(self.classes, dtype=str), self.suggested_names[at]
        given = names[self.labels[at]]
        # Training dynamics alone know that a label is wrong, but none that is better.
        suggested = [new if new != old else None for new, old in zip(better, given, strict=True)]
        details = [
            f"labelled '{old}'; {1 - score:.0%} likely wrong"
            for old, score in zip(given, self.scores[at], strict=True)
        ]
        return Issues.concat(
            [
                Issues.from_columns(
                    "label",
                    row_ids=self.row_ids[at].tolist(),
                    scores=self.scores[at].tolist(),
                    suggested=suggested,
                    details=details,
                )
            ]
        )
