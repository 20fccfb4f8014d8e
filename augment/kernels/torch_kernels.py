"""Kernels on uint8 tensors (n, C, H, W), with parameters of their own for every image.

Only element-wise arithmetic, gathers and sums of integers are used, so that an image gets the same
bits whatever batch it is in. On CPU and CUDA the results are within one gray level.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .constants import fill_boxes, gaussian_weights, sharpen_shares
from .pixel_tables import Statistics, build_tables, mean_gray

# Values of one pass of a blur, which then stay in the processor's cache.
BLURRED_AT_ONCE = 1 << 18


def _column(rows: np.ndarray, place: int, like: Tensor, dtype: torch.dtype) -> Tensor:
    return torch.from_numpy(rows[:, place].copy()).to(device=like.device, dtype=dtype)


def _to_bytes(values: Tensor) -> Tensor:
    return _whole_bytes(values.add_(0.5).clamp_(0, 255))


def _whole_bytes(values: Tensor) -> Tensor:
    # By way of integers: on CPUs more than twice as fast as from floats at once.
    return values.to(torch.int32).to(torch.uint8)


def window(images: Tensor, rows: np.ndarray) -> Tensor:
    """Shift by whole pixels and mirror: rows (down, right, hflip, vflip, constant, fill)."""
    n, channels, height, width = images.shape
    if not rows[:, [0, 1, 3]].any() and rows[:, 2].all():
        return images.flip(-1)
    y = _source(rows[:, 0], rows[:, 3], height).to(images.device)
    x = _source(rows[:, 1], rows[:, 2], width).to(images.device)
    outside = rows[:, 4].any()
    mirrored_y, mirrored_x = _mirror(y, height), _mirror(x, width)
    flat = (mirrored_y[:, :, None] * width + mirrored_x[:, None, :]).view(n, 1, -1)
    moved = images.reshape(n, channels, -1).gather(2, flat.expand(n, channels, -1))
    moved = moved.view(n, channels, height, width)
    if not outside:
        return moved
    missing = (y != mirrored_y)[:, None, :, None] | (x != mirrored_x)[:, None, None, :]
    missing = missing & _column(rows, 4, images, torch.bool)[:, None, None, None]
    return torch.where(missing, _column(rows, 5, images, torch.uint8)[:, None, None, None], moved)


def _source(shift: np.ndarray, flip: np.ndarray, side: int) -> Tensor:
    place = np.arange(side)[None, :]
    place = np.where(flip[:, None] > 0, side - 1 - place, place)
    return torch.from_numpy(place + shift.astype(np.int64)[:, None])


def _mirror(place: Tensor, side: int) -> Tensor:
    return ((side - 1) - ((side - 1) - place.abs()).abs()).clamp_(0, side - 1)


def affine(images: Tensor, rows: np.ndarray) -> Tensor:
    """Resample bilinearly: rows (a, b, c, d, e, f, fill) as in `geometry`."""
    height, width = images.shape[2:]
    # In double precision up to here: the grid is then the same to the last bit on every device.
    y = np.arange(height)[None, :, None] + 0.5
    x = np.arange(width)[None, None, :] + 0.5
    a, b, c, d, e, f, fill = (rows[:, place, None, None] for place in range(7))
    across, down = a * x + (b * y + c), d * x + (e * y + f)
    if (fill < 0).any():
        across = np.where(fill < 0, np.clip(across, 0.5, width - 0.5), across)
        down = np.where(fill < 0, np.clip(down, 0.5, height - 0.5), down)
    return _sample(images, across, down, fill=np.maximum(rows[:, 6:], 0))


def resize(images: Tensor, rows: np.ndarray) -> Tensor:
    """Stretch a box to the whole image, bilinearly: rows (top, left, bottom, right)."""
    height, width = images.shape[2:]
    top, left, bottom, right = (rows[:, place, None, None] for place in range(4))
    y = top + (np.arange(height)[None, :, None] + 0.5) * ((bottom - top) / height)
    x = left + (np.arange(width)[None, None, :] + 0.5) * ((right - left) / width)
    down = np.clip(y, top + 0.5, bottom - 0.5)
    across = np.clip(x, left + 0.5, right - 0.5)
    return _sample(images, across, down, fill=np.zeros((len(rows), 1)))


def _sample(images: Tensor, across: np.ndarray, down: np.ndarray, *, fill: np.ndarray) -> Tensor:
    """Sample at float64 places that broadcast to (n, H, W); outside is a level (n, 1)."""
    n, _, height, width = images.shape
    grid = np.empty((n, height, width, 2), dtype=np.float32)
    np.multiply(across, 2 / width, out=grid[..., 0], casting="same_kind")
    np.multiply(down, 2 / height, out=grid[..., 1], casting="same_kind")
    grid -= 1
    values, places = images.float(), torch.from_numpy(grid).to(images.device)
    if not fill.any():
        return _to_bytes(F.grid_sample(values, places, align_corners=False))
    level = _column(fill, 0, images, torch.float32)[:, None, None, None]
    sampled = F.grid_sample(values.sub_(level), places, align_corners=False)
    return _to_bytes(sampled.add_(level))


def table(images: Tensor, rows: np.ndarray) -> Tensor:
    """Map every pixel through a table of its image and channel: rows (rule, amount)."""
    n, channels = images.shape[:2]
    statistics = Statistics(
        means=lambda chosen: _means(_pick(images, chosen)),
        extremes=lambda chosen: _extremes(_pick(images, chosen)),
        histograms=lambda chosen: _histograms(_pick(images, chosen)),
    )
    tables = torch.from_numpy(build_tables(rows, statistics, channels=channels)).to(images.device)
    index = images.reshape(n * channels, -1).long()
    return tables.view(n * channels, 256).gather(1, index).view(images.shape)


def _pick(images: Tensor, chosen: np.ndarray) -> Tensor:
    return images if len(chosen) == len(images) else images[torch.from_numpy(chosen)]


def _means(images: Tensor) -> np.ndarray:
    sums = images.sum(dim=(2, 3), dtype=torch.int64)
    return np.asarray(sums.cpu().numpy() / (images.shape[2] * images.shape[3]))


def _extremes(images: Tensor) -> tuple[np.ndarray, np.ndarray]:
    low, high = torch.aminmax(images.flatten(2), dim=2)
    return low.cpu().numpy().astype(float), high.cpu().numpy().astype(float)


def _histograms(images: Tensor) -> np.ndarray:
    n, channels = images.shape[:2]
    planes = images.reshape(n * channels, -1).long()
    start = torch.arange(n * channels, device=images.device)[:, None] * 256
    counts = torch.bincount((planes + start).view(-1), minlength=n * channels * 256)
    return np.asarray(counts.view(n, channels, 256).cpu().numpy())


def color(images: Tensor, rows: np.ndarray) -> Tensor:
    """Mix the channels by a 3×3 matrix and add a share of the mean gray: rows of ten numbers."""
    offset = np.zeros(len(rows))
    if rows[:, 9].any():
        offset = rows[:, 9] * mean_gray(_means(images))
    add = torch.from_numpy(offset.astype(np.float32)).to(images.device)[:, None, None]
    weights = torch.from_numpy(rows[:, :9].astype(np.float32)).to(images.device)[:, :, None, None]
    if images.shape[1] == 1:
        total = torch.from_numpy(rows[:, :3].sum(axis=1).astype(np.float32)).to(images.device)
        return _to_bytes(images.float() * total[:, None, None, None] + add[:, None])
    red, green, blue = (images[:, channel].float() for channel in range(3))
    mixed = torch.empty_like(images)
    for channel in range(3):
        row = weights[:, 3 * channel : 3 * channel + 3]
        value = red * row[:, 0]
        value += green * row[:, 1]
        value += blue * row[:, 2]
        mixed[:, channel] = _to_bytes(value.add_(add))
    return mixed


def sharpen(images: Tensor, rows: np.ndarray) -> Tensor:
    """Blend with PIL's 3×3 smoothing, the outermost pixels left alone: rows (factor)."""
    if min(images.shape[2:]) < 3:
        return images.clone()
    values = images.to(torch.int32)
    across = values[..., :-2] + values[..., 1:-1] + values[..., 2:]
    around = across[:, :, :-2] + across[:, :, 1:-1] + across[:, :, 2:]
    # A product and a shift are the quotient by 18 of whole numbers up to 4,599, and much faster.
    mean = around.mul_(2).add_(9).mul_(3641).bitwise_right_shift_(16)
    shares = torch.from_numpy(sharpen_shares(rows[:, 0]).astype(np.float32)).to(images.device)
    own, box = shares[:, 0, None, None, None], shares[:, 1, None, None, None]
    sharp = images.clone()
    sharp[:, :, 1:-1, 1:-1] = _to_bytes(values[:, :, 1:-1, 1:-1] * own + mean * box)
    return sharp


def blur(images: Tensor, rows: np.ndarray) -> Tensor:
    """Gaussian blur with mirrored edges: rows (sigma, radius)."""
    # Weights beyond an image's own radius are 0: images of like radius go together, for few sums.
    radii = 2 * np.ceil(rows[:, 1] / 2).astype(np.int64)
    blurred = torch.empty_like(images)
    for radius in np.unique(radii).tolist():
        alike = np.flatnonzero(radii == radius)
        parts = -(-len(alike) * images[0].numel() // BLURRED_AT_ONCE)
        for chosen in np.array_split(alike, max(1, min(parts, len(alike)))):
            weights = torch.from_numpy(gaussian_weights(rows[chosen, 0], radius)).to(images.device)
            at = torch.from_numpy(chosen).to(images.device)
            smoothed = _smoothed(images.index_select(0, at), weights[:, : radius + 1], radius)
            blurred.index_copy_(0, at, smoothed)
    return blurred


def _smoothed(images: Tensor, weights: Tensor, radius: int) -> Tensor:
    """Sum neighbors up to `radius` away; weights (n, radius + 1), from the farthest ones on."""
    # Whole numbers below 2**24, which float32 adds exactly, in whatever order.
    shares = weights[:, :, None, None, None]
    values = _with_margin(images.float(), radius)
    for dim in (2, 3):
        side, margin = images.shape[dim], values
        values = margin.narrow(dim, radius, side) * shares[:, radius]
        for away in range(1, radius + 1):
            pair = margin.narrow(dim, radius - away, side) + margin.narrow(dim, radius + away, side)
            values.addcmul_(pair, shares[:, radius - away])
    return _whole_bytes(values.add_(2**15).mul_(2.0**-16))


def _with_margin(values: Tensor, radius: int) -> Tensor:
    """Mirror `radius` lines beyond each edge."""
    if radius < min(values.shape[2:]):
        return F.pad(values, (radius, radius, radius, radius), mode="reflect")
    for dim in (2, 3):
        side = values.shape[dim]
        place = _mirror(torch.arange(-radius, side + radius, device=values.device), side)
        values = values.index_select(dim, place)
    return values


def erase(images: Tensor, rows: np.ndarray) -> Tensor:
    """Fill a box with a level or with noise: rows (top, left, bottom, right, fill, noise)."""
    on_cpu = images.cpu() if images.is_cuda else images.clone()
    fill_boxes(list(on_cpu.numpy().transpose(0, 2, 3, 1)), rows)
    return on_cpu.to(images.device)


def mix(images: list[Tensor], weights: np.ndarray) -> Tensor:
    """Return the convex mixture of aligned batches with float32 `weights` (n, len(images))."""
    total = torch.zeros_like(images[0], dtype=torch.float32)
    for place, part in enumerate(images):
        total += part.float() * _column(weights, place, part, torch.float32)[:, None, None, None]
    return _to_bytes(total)


KERNELS: dict[str, Callable[[Tensor, np.ndarray], Tensor]] = {
    "window": window,
    "affine": affine,
    "resize": resize,
    "table": table,
    "color": color,
    "sharpen": sharpen,
    "blur": blur,
    "erase": erase,
}
