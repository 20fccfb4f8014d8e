"""Some rows as the networks of a run take them, and the shape of one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...core.columns import read_features, read_row_ids, read_texts, take_rows
from ...core.images import read_images
from ...core.loaded import LoadedDataset
from ..image_sides import image_size
from ..settings import DataSettings

if TYPE_CHECKING:
    from training import Samples

ROWS = 128
CHANNELS = 3


def pixels_of(loaded: LoadedDataset, settings: DataSettings, *, device: str) -> int:
    """Return the pixels of a training image; 1 for other rows."""
    return side_of(loaded, settings, device=device) ** 2 if _images(loaded) else 1


def side_of(loaded: LoadedDataset, settings: DataSettings, *, device: str) -> int:
    """Return the side of the training images."""
    column = loaded.schema.inputs[0]
    return image_size(loaded.dataset, column, asked=settings.image_size, device=device)[0]


def shape_of(loaded: LoadedDataset, settings: DataSettings, *, device: str) -> tuple[int, ...]:
    """Return the shape of one input: images and columns; of texts one text."""
    if _images(loaded):
        side = side_of(loaded, settings, device=device)
        return CHANNELS, side, side
    return (len(loaded.schema.inputs),)


def example_inputs(loaded: LoadedDataset, settings: DataSettings, *, device: str) -> Samples:
    """Return some rows as samples, without labels."""
    # Only now, since it loads torch.
    from training import HashTokenizer, samples_from_arrays

    rows = take_rows(loaded.dataset, np.arange(min(ROWS, len(loaded.dataset))))
    names = loaded.schema.inputs
    if _images(loaded):
        values = read_images(rows, names[0], size=side_of(loaded, settings, device=device))
    elif loaded.schema.modality == "text":
        values = HashTokenizer().encode(read_texts(rows, names[0]))
    else:
        values = read_features(rows, names)
    return samples_from_arrays(values, row_ids=read_row_ids(rows))


def _images(loaded: LoadedDataset) -> bool:
    return loaded.schema.modality == "image"
