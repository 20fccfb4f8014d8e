"""Answers kept by exactly what was asked: model, preparation and input, bounded in bytes."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .served_model import ServedModel

# Of an entry beside its logits: key, two objects and their place in the dict, measured with
# sys.getsizeof on CPython 3.11: 49 + 112 + 64 + 100 bytes.
OVERHEAD = 325


@dataclass(frozen=True, eq=False)
class Kept:
    """One row's answer: logits, float32 (classes,), and the stage that gave it."""

    logits: np.ndarray
    stage: int


class Cache:
    """The answers used last, up to a number of bytes.

    Parameters
    ----------
    limit : int
        Bytes for answers, keys and what Python needs around them.

    Attributes
    ----------
    bytes : int
        In use.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.bytes = 0
        self._kept: OrderedDict[bytes, Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: bytes) -> Kept | None:
        """Return what is kept under `key`, which is then the one used last."""
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
        return kept

    def put(self, key: bytes, logits: np.ndarray, stage: int) -> None:
        """Keep an answer; those not used for longest go."""
        size = logits.nbytes + OVERHEAD
        if size > self.limit or key in self._kept:
            return
        self._kept[key] = Kept(logits.copy(), stage)
        self.bytes += size
        while self.bytes > self.limit:
            _, oldest = self._kept.popitem(last=False)
            self.bytes -= oldest.logits.nbytes + OVERHEAD


class Keys:
    """Makes keys for rows of one model and one kind of row.

    Two models never share a key, nor do two ways to prepare a row; 128 bits of BLAKE2b, so that a
    billion rows meet by chance with a probability below 1e-20.
    """

    def __init__(self, model: ServedModel, kind: str) -> None:
        prepared = hashlib.blake2b(_canonical(model.preprocessing), digest_size=16).hexdigest()
        start = f"{model.digest}/{prepared}/{kind}/"
        self._base = hashlib.blake2b(start.encode(), digest_size=16)

    def of(self, rows: np.ndarray | Sequence[bytes]) -> list[bytes]:
        """Return the key of each row."""
        keys = []
        for row in rows:
            state = self._base.copy()
            state.update(row)
            keys.append(state.digest())
        return keys


def _canonical(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
