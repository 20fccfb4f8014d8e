"""A client's update in one byte a number, or fewer numbers: what is not sent comes with the next.

Each block of numbers has a scale. Rounding up with the probability of the fraction is right on
average (Alistarh et al., "QSGD", 2017). Of a large update only the largest numbers may be sent
(Stich et al., "Sparsified SGD with Memory", 2018). What rounding and leaving out took away is added
to the next update (Karimireddy et al., "Error Feedback Fixes SignSGD", 2019), so that nothing is
lost over rounds. O(n) time; 4 bytes more for each block, and about a byte for the place of each
number where not all are sent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from thresher.core.counted import counted
from thresher.core.errors import InputError, check_count, check_number
from thresher.core.missing import read_numbers
from thresher.core.randomness import RandomState, check_random_state
from thresher.core.signatures import checked

_BLOCK = 1024  # numbers with a common scale: a large one makes few others coarse
_STEPS = 127
_HEAD = 16  # bytes: how many numbers there are, and how many are sent
_FAR = 255  # places farther apart take more than one byte


@dataclass(frozen=True, eq=False)
class PackedUpdate:
    """Numbers of 8 bits, the scale of each block, and where they belong if not all are sent.

    Attributes
    ----------
    numbers : ndarray of int8, shape (k,)
    scales : ndarray of float32, shape (ceil(k / 1024),)
    places : ndarray of int64, shape (k,), optional
        Rising; all numbers in their order by default.
    size : int, optional
        Numbers of the whole update, with places.

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
    places: np.ndarray | None = None
    size: int | None = None

    def values(self) -> np.ndarray:
        """Return the update, ndarray of float32, shape (n,); 0 where nothing was sent."""
        sent = np.asarray(self.numbers * np.repeat(self.scales, _BLOCK)[: len(self.numbers)])
        if self.places is None:
            return sent
        whole = np.zeros(self.size or 0, np.float32)
        whole[self.places] = sent
        return whole

    def to_bytes(self) -> bytes:
        """Return what is sent."""
        count = len(self.numbers)
        head = np.array([self.size or count, count], "<u8").tobytes()
        gaps = b"" if self.places is None else _gaps(self.places)
        return head + self.scales.astype("<f4").tobytes() + self.numbers.tobytes() + gaps

    @classmethod
    def from_bytes(cls, data: bytes) -> PackedUpdate:
        """Read what was sent.

        Raises
        ------
        InputError
            For data that were cut or damaged.
        """
        if len(data) < _HEAD:
            raise _damaged(data, "it has no head")
        size, count = map(int, np.frombuffer(data, "<u8", count=2))
        blocks = -(-count // _BLOCK)
        end = _HEAD + 4 * blocks + count
        whole = count == size
        if count > size or len(data) < end or (whole and len(data) != end):
            raise _damaged(data, f"it names {count:,} of {counted(size, 'number')}")
        scales = np.frombuffer(data, "<f4", count=blocks, offset=_HEAD)
        if not (np.isfinite(scales) & (scales >= 0)).all():
            raise InputError("An update has scales that are not finite; leave this client out.")
        numbers = np.frombuffer(data, np.int8, count=count, offset=_HEAD + 4 * blocks)
        if whole:
            return cls(numbers, scales)
        places = _places(data[end:])
        if len(places) != count or places[-1:].sum() >= size:
            raise _damaged(
                data, f"its places are not those of {count:,} of {counted(size, 'number')}"
            )
        return cls(numbers, scales, places, size)


class UpdatePacker:
    """Packs the updates of one client, round after round.

    Parameters
    ----------
    size : int
        Numbers in an update.
    share : float
        Of the numbers that are sent each time, the largest; the others are owed.
    random_state : int, numpy.random.Generator or None
        Different for each client, or their errors do not cancel.
    owed : array, shape (size,), optional
        What an earlier packer of the client owed, to go on in another process.

    Attributes
    ----------
    owed : ndarray of float32, shape (size,)
        What has not been sent so far.

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
    (np.True_, 23)
    >>> UpdatePacker(3, share=0.3, random_state=0).pack([1.0, -0.5, 0.1]).values().tolist()
    [1.0, 0.0, 0.0]
    """

    @checked
    def __init__(
        self,
        size: int,
        *,
        share: float = 1.0,
        random_state: RandomState = None,
        owed: ArrayLike | None = None,
    ) -> None:
        self._rng = check_random_state(random_state)
        none = np.zeros(check_count("size", size), np.float32)
        check_number("share", share, low=0, high=1, low_open=True)
        self._sent = max(1, round(share * size))
        self.owed = none if owed is None else read_numbers("owed", owed).astype(np.float32)
        if self.owed.shape != none.shape or not np.isfinite(self.owed).all():
            raise InputError(
                f"`owed` must be {counted(size, 'finite number')}, got shape {self.owed.shape}; "
                "begin without it."
            )

    def pack(self, update: ArrayLike) -> PackedUpdate:
        """Round an update, and keep what this took away for the next one.

        Raises
        ------
        InputError
            For another size, or values that are not finite.
        """
        with np.errstate(over="ignore"):  # what is too large is named as not finite
            given = read_numbers("update", update).astype(np.float32)
        if given.shape != self.owed.shape:
            raise InputError(
                f"An update of {counted(len(self.owed), 'number')} was expected, got shape "
                f"{given.shape}."
            )
        wrong = int((~np.isfinite(given)).sum())
        if wrong:
            raise InputError(
                f"{counted(wrong, 'number of the update is', 'numbers of the update are')} not "
                "finite; train with a smaller learning rate, and send nothing this round."
            )
        whole = given + self.owed
        if self._sent == len(whole):
            packed = PackedUpdate(*self._round(whole))
        else:
            places = np.sort(np.argpartition(-np.abs(whole), self._sent - 1)[: self._sent])
            packed = PackedUpdate(*self._round(whole[places]), places, len(whole))
        self.owed = whole - packed.values()
        return packed

    def _round(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        blocks = np.pad(values, (0, -len(values) % _BLOCK)).reshape(-1, _BLOCK)
        scales = (np.abs(blocks).max(1) / _STEPS).astype(np.float32)
        steps = blocks / np.where(scales > 0, scales, 1)[:, None]
        rounded = np.floor(steps + self._rng.random(steps.shape, dtype=np.float32))
        numbers = np.clip(rounded, -_STEPS, _STEPS).astype(np.int8).ravel()[: len(values)]
        return numbers, scales


def _gaps(places: np.ndarray) -> bytes:
    """Return one byte for each place, its distance from the last; `_FAR` says that more follows."""
    apart = np.diff(places, prepend=-1) - 1
    more = apart // _FAR
    gaps = np.full(len(places) + int(more.sum()), _FAR, np.uint8)
    gaps[np.cumsum(more + 1) - 1] = apart % _FAR
    return gaps.tobytes()


def _places(data: bytes) -> np.ndarray:
    """Return the places; an unfinished last one is as if it were not there."""
    gaps = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(gaps != _FAR)
    reached = np.cumsum(gaps, dtype=np.int64)
    return np.asarray(reached[ends] + np.arange(len(ends)))


def _damaged(data: bytes, why: str) -> InputError:
    return InputError(
        f"An update of {counted(len(data), 'byte')} was cut or damaged: {why}. Leave this client "
        "out of the round."
    )
