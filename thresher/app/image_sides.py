"""How large training images are, told from the stored ones without the libraries of training."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import PIL.Image
import pyarrow.compute as pc

from ..core.choice import Choice
from ..core.columns import read_column

if TYPE_CHECKING:
    import datasets

SIZED_ROWS = 200
LARGEST_ON_CPU, LARGEST_ON_CUDA = 96, 224


def image_size(
    rows: datasets.Dataset, column: str, *, asked: int | str, device: str
) -> tuple[int, Choice | None]:
    """Choose the side of the training images in pixels, from the images at hand."""
    if isinstance(asked, int):
        return asked, None
    step = max(1, len(rows) // SIZED_ROWS)
    stored = pc.struct_field(read_column(rows, column), "bytes").take(np.arange(0, len(rows), step))
    sides = [min(PIL.Image.open(io.BytesIO(data)).size) for data in stored.to_pylist() if data]
    median = int(np.median(sides)) if sides else 32
    largest = LARGEST_ON_CUDA if device == "cuda" else LARGEST_ON_CPU
    size = max(8, min(median, largest))
    reason = f"the median shorter side is {median}"
    if median > largest:
        reason += f", and {largest} keeps training affordable on {device}; data.image_size sets it"
    return size, Choice(f"{size} pixels", reason)
