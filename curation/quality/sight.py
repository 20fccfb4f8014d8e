"""Images as a network trained on photographs sees them on the way, as they are or altered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thresher.core.encoders.image_layers import CHANNELS, THIRDS, Layers, image_layers

from .altered import Alter

# Each alteration of each of these takes a CPU-millisecond.
FITTED = 2_000
PENALTY = 1.0
CHUNK = 256
WIDTH = THIRDS**2 * CHANNELS[0] + THIRDS * CHANNELS[1]


@dataclass(frozen=True)
class Sight:
    """Squares and what the network finds in them.

    Attributes
    ----------
    squares : ndarray of uint8, shape (n, 96, 96, 3)
    surfaces : ndarray of float32, shape (n, 1296)
        What layers in the middle find in the ninths and thirds of the image.
    """

    squares: np.ndarray
    surfaces: np.ndarray

    @classmethod
    def of(cls, squares: np.ndarray) -> Sight:
        """Look at all squares as they are."""
        surfaces = np.empty((len(squares), WIDTH), np.float32)
        for start in range(0, len(squares), CHUNK):
            chunk = slice(start, start + CHUNK)
            surfaces[chunk] = _surfaces(image_layers(squares[chunk]))
        return cls(squares, surfaces)

    def of_rows(self, rows: np.ndarray, times: int, alter: Alter) -> Sight:
        """Look at rows, int (m,), altered so many times."""
        if times:
            return Sight.of(alter(self.squares[rows], times))
        return Sight(self.squares[rows], self.surfaces[rows])


def _surfaces(layers: Layers) -> np.ndarray:
    middle, late = _roots(layers[0]), _roots(layers[1])
    down, across = late.mean(axis=2), late.mean(axis=1)
    thirds = [down[:, 0] - down[:, 2], across[:, 0] - across[:, 2], late.mean(axis=(1, 2))]
    return np.concatenate([_unit(middle), _unit(np.stack(thirds, axis=1))], axis=1)


def _roots(values: np.ndarray) -> np.ndarray:
    wide = values.astype(np.float64)
    return np.asarray(np.sign(wide) * np.sqrt(np.abs(wide)))


def _unit(values: np.ndarray) -> np.ndarray:
    rows = values.reshape(len(values), -1)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-6))
