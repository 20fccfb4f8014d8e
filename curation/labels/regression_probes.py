"""Leave-one-out predictions of numbers from embeddings: a ridge, and the neighbors' targets."""

from __future__ import annotations

import numpy as np

from thresher.core.counted import percent
from thresher.core.embeddings import Embeddings
from thresher.core.randomness import RandomState

from .evidence import nearest_rows
from .inputs import LabelInputs

PENALTIES = (0.03, 0.3, 3.0, 30.0)


def predict_targets(
    embeddings: Embeddings, targets: np.ndarray, *, random_state: RandomState = 0
) -> tuple[np.ndarray, str]:
    """Predict each row's target from all other rows.

    Parameters
    ----------
    embeddings : Embeddings
        Of n rows.
    targets : ndarray of float64, shape (n,)
        NaN = missing: such a row is predicted by neither.

    Returns
    -------
    predicted : ndarray of float64, shape (n,)
        Mean of ridge and neighbors, weighted by their inverse squared median errors.
    how : str
    """
    known = np.isfinite(targets)
    predicted = np.full(len(targets), np.nan)
    if known.sum() < 2:
        return predicted, "ridge and neighbors' targets"
    y = targets[known]
    inside = embeddings.take(np.flatnonzero(known))
    parts = [_loo_ridge(inside.vectors, y), _neighbors(inside, y, random_state)]
    spread = 1e-9 * float(np.ptp(y)) or 1.0
    precisions = [1 / (float(np.median(np.abs(part - y))) + spread) ** 2 for part in parts]
    predicted[known] = np.average(parts, axis=0, weights=precisions)
    share = precisions[0] / sum(precisions)
    return predicted, f"ridge ({percent(share)}) and neighbors' targets ({percent(1 - share)})"


def _loo_ridge(vectors: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Predict by a ridge without the row itself, with the penalty of the least absolute error.

    Twice: targets that the first fit finds far off are pulled in for the second (Huber, 1964).
    """
    X = np.concatenate([vectors, np.ones((len(y), 1))], axis=1).astype(np.float64)
    eigenvalues, eigenvectors = np.linalg.eigh(X.T @ X)
    eigenvalues = np.maximum(eigenvalues, 0)
    Z = X @ eigenvectors
    center, used = float(np.median(y)), y
    for _ in range(2):
        best = min(
            (_closed_form(Z, eigenvalues, used - center, penalty) for penalty in PENALTIES),
            key=lambda fit: float(np.median(np.abs(fit + center - y))),
        )
        residuals = y - best - center
        reach = 3 * float(np.median(np.abs(residuals))) / 0.6745
        used = best + center + np.clip(residuals, -reach, reach)
    return np.asarray(best + center)


def _closed_form(
    Z: np.ndarray, eigenvalues: np.ndarray, y: np.ndarray, penalty: float
) -> np.ndarray:
    inverse = 1 / (eigenvalues + penalty)
    leverage = np.minimum((Z * Z) @ inverse, 1 - 1e-4)
    return np.asarray((Z @ (inverse * (Z.T @ y)) - leverage * y) / (1 - leverage))


def _neighbors(embeddings: Embeddings, y: np.ndarray, random_state: RandomState) -> np.ndarray:
    """Predict by the median of the nearest rows' targets; without any, by that of all."""
    inputs = LabelInputs(embeddings.row_ids, y, (), embeddings.vectors, [])
    graph = nearest_rows(inputs, random_state)
    counts = np.diff(graph.indptr)
    table = np.full((len(y), max(1, int(counts.max(initial=0)))), np.nan)
    rows = np.repeat(np.arange(len(y)), counts)
    places = np.arange(len(rows)) - np.repeat(graph.indptr[:-1], counts)
    table[rows, places] = y[graph.indices]
    table[counts == 0, 0] = np.median(y)
    return np.asarray(np.nanmedian(table, axis=1))
