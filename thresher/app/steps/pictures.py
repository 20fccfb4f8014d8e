"""Pictures of a dataset, decoded only when one is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.images import decode_image, fit_square, image_bytes
from ...core.schema import LoadedDataset


class Pictures(Sequence[np.ndarray]):
    """Images as uint8 arrays, shape (h, w, 3); one at a time is in memory.

    Parameters
    ----------
    loaded : LoadedDataset
        Its rows are images that can be read.
    size : int, optional
        Cut and scale to squares of this side; as they are by default.
    """

    def __init__(self, loaded: LoadedDataset, *, size: int | None = None) -> None:
        self.files = image_bytes(loaded.dataset, loaded.schema.inputs[0])
        self.size = size

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, row: Any) -> Any:
        if not 0 <= row < len(self.files):
            raise IndexError(row)
        pixels = decode_image(self.files[int(row)].as_py(), shrink_to=self.size)
        return pixels if self.size is None else fit_square(pixels, self.size)
