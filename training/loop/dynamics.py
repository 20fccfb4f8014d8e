"""What each row did during training: margins and probabilities, for finding wrong labels.

Pleiss et al., "Identifying Mislabeled Data using the Area Under the Margin Ranking", 2020 (AUM);
Paul et al., "Deep Learning on a Data Diet", 2021 (EL2N); Toneva et al., "An Empirical Study of
Example Forgetting", 2018. Costs nothing but 6 bytes a row and epoch: the logits of the training
step itself are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from thresher.core.errors import InputError
from thresher.core.files import atomic_path
from thresher.core.shown import Shown
from thresher.core.text_arrays import packed_texts, unpacked_texts

from ..rows.samples import Samples
from .hooks import Hook, Moment

_ARRAYS = ("margins", "probabilities", "errors")


@dataclass(frozen=True, eq=False, repr=False)
class Dynamics(Shown):
    """Per row and epoch, NaN where an epoch was not reached or a row has no label.

    Attributes
    ----------
    row_ids : ndarray of str, shape (n,)
    margins : ndarray of float16, shape (n, epochs)
        Logit of the given label minus the largest other logit.
    probabilities : ndarray of float16, shape (n, epochs)
        Of the given label.
    errors : ndarray of float16, shape (n, epochs)
        Length of (probabilities − one-hot label), in [0, √2].
    """

    row_ids: np.ndarray
    margins: np.ndarray
    probabilities: np.ndarray
    errors: np.ndarray

    @property
    def aum(self) -> np.ndarray:
        """Mean margin over the epochs, float32 (n,); low for wrong labels."""
        return _mean(self.margins)

    def el2n(self, *, epochs: int = 5) -> np.ndarray:
        """Mean error over the first `epochs`, float32 (n,); high for hard rows."""
        return _mean(self.errors[:, :epochs])

    def forgetting(self) -> np.ndarray:
        """How often a row went from right to wrong, int64 (n,)."""
        right = self.margins > 0
        known = np.isfinite(self.margins)
        forgotten = right[:, :-1] & ~right[:, 1:] & known[:, 1:]
        return np.asarray(forgotten.sum(1))

    def save(self, path: str | Path) -> None:
        """Write one ``.npz`` file, atomically."""
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            arrays = {name: getattr(self, name) for name in _ARRAYS}
            np.savez_compressed(file, row_ids=packed_texts(self.row_ids), **arrays)

    @classmethod
    def load(cls, path: str | Path) -> Dynamics:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            return cls(
                row_ids=unpacked_texts(file["row_ids"]), **{name: file[name] for name in _ARRAYS}
            )


class DynamicsRecorder(Hook):
    """A hook for `fit` that records `Dynamics`, and keeps them in its checkpoints.

    Parameters
    ----------
    samples : Samples
        Those given to `fit`, with targets.
    path : path-like, optional
        File that is written after each epoch.

    Examples
    --------
    >>> import numpy as np
    >>> from training import DynamicsRecorder, compact_model, fit, samples_from_arrays
    >>> x, y = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32), np.arange(64) % 2
    >>> rows = samples_from_arrays(x, row_ids=np.arange(64).astype(str), targets=y)
    >>> recorder = DynamicsRecorder(rows)
    >>> model = compact_model("mlp", num_classes=2, input_shape=(4,), width=8)
    >>> run = fit(model, rows, epochs=2, batch_size=16, hooks=[recorder])
    >>> recorder.dynamics.margins.shape
    (64, 2)
    """

    def __init__(self, samples: Samples, *, path: str | Path | None = None) -> None:
        if samples.targets is None:
            raise InputError("Training dynamics need labeled rows.")
        self.row_ids = samples.row_ids
        self.path = path
        self._recorded = torch.zeros((0, len(_ARRAYS), len(samples)), dtype=torch.float16)

    @property
    def dynamics(self) -> Dynamics:
        """What has been recorded up to now."""
        arrays = {name: self._recorded[:, i].T.numpy() for i, name in enumerate(_ARRAYS)}
        return Dynamics(row_ids=packed_texts(self.row_ids), **arrays)

    def on_batch(self, moment: Moment) -> None:
        """Record the rows of a batch."""
        batch, logits = moment.batch, moment.logits
        if batch is None or batch.targets is None or logits is None:
            return
        if batch.targets.ndim > 1:
            raise InputError("Training dynamics cannot be recorded with `mix`: rows are blended.")
        while len(self._recorded) <= moment.epoch:
            blank = torch.full_like(self._recorded.new_empty(1, *self._recorded.shape[1:]), np.nan)
            self._recorded = torch.cat([self._recorded, blank])
        labeled = torch.nonzero(batch.targets >= 0).squeeze(1)
        values = _measure(logits[labeled], batch.targets[labeled])
        where = torch.from_numpy(batch.positions)[labeled.cpu()]
        self._recorded[moment.epoch][:, where] = values.to("cpu", torch.float16)

    def on_epoch_end(self, moment: Moment) -> None:  # noqa: ARG002
        """Write the file."""
        if self.path is not None:
            self.dynamics.save(self.path)

    def state(self) -> dict[str, Any]:
        """Return the recorded values."""
        return {"recorded": self._recorded}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from recorded values."""
        self._recorded = state["recorded"]


def _measure(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return margin, probability and error, float32 (3, b)."""
    one_hot = torch.nn.functional.one_hot(targets, logits.shape[1])
    given = logits.gather(1, targets[:, None]).squeeze(1)
    other = logits.masked_fill(one_hot.bool(), -torch.inf).amax(1)
    probs = logits.softmax(1)
    error = torch.linalg.vector_norm(probs - one_hot, dim=1)
    return torch.stack([given - other, (probs * one_hot).sum(1), error])


def _mean(values: np.ndarray) -> np.ndarray:
    known = np.isfinite(values)
    total = np.where(known, values, 0).sum(1, dtype=np.float32)
    count = known.sum(1)
    mean: np.ndarray = np.where(count, total / np.maximum(count, 1), np.nan).astype(np.float32)
    return mean
