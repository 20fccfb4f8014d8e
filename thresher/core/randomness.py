"""One way to take randomness: an int, a numpy generator, or None for fresh entropy."""

from __future__ import annotations

import numpy as np

from .errors import InputError

RandomState = int | np.random.Generator | None


def check_random_state(random_state: RandomState) -> np.random.Generator:
    """Turn `random_state` into a generator; the global numpy state is never read or changed."""
    if isinstance(random_state, np.random.Generator):
        return random_state
    given: object = random_state
    if random_state is None:
        return np.random.default_rng()
    if not isinstance(given, (int, np.integer)) or isinstance(given, bool):
        raise InputError(
            "`random_state` must be an int, a numpy.random.Generator or None, "
            f"got {type(random_state).__name__}."
        )
    if given < 0:
        raise InputError(f"`random_state` must not be negative, got {given}.")
    return np.random.default_rng(int(given))
