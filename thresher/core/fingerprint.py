"""Fingerprints: the same value gives the same short text, in every process and on every machine."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np


def fingerprint(*parts: Any) -> str:
    """Hash JSON-like values, bytes and numpy arrays into 16 hexadecimal characters.

    Mappings are order-free; arrays count with shape and dtype. Other types raise `TypeError`.
    """
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        for chunk in _chunks(part):
            digest.update(len(chunk).to_bytes(8, "little"))
            digest.update(chunk)
    return digest.hexdigest()


def _chunks(part: Any) -> list[bytes]:
    if isinstance(part, (bytes, memoryview)):
        return [b"bytes", bytes(part)]
    if isinstance(part, np.ndarray):
        array = np.ascontiguousarray(part)
        header = f"array {array.dtype.str} {array.shape}".encode()
        body = (
            "\0".join(map(str, array.tolist())).encode()
            if array.dtype.hasobject
            else array.tobytes()
        )
        return [header, body]
    return [b"json", json.dumps(part, sort_keys=True, separators=(",", ":")).encode()]


def row_keys(row_ids: np.ndarray) -> np.ndarray:
    """Map row ids, shape (n,), to stable uint64 keys, shape (n,), for keyed randomness."""
    keys = (hashlib.blake2b(str(row).encode(), digest_size=8).digest() for row in row_ids)
    return np.frombuffer(b"".join(keys), dtype="<u8").astype(np.uint64)
