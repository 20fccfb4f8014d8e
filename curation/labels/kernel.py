"""Features in which a linear probe bends: a Gaussian kernel seen from two hundred landmarks.

Classes that no straight line parts look wrong to linear probes, row by row. A ridge regression on
these features is a kernel ridge regression, approximated from random rows (Williams and Seeger,
"Using the Nyström Method to Speed Up Kernel Machines", 2001). Costs O(n m d + n m²) time for m
landmarks, in float64, so that processors differ by last bits only.
"""

from __future__ import annotations

import numpy as np

from thresher.core.randomness import RandomState, check_random_state

LANDMARKS = 200
# The kernel's width is the middle distance of a landmark to this part of the others, the nearest.
NEAR = 0.1
# Keeps equal landmarks apart in the factor of their kernel.
JITTER = 1e-3


def kernel_features(vectors: np.ndarray, *, random_state: RandomState = 0) -> np.ndarray:
    """Map vectors so that inner products are those of the kernel, as far as landmarks see it.

    Parameters
    ----------
    vectors : ndarray of float, shape (n, d)
    random_state : int, numpy.random.Generator or None
        Chooses the landmarks.

    Returns
    -------
    ndarray of float64, shape (n, min(n, LANDMARKS))
        Of at most unit length.
    """
    X = np.asarray(vectors, np.float64)
    chosen = check_random_state(random_state).permutation(len(X))[:LANDMARKS]
    landmarks = X[np.sort(chosen)]
    between = _square_distances(landmarks, landmarks)
    width = _near_distance(between)
    factor = np.linalg.cholesky(np.exp(-between / width) + JITTER * np.eye(len(landmarks)))
    similar = _square_distances(X, landmarks)
    similar /= -width
    np.exp(similar, out=similar)
    return np.asarray(similar @ np.linalg.inv(factor).T)


def _near_distance(between: np.ndarray) -> float:
    """Return the median square distance to the nearest landmarks, above 0 where any two differ."""
    m = len(between)
    near = np.sort(between, axis=1)[:, 1 : max(2, int(NEAR * m))]
    middle = float(np.median(near)) if near.size else 0.0
    return middle or float(between.mean()) or 1.0


def _square_distances(X: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    lengths = np.einsum("ij,ij->i", landmarks, landmarks)
    squares = X @ (-2 * landmarks.T)
    squares += lengths + np.einsum("ij,ij->i", X, X)[:, None]
    return np.maximum(squares, 0, out=squares)
