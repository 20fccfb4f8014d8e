"""Arrays in a file of the form ``safetensors``: a length, a header in JSON, the numbers.

The form is that of https://github.com/huggingface/safetensors; it is read and written here since
adapters are used where neither PyTorch nor that library is, and since a file that was cut or is of
another form must be named. Nothing of a file is executed.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from thresher.core.counted import counted
from thresher.core.errors import InputError
from thresher.core.files import atomic_path

# Bytes of a number, and its name in NumPy and PyTorch.
KINDS = {
    "F64": (8, "float64"),
    "F32": (4, "float32"),
    "F16": (2, "float16"),
    "BF16": (2, "bfloat16"),
    "I64": (8, "int64"),
    "I32": (4, "int32"),
    "I16": (2, "int16"),
    "I8": (1, "int8"),
    "U8": (1, "uint8"),
    "BOOL": (1, "bool"),
}
_FLOATS = ("F64", "F32", "F16", "BF16")
_LENGTH = 8  # bytes of the header's length
# As in the reference: a longer header is a damaged or hostile file.
_LONGEST_HEADER = 100_000_000


@dataclass(frozen=True, eq=False)
class StoredTensor:
    """A tensor as a file holds it.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    shape : tuple of int
    data : ndarray of uint8, shape (bytes,)
    """

    kind: str
    shape: tuple[int, ...]
    data: np.ndarray

    def floats(self) -> np.ndarray:
        """Return the numbers as float32; of a kind of `_FLOATS`."""
        if self.kind == "BF16":  # the upper half of a float32
            flat = (self.data.view("<u2").astype("<u4") << 16).view("<f4")
        else:
            flat = self.data.view("<" + np.dtype(KINDS[self.kind][1]).str[1:])
        return flat.reshape(self.shape).astype(np.float32, copy=False)

    @classmethod
    def of(cls, array: np.ndarray, *, kind: str = "F32") -> StoredTensor:
        """Return an array of floats as a file holds it, rounded to its kind."""
        if kind == "BF16":
            bits = np.ascontiguousarray(array, "<f4").view("<u4").astype(np.uint64)
            flat = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")  # ties to even
        else:
            flat = np.ascontiguousarray(array, "<" + np.dtype(KINDS[kind][1]).str[1:])
        return cls(kind, np.shape(array), flat.reshape(-1).view(np.uint8))


def open_tensors(
    path: str | os.PathLike[str], *, mapped: bool = True
) -> tuple[dict[str, StoredTensor], dict[str, str]]:
    """Return the tensors of a file as they are, and its metadata.

    Parameters
    ----------
    path : path
    mapped : bool
        Leave the numbers in the file until they are used; it must not be cut meanwhile.

    Raises
    ------
    InputError
        For a file that is missing, cut, damaged or of another form.
    """
    file = Path(path)
    try:
        # A file of no bytes cannot be mapped.
        lazy = mapped and file.stat().st_size > 0
        data = np.memmap(file, np.uint8, "r") if lazy else np.fromfile(file, np.uint8)
    except OSError as error:
        raise InputError(f"{file} cannot be read ({error.strerror}).") from error
    header, start = _header(data, file)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise _damaged(file, "its metadata are not text")
    tensors = {name: _tensor(data, start, name, entry, file) for name, entry in header.items()}
    held = start + sum(len(tensor.data) for tensor in tensors.values())
    if held != len(data):
        raise _damaged(file, f"it has {counted(len(data), 'byte')} where {held:,} belong to it")
    return tensors, metadata


def read_tensors(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read a file of floats.

    Returns
    -------
    arrays : dict of str to ndarray of float32
        Read-only.
    metadata : dict of str to str

    Raises
    ------
    InputError
        As `open_tensors`, and for other numbers or such as are not finite.
    """
    tensors, metadata = open_tensors(path, mapped=False)
    arrays = {}
    for name, tensor in tensors.items():
        if tensor.kind not in _FLOATS:
            raise InputError(
                f"{path}: {name!r} has numbers of kind {tensor.kind}; allowed are "
                f"{', '.join(_FLOATS)}."
            )
        array = tensor.floats()
        if not np.isfinite(array).all():
            raise InputError(f"{path}: {name!r} has values that are not finite; train it again.")
        array.flags.writeable = False
        arrays[name] = array
    return arrays, metadata


def write_tensors(
    path: str | os.PathLike[str],
    arrays: Mapping[str, np.ndarray | StoredTensor],
    *,
    metadata: Mapping[str, str],
) -> None:
    """Write tensors as they are, and arrays as float32; the file is whole or not there."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    parts, start = [], 0
    for name in sorted(arrays):
        given = arrays[name]
        tensor = given if isinstance(given, StoredTensor) else StoredTensor.of(np.asarray(given))
        end = start + len(tensor.data)
        header[name] = {
            "dtype": tensor.kind,
            "shape": list(tensor.shape),
            "data_offsets": [start, end],
        }
        parts.append(tensor.data)
        start = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with atomic_path(path) as temporary, temporary.open("wb") as out:
        out.write(len(text).to_bytes(_LENGTH, "little") + text)
        for part in parts:
            out.write(part.data)


def _header(data: np.ndarray, file: Path) -> tuple[dict[str, Any], int]:
    length = int.from_bytes(data[:_LENGTH].tobytes(), "little")
    start = _LENGTH + length
    if len(data) < _LENGTH or not 2 <= length <= _LONGEST_HEADER or start > len(data):
        raise _damaged(file, "it is cut, or not of the form safetensors")
    try:
        header = json.loads(data[_LENGTH:start].tobytes())
    except (ValueError, RecursionError) as error:
        raise _damaged(file, f"its header is not JSON ({error})") from error
    if not isinstance(header, dict):
        raise _damaged(file, "its header is not a JSON object")
    return header, start


def _tensor(data: np.ndarray, start: int, name: str, entry: Any, file: Path) -> StoredTensor:
    try:
        shape = tuple(int(length) for length in entry["shape"])
        first, last = (int(place) for place in entry["data_offsets"])
        kind = str(entry["dtype"])
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(file, f"the entry of {name!r} is not whole") from error
    if kind not in KINDS:
        allowed = ", ".join(KINDS)
        raise InputError(f"{file}: {name!r} has numbers of kind {kind}; allowed are {allowed}.")
    size = math.prod(shape) * KINDS[kind][0]
    if min(shape, default=0) < 0 or not 0 <= first <= last or last - first != size:
        raise _damaged(file, f"shape and place of {name!r} do not fit together")
    if start + last > len(data):
        raise _damaged(file, f"it was cut within {name!r}")
    return StoredTensor(kind, shape, data[start + first : start + last])


def _damaged(file: Path, what: str) -> InputError:
    return InputError(f"{file} cannot be used: {what}. Write or copy it again.")
