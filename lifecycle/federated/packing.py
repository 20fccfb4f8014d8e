"""A client's update in one byte a number: stochastic rounding, with what was lost sent next time.

Each block of numbers has a scale. Rounding up with the probability of the fraction is right on
average (Alistarh et al., "QSGD", 2017); what the rounding took away is added to the next update
(Karimireddy et al., "Error Feedback Fixes SignSGD", 2019), so that nothing is lost over rounds.
O(n) time; 4 bytes more for each block.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from thresher.core.errors import InputError, check_count
from thresher.core.randomness import RandomState, check_random_state

_BLOCK = 1024  # numbers with a common scale: a large one makes few others coarse
_STEPS = 127
_HEAD = 8  # bytes: how many numbers


@dataclass(frozen=True, eq=False)
class PackedUpdate:
    """Numbers of 8 bits and the scale of each block.

    Attributes
    ----------
    numbers : ndarray of int8, shape (n,)
    scales : ndarray of float32, shape (ceil(n / 1024),)

    Examples
    --------
    >>> import numpy as np
    >>> from lifecycle import PackedUpdate
    >>> sent = PackedUpdate(np.array([127, -2], np.int8), np.array([0.5], np.float32)).to_bytes()
    >>> PackedUpdate.from_bytes(sent).values().tolist()
    [63.5, -1.0]
    """

    numbers: np.ndarray
    scales: np.ndarray

    def values(self) -> np.ndarray:
        """Return the update, ndarray of float32, shape (n,)."""
        return np.asarray(self.numbers * np.repeat(self.scales, _BLOCK)[: len(self.numbers)])

    def to_bytes(self) -> bytes:
        """Return what is sent."""
        head = len(self.numbers).to_bytes(_HEAD, "little")
        return head + self.scales.astype("<f4").tobytes() + self.numbers.tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> PackedUpdate:
        """Read what was sent.

        Raises
        ------
        InputError
            For data that were cut or damaged.
        """
        count = int.from_bytes(data[:_HEAD], "little")
        blocks = -(-count // _BLOCK)
        if len(data) < _HEAD or len(data) != _HEAD + 4 * blocks + count:
            raise InputError(
                f"An update of {len(data):,} bytes was cut or damaged: it names {count:,} numbers. "
                "Leave this client out of the round."
            )
        scales = np.frombuffer(data, "<f4", count=blocks, offset=_HEAD)
        if not (np.isfinite(scales) & (scales >= 0)).all():
            raise InputError("An update has scales that are not finite; leave this client out.")
        return cls(np.frombuffer(data, np.int8, offset=_HEAD + 4 * blocks), scales)


class UpdatePacker:
    """Packs the updates of one client, round after round.

    Parameters
    ----------
    size : int
        Numbers in an update.
    random_state : int, numpy.random.Generator or None
        Different for each client, or their errors do not cancel.
    owed : array, shape (size,), optional
        What an earlier packer of the client owed, to go on in another process.

    Attributes
    ----------
    owed : ndarray of float32, shape (size,)
        What rounding has taken away so far.

    Raises
    ------
    InputError
        When `owed` has another shape, or values that are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from lifecycle import UpdatePacker
    >>> packer = UpdatePacker(3, random_state=0)
    >>> packed = packer.pack([1.0, -0.5, 0.1])
    >>> np.abs(packed.values() - [1.0, -0.5, 0.1]).max() < 1 / 127, len(packed.to_bytes())
    (np.True_, 15)
    """

    def __init__(
        self, size: int, *, random_state: RandomState = None, owed: ArrayLike | None = None
    ) -> None:
        self._rng = check_random_state(random_state)
        none = np.zeros(check_count("size", size), np.float32)
        self.owed = none if owed is None else np.array(owed, dtype=np.float32)
        if self.owed.shape != none.shape or not np.isfinite(self.owed).all():
            raise InputError(
                f"`owed` must be {size} finite numbers, got shape {self.owed.shape}; begin without "
                "it."
            )

    def pack(self, update: ArrayLike) -> PackedUpdate:
        """Round an update, and keep what this took away for the next one.

        Raises
        ------
        InputError
            For another size, or values that are not finite.
        """
        given = np.asarray(update, dtype=np.float32)
        if given.shape != self.owed.shape:
            raise InputError(
                f"An update of {len(self.owed)} numbers was expected, got shape {given.shape}."
            )
        if not np.isfinite(given).all():
            raise InputError(
                f"{int((~np.isfinite(given)).sum())} numbers of the update are not finite; train "
                "with a smaller learning rate, and send nothing this round."
            )
        whole = given + self.owed
        blocks = np.pad(whole, (0, -len(whole) % _BLOCK)).reshape(-1, _BLOCK)
        scales = (np.abs(blocks).max(1) / _STEPS).astype(np.float32)
        steps = blocks / np.where(scales > 0, scales, 1)[:, None]
        rounded = np.floor(steps + self._rng.random(steps.shape, dtype=np.float32))
        numbers = np.clip(rounded, -_STEPS, _STEPS).astype(np.int8).ravel()[: len(whole)]
        packed = PackedUpdate(numbers, scales)
        self.owed = whole - packed.values()
        return packed
