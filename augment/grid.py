"""Preview: a grid image of rows × views, so that a person sees what a policy does."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np

from thresher.core.errors import InputError, check_count
from thresher.core.files import atomic_path
from thresher.core.moved import moved_argument, renamed
from thresher.core.randomness import RandomState
from thresher.core.signatures import checked

from .augmenter import Augmenter
from .choosing.auditing import as_pixels
from .operations.policy import Policy
from .randomness.keyed import check_keys

GAP = 2
LABEL_HEIGHT = 14


@dataclass(frozen=True)
class Preview:
    """An image, uint8 (H, W, 3)."""

    pixels: np.ndarray

    def to_png(self) -> bytes:
        """Return the image as PNG."""
        from PIL import Image

        buffer = BytesIO()
        Image.fromarray(self.pixels).save(buffer, format="PNG", optimize=True)
        return buffer.getvalue()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the image as PNG, atomically."""
        with atomic_path(path) as temporary:
            temporary.write_bytes(self.to_png())


def _is_policies(given: Any) -> bool:
    listed = given if isinstance(given, (list, tuple)) else [given]
    return bool(listed) and all(isinstance(one, Policy) for one in listed)


@moved_argument("policies", _is_policies)
@renamed(keys="row_ids")
@checked
def preview(
    images: Any,
    *,
    policies: Policy | Sequence[Policy],
    row_ids: Any = None,
    views: int = 6,
    zoom: int | None = None,
    caption: bool = True,
    random_state: RandomState = 0,
) -> Preview:
    """Draw a grid: one line per policy and image, the original first, then `views` versions.

    Parameters
    ----------
    images
        A few uint8 images, array (n, H, W, C) or tensor (n, C, H, W).
    policies
        One or several.
    row_ids
        One per image; positions by default.
    views
        Versions of each image: those of epoch 0, 1, …
    zoom
        Pixels of the grid for one of the image; by default small images become about 64 pixels.
    caption
        Whether the name of each policy stands above its lines.
    random_state
        The seed of the augmenter whose work is shown.

    Examples
    --------
    >>> import numpy as np
    >>> from augment import policies, preview
    >>> images = np.zeros((2, 8, 8, 3), dtype=np.uint8)
    >>> shown = preview(images, policies=policies.standard(pad=1, flip=True), views=3)
    >>> shown.save("preview.png")
    """
    listed = [policies] if isinstance(policies, Policy) else list(policies)
    pixels = as_pixels(images)
    check_count("views", views, low=1, high=64)
    if not listed or not len(pixels):
        raise InputError("A preview needs at least one policy and one image.")
    rows = check_keys(np.arange(len(pixels)) if row_ids is None else row_ids, n=len(pixels))
    factor = max(1, 64 // max(pixels.shape[1:3])) if zoom is None else int(zoom)
    check_count("zoom", factor, low=1, high=64)
    blocks = [
        _block(Augmenter(policy, random_state=random_state), pixels, rows, views, factor)
        for policy in listed
    ]
    if caption:
        blocks = [
            np.concatenate([_caption(policy.name, block.shape[1]), block])
            for policy, block in zip(listed, blocks, strict=True)
        ]
    return Preview(np.concatenate(blocks))


def _block(
    augmenter: Augmenter, pixels: np.ndarray, keys: np.ndarray, views: int, factor: int
) -> np.ndarray:
    versions = [pixels, *(augmenter.batch(pixels, keys, epoch) for epoch in range(views))]
    table = np.stack(versions, axis=1)
    if table.shape[-1] == 1:
        table = np.repeat(table, 3, axis=-1)
    table = table.repeat(factor, axis=2).repeat(factor, axis=3)
    table = np.pad(table, ((0, 0), (0, 0), (0, GAP), (0, GAP), (0, 0)), constant_values=255)
    n, columns, height, width, _ = table.shape
    return table.transpose(0, 2, 1, 3, 4).reshape(n * height, columns * width, 3)


def _caption(name: str, width: int) -> np.ndarray:
    from PIL import Image, ImageDraw

    strip = Image.new("RGB", (width, LABEL_HEIGHT), (255, 255, 255))
    ImageDraw.Draw(strip).text((2, 1), name, fill=(0, 0, 0))
    return np.asarray(strip)
