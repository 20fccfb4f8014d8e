"""What images may look like when they come in, and how they go out again in the same form.

Nothing is clipped, cast or defaulted silently: float images must lie in [0, 1] and come back as
multiples of 1/255 (operations work on 8 bits, as files and the published policies do).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from thresher.core.errors import InputError

from .layout import channels_first, channels_last

if TYPE_CHECKING:
    from torch import Tensor

Batch: TypeAlias = "np.ndarray | Tensor"
MAX_SIDE = 32768


@dataclass(frozen=True)
class Form:
    """How a batch came in: as a tensor or an array, on which device, in which dtype."""

    kind: str
    floating: bool
    device: str = "cpu"
    dtype: Any = None


def is_tensor(value: object) -> bool:
    """Tell whether `value` is a torch tensor, without importing torch."""
    return type(value).__module__.startswith("torch") and hasattr(value, "device")


def check_batch(images: Any) -> Form:
    """Check a batch, tensor (n, C, H, W) or array (n, H, W, C), with C of 1 or 3.

    Raises
    ------
    InputError
        For another type, layout, dtype, or float values outside [0, 1].
    """
    if is_tensor(images):
        shape, layout = tuple(images.shape), "(n, channels, height, width)"
    elif isinstance(images, np.ndarray):
        shape, layout = images.shape, "(n, height, width, channels)"
    else:
        raise InputError(
            "`images` must be a uint8 array (n, height, width, channels) or a uint8 tensor "
            f"(n, channels, height, width), got {type(images).__name__}."
        )
    _check_shape(shape, layout, tensor=is_tensor(images))
    floating = _check_values(images)
    device = str(images.device) if is_tensor(images) else "cpu"
    return Form("tensor" if is_tensor(images) else "array", floating, device, images.dtype)


def _check_shape(shape: tuple[int, ...], layout: str, *, tensor: bool) -> None:
    if len(shape) != 4:
        raise InputError(f"`images` must have the shape {layout}, got {shape}.")
    channels, other = (shape[1], shape[3]) if tensor else (shape[3], shape[1])
    if channels not in (1, 3):
        hint = ""
        if other in (1, 3):
            hint = (
                " They look channels-last: use images.permute(0, 3, 1, 2)."
                if tensor
                else " They look channels-first: use images.transpose(0, 2, 3, 1), or a tensor."
            )
        raise InputError(f"`images` need 1 or 3 channels in {layout}, got {shape}.{hint}")
    sides = shape[2:] if tensor else shape[1:3]
    if not all(1 <= side <= MAX_SIDE for side in sides):
        raise InputError(f"The sides of an image must be 1 to {MAX_SIDE} pixels, got {sides}.")


def _check_values(images: Any) -> bool:
    # NumPy takes longer to write the name than to compare.
    if images.dtype == np.uint8:
        return False
    name = str(images.dtype).removeprefix("torch.")
    if name == "uint8":
        return False
    if name not in ("float32", "float64"):
        raise InputError(
            f"`images` must be uint8 (0 to 255) or float32/float64 in [0, 1], got {name}."
        )
    if images.shape[0] == 0:
        return True
    bad = int((images != images).sum())
    low, high = float(images.min()), float(images.max())
    if bad or np.isinf(low) or np.isinf(high):
        raise InputError(f"`images` hold {bad} NaN and values from {low:g} to {high:g}.")
    if low < 0 or high > 1:
        raise InputError(
            f"Float images must lie in [0, 1], got {low:g} to {high:g}. "
            "For values from 0 to 255 use uint8."
        )
    return True


def to_tensor(images: Any, form: Form) -> Tensor:
    """Return a uint8 tensor (n, C, H, W), sharing memory with `images` where it can."""
    import torch

    if form.kind == "array":
        return torch.from_numpy(channels_first(_as_bytes(images, form)))
    if form.floating:
        images = (images * 255 + 0.5).floor().to(torch.uint8)
    return images  # type: ignore[no-any-return]


def _as_bytes(images: np.ndarray, form: Form) -> np.ndarray:
    return np.floor(images * 255 + 0.5).astype(np.uint8) if form.floating else images


def to_array(images: Any, form: Form) -> np.ndarray:
    """Return a uint8 array (n, H, W, C), sharing memory with `images` where it can."""
    if form.kind == "tensor":
        return channels_last(_as_bytes(images.detach().cpu().numpy(), form))
    return np.ascontiguousarray(_as_bytes(images, form))


def to_planes(images: Any, form: Form) -> np.ndarray:
    """Return a tensor as a uint8 array (n, C, H, W), sharing memory with it where it can."""
    return np.ascontiguousarray(_as_bytes(images.detach().cpu().numpy(), form))


def from_planes(images: np.ndarray, form: Form) -> Any:
    """Return a uint8 array (n, C, H, W) as the tensor that came in."""
    import torch

    return from_tensor(torch.from_numpy(images).to(form.device), form)


def from_tensor(images: Tensor, form: Form) -> Any:
    """Return a uint8 tensor in the form that came in."""
    if form.kind == "array":
        return _from_bytes(channels_last(images.numpy()), form)
    return images.to(form.dtype).div_(255) if form.floating else images


def from_array(images: np.ndarray, form: Form) -> Any:
    """Return a uint8 array (n, H, W, C) in the form that came in."""
    if form.kind == "array":
        return _from_bytes(images, form)
    import torch

    return from_tensor(torch.from_numpy(channels_first(images)).to(form.device), form)


def _from_bytes(images: np.ndarray, form: Form) -> np.ndarray:
    return np.asarray(images.astype(form.dtype) / 255, form.dtype) if form.floating else images
