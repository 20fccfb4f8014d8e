"""Some rows as the networks of a run take them, and how many pixels an image has there."""

from __future__ import annotations

import numpy as np

from training import HashTokenizer, Samples, samples_from_arrays

from ...core.columns import read_features, read_row_ids, read_texts, take_rows
from ...core.images import read_images
from ...core.loaded import LoadedDataset
from ..settings import DataSettings
from ..steps.samples import image_size

ROWS = 128


def pixels_of(loaded: LoadedDataset, settings: DataSettings, *, device: str) -> int:
    """Return the pixels of a training image; 1 for other rows."""
    return side_of(loaded, settings, device=device) ** 2 if _images(loaded) else 1


def side_of(loaded: LoadedDataset, settings: DataSettings, *, device: str) -> int:
    """Return the side of the training images."""
    column = loaded.schema.inputs[0]
    return image_size(loaded.dataset, column, asked=settings.image_size, device=device)[0]


def example_inputs(loaded: LoadedDataset, settings: DataSettings, *, device: str) -> Samples:
    """Return some rows as samples, without labels."""
    rows = take_rows(loaded.dataset, np.arange(min(ROWS, len(loaded.dataset))))
    names = loaded.schema.inputs
    if _images(loaded):
        side = side_of(loaded, settings, device=device)
        values = read_images(rows, names[0], size=side)
    elif loaded.schema.modality == "text":
        values = HashTokenizer().encode(read_texts(rows, names[0]))
    else:
        values = read_features(rows, names)
    return samples_from_arrays(values, row_ids=read_row_ids(rows))


def _images(loaded: LoadedDataset) -> bool:
    return loaded.schema.modality == "image"
