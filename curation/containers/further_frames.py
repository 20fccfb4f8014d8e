"""Images are compared by their first frame; copies have to agree in all further ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from thresher.core.image_samples import further_frames
from thresher.core.images import UnreadableImage, image_bytes, map_blocks

if TYPE_CHECKING:
    import datasets


def frames_beyond_the_first(dataset: datasets.Dataset, column: str) -> np.ndarray | None:
    """Hash the frames and pages of each image after the first, uint64, shape (n,).

    Returns
    -------
    ndarray of uint64, shape (n,), or None
        0 for one frame; None where no image has more.
    """
    files = image_bytes(dataset, column)
    blocks = map_blocks(
        lambda _, block: [_hash(data) for data in block], files, description="frames"
    )
    hashes = np.array([value for block in blocks for value in block], np.uint64)
    return hashes if hashes.any() else None


def _hash(data: bytes | None) -> int:
    if not data:
        return 0
    try:
        found = further_frames(data)
    except UnreadableImage:
        return 0
    return 0 if found is None else int.from_bytes(found, "little")
