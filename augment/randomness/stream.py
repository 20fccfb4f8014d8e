"""A numpy generator and a `random.Random` that are set to a row's own stream in about 1 µs.

For libraries that draw by themselves. Philox (Salmon et al., "Parallel random numbers: as easy as
1, 2, 3", SC 2011) takes the seed and the row as its key, epoch and view as its counter, so that
setting it needs no hashing. How many numbers a call draws never touches another row.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np


class SharedRandom(random.Random):
    """Python's random interface, drawing from a numpy generator."""

    # Seeding the Mersenne Twister alone would take 4 µs a call.

    def __init__(self, generator: np.random.Generator) -> None:
        self.generator = generator
        super().__init__(0)
        self.gauss_next: float | None = None
        # The same as the method below, without the Python call around it.
        self.random = generator.random  # type: ignore[method-assign]

    def random(self) -> float:
        """Return the next float64 in [0, 1)."""
        return float(self.generator.random())

    def getrandbits(self, k: int, /) -> int:
        """Return an integer of `k` random bits."""
        if 0 < k <= 53:
            return int(self.generator.random() * (1 << k))
        words = (k + 31) // 32
        drawn = self.generator.integers(2**32, size=words, dtype=np.uint32).tobytes()
        return int.from_bytes(drawn, "little") >> (words * 32 - k)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return type(self), (self.generator,)


class KeyedStream:
    """The pair of generators, and the one call that sets both to a row's stream."""

    def __init__(self, seed: int) -> None:
        self._bits = np.random.Philox(key=seed)
        self.generator = np.random.Generator(self._bits)
        self.python = SharedRandom(self.generator)
        self._state: Any = self._bits.state
        self._state["state"]["key"][0] = seed

    def rekey(self, key: int, *, epoch: int, view: int) -> None:
        """Go to the start of the stream of one row, epoch and view."""
        words = self._state["state"]
        words["key"][1] = key
        words["counter"][1] = epoch
        words["counter"][2] = view
        self._bits.state = self._state
        self.python.gauss_next = None

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
        shared = {"_bits": self._bits, "generator": self.generator, "python": self.python}
        return type(self), (0,), shared | {"_state": self._state}
