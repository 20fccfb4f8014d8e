"""What confidence sequences share: values that are checked, states that are JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from thresher.core.errors import InputError, check_number
from thresher.core.matrices import LARGEST
from thresher.core.missing import read_numbers

_NUMBERS, _FEW = (bool, int, float), 8


@dataclass(frozen=True, eq=False)
class Bounds:
    """A confidence sequence after each of the values that were added.

    Attributes
    ----------
    estimate, lower, upper : numpy.ndarray
        Shape (n,), float64.
    """

    estimate: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


def finite_values(
    values: ArrayLike, *, low: float = -np.inf, high: float = np.inf, what: str = "values"
) -> np.ndarray:
    """Return values as float64, shape (n,), or name the first that cannot be used."""
    array = values if isinstance(values, np.ndarray) else _plain(values)
    if array is None or array.dtype.kind not in "iufb" or isinstance(array, np.ma.MaskedArray):
        array = read_numbers(what, values)
    array = array.astype(np.float64)
    if array.ndim != 1:
        raise InputError(f"`{what}` must be a list of numbers, got shape {array.shape}.")
    low, high = max(low, -LARGEST), min(high, LARGEST)
    wrong = ~np.isfinite(array) | (array < low) | (array > high)
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        allowed = (
            f"in [{low:g}, {high:g}]" if low > -LARGEST else f"finite, at most {LARGEST:g} in size,"
        )
        raise InputError(
            f"`{what}` must be {allowed}; number {at} is {array[at]!r}. Leave such rows out, and "
            "count them as failed requests where they are answers."
        )
    return array


def _plain(values: ArrayLike) -> np.ndarray | None:
    """Return a short list of Python's numbers as an array; a request has one or two."""
    if not isinstance(values, list) or len(values) > _FEW:
        return None
    return np.array(values) if all(type(value) in _NUMBERS for value in values) else None


def check_alpha(alpha: float) -> float:
    """Return the share of runs that may ever be wrong, if it lies inside (0, 0.5]."""
    return check_number("alpha", alpha, low=0, high=0.5, low_open=True)


def running(start: float, values: np.ndarray) -> np.ndarray:
    """Return running sums that begin at `start`: the same bits in whatever parts values come."""
    return np.cumsum(np.concatenate(([start], values)))[1:]


def field(state: Mapping[str, Any], name: str, kind: type, *, where: str) -> Any:
    """Return a field of a stored state, or say which one is missing or of another kind."""
    if not isinstance(state, Mapping) or name not in state:
        raise InputError(f"{where} has no field {name!r}. Restore the file, or start a new one.")
    value = state[name]
    good = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    if kind is float:
        real = isinstance(value, (int, float)) and not isinstance(value, bool)
        good = real and np.isfinite(value)
        value = float(value) if good else value
    if not good:
        raise InputError(
            f"{where}: {name!r} must be {kind.__name__}, got {value!r:.60}. It was edited by hand "
            "or damaged; restore the file, or start a new one."
        )
    return value
