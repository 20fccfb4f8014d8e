"""Looks of an image: whole, cropped, cut at a caption, mirrored, turned.

A crop of an image is found because the image itself is looked up by its own crops: a grid of 18 at
85 and 70 % of the side, between which alignment closes the gap. An image with a caption across
its top or bottom is found by the three quarters that the caption leaves. Each look is a thumbnail
of 12 × 12 gray values, whose cosine does not change with brightness, contrast and color.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from thresher.core.embeddings import unit_length
from thresher.core.errors import InputError

SIDE, THUMBNAIL = 64, 12
SCALES = (0.85, 0.7)
# Gray values that a uniform border may span once a JPEG has been at it.
FLAT = 12
LEAST_LEFT = 0.25

Box = tuple[float, float, float, float]
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)
CROPS: tuple[Box, ...] = tuple(
    (down * (1 - scale), across * (1 - scale), scale, scale)
    for scale in SCALES
    for down in (0.0, 0.5, 1.0)
    for across in (0.0, 0.5, 1.0)
)
BANDS: tuple[Box, ...] = ((0.0, 0.0, 0.75, 1.0), (0.25, 0.0, 0.75, 1.0))


@dataclass(frozen=True)
class Look:
    """A part of an image, mirrored first and turned second.

    Attributes
    ----------
    box : (top, left, height, width), as shares of the side
    turns : int
        Quarter turns, counter-clockwise.
    mirrored : bool
    """

    box: Box = WHOLE
    turns: int = 0
    mirrored: bool = False

    def of(self, images: np.ndarray) -> np.ndarray:
        """Return this look of images, shape (…, s, s)."""
        seen = images[..., ::-1] if self.mirrored else images
        return cut(np.rot90(seen, self.turns, axes=(-2, -1)), self.box)


@dataclass(frozen=True)
class View:
    """How the first image of a pair is laid over the second.

    Attributes
    ----------
    first : Look
        Part of the first image that shows what the second does.
    second : Look
        The second image, mirrored and turned; cut only where the first is cut alike, as with
        captions.
    """

    first: Look = Look()
    second: Look = Look()


def views(*, mirror: bool, crops: bool, turned: bool) -> list[View]:
    """Return the views to look images up by, the plain one first; turned images only as a whole."""
    sides = (False, True) if mirror else (False,)
    seen = [View(Look(), Look(mirrored=side)) for side in sides]
    if turned:
        seen += [View(Look(), Look(WHOLE, turns, side)) for turns in (1, 2, 3) for side in sides]
    if crops:
        seen += [View(Look(box), Look(mirrored=side)) for box in CROPS for side in sides]
        seen += [View(Look(box), Look(box, mirrored=side)) for box in BANDS for side in sides]
    return seen


def cut(images: np.ndarray, box: Box) -> np.ndarray:
    """Return the part of images, shape (…, s, s), in a box of shares of the side."""
    side = images.shape[-1]
    top, left, height, width = (round(share * side) for share in box)
    return images[..., top : top + height, left : left + width]


def thumbnails(images: np.ndarray) -> np.ndarray:
    """Return thumbnails less their mean, unit length or 0, float32, shape (n, 144)."""
    import cv2

    size = THUMBNAIL, THUMBNAIL
    small = np.empty((len(images), THUMBNAIL * THUMBNAIL), np.float32)
    for place, image in enumerate(images):
        plain = np.ascontiguousarray(image)
        small[place] = cv2.resize(plain, size, interpolation=cv2.INTER_AREA).ravel()
    return unit_length(small - small.mean(axis=1, keepdims=True))


def gray_squares(images: Iterable[np.ndarray | None]) -> tuple[np.ndarray, np.ndarray]:
    """Make gray squares of images of any size, and digests of their pixels.

    Uniform borders are taken off and the rest is stretched to a square, so that neither bars nor
    another aspect hide a copy.

    Parameters
    ----------
    images : iterable of ndarray of uint8, shape (h, w, 3), or None for one that cannot be read

    Returns
    -------
    squares : ndarray of uint8, shape (n, 64, 64)
    digests : ndarray of str, shape (n,)
        Of pixels and shape; empty for None.
    """
    squares, digests = [np.zeros((0, SIDE, SIDE), np.uint8)], []
    for image in images:
        if image is None:
            squares.append(np.zeros((1, SIDE, SIDE), np.uint8))
            digests.append("")
            continue
        plain = np.ascontiguousarray(image)
        squares.append(_square(plain)[None])
        shape = b"%d,%d;" % plain.shape[:2]
        digests.append(hashlib.blake2b(shape + plain.tobytes(), digest_size=16).hexdigest())
    return np.concatenate(squares), np.array(digests, dtype=str)


def gray_of(image: np.ndarray) -> np.ndarray:
    """Turn RGB, uint8, shape (h, w, 3), into gray values, shape (h, w).

    Raises
    ------
    InputError
        When the array is something else.
    """
    import cv2

    plain = np.ascontiguousarray(image)
    if plain.dtype != np.uint8 or plain.ndim != 3 or plain.shape[2] != 3 or not plain.size:
        raise InputError(
            "Each image must be uint8 of shape (height, width, 3), got "
            f"{plain.dtype} of shape {plain.shape}."
        )
    return np.asarray(cv2.cvtColor(plain, cv2.COLOR_RGB2GRAY))


def _square(image: np.ndarray) -> np.ndarray:
    import cv2

    gray = without_borders(gray_of(image))
    method = cv2.INTER_AREA if min(gray.shape) >= SIDE else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(gray, (SIDE, SIDE), interpolation=method))


def without_borders(gray: np.ndarray) -> np.ndarray:
    """Take uniform bars off two opposite sides of an image, shape (h, w), or off all four.

    A bar on one side alone stays, since there it is as likely part of the image; so does
    everything where less than a quarter of the image would be left.
    """
    rows = _between_bars(np.ptp(gray, axis=1))
    columns = _between_bars(np.ptp(gray, axis=0))
    inner = gray[rows, columns]
    return inner if inner.size >= LEAST_LEFT * gray.size else gray


def _between_bars(ranges: np.ndarray) -> slice:
    busy = np.flatnonzero(ranges > FLAT)
    if not len(busy) or busy[0] == 0 or busy[-1] == len(ranges) - 1:
        return slice(None)
    return slice(int(busy[0]), int(busy[-1]) + 1)
