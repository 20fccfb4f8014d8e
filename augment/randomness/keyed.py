"""Keyed randomness: every draw is a pure function of (seed, epoch, row key, view, slot).

Nothing is ever "next" in a stream, so neither worker counts, batch sizes, shuffling nor a resume
in the middle of an epoch can change a draw. The mixing function is that of SplitMix64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from thresher.core.counted import counted
from thresher.core.errors import InputError
from thresher.core.fingerprint import row_keys
from thresher.core.numerics.hashing import STEP, mix64, mix_int
from thresher.core.randomness import RandomState, check_random_state

Keys: TypeAlias = np.ndarray | Sequence[int] | Sequence[str]

_EPOCH = 0xD1B54A32D192ED03
_VIEW = 0x8CB92BA72F3D8DD7


@dataclass(frozen=True)
class Draws:
    """The random numbers of n rows in one epoch and view.

    ``stream`` and ``steady`` are uint64 of shape (n,); ``steady`` does not depend on the epoch.
    """

    stream: np.ndarray
    steady: np.ndarray
    epoch: int

    def uniform(self, slot: int, count: int, *, rows: np.ndarray | None = None) -> np.ndarray:
        """Return float64 in [0, 1), shape (n or len(rows), count), for slots slot … slot+count-1.

        A row's numbers depend on its own key only, whatever other rows are asked for.
        """
        return _unit(self.stream if rows is None else self.stream[rows], slot, count)

    def lasting(self, slot: int, count: int, *, rows: np.ndarray | None = None) -> np.ndarray:
        """Return the same kind of numbers, equal in every epoch."""
        return _unit(self.steady if rows is None else self.steady[rows], slot, count)

    def __len__(self) -> int:
        return len(self.stream)

    def __getitem__(self, part: slice) -> Draws:
        return Draws(self.stream[part], self.steady[part], self.epoch)


def _unit(stream: np.ndarray, slot: int, count: int) -> np.ndarray:
    if not count:
        return np.empty((len(stream), 0))
    steps = np.arange(slot + 1, slot + count + 1, dtype=np.uint64) * STEP
    bits = mix64(stream[:, None] + steps)
    bits >>= np.uint64(11)
    return bits * 2.0**-53


def draw(seed: int, keys: np.ndarray, *, epoch: int = 0, view: int = 0) -> Draws:
    """Set up the draws of rows with uint64 `keys`, shape (n,), in one epoch and view."""
    root = mix_int(seed + int(STEP))
    root = mix_int(root ^ mix_int(view + _VIEW))
    turn = mix_int(root ^ mix_int(epoch + _EPOCH))
    scrambled = mix64(keys + STEP)
    return Draws(
        stream=mix64(scrambled ^ np.uint64(turn)),
        steady=mix64(scrambled ^ np.uint64(mix_int(root ^ 0x5851F42D4C957F2D))),
        epoch=epoch,
    )


def check_keys(keys: Any, *, n: int | None = None) -> np.ndarray:
    """Return row keys as uint64, shape (n,): integers as they are, strings by a stable hash.

    Raises
    ------
    InputError
        For negative, fractional or missing keys, and when there are not `n` of them.
    """
    try:
        array = np.atleast_1d(np.asarray(keys))
    except ValueError as error:  # lists of several lengths
        raise InputError(f"`row_ids` must be one id per image, got {keys!r:.80}.") from error
    if array.ndim != 1:
        raise InputError(
            f"`row_ids` must be one id per image, shape (n,), got shape {array.shape}."
        )
    if array.dtype == object and all(type(key) in (int, bool) for key in array.tolist()):
        array = np.array(array.tolist())
    if array.dtype.kind in "UT" or (array.dtype == object and _all_strings(array)):
        array = row_keys(array)
    elif array.size == 0:
        array = array.astype(np.uint64)
    elif array.dtype.kind == "i" and array.min() < 0:
        raise InputError(f"`row_ids` must not be negative, got {int(array.min())}.")
    elif array.dtype.kind not in "iu":
        raise InputError(
            f"`row_ids` must be integers or strings, got {array.dtype}. Every row needs an id of "
            "its own."
        )
    if n is not None and len(array) != n:
        raise InputError(
            f"There are {counted(n, 'image')} and {counted(len(array), 'row id')}; give one per "
            "image."
        )
    return array.astype(np.uint64, copy=False)


def check_key(key: Any) -> int:
    """Return one row's key as an int in [0, 2**64); see `check_keys`."""
    if type(key) is int and 0 <= key < 1 << 64:
        return key
    return int(check_keys([key])[0])


def _all_strings(array: np.ndarray) -> bool:
    return all(isinstance(value, str) for value in array.tolist())


def check_index(name: str, value: int) -> int:
    """Return an epoch or view number as an int, or raise an `InputError`."""
    if type(value) is int and 0 <= value < 1 << 63:
        return value
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise InputError(f"`{name}` must be a whole number, got {value!r}.")
    if not 0 <= value < 2**63:
        raise InputError(f"`{name}` must be at least 0 and below 2**63, got {value}.")
    return int(value)


def check_seed(random_state: RandomState) -> int:
    """Turn `random_state` into one integer in [0, 2**63) that can be saved and used again."""
    if isinstance(random_state, (int, np.integer)) and not isinstance(random_state, bool):
        return check_index("random_state", int(random_state))
    return int(check_random_state(random_state).integers(2**63))
