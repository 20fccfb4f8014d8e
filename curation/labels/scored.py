"""What all searches for wrong labels return: scores and flags, to be moved, audited, calibrated."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from thresher.core.errors import check_number
from thresher.core.shown import ShownRows

from .audit import calibrate, choose_audit
from .noise import NoiseRate
from .posterior import expected_precision


@dataclass(frozen=True, repr=False)
class Scored(ShownRows, ABC):
    """Rows with a probability that what they are labelled with is right.

    Attributes
    ----------
    row_ids : ndarray of str, shape (n,)
    scores : ndarray of float64, shape (n,)
        0–1, low = bad; 1 for rows that cannot be judged.
    flagged : ndarray of bool, shape (n,)
    threshold : float
        Rows with a score below it are flagged (by methods that flag by score).
    noise_rate : NoiseRate
        Estimated share of wrong labels among the judged rows. Mistakes that follow a rule agree
        with each other and are not seen in it, until `calibrate` has learnt from audited rows.
    expected_precision : float or None
        Estimated share of flagged rows whose label is wrong; None where it is not known.
    method : str
        How it was found and why so, in a sentence.
    """

    row_ids: np.ndarray
    scores: np.ndarray
    flagged: np.ndarray
    threshold: float
    noise_rate: NoiseRate
    expected_precision: float | None
    method: str

    def __len__(self) -> int:
        return len(self.row_ids)

    @property
    @abstractmethod
    def judged(self) -> np.ndarray:
        """Which rows have a label, ndarray of bool, shape (n,)."""

    def at(self, threshold: float) -> Self:
        """Flag the rows with a score below `threshold` instead, without scoring anything again."""
        check_number("threshold", threshold, low=0, high=1)
        flagged = (self.scores < threshold) & self.judged
        precision = expected_precision(self.scores, flagged)
        return replace(self, threshold=threshold, flagged=flagged, expected_precision=precision)

    def audit(self, n: int) -> np.ndarray:
        """Return the ids of the `n` rows most worth a look; see `curation.labels.audit`."""
        return np.asarray(self.row_ids[choose_audit(self, n)])

    def calibrate(self, rows: np.ndarray, is_error: np.ndarray) -> Self:
        """Learn from audited rows how scores and errors relate; see `curation.labels.audit`."""
        return calibrate(self, rows, is_error)
