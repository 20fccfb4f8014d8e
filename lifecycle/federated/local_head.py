"""What a client does in a round where a linear head on a frozen encoder is trained."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from thresher.core.errors import InputError, check_count, check_number
from thresher.core.numerics.softmax import softmax
from thresher.core.randomness import RandomState, check_random_state


def train_head(
    head: np.ndarray,
    embeddings: ArrayLike,
    targets: ArrayLike,
    *,
    steps: int,
    learning_rate: float = 0.5,
    proximal: float = 0.0,
    batch_size: int = 64,
    random_state: RandomState = None,
) -> np.ndarray:
    """Train a head by gradient descent on cross-entropy, held near where it began.

    The FedProx term (Li et al., "Federated Optimization in Heterogeneous Networks", 2020) adds
    `proximal` / 2 times the squared distance from `head` to the loss.

    Parameters
    ----------
    head : ndarray, shape (d + 1, c)
        Weights, and biases in the last row.
    embeddings : array, shape (n, d)
    targets : array of int, shape (n,)
        In [0, c).
    steps : int
    learning_rate, proximal : float
    batch_size : int
    random_state : int, numpy.random.Generator or None
        Of the batches.

    Returns
    -------
    ndarray of float32, shape (d + 1, c)

    Examples
    --------
    >>> import numpy as np
    >>> from lifecycle import train_head
    >>> rows, targets = np.eye(2), np.array([0, 1])
    >>> trained = train_head(np.zeros((3, 2)), rows, targets, steps=50, random_state=0)
    >>> (rows @ trained[:-1] + trained[-1]).argmax(1)
    array([0, 1])
    """
    check_count("steps", steps)
    check_count("batch_size", batch_size)
    check_number("learning_rate", learning_rate, low=0, low_open=True)
    check_number("proximal", proximal, low=0)
    start = np.asarray(head, dtype=np.float32)
    rows, wanted = np.asarray(embeddings, dtype=np.float32), np.asarray(targets)
    if rows.ndim != start.ndim or rows.shape[1] + 1 != len(start) or len(rows) != len(wanted):
        raise InputError(
            f"A head of shape {start.shape} needs embeddings (n, {len(start) - 1}) and n targets, "
            f"got {rows.shape} and {wanted.shape}."
        )
    if not len(rows) or wanted.min() < 0 or wanted.max() >= start.shape[1]:
        raise InputError(f"Give at least one row, and targets in [0, {start.shape[1]}).")
    rng, trained = check_random_state(random_state), start.copy()
    order: np.ndarray = np.empty(0, dtype=np.int64)
    for _ in range(steps):
        if not len(order):
            order = rng.permutation(len(rows))
        batch, order = order[:batch_size], order[batch_size:]
        error = softmax(rows[batch] @ trained[:-1] + trained[-1])
        error[np.arange(len(batch)), wanted[batch]] -= 1
        gradient = proximal * (trained - start)
        gradient[:-1] += rows[batch].T @ error / len(batch)
        gradient[-1] += error.mean(0)
        trained -= learning_rate * gradient
    return trained
