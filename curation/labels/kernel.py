"""Features in which a linear probe bends: a Gaussian kernel seen from two hundred landmarks.

Classes that no straight line parts look wrong to linear probes, row by row. A ridge regression on
these features is a kernel ridge regression, approximated from random rows (Williams and Seeger,
"Using the Nyström Method to Speed Up Kernel Machines", 2001). Costs O(n m d + n m²) time for m
landmarks, in float64, so that processors differ by last bits only.
"""

from __future__ import annotations

import numpy as np

from thresher.core.randomness import RandomState, check_random_state

from .ridge import loo_ridge_probs

LANDMARKS = 200
# So many rows tell which features foretell labels better.
COMPARED = 4_000
# Standard errors by which they must foretell them better.
SURE = 2.0
# Keeps the logarithm of a probability near 0 from deciding alone.
LEAST = 1e-4
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


def bends(
    vectors: np.ndarray,
    labels: np.ndarray,
    num_classes: int,
    *,
    random_state: RandomState = 0,
) -> bool:
    """Tell whether a ridge regression surely foretells labels better on kernel features.

    Tables of numbers mostly bend, vectors of encoders mostly do not. Why it must be better by two
    standard errors stands in docs/decisions/054.
    """
    random = check_random_state(random_state)
    some = np.sort(random.permutation(len(labels))[:COMPARED])
    X, given = vectors[some], labels[some]
    straight, bent = (
        np.log(probs[np.arange(len(given)), given] + LEAST, dtype=np.float64)
        for probs in (
            loo_ridge_probs(features, given, num_classes)
            for features in (X, kernel_features(X, random_state=random))
        )
    )
    gain = bent - straight
    return bool(gain.mean() > SURE * gain.std() / np.sqrt(max(1, len(gain))))


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
    return np.asarray(np.maximum(squares, 0, out=squares))
