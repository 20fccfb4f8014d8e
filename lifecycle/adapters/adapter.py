"""What a task adds to a base: low-rank updates of layers, and layers of its own.

Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021: a layer's weights W become
W + up @ down. A head on a frozen encoder is the same of rank 0: nothing but a layer of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from thresher.core.errors import InputError
from thresher.core.matrices import as_matrix
from thresher.core.missing import read_numbers
from thresher.core.signatures import check_fields

_MATRIX = 2  # axes


@dataclass(frozen=True)
class Base:
    """Which base an adapter was made for.

    Attributes
    ----------
    digest : str
        Hash of its weights, or any other text that names an encoder exactly.
    size_bytes : int

    Examples
    --------
    >>> import numpy as np
    >>> from lifecycle import Base
    >>> base = Base.of({"layer.weight": np.zeros((4, 4), np.float32)})
    >>> base.size_bytes, len(base.digest)
    (64, 32)
    """

    digest: str
    size_bytes: int

    @classmethod
    def of(cls, weights: Any) -> Base:
        """Hash the weights of a PyTorch network, or a mapping of names to arrays."""
        named: Mapping[str, Any] = weights.state_dict() if _is_network(weights) else weights
        total, size = hashlib.blake2b(digest_size=16), 0
        for name in sorted(named):
            kind, shape, data = _contents(named[name])
            total.update(f"{name}\0{kind}\0{shape}\0".encode())
            total.update(data.data)
            size += data.nbytes
        return cls(total.hexdigest(), size)


@dataclass(frozen=True, eq=False)
class Adapter:
    """The parameters of one task.

    Attributes
    ----------
    base : str
        Digest of the base that it belongs to.
    low_rank : dict of str to (down, up)
        By layer: float32 arrays of shapes (r, inputs) and (outputs, r); the scale is within `up`.
    whole : dict of str to (weight, bias)
        By layer, which they replace: shapes (outputs, inputs) and (outputs,).

    Examples
    --------
    >>> import numpy as np
    >>> from lifecycle import Adapter
    >>> head = Adapter("encoder-1", whole={"head": (np.ones((3, 8)), np.zeros(3))})
    >>> head.rank, head.size_bytes
    (0, 108)
    """

    base: str
    low_rank: Mapping[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    whole: Mapping[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("low_rank", "whole"):
            pairs = {key: _pair(key, pair) for key, pair in getattr(self, name).items()}
            object.__setattr__(self, name, pairs)
        if not self.low_rank and not self.whole:
            raise InputError("An adapter needs at least one layer, got none.")
        if both := set(self.low_rank) & set(self.whole):
            raise InputError(f"The layer {min(both)!r} is both updated and replaced; give one.")
        for layer, (down, up) in self.low_rank.items():
            fit = np.ndim(down) == np.ndim(up) == _MATRIX and np.shape(down)[0] == np.shape(up)[1]
            _check_layer(layer, (down, up), fit=fit, wanted="(r, inputs) and (outputs, r)")
        for layer, (weight, bias) in self.whole.items():
            fit = np.ndim(weight) == _MATRIX and np.shape(bias) == np.shape(weight)[:1]
            _check_layer(layer, (weight, bias), fit=fit, wanted="(outputs, inputs) and (outputs,)")

    @property
    def rank(self) -> int:
        """The largest rank of a layer's update; 0 without any."""
        return max((len(down) for down, _ in self.low_rank.values()), default=0)

    @property
    def size_bytes(self) -> int:
        """Of all its numbers."""
        pairs = [*self.low_rank.values(), *self.whole.values()]
        return sum(first.nbytes + second.nbytes for first, second in pairs)


def _is_network(weights: Any) -> bool:
    return hasattr(weights, "state_dict")


def _contents(value: Any) -> tuple[str, tuple[int, ...], np.ndarray]:
    """Return kind, shape and bytes of an array or a tensor; the kind is named alike for both."""
    if hasattr(value, "detach"):  # a tensor, of whatever kind NumPy may not have
        import torch

        flat = value.detach().cpu().contiguous().reshape(-1)
        kind = str(value.dtype).removeprefix("torch.")
        return kind, tuple(value.shape), flat.view(torch.uint8).numpy()
    array = np.ascontiguousarray(value)
    return array.dtype.name, np.shape(value), array.reshape(-1).view(np.uint8)


def _check_layer(layer: str, pair: tuple[Any, Any], *, fit: bool, wanted: str) -> None:
    if not fit:
        got = " and ".join(str(np.shape(each)) for each in pair)
        raise InputError(f"Layer {layer!r} needs arrays of shapes {wanted}, got {got}.")
    if not all(np.isfinite(each).all() for each in pair):
        raise InputError(f"Layer {layer!r} has values that are not finite; train it again.")


def _pair(layer: str, pair: Any) -> tuple[np.ndarray, np.ndarray]:
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise InputError(f"Layer {layer!r} needs two arrays, got {pair!r:.80}.")
    first, second = (_frozen(_numbers(layer, each)) for each in pair)
    return first, second


def _numbers(layer: str, values: Any) -> np.ndarray:
    if hasattr(values, "columns"):
        return as_matrix(f"layer {layer}", values)
    return read_numbers(f"layer {layer}", values)


def _frozen(values: Any) -> np.ndarray:
    with np.errstate(over="ignore"):  # what is too large is named as not finite
        array = np.asarray(values, dtype=np.float32)
    if array.flags.writeable:
        array = array.copy()
        array.flags.writeable = False
    return array
