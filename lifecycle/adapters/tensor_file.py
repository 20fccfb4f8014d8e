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
from pathlib import Path
from typing import Any

import numpy as np

from thresher.core.errors import InputError
from thresher.core.files import atomic_path

_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
_LENGTH = 8  # bytes of the header's length
# As in the reference: a longer header is a damaged or hostile file.
_LONGEST_HEADER = 100_000_000


def read_tensors(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read a file.

    Returns
    -------
    arrays : dict of str to ndarray of float32
        Read-only.
    metadata : dict of str to str

    Raises
    ------
    InputError
        For a file that is missing, cut, damaged or of another form.
    """
    file = Path(path)
    try:
        data = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file} cannot be read ({error.strerror}).") from error
    header, start = _header(data, file)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise _damaged(file, "its metadata are not text")
    arrays = {name: _array(data, start, name, entry, file) for name, entry in header.items()}
    held = start + sum(_extent(entry) for entry in header.values())
    if held != len(data):
        raise _damaged(file, f"it has {len(data):,} bytes where {held:,} belong to it")
    return arrays, metadata


def write_tensors(
    path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray], *, metadata: Mapping[str, str]
) -> None:
    """Write arrays as float32, whole or not at all."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    parts, start = [], 0
    for name in sorted(arrays):
        part = np.ascontiguousarray(arrays[name], dtype="<f4")
        header[name] = {
            "dtype": "F32",
            "shape": list(part.shape),
            "data_offsets": [start, start + part.nbytes],
        }
        parts.append(part)
        start += part.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with atomic_path(path) as temporary, temporary.open("wb") as out:
        out.write(len(text).to_bytes(_LENGTH, "little") + text)
        for part in parts:
            out.write(part.tobytes())


def _header(data: bytes, file: Path) -> tuple[dict[str, Any], int]:
    length = int.from_bytes(data[:_LENGTH], "little")
    start = _LENGTH + length
    if len(data) < _LENGTH or not 2 <= length <= _LONGEST_HEADER or start > len(data):
        raise _damaged(file, "it is cut, or not of the form safetensors")
    try:
        header = json.loads(data[_LENGTH:start])
    except (ValueError, RecursionError) as error:
        raise _damaged(file, f"its header is not JSON ({error})") from error
    if not isinstance(header, dict):
        raise _damaged(file, "its header is not a JSON object")
    return header, start


def _array(data: bytes, start: int, name: str, entry: Any, file: Path) -> np.ndarray:
    try:
        shape = [int(length) for length in entry["shape"]]
        first, last = (int(place) for place in entry["data_offsets"])
        kind = str(entry["dtype"])
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(file, f"the entry of {name!r} is not whole") from error
    if kind not in _DTYPES:
        allowed = ", ".join(_DTYPES)
        raise InputError(f"{file}: {name!r} has numbers of kind {kind}; allowed are {allowed}.")
    dtype = np.dtype(_DTYPES[kind])
    size = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or not 0 <= first <= last or last - first != size:
        raise _damaged(file, f"shape and place of {name!r} do not fit together")
    if start + last > len(data):
        raise _damaged(file, f"it was cut within {name!r}")
    flat = np.frombuffer(data, dtype, count=math.prod(shape), offset=start + first)
    if kind == "BF16":  # the upper half of a float32
        flat = (flat.astype("<u4") << 16).view("<f4")
    array = flat.reshape(shape).astype(np.float32, copy=False)
    if not np.isfinite(array).all():
        raise InputError(f"{file}: {name!r} has values that are not finite; train it again.")
    array.flags.writeable = False
    return array


def _extent(entry: dict[str, Any]) -> int:
    first, last = entry["data_offsets"]
    return int(last) - int(first)


def _damaged(file: Path, what: str) -> InputError:
    return InputError(f"{file} cannot be used: {what}. Write or copy it again.")
