"""Which of many keys of 64 bits are among those known: a filter of bits before a binary search.

Most keys that are not known are told by one bit, without touching the sorted keys, which may be
mapped from a file. Keys must be hashes, whose highest bits are evenly spread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

# Bits for each key: one in sixteen unknown keys passes the filter.
_BITS = 16
_SMALLEST = 1024


@dataclass(frozen=True)
class KeyFilter:
    """Known keys.

    Attributes
    ----------
    keys : ndarray of uint64, shape (k,)
        Sorted, none twice.
    bits : ndarray of uint8
        Packed; a power of two of bytes.
    """

    keys: np.ndarray
    bits: np.ndarray

    @classmethod
    def of(cls, keys: np.ndarray) -> Self:
        """Make the filter of sorted keys."""
        size = max(_SMALLEST, 1 << max(0, (len(keys) * _BITS // 8 - 1).bit_length()))
        bits = np.zeros(size * 8, bool)
        bits[_places(keys, size)] = True
        return cls(keys, np.packbits(bits, bitorder="little"))

    def find(self, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return which of some keys, uint64 (m,), are known, and as which.

        Returns
        -------
        places : ndarray of int64, shape (h,)
            Into `wanted`, rising.
        found : ndarray of int64, shape (h,)
            Into `keys`.
        """
        if not len(self.keys):
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        bits = _places(wanted, len(self.bits))
        likely = np.flatnonzero(self.bits[bits >> 3] >> (bits & 7).astype(np.uint8) & 1)
        found = np.minimum(np.searchsorted(self.keys, wanted[likely]), len(self.keys) - 1)
        right = self.keys[found] == wanted[likely]
        return likely[right], found[right]


def _places(keys: np.ndarray, size: int) -> np.ndarray:
    """Return the bit of each key in a filter of `size` bytes, by the highest bits of the key."""
    shift = np.uint64(65 - (size * 8).bit_length())
    return np.asarray((keys >> shift).astype(np.int64))
