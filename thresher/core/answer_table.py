"""Who said what of which rows, as one long table: sparse crowds cost only what they hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class AnswerTable:
    """One entry for each answer that counts.

    Attributes
    ----------
    rows, annotators : ndarray of int64, shape (v,)
        Row number, 0 … n − 1, and annotator number, 0 … a − 1, of each answer.
    labels : ndarray, shape (v,)
        What was said: text, or codes.
    row_ids : ndarray of str, shape (n,)
    names : ndarray of str, shape (a,)
        Of the annotators.
    """

    rows: np.ndarray
    annotators: np.ndarray
    labels: np.ndarray
    row_ids: np.ndarray
    names: np.ndarray

    def take(self, mask: np.ndarray) -> AnswerTable:
        """Return some of the answers, with all rows and annotators."""
        return AnswerTable(
            self.rows[mask], self.annotators[mask], self.labels[mask], self.row_ids, self.names
        )

    def by_row(self) -> list[np.ndarray]:
        """Return the places of each row's answers."""
        order = np.argsort(self.rows, kind="stable")
        return np.split(order, np.cumsum(np.bincount(self.rows, minlength=len(self.row_ids)))[:-1])

    def answers(self) -> np.ndarray:
        """Return the answers of each annotator, shape (a,)."""
        return np.bincount(self.annotators, minlength=len(self.names))

    def mean_by_annotator(self, values: np.ndarray) -> np.ndarray:
        """Return the mean over each annotator's answers of `values`, shape (v,)."""
        total = np.bincount(self.annotators, weights=values, minlength=len(self.names))
        return np.asarray(total / np.maximum(self.answers(), 1))

    def counts_of(self, codes: np.ndarray, *, num_classes: int) -> np.ndarray:
        """Return how often each row was given each class, float64, shape (n, c).

        `codes`, shape (v,), are the classes of the answers.
        """
        n = len(self.row_ids)
        flat = np.bincount(self.rows * num_classes + codes, minlength=n * num_classes)
        return flat.reshape(n, num_classes).astype(np.float64)
