"""Class probabilities from the labels of the nearest rows.

Similarity-weighted votes of the k nearest rows, as in Zhu et al., "Detecting Corrupted Labels
Without Training a Model to Predict" (2022). A row never votes for itself: it is excluded by its
position, so any number of identical rows is fine.
"""

from __future__ import annotations

import numpy as np

from thresher.core.neighbors import NeighborGraph


def knn_probs(graph: NeighborGraph, labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Predict each row's class from its neighbors' labels.

    Parameters
    ----------
    graph : NeighborGraph
        Neighbors of each row, without the row itself.
    labels : ndarray of int, shape (n,)
        Codes; −1 does not vote.
    num_classes : int

    Returns
    -------
    ndarray of float32, shape (n, num_classes)
        Votes smoothed by the class shares, weighing as much as one neighbor.
    """
    n = len(labels)
    rows = np.repeat(np.arange(n), np.diff(graph.indptr))
    votes = labels[graph.indices]
    weights = np.clip(graph.similarities.astype(np.float64), 1e-3, None)
    voting = votes >= 0
    flat = np.bincount(
        rows[voting] * num_classes + votes[voting],
        weights=weights[voting],
        minlength=n * num_classes,
    )
    counts = flat.reshape(n, num_classes).astype(np.float64)
    shares = np.bincount(labels[labels >= 0], minlength=num_classes) + 1.0
    counts += shares / shares.sum()
    return np.asarray(counts / counts.sum(axis=1, keepdims=True), dtype=np.float32)
