"""What a search for wrong labels returns where a row has any number of classes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from thresher.core.issues import Issues
from thresher.core.shown import Shown
from thresher.core.text_arrays import text_array

from .noise import NoiseRate
from .result import LabelIssues


@dataclass(frozen=True, repr=False)
class MultilabelIssues(Shown):
    """How much each row's set of classes is to be trusted.

    Attributes
    ----------
    row_ids : ndarray of str, shape (n,)
    classes : tuple of str, length K
    scores : ndarray of float64, shape (n,)
        0–1, low = bad: of the worst class of each row.
    flagged : ndarray of bool, shape (n,)
        Rows of which a class is flagged.
    cells : LabelIssues
        The n · K questions, row by row, with ids such as ``"row7/dog"`` and the classes ``absent``
        and ``present``.
    noise_rates : tuple of NoiseRate, length K
        Estimated share of wrong answers in each class.
    """

    row_ids: np.ndarray
    classes: tuple[str, ...]
    scores: np.ndarray
    flagged: np.ndarray
    cells: LabelIssues
    noise_rates: tuple[NoiseRate, ...]

    def __len__(self) -> int:
        return len(self.row_ids)

    @property
    def class_scores(self) -> np.ndarray:
        """Score of each class of each row, float64, shape (n, K)."""
        return self.cells.scores.reshape(len(self), len(self.classes))

    @property
    def class_flagged(self) -> np.ndarray:
        """Whether each class of each row is flagged, bool, shape (n, K)."""
        return self.cells.flagged.reshape(len(self), len(self.classes))

    @property
    def suggested(self) -> np.ndarray:
        """Classes of each row, the flagged ones turned over, bool, shape (n, K)."""
        given = self.cells.labels.reshape(len(self), len(self.classes)) == 1
        return np.asarray(given ^ self.class_flagged)

    @property
    def threshold(self) -> float:
        """Classes of rows with a score below it are flagged."""
        return self.cells.threshold

    @property
    def noise_rate(self) -> NoiseRate:
        """Estimated share of wrong answers over all classes."""
        return self.cells.noise_rate

    @property
    def expected_precision(self) -> float | None:
        """How many of the flagged cells are expected to be wrong indeed; None where unknown."""
        return self.cells.expected_precision

    @property
    def method(self) -> str:
        """How it was found, in a sentence."""
        return self.cells.method

    def at(self, threshold: float) -> MultilabelIssues:
        """Flag by another threshold, without scoring anything again."""
        return self._with(self.cells.at(threshold))

    def audit(self, n: int) -> np.ndarray:
        """Return the ids of the `n` cells most worth a look; see `curation.labels.audit`."""
        return self.cells.audit(n)

    def calibrate(self, cells: np.ndarray, is_error: np.ndarray) -> MultilabelIssues:
        """Learn from audited cells how scores and errors relate."""
        found = self._with(self.cells.calibrate(cells, is_error))
        return replace(found, scores=found.class_scores.min(axis=1, initial=1))

    def to_issues(self) -> Issues:
        """Return the flagged rows as issues of the check ``label``; classes are joined by ``|``."""
        rows = np.flatnonzero(self.flagged)
        names = text_array(self.classes)
        given = self.cells.labels.reshape(len(self), len(self.classes)) == 1
        details = []
        for row in rows:
            turned = np.flatnonzero(self.class_flagged[row])
            said = [f"'{names[k]}' {'is set' if given[row, k] else 'is missing'}" for k in turned]
            likely = self.cells.likely_wrong(float(self.scores[row]))
            details.append("; ".join(filter(None, [", ".join(said), likely])))
        part = Issues.from_columns(
            "label",
            row_ids=self.row_ids[rows].tolist(),
            scores=self.scores[rows].tolist(),
            suggested=["|".join(names[self.suggested[row]]) for row in rows],
            details=details,
        )
        return Issues.concat([part])

    def _with(self, cells: LabelIssues) -> MultilabelIssues:
        changed = replace(self, cells=cells)
        return replace(changed, flagged=np.asarray(changed.class_flagged.any(axis=1)))
