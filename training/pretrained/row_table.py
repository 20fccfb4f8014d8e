"""Values of rows, found again by what the rows hold."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

_CHUNK = 2048
_SEED = 0x7468726573686572


class RowTable(nn.Module):
    """A table from the content of input rows to a vector each.

    A row is found by a 64-bit hash of its values: a random linear form modulo 2**64, for which two
    different rows collide with a probability of about 2**-63 (Carter and Wegman, "Universal
    Classes of Hash Functions", 1979). Rows with equal content share the mean of their vectors.

    Parameters
    ----------
    inputs : Tensor, shape (n, …)
    values : Tensor of float32, shape (n, d)
    """

    keys: Tensor
    values: Tensor

    def __init__(self, inputs: Tensor, values: Tensor) -> None:
        super().__init__()
        keys, place = torch.unique(_hashes(inputs), return_inverse=True)
        count = torch.bincount(place, minlength=len(keys)).unsqueeze(1)
        total = torch.zeros(len(keys), values.shape[1]).index_add_(0, place, values.float())
        self.register_buffer("keys", keys)
        self.register_buffer("values", total / count)

    def __deepcopy__(self, memo: dict[int, object]) -> RowTable:
        return self  # nothing changes it

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the vectors of `inputs`, float32 (b, d), and which rows are known, bool (b,)."""
        wanted = _hashes(inputs)
        place = torch.searchsorted(self.keys, wanted).clamp(max=len(self.keys) - 1)
        return self.values[place], self.keys[place] == wanted


def _hashes(inputs: Tensor) -> Tensor:
    """Return one int64 a row, (n,)."""
    coefficients = _coefficients(inputs[:1].numel() if len(inputs) else 1, inputs.device)
    parts = [
        (_integers(part) * coefficients).sum(1) for part in torch.split(inputs.flatten(1), _CHUNK)
    ]
    return torch.cat(parts)


def _integers(rows: Tensor) -> Tensor:
    if rows.is_floating_point():
        # Adding 0 makes one zero of the two that floats have.
        return (rows.float() + 0.0).contiguous().view(torch.int32).long()
    return rows.long()


def _coefficients(length: int, device: torch.device) -> Tensor:
    drawn = np.random.default_rng(_SEED).integers(0, 2**64, length, dtype=np.uint64)
    return torch.from_numpy((drawn | np.uint64(1)).view(np.int64)).to(device)
