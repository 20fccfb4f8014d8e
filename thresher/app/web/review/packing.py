"""Arrays for a page as one block of bytes: a line of JSON that names them, then their numbers.

The line is filled with blanks so that every array begins at a multiple of eight bytes and can be
used in a browser as it lies there, without being copied or parsed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

ALIGNED = 8
KINDS = {"u1": "Uint8Array", "i2": "Int16Array", "i4": "Int32Array", "f4": "Float32Array"}


def pack(arrays: Mapping[str, np.ndarray], **said: Any) -> bytes:
    """Return arrays of the types in `KINDS`, in the order of bytes of all browsers' machines.

    Parameters
    ----------
    arrays : mapping of str to ndarray
    **said
        JSON types that go into the first line.
    """
    named, parts, start = [], [], 0
    for name, array in arrays.items():
        kind = array.dtype.str[1:]
        body = np.ascontiguousarray(array, dtype=f"<{kind}").tobytes()
        padding = -len(body) % ALIGNED
        count = int(array.size)
        named.append({"name": name, "kind": KINDS[kind], "start": start, "count": count})
        parts += [body, b"\0" * padding]
        start += len(body) + padding
    head = json.dumps({**said, "arrays": named}).encode()
    head += b" " * (-(len(head) + 1) % ALIGNED) + b"\n"
    return head + b"".join(parts)
