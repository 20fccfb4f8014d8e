"""What every encoder offers, and what the kinds of values are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Protocol, Self

import numpy as np

from ..choice import Choice

ON_CPU = Choice("cpu", "built-in encoders are numpy code, and quick")
Values = np.ndarray | Sequence[str]
"""Images uint8 (n, h, w, 3), texts, or numbers (n, d)."""


class Encoder(Protocol):
    """Turns values of one modality into vectors.

    Encoding a row gives the same bits on a CPU whichever rows come with it.

    Attributes
    ----------
    name : str
        Such as ``"builtin:image"`` or ``"st:all-MiniLM-L6-v2"``.
    modality : str
        ``"image"``, ``"text"`` or ``"features"``.
    device : Choice
        Where it computes, and why.
    image_size : int
        Side in pixels of the squares that images are read as; 0 for other modalities.
    fit_rows : int
        The most rows that `fit` has a use for; 0 when there is nothing to fit.
    fitted : bool
        Whether `encode` can be called.
    dimensions : int
        Length of a vector.
    fingerprint : str
        Identifies the encoder, its version, its settings and its fitted state.
    """

    name: str
    modality: str
    device: Choice
    image_size: int
    fit_rows: int

    @property
    def fitted(self) -> bool: ...  # noqa: D102

    @property
    def dimensions(self) -> int: ...  # noqa: D102

    @property
    def fingerprint(self) -> str: ...  # noqa: D102

    def fit(self, values: Values) -> Self:
        """Learn the space from `values`, replacing what was learnt before."""

    def encode(self, values: Values) -> np.ndarray:
        """Return vectors, float32, shape (n, d); a row without content is all zeros."""

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the settings and the fitted state, to be read by `load_encoder`."""
