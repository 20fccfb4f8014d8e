"""A linear head on few rows, fitted from their inner products alone.

Ridge regression onto one-hot labels in its dual form: with the Gram matrix of the sample at hand,
a fit on any part of it is one solve of that part's size, so that hundreds of fits cost little
(Saunders, Gammerman and Vovk, 1998). Costs O(n³) for each fit on n rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.lapack import dtrtri

PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)


@dataclass(frozen=True, eq=False)
class GramHead:
    """Rows by their inner products, their classes, and the penalty that suits them.

    Attributes
    ----------
    gram : ndarray of float64, shape (n, n)
    codes : ndarray of int64, shape (n,)
    num_classes : int
    penalty : float
    """

    gram: np.ndarray
    codes: np.ndarray
    num_classes: int
    penalty: float

    def right(
        self,
        train: np.ndarray,
        test: np.ndarray,
        *,
        weights: np.ndarray | None = None,
    ) -> np.ndarray:
        """Fit on some rows and tell which of others it gets right.

        Parameters
        ----------
        train, test : ndarray of int64
            Positions.
        weights : ndarray of float, shape (train,), optional
            How much each training row counts.

        Returns
        -------
        ndarray of bool, shape (test,)
        """
        scores = self.scores(train, test, weights=weights)
        return np.asarray(scores.argmax(axis=1) == self.codes[test])

    def scores(
        self,
        train: np.ndarray,
        test: np.ndarray,
        *,
        weights: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return the head's output for each class, float64 (test, classes)."""
        target = np.eye(self.num_classes)[self.codes[train]]
        mean = target.mean(axis=0)
        system = self.gram[np.ix_(train, train)].copy()
        part = np.ones(len(train)) if weights is None else np.maximum(weights, 1e-6)
        system[np.diag_indices(len(train))] += self.penalty / part
        solved = cho_solve(cho_factor(system, lower=True), target - mean)
        return np.asarray(self.gram[np.ix_(test, train)] @ solved + mean)

    def part(self, rows: np.ndarray) -> GramHead:
        """Return the head of some rows alone, with classes counted anew and the same penalty."""
        names, codes = np.unique(self.codes[rows], return_inverse=True)
        return GramHead(self.gram[np.ix_(rows, rows)], codes, len(names), self.penalty)

    def left_out(self) -> np.ndarray:
        """Return each row's scores by a fit on all others, float64 (n, classes), in closed form."""
        return _left_out(self.gram, np.eye(self.num_classes)[self.codes], self.penalty)


def gram_head(vectors: np.ndarray, codes: np.ndarray, *, num_classes: int) -> GramHead:
    """Return a head for these rows, its penalty chosen by leaving each row out.

    Parameters
    ----------
    vectors : ndarray of float, shape (n, d)
    codes : ndarray of int64, shape (n,)
    num_classes : int
    """
    gram = scaled_gram(vectors)
    target = np.eye(num_classes)[codes]
    right = [
        float((_left_out(gram, target, penalty).argmax(axis=1) == codes).mean())
        for penalty in PENALTIES
    ]
    # Of equals the larger one, which fewer rows can bear as well.
    best = max(range(len(PENALTIES)), key=lambda at: (right[at], PENALTIES[at]))
    return GramHead(gram, codes, num_classes, PENALTIES[best])


def scaled_gram(vectors: np.ndarray) -> np.ndarray:
    """Return the rows' inner products, float64 (n, n), against a mean square of 1."""
    rows = np.asarray(vectors, dtype=np.float64)
    gram = rows @ rows.T
    return np.asarray(gram / max(float(np.mean(np.diag(gram))), 1e-12))


def _left_out(gram: np.ndarray, target: np.ndarray, penalty: float) -> np.ndarray:
    system = gram.copy()
    system[np.diag_indices(len(gram))] += penalty
    factor = cho_factor(system, lower=True, overwrite_a=True)
    mean = target.mean(axis=0)
    solved = cho_solve(factor, target - mean)
    # Of the inverse only the diagonal is needed: the squares of the inverse factor, a third of the
    # work of all of it.
    inverse_factor, _ = dtrtri(np.tril(factor[0]), lower=1)
    diagonal = (inverse_factor**2).sum(axis=0)
    return np.asarray(target - solved / diagonal[:, None])
