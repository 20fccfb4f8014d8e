"""One image as a batch of one and back: tensors, arrays with or without channels, PIL images."""

from __future__ import annotations

from typing import Any

import numpy as np

from thresher.core.errors import InputError

from .images import is_tensor


def pack(image: Any) -> tuple[Any, str]:
    """Return a batch of one, and the form that `unpack` needs.

    Raises
    ------
    InputError
        For anything but a tensor (C, H, W), an array (H, W, C) or (H, W), or a PIL image in mode
        L or RGB.
    """
    if is_tensor(image):
        if image.ndim != 3:
            raise InputError(f"One image must be a tensor (C, H, W), got {tuple(image.shape)}.")
        return image[None], "batch"
    if hasattr(image, "mode") and hasattr(image, "getpixel"):
        if image.mode not in ("L", "RGB"):
            raise InputError(
                f"PIL images must have mode L or RGB, got {image.mode}; use image.convert('RGB')."
            )
        return pack(np.asarray(image))[0], "pil"
    if not isinstance(image, np.ndarray):
        raise InputError(
            "`image` must be an array (H, W, C), a tensor (C, H, W) or a PIL image, "
            f"got {type(image).__name__}."
        )
    if image.ndim == 2:
        return image[None, :, :, None], "plane"
    if image.ndim != 3:
        raise InputError(f"One image must be an array (H, W, C) or (H, W), got {image.shape}.")
    return image[None], "batch"


def unpack(batch: Any, form: str) -> Any:
    """Return the only image of a batch in the form that `pack` saw."""
    if form == "plane":
        return batch[0, :, :, 0]
    if form == "pil":
        from PIL import Image

        pixels = batch[0]
        return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    return batch[0]
