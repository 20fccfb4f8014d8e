"""What a search for wrong labels returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thresher.core.issues import Issues
from thresher.core.text_arrays import text_array

from .scored import Scored


@dataclass(frozen=True, repr=False)
class LabelIssues(Scored):
    """How much each label is to be trusted, and which are flagged; see also `Scored`.

    Attributes
    ----------
    labels : ndarray of int64, shape (n,)
        Given labels as codes; −1 = missing. A row without a label is never flagged.
    classes : tuple of str
        Class names; a code is a position here.
    suggested : ndarray of int64, shape (n,)
        Most probable class.
    """

    labels: np.ndarray
    classes: tuple[str, ...]
    suggested: np.ndarray

    @property
    def judged(self) -> np.ndarray:
        """Which rows have a label, ndarray of bool, shape (n,)."""
        return np.asarray(self.labels >= 0)

    @property
    def suggested_names(self) -> np.ndarray:
        """Most probable class of each row by name, ndarray of str, shape (n,)."""
        names = text_array(self.classes)
        return names[self.suggested] if len(names) else np.full(len(self), "", dtype=object)

    def to_issues(self) -> Issues:
        """Return the flagged rows as issues of the check ``label``, with suggested labels."""
        at = np.flatnonzero(self.flagged)
        names, better = text_array(self.classes), self.suggested_names[at]
        given = names[self.labels[at]]
        # Training dynamics alone know that a label is wrong, but none that is better.
        suggested = [new if new != old else None for new, old in zip(better, given, strict=True)]
        details = [
            "; ".join(filter(None, [f"labeled '{old}'", self.likely_wrong(score)]))
            for old, score in zip(given, self.scores[at].tolist(), strict=True)
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
