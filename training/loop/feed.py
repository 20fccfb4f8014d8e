"""From positions to a batch on the device: rows taken, augmented, mixed, laid out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from thresher.core.fingerprint import row_keys

from ..rows.samples import Samples
from ..torch_runtime.memory_format import CHANNELS_LAST, arranged
from .batches import Batch
from .resizing import FirstSize, resized

Augment = Callable[[Tensor, np.ndarray, int], Tensor]
Mix = Callable[[Tensor, Tensor, np.ndarray, int], tuple[Tensor, Tensor]]
_SHARE_OF_GPU = 0.5


class Feed:
    """Makes batches. Inputs live on the GPU as they are if half of its free memory holds them.

    Parameters
    ----------
    samples : Samples
    device : str
    augment, mix : callable, optional
        As in `fit`.
    first_size : FirstSize, optional
        When images are shrunk, after they are augmented.
    memory_format : str
        Of batches of images.
    """

    def __init__(
        self,
        samples: Samples,
        *,
        device: str,
        augment: Augment | None,
        mix: Mix | None,
        first_size: FirstSize | None = None,
        memory_format: str = CHANNELS_LAST,
    ) -> None:
        self.samples = samples
        self.device = device
        self.augment = augment
        self.mix = mix
        self.first_size = first_size
        self.memory_format = memory_format
        self.keys = row_keys(samples.row_ids)
        self.inputs = samples.inputs
        if device == "cuda":
            free, _ = torch.cuda.mem_get_info()
            if self.inputs.nbytes < _SHARE_OF_GPU * free:
                self.inputs = self.inputs.to(device)

    def batch(self, positions: np.ndarray, *, epoch: int, step: int) -> Batch:
        """Return the rows at `positions` as training sees them."""
        index = torch.from_numpy(positions)
        inputs = self.inputs[index.to(self.inputs.device)].to(self.device)
        targets = self._part(self.samples.targets, index)
        if self.augment is not None:
            inputs = self.augment(inputs, self.keys[positions], epoch)
        side = self.side_of(epoch)
        if side is not None:
            inputs = resized(inputs, side)
        if self.mix is not None and targets is not None:
            inputs, targets = self.mix(inputs, targets, self.keys[positions], epoch)
        weights = self._part(self.samples.weights, index)
        laid_out = arranged(inputs, self.memory_format)
        return Batch(laid_out, targets, weights, positions, epoch, step)

    def side_of(self, epoch: int) -> int | None:
        """Return the side that images are shrunk to in this epoch, or None."""
        return None if self.first_size is None else self.first_size.side_of(epoch)

    def _part(self, values: Tensor | None, index: Tensor) -> Tensor | None:
        return None if values is None else values[index].to(self.device)
