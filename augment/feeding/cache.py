"""Decode once: a memory-mapped uint8 array of all images, keyed by row id.

Decoding a 32-pixel JPEG takes 22 to 180 µs, gathering it from the map less than one. The folder
holds ``images.npy`` (n, H, W, C) and ``rows.json``; both are readable without this package.

While it is being written, the rows done so far lie in ``NAME.partial``. A process that is killed
or finds the disk full leaves them there, and the next call goes on behind them; of two processes
at once, one writes and the other waits.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from filelock import FileLock

from thresher.core.counted import counted
from thresher.core.errors import InputError, ThresherError, check_count
from thresher.core.files import read_json, write_json
from thresher.core.fingerprint import fingerprint, row_keys
from thresher.core.progress import track
from thresher.core.signatures import checked
from thresher.core.text_arrays import packed_texts, text_array

from ..operations.policy import check_schema

SCHEMA = 1
# Bytes between two marks of how far the writing has come.
_MARK_BYTES = 2**24
_BLOCK_ROWS = 64


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


class DecodedRows:
    """Images that are decoded when they are asked for, as rows of an array would be.

    Parameters
    ----------
    row_ids
        Ids (n,).
    decode
        Turns a row id into a uint8 image (H, W, C).
    size
        (H, W, C) of every image.

    Examples
    --------
    >>> import numpy as np
    >>> from augment import DecodedRows
    >>> blank = np.zeros((8, 8, 3), dtype=np.uint8)
    >>> rows = DecodedRows(["a", "b"], lambda row_id: blank, size=(8, 8, 3))
    >>> rows[np.array([0, 1])].shape
    (2, 8, 8, 3)
    """

    def __init__(
        self,
        row_ids: Sequence[str] | np.ndarray,
        decode: Callable[[str], np.ndarray],
        *,
        size: tuple[int, int, int],
    ) -> None:
        self.row_ids = text_array(row_ids)
        if self.row_ids.ndim != 1:
            raise InputError(f"`row_ids` must be (n,), got the shape {self.row_ids.shape}.")
        if len(size) != 3 or not all(isinstance(side, int) and side > 0 for side in size):
            raise InputError(f"`size` must be (height, width, channels), got {size!r}.")
        self.decode, self.size = decode, tuple(size)

    def __len__(self) -> int:
        return len(self.row_ids)

    def __getitem__(self, positions: np.ndarray) -> np.ndarray:
        """Return the images at `positions`, uint8 (m, H, W, C)."""
        images = np.empty((len(positions), *self.size), dtype=np.uint8)
        for place, row in enumerate(self.row_ids[positions].tolist()):
            images[place] = self._image(row)
        return images

    def _image(self, row: str) -> np.ndarray:
        image = self.decode(row)
        found = getattr(image, "dtype", type(image).__name__), getattr(image, "shape", "")
        if found != (np.uint8, self.size):
            raise InputError(
                f"Row {row!r} decodes to {found[0]} {found[1]}; wanted is uint8 {self.size}."
            )
        return image


@checked
def cache_decoded(
    folder: str | os.PathLike[str],
    row_ids: Sequence[str] | np.ndarray,
    decode: Callable[[str], np.ndarray],
    *,
    size: tuple[int, int, int],
    threads: int = 1,
) -> ImageCache:
    """Decode every row into a folder, or open the folder if it holds these rows already.

    Parameters
    ----------
    folder
        Appears when it is whole; a run that was stopped goes on where it was.
    row_ids
        Unique ids, (n,).
    decode
        Turns a row id into a uint8 image (H, W, C); called from `threads` threads.
    size
        (H, W, C) of every image.
    threads
        OpenCV and Pillow decode outside Python's lock, so more of them pay.

    Raises
    ------
    InputError
        When ids repeat, an image has another shape or dtype, or the folder holds other rows.
    ThresherError
        When the disk is full; what was written stays.

    Examples
    --------
    >>> import numpy as np
    >>> from augment import cache_decoded
    >>> files = {"a": np.zeros((8, 8, 3), dtype=np.uint8), "b": np.ones((8, 8, 3), dtype=np.uint8)}
    >>> cache = cache_decoded("cache", list(files), files.get, size=(8, 8, 3))
    >>> cache.images.shape
    (2, 8, 8, 3)
    """
    rows = DecodedRows(row_ids, decode, size=size)
    check_count("threads", threads, low=1)
    if len(np.unique(rows.row_ids)) != len(rows):
        raise InputError("`row_ids` must be unique; a cache is keyed by them.")
    target = Path(folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.parent / f".{target.name}.lock"):
        if not target.exists():
            partial = target.with_name(f"{target.name}.partial")
            _write(partial, rows, threads)
            partial.replace(target)
    cache = open_cache(target)
    if not np.array_equal(cache.row_ids, rows.row_ids) or cache.images.shape[1:] != rows.size:
        raise InputError(
            f"{folder} holds {counted(len(cache), 'other row')} or sizes. Delete it or use another "
            "folder."
        )
    return cache


@checked
def open_cache(folder: str | os.PathLike[str]) -> ImageCache:
    """Open a folder that `cache_decoded` wrote.

    Examples
    --------
    >>> import numpy as np
    >>> from augment import cache_decoded, open_cache
    >>> blank = np.zeros((8, 8, 3), dtype=np.uint8)
    >>> written = cache_decoded("cache", ["a", "b"], lambda row_id: blank, size=(8, 8, 3))
    >>> len(open_cache("cache").images)
    2
    """
    header = read_json(Path(folder) / "rows.json")
    if not isinstance(header, dict) or not {"schema", "rows", "fingerprint"} <= set(header):
        raise InputError(f"{folder} is no image cache: rows.json lacks its fields.")
    check_schema("image cache", header["schema"], SCHEMA)
    ids = text_array(header["rows"])
    images = _map(Path(folder) / "images.npy")
    whole = len(images) == len(ids) and fingerprint(packed_texts(ids)) == header["fingerprint"]
    if not whole or images.dtype != np.uint8:
        raise InputError(
            f"{folder} is damaged: {counted(len(images), 'image')}, {counted(len(ids), 'row id')}."
        )
    return ImageCache(images, ids, row_keys(ids))


def _map(path: Path) -> np.ndarray:
    try:
        return np.asarray(np.load(path, mmap_mode="r"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}). Delete the cache.") from error


def _write(partial: Path, rows: DecodedRows, threads: int) -> None:
    """Write what is missing in `partial`, in order, marking how far it has come."""
    header = {"schema": SCHEMA, "rows": rows.row_ids.tolist(), "size": list(rows.size)}
    header["fingerprint"] = fingerprint(packed_texts(rows.row_ids))
    partial.mkdir(exist_ok=True)
    mark = partial / "done.json"
    done = 0
    if mark.exists() and _same(partial / "rows.json", header):
        done = int(read_json(mark)["rows"])
        if (partial / "images.npy").stat().st_size < done * int(np.prod(rows.size)):
            done = 0  # cut off by somebody else
    write_json(partial / "rows.json", header)
    try:
        # Not a map: writing to one on a full disk ends the process without a word.
        with (partial / "images.npy").open("r+b" if done else "wb") as file:
            _append(file, rows, done, mark=mark, threads=threads)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise ThresherError(
            f"No space left for {partial} ({error.strerror}). Make room and call again: the rows "
            "written so far are kept."
        ) from error
    mark.unlink(missing_ok=True)


def _same(path: Path, header: dict[str, object]) -> bool:
    try:
        return bool(read_json(path) == header)
    except InputError:
        return False


def _append(file: BinaryIO, rows: DecodedRows, done: int, *, mark: Path, threads: int) -> None:
    shape = (len(rows), *rows.size)
    file.seek(0)
    np.lib.format.write_array_header_1_0(
        file, {"descr": "|u1", "fortran_order": False, "shape": shape}
    )
    row_bytes = int(np.prod(rows.size))
    file.seek(done * row_bytes, os.SEEK_CUR)
    file.truncate()
    unmarked = 0
    for block in _blocks(rows, done, threads):
        file.write(block.tobytes())
        done, unmarked = done + len(block), unmarked + block.nbytes
        if unmarked >= _MARK_BYTES:
            _mark(file, mark, done)
            unmarked = 0
    _mark(file, mark, done)


def _mark(file: BinaryIO, mark: Path, done: int) -> None:
    file.flush()
    os.fsync(file.fileno())
    write_json(mark, {"rows": done})


def _blocks(rows: DecodedRows, done: int, threads: int) -> Iterator[np.ndarray]:
    starts = range(done, len(rows), _BLOCK_ROWS)
    blocks = [np.arange(start, min(start + _BLOCK_ROWS, len(rows))) for start in starts]
    with ThreadPoolExecutor(threads) as pool:
        ahead = [pool.submit(rows.__getitem__, block) for block in blocks[: 2 * threads]]
        for place in track(range(len(blocks)), description="decode images"):
            yield ahead[place].result()
            ahead[place] = None  # type: ignore[call-overload]
            if len(ahead) < len(blocks):
                ahead.append(pool.submit(rows.__getitem__, blocks[len(ahead)]))
