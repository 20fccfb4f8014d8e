"""``builtin:image``: edges and colors of a thumbnail, without torch and without a download.

Good for near-duplicates and for layout; it does not know what is in an image. Fitted on the
user's own images. CIFAR-10 with 10,000 references: 1-NN .52, 5-NN .57.
"""

from __future__ import annotations

import os
from typing import Self

import numpy as np

from ..errors import InputError, check_count
from ..images import fit_square
from .color import layout, palette, to_lab
from .hog import hog
from .projection import Projection
from .protocol import ON_CPU, Values
from .storage import StoredEncoder, not_fitted

VERSION = 2
WIDTHS = (432, 189, 128)  # edges, layout, palette
WEIGHTS = (1.0, 0.5, 0.5)  # chosen on CIFAR-10 training images only; flat around here
CHUNK = 256  # images described at once, small enough for the processor's cache


class ImageEncoder:
    """HOG, LAB layout and HSV palette at 32 × 32 pixels, projected to 128 dimensions.

    Parameters
    ----------
    dimensions : int
        The most components to keep; few images give fewer (see `Projection`).
    """

    name = "builtin:image"
    modality = "image"
    image_size = 32
    fit_rows = 20_000
    device = ON_CPU

    def __init__(self, *, dimensions: int = 128) -> None:
        check_count("dimensions", dimensions, low=1, high=sum(WIDTHS))
        self.most_dimensions = dimensions
        self.projection_: Projection | None = None

    @property
    def fitted(self) -> bool:
        """Whether `encode` can be called."""
        return self.projection_ is not None

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return int(self._projection().basis.shape[1])

    @property
    def fingerprint(self) -> str:
        """Identifies version, settings and fitted state."""
        return self.stored().fingerprint

    def fit(self, values: Values) -> Self:
        """Find the components of images, uint8 (n, h, w, 3); constant images are passed over."""
        images = as_images(values, size=self.image_size)
        features = describe(images[~is_constant(images)])
        self.projection_ = Projection.fit(
            features, widths=WIDTHS, weights=WEIGHTS, dimensions=self.most_dimensions
        )
        return self

    def encode(self, values: Values) -> np.ndarray:
        """Encode images, uint8 (n, h, w, 3); a constant image gives zeros."""
        images = as_images(values, size=self.image_size)
        vectors = self._projection().apply(describe(images))
        vectors[is_constant(images)] = 0
        return vectors

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write settings and components."""
        self.stored().write(folder)

    @classmethod
    def from_stored(cls, stored: StoredEncoder) -> ImageEncoder:
        """Rebuild a saved encoder."""
        stored.check_version(VERSION)
        encoder = cls(**stored.settings)
        encoder.projection_ = Projection(**stored.arrays)
        return encoder

    def _projection(self) -> Projection:
        if self.projection_ is None:
            raise not_fitted(self.name)
        return self.projection_

    def stored(self) -> StoredEncoder:
        """Return what identifies the encoder and rebuilds it."""
        projection = self._projection()
        arrays = {"mean": projection.mean, "basis": projection.basis}
        return StoredEncoder(self.name, VERSION, {"dimensions": self.most_dimensions}, arrays)


def describe(images: np.ndarray) -> np.ndarray:
    """Features of squares, uint8 (n, s, s, 3), before projection: float32, shape (n, 749)."""
    chunks = [images[start : start + CHUNK] for start in range(0, len(images), CHUNK)]
    if not chunks:
        return np.empty((0, sum(WIDTHS)), np.float32)
    return np.concatenate([_describe_chunk(chunk) for chunk in chunks])


def _describe_chunk(images: np.ndarray) -> np.ndarray:
    lab = to_lab(images)
    edges = hog(np.ascontiguousarray(lab[..., 0]))
    return np.concatenate([edges, layout(lab), palette(images)], axis=1)


def is_constant(images: np.ndarray) -> np.ndarray:
    """Tell which images have one color only, bool, shape (n,)."""
    return np.asarray((images == images[:, :1, :1]).all(axis=(1, 2, 3)))


def as_images(values: Values, *, size: int | None) -> np.ndarray:
    """Check images and bring them to RGB squares, uint8, shape (n, size, size, 3).

    With ``size=None`` they keep their height and width.

    Gray images, shape (n, h, w) or (n, h, w, 1), are repeated over the three channels.
    """
    images = np.asarray(values)
    if images.ndim == 3:
        images = images[..., None]
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3):
        raise InputError(
            "Images must be uint8 of shape (n, h, w, 3), or (n, h, w) for gray, got "
            f"{images.dtype} of shape {images.shape}."
        )
    if 0 in images.shape[1:3]:
        raise InputError(f"Images without pixels cannot be encoded: shape {images.shape}.")
    if images.shape[3] == 1:
        images = np.repeat(images, 3, axis=3)
    if size is None or images.shape[1:3] == (size, size):
        return images
    squares = np.empty((len(images), size, size, 3), np.uint8)
    for position, image in enumerate(images):
        squares[position] = fit_square(image, size)
    return squares
