"""Ranges of texts."""

from __future__ import annotations

import numpy as np


def joined_ranges(
    keys: np.ndarray, starts: np.ndarray, ends: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Join ranges of one key that overlap or touch; return keys, starts, ends, in their order."""
    if not len(keys):
        return keys, starts, ends
    order = np.lexsort((ends, starts, keys))
    keys, starts, ends = keys[order], starts[order], ends[order]
    # Shifting each key's ranges past those of the key before lets one running maximum do for all.
    group = np.cumsum(np.append(False, keys[1:] != keys[:-1]))
    shift = group * (int(ends.max()) + 1)
    reach = np.maximum.accumulate(ends + shift)
    new = np.ones(len(keys), bool)
    new[1:] = (group[1:] != group[:-1]) | (starts[1:] + shift[1:] > reach[:-1])
    first = np.flatnonzero(new)
    last = np.append(first[1:], len(keys)) - 1
    return keys[first], starts[first], reach[last] - shift[last]
