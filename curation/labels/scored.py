"""What all searches for wrong labels return: scores and flags, to be moved, audited, calibrated."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from thresher.core.counted import percent
from thresher.core.errors import check_number
from thresher.core.shown import ShownRows

from .audit import calibrate, choose_audit
from .curve import stated_precision
from .noise import NoiseRate


@dataclass(frozen=True, repr=False)
class Scored(ShownRows, ABC):
    """Rows with a probability that what they are labeled with is right.

    Attributes
    ----------
    row_ids : ndarray of str, shape (n,)
    scores : ndarray of float64, shape (n,)
        0–1, low = bad; 1 for rows that cannot be judged. Probabilities for the case that some
        labels are wrong.
    flagged : ndarray of bool, shape (n,)
    threshold : float
        Rows with a score below it are flagged (by methods that flag by score).
    noise_rate : NoiseRate
        Estimated share of wrong labels among the judged rows, with a 95 % range, which is wide
        where evidence is weak. Mistakes that follow a rule agree with each other and are not seen
        in it, until `calibrate` has learnt from audited rows.
    expected_precision : float or None
        Estimated share of flagged rows whose label is wrong; None where it is not known to ten
        points.
    method : str
        How it was found and why so, in a sentence.
    least_precision : float
        The share of flagged rows whose label is wrong is at least this, 19 times in 20; 0 where
        nothing is known.
    doubt : ndarray of float64, shape (2, 2), or None
        Covariance of α and β if the true log-odds of an error are ``α + β u`` with those that the
        scores state, u. None for scores that are no probabilities.
    none_wrong : float
        Probability that no label at all is wrong. The noise rate and what is said of the precision
        take it in.
    """

    row_ids: np.ndarray
    scores: np.ndarray
    flagged: np.ndarray
    threshold: float
    noise_rate: NoiseRate
    expected_precision: float | None
    method: str
    least_precision: float = field(default=0.0, kw_only=True)
    doubt: np.ndarray | None = field(default=None, kw_only=True, repr=False)
    none_wrong: float = field(default=0.0, kw_only=True)

    def __len__(self) -> int:
        return len(self.row_ids)

    @property
    @abstractmethod
    def judged(self) -> np.ndarray:
        """Which rows have a label, ndarray of bool, shape (n,)."""

    def likely_wrong(self, score: float) -> str:
        """Say how likely a row with this score is wrong, or nothing where that is not known."""
        if self.expected_precision is None:
            return ""
        chance = (1 - self.none_wrong) * (1 - score)
        return "over 99 % likely wrong" if chance > 0.99 else f"{percent(chance)} likely wrong"

    def at(self, threshold: float) -> Self:
        """Flag the rows with a score below `threshold` instead, without scoring anything again."""
        check_number("threshold", threshold, low=0, high=1)
        flagged = (self.scores < threshold) & self.judged
        expected, least = stated_precision(
            self.scores, flagged, self.doubt, none_wrong=self.none_wrong
        )
        return replace(
            self,
            threshold=threshold,
            flagged=flagged,
            expected_precision=expected,
            least_precision=least,
        )

    def audit(self, n: int) -> np.ndarray:
        """Return the ids of the `n` rows most worth a look; see `curation.labels.audit`."""
        return np.asarray(self.row_ids[choose_audit(self, n)])

    def calibrate(self, rows: np.ndarray, is_error: np.ndarray) -> Self:
        """Learn from audited rows how scores and errors relate; see `curation.labels.audit`."""
        return calibrate(self, rows, is_error)
