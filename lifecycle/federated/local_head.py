"""What a client does in a round where a linear head on a frozen encoder is trained."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from thresher.core.errors import InputError, check_count, check_number
from thresher.core.matrices import as_matrix
from thresher.core.missing import read_numbers, whole_numbers, without_missing
from thresher.core.numerics.softmax import softmax
from thresher.core.randomness import RandomState, check_random_state
from thresher.core.signatures import checked


@checked
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
    check_number("learning_rate", learning_rate, low=0, high=1e6, low_open=True)
    check_number("proximal", proximal, low=0, high=1e6)
    start, rows = _single("head", head), _single("embeddings", embeddings)
    numbers = without_missing("targets", read_numbers("targets", targets))
    wanted = whole_numbers("targets", numbers, np.isnan(numbers), instead="Give class numbers.")
    if rows.shape[1] + 1 != len(start) or (len(rows),) != wanted.shape:
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
        with np.errstate(over="ignore", invalid="ignore"):  # looked at below
            gradient = proximal * (trained - start)
            gradient[:-1] += rows[batch].T @ error / len(batch)
            gradient[-1] += error.mean(0)
            trained -= learning_rate * gradient
        if not np.isfinite(trained).all():
            raise InputError(
                f"The head grew beyond all numbers with learning_rate={learning_rate:g} and "
                f"proximal={proximal:g}. Take lower ones, and scale the embeddings."
            )
    return trained


def _single(name: str, values: ArrayLike) -> np.ndarray:
    """Return numbers as float32, shape (n, d); refuse what it cannot hold."""
    given = as_matrix(name, values)
    with np.errstate(over="ignore"):
        single = given.astype(np.float32)
    if not np.isfinite(single).all():
        raise InputError(f"`{name}` must be finite, at most {np.finfo(np.float32).max:g} in size.")
    return single
