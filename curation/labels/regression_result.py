"""What a search for wrong targets returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thresher.core.issues import Issues

from .scored import Scored


@dataclass(frozen=True, repr=False)
class RegressionIssues(Scored):
    """How much each target is to be trusted; see also `Scored`.

    Its ``scores`` are those of the method where one was asked for.

    Attributes
    ----------
    targets : ndarray of float64, shape (n,)
        NaN = missing; such a row is never flagged.
    predicted : ndarray of float64, shape (n,)
        Out-of-sample predictions: the suggested targets.
    """

    targets: np.ndarray
    predicted: np.ndarray

    @property
    def judged(self) -> np.ndarray:
        """Which rows have a target, ndarray of bool, shape (n,)."""
        return np.asarray(np.isfinite(self.targets))

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
