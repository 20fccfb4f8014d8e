"""Try core-set methods on a sample of the rows, and judge each by a probe in closed form.

The probe is a ridge regression on the vectors and, where they are short, on random features of them
(Rahimi and Recht, 2008), as a network would make. It is fitted to the chosen rows with their
weights and judged on all rows of the sample: chosen ones as if they had been left out, which has a
closed form, so that every method is judged on the same rows and none on what it was fitted to.
"""

from __future__ import annotations

import numpy as np

from ..labels.ridge import loo_ridge_probs
from .picking import UNCERTAIN, pick, weigh

# In the order in which ties are broken. Random rows are not among them: on eight sets of 3,000 rows
# a perceptron lost more on them than on either, at 10, 30 and 50 % on average, and the error of the
# probe on a sample is large enough to take them by mistake, as it did on 8,000 rows of Adult.
TRIED = (UNCERTAIN, "facility_location")
SAMPLE = 2000
FEATURES = 256


class Trial:
    """A sample of the rows, and how well a probe tells its classes.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n_rows, d)
    classes : ndarray of int64, shape (n_rows,)
    rng : numpy.random.Generator
    """

    def __init__(
        self, vectors: np.ndarray, classes: np.ndarray, *, rng: np.random.Generator
    ) -> None:
        self.rows = np.sort(rng.permutation(len(vectors))[:SAMPLE])
        self._vectors = vectors[self.rows]
        self._classes = np.unique(classes[self.rows], return_inverse=True)[1]
        self._features = network_features(self._vectors)
        self._rng = rng

    def accuracy(self, weights: np.ndarray | None = None) -> float:
        """Return the share of the sample that a probe is right on; weights as `loo_ridge_probs`."""
        count = int(self._classes.max()) + 1
        probs = loo_ridge_probs(self._features, self._classes, count, weights=weights)
        return float((probs.argmax(axis=1) == self._classes).mean())

    def best(self, share: float, *, demand: np.ndarray) -> tuple[str, dict[str, float]]:
        """Return the method whose core set serves the probe best, and what each one reached.

        Parameters
        ----------
        share : float
            Size of the core set as a share of the rows.
        demand : ndarray of float64, shape (n_rows,)
            See `pick`, for uncertain coverage.
        """
        n = max(1, round(share * len(self.rows)))
        reached = {}
        for method in TRIED:
            values = demand[self.rows] if method == UNCERTAIN else None
            data = self._vectors, self._classes
            positions = pick(method, *data, n=n, values=values, rng=self._rng)
            weights = np.zeros(len(self.rows), dtype=np.float32)
            weights[positions] = weigh(method, *data, positions)
            reached[method] = self.accuracy(weights)
        return max(reached, key=lambda method: reached[method]), reached


def network_features(vectors: np.ndarray) -> np.ndarray:
    """Return standardized columns, and random rectified sums of them up to `FEATURES` in all."""
    d = vectors.shape[1]
    spread = vectors.std(axis=0)
    X = (vectors - vectors.mean(axis=0)) / np.maximum(spread, 1e-6) / np.sqrt(d)
    more = FEATURES - d
    if more <= 0:
        return np.asarray(X, dtype=np.float32)
    rng = np.random.default_rng(0)
    sums = X @ rng.normal(size=(d, more)) + rng.normal(size=more) / 2
    return np.concatenate([X, np.maximum(sums, 0) * (2 / np.sqrt(more))], axis=1, dtype=np.float32)
