"""Images as a network trained on photographs sees them on the way, as they are or altered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thresher.core.encoders.image_layers import CHANNELS, THIRDS, image_layers

from .altered import Alter, Describe, View

# Each alteration of each of these takes a CPU-millisecond.
FITTED = 2_000
PENALTY = 2.0
CHUNK = 256
EARLY, LATE = (THIRDS**2 * width for width in CHANNELS)


@dataclass(frozen=True)
class Sight:
    """Squares and what the network finds in them.

    Attributes
    ----------
    squares : ndarray of uint8, shape (n, 96, 96, 3)
    surfaces : ndarray of float32, shape (n, 2448)
        What two layers find in the ninths of the image, 720 numbers of the earlier one first.
    known : ndarray of float32, shape (n,)
        How much the image is like those that the network was trained on.
    """

    squares: np.ndarray
    surfaces: np.ndarray
    known: np.ndarray

    @classmethod
    def of(cls, squares: np.ndarray) -> Sight:
        """Look at all squares as they are."""
        surfaces = np.empty((len(squares), EARLY + LATE), np.float32)
        known = np.empty(len(squares), np.float32)
        for start in range(0, len(squares), CHUNK):
            chunk = slice(start, start + CHUNK)
            early, late, known[chunk] = image_layers(squares[chunk])
            surfaces[chunk, :EARLY] = _unit_roots(early)
            surfaces[chunk, EARLY:] = _unit_roots(late)
        return cls(squares, surfaces, known)

    def describe(self, alter: Alter, *, late: bool = False) -> Describe:
        """Return what tells how rows look altered so many times; by the later layer alone or both.

        The earlier one says little of what is up and much of colors.
        """
        first = EARLY if late else 0

        def view(rows: np.ndarray, times: int) -> View:
            seen = self._of_rows(rows, times, alter)
            return View(seen.surfaces[:, first:].astype(np.float64), seen.known.astype(np.float64))

        return view

    def _of_rows(self, rows: np.ndarray, times: int, alter: Alter) -> Sight:
        if times:
            return Sight.of(alter(self.squares[rows], times))
        return Sight(self.squares[rows], self.surfaces[rows], self.known[rows])


def _unit_roots(layer: np.ndarray) -> np.ndarray:
    wide = layer.reshape(len(layer), -1).astype(np.float64)
    roots = np.sign(wide) * np.sqrt(np.abs(wide))
    lengths = np.linalg.norm(roots, axis=1, keepdims=True)
    return np.asarray(roots / np.maximum(lengths, 1e-6))
