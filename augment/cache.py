"""Decode once: a memory-mapped uint8 array of all images, keyed by row id.

Decoding a 32-pixel JPEG takes 22 to 180 µs, gathering it from the map about 1 µs. The folder holds
``images.npy`` (n, H, W, C) and ``rows.json``; both are readable without this package.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from thresher.core.errors import InputError
from thresher.core.files import atomic_path, read_json, write_json
from thresher.core.fingerprint import fingerprint, row_keys
from thresher.core.progress import track

from .policy import check_schema

SCHEMA = 1


@dataclass(frozen=True)
class ImageCache:
    """Decoded images with their row ids.

    Attributes
    ----------
    images
        uint8 (n, H, W, C), memory-mapped and read-only.
    row_ids
        str (n,).
    keys
        uint64 (n,), for `Augmenter.batch`.
    """

    images: np.ndarray
    row_ids: np.ndarray
    keys: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def gather(self, positions: np.ndarray) -> np.ndarray:
        """Return a copy of the images at `positions`, uint8 (m, H, W, C)."""
        return np.asarray(self.images[positions])


def cache_decoded(
    folder: str | os.PathLike[str],
    row_ids: Sequence[str] | np.ndarray,
    decode: Callable[[str], np.ndarray],
    *,
    size: tuple[int, int, int],
) -> ImageCache:
    """Decode every row into a folder, or open the folder if it holds these rows already.

    Parameters
    ----------
    folder
        Written whole or not at all: a run that is killed leaves nothing half done.
    row_ids
        Unique ids, (n,).
    decode
        Turns a row id into a uint8 image (H, W, C).
    size
        (H, W, C) of every image.

    Raises
    ------
    InputError
        When ids repeat, an image has another shape or dtype, or the folder holds other rows.
    """
    ids = np.asarray(row_ids, dtype=str)
    if len(np.unique(ids)) != len(ids):
        raise InputError("`row_ids` must be unique; a cache is keyed by them.")
    if Path(folder).exists():
        cache = open_cache(folder)
        if not np.array_equal(cache.row_ids, ids) or cache.images.shape[1:] != tuple(size):
            raise InputError(
                f"{folder} holds {len(cache)} other rows or sizes. Delete it or use another folder."
            )
        return cache
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        _fill(temporary / "images.npy", (decode(row) for row in ids.tolist()), (len(ids), *size))
        header = {"schema": SCHEMA, "rows": ids.tolist(), "fingerprint": fingerprint(ids)}
        write_json(temporary / "rows.json", header)
    return open_cache(folder)


def open_cache(folder: str | os.PathLike[str]) -> ImageCache:
    """Open a folder that `cache_decoded` wrote."""
    header = read_json(Path(folder) / "rows.json")
    check_schema("image cache", header.get("schema"), SCHEMA)
    ids = np.asarray(header["rows"], dtype=str)
    images = np.load(Path(folder) / "images.npy", mmap_mode="r")
    whole = len(images) == len(ids) and fingerprint(ids) == header["fingerprint"]
    if not whole or images.dtype != np.uint8:
        raise InputError(f"{folder} is damaged: {len(images)} images, {len(ids)} row ids.")
    return ImageCache(images, ids, row_keys(ids))


def _fill(path: Path, images: Iterable[np.ndarray], shape: tuple[int, ...]) -> None:
    if shape[0] == 0:
        np.save(path, np.empty(shape, dtype=np.uint8))
        return
    target = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    for place, image in enumerate(track(images, description="decode images", total=shape[0])):
        if image.dtype != np.uint8 or image.shape != shape[1:]:
            raise InputError(
                f"Row {place} decodes to {image.dtype} {image.shape}; the cache holds uint8 "
                f"{shape[1:]}."
            )
        target[place] = image
    target.flush()
