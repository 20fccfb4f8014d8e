"""Tensors from a file that `torch.save` wrote before version 1.6, without PyTorch.

Such a file is five pickles (a magic number, the version, the machine, the state, the names of the
storages) and then the storages themselves. The unpickler admits ordered dictionaries, tensors and
storages of numbers, and nothing else: what ``torch.load(weights_only=True)`` admits, and less.
"""

from __future__ import annotations

import io
import math
import pickle
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..counted import counted
from ..errors import InputError

MAGIC = 0x1950A86A20F9469CFC6C
STORAGES = {"FloatStorage": "<f4", "LongStorage": "<i8"}


@dataclass(frozen=True)
class _Tensor:
    """Where a tensor lies in its storage, and its shape and strides in numbers."""

    storage: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_tensors(contents: bytes) -> dict[str, np.ndarray]:
    """Return the tensors of a state dict by name, float32 or int64, as arrays of their own.

    Raises
    ------
    InputError
        When the contents are no such file, hold anything but tensors, or are cut off.
    """
    try:
        return _read(io.BytesIO(contents))
    except (pickle.UnpicklingError, EOFError, KeyError, ValueError, TypeError) as error:
        raise InputError(
            f"These are no tensors in PyTorch's older format: {error or type(error).__name__}."
        ) from error


def _read(file: io.BytesIO) -> dict[str, np.ndarray]:
    kinds: dict[str, str] = {}
    parts = [_Unpickler(file, kinds).load() for _ in range(5)]
    if parts[0] != MAGIC:
        raise ValueError(f"the magic number is {parts[0]!r}")
    storages = {}
    for name in parts[4]:
        count = int.from_bytes(file.read(8), "little")
        kind = np.dtype(kinds[name])
        storages[name] = np.frombuffer(file.read(count * kind.itemsize), kind, count)
    return {name: _place(tensor, storages[tensor.storage]) for name, tensor in parts[3].items()}


def _place(tensor: _Tensor, storage: np.ndarray) -> np.ndarray:
    """Return the numbers of a tensor, which need not lie in the order of its shape."""
    places = np.full((1,) * len(tensor.shape), tensor.offset)
    for axis, (length, stride) in enumerate(zip(tensor.shape, tensor.strides, strict=True)):
        along = [1] * len(tensor.shape)
        along[axis] = length
        places = places + (np.arange(length) * stride).reshape(along)
    if math.prod(tensor.shape) and places.max() >= len(storage):
        raise ValueError(f"a tensor ends at {places.max()} of {counted(len(storage), 'number')}")
    return np.asarray(storage[places])


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, kinds: dict[str, str]) -> None:
        super().__init__(file)
        self.kinds = kinds

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for a name of the file; raise for all but the few known ones."""
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuilt
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a file of weights")

    def persistent_load(self, pid: Any) -> str:
        """Note of what kind a storage is, and return its name."""
        _, kind, name, *_ = pid
        self.kinds[name] = kind
        return str(name)


def _rebuilt(storage: str, offset: int, shape: Any, strides: Any, *_: Any) -> _Tensor:
    return _Tensor(storage, offset, tuple(shape), tuple(strides))
