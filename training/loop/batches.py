"""Which rows make which batch: known for every step in advance, so that any can be resumed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Batch:
    """The rows of one forward pass, on the device of the model.

    Attributes
    ----------
    inputs : Tensor
        After augmentation and mixing, (b, …).
    targets : Tensor or None
        int64 (b,), or float32 (b, classes) after mixing.
    weights : Tensor or None
        float32 (b,).
    positions : ndarray of int64, shape (b,)
        Rows in the training samples.
    epoch, step : int
        Counted from 0; the step over the whole run.

    Examples
    --------
    >>> from torch.nn.functional import cross_entropy
    >>> from training import Batch
    >>> def loss(model, batch: Batch):  # what `fit` takes as `loss`
    ...     return cross_entropy(model(batch.inputs), batch.targets)
    """

    inputs: Tensor
    targets: Tensor | None
    weights: Tensor | None
    positions: np.ndarray
    epoch: int
    step: int


class BatchPlan:
    """Every epoch in a new order, cut into batches of equal size, one row more or less.

    With 129 rows and a batch size of 128 the batches have 65 and 64 rows: no batch is too small
    for batch norm, and every row counts once an epoch.

    Parameters
    ----------
    n : int
        Rows.
    batch_size : int
        Most rows in a batch; a larger number than `n` means one batch.
    seed : int
        Order of epoch e is drawn from (seed, e).
    """

    def __init__(self, n: int, *, batch_size: int, seed: int) -> None:
        self.n = n
        self.seed = seed
        self.steps_per_epoch = -(-n // batch_size)
        self._epoch = -1
        self._batches: list[np.ndarray] = []

    def positions(self, step: int) -> np.ndarray:
        """Return the rows of `step`, int64 (b,)."""
        epoch, index = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            order = np.random.default_rng((self.seed, epoch)).permutation(self.n)
            self._batches = np.array_split(order, self.steps_per_epoch)
            self._epoch = epoch
        return self._batches[index]
