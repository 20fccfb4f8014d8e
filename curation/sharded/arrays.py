"""Matrices whose rows lie in several files, read a block at a time."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thresher.core.embeddings import unit_length
from thresher.core.errors import InputError
from thresher.core.urls import Place, Url, place, read_bytes

BLOCK_ROWS = 65_536
# Of a file that is not on this machine, rows are read in blocks, and a header of so many bytes.
FAR_ROWS, HEADER_BYTES = 65_536, 4096


@dataclass(frozen=True)
class ShardedArray:
    """A matrix, shape (n, d), of which each file holds some consecutive rows.

    Nothing stays mapped after a read, so that what was read does not stay resident.

    Attributes
    ----------
    paths : tuple of str
        ``.npy`` files, in the order of the rows.
    starts : tuple of int
        First row of each file, and n.
    width : int
        The number of columns, d.
    scaled : bool
        Whether rows are scaled to unit length when they are read.
    """

    paths: tuple[str, ...]
    starts: tuple[int, ...]
    width: int
    scaled: bool = False

    @classmethod
    def open(cls, paths: Sequence[str | os.PathLike[str]], *, scaled: bool = False) -> ShardedArray:
        """Look at the shapes of ``.npy`` files.

        Raises
        ------
        InputError
            When there is no file, one cannot be read, or they differ in the number of columns.
        """
        if not paths:
            raise InputError("There are no shards: give at least one.")
        shapes = [_shape(place(path)) for path in paths]
        widths = {shape[1] for shape in shapes if shape[0]}
        if len(widths) > 1:
            raise InputError(f"All shards must have as many columns; these have {sorted(widths)}.")
        starts = np.concatenate([[0], np.cumsum([shape[0] for shape in shapes])]).tolist()
        width = widths.pop() if widths else shapes[0][1]
        return cls(tuple(str(path) for path in paths), tuple(starts), width, scaled)

    def __len__(self) -> int:
        return self.starts[-1]

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return rows `start` to `stop` as a new array, shape (stop − start, d)."""
        return self.take(np.arange(start, stop))

    def take(self, positions: np.ndarray) -> np.ndarray:
        """Return the rows at increasing positions as a new array, shape (m, d).

        Raises
        ------
        InputError
            With `scaled`, when a row holds NaN or infinity.
        """
        cuts = np.searchsorted(positions, self.starts)
        parts = []
        for path, first, low, high in zip(self.paths, self.starts, cuts, cuts[1:], strict=False):
            if low < high:
                parts.append(pick(place(path), positions[low:high] - first))
        rows = np.concatenate(parts) if parts else np.zeros((0, self.width), np.float32)
        return unit_length(rows, row_ids=positions) if self.scaled else rows

    def stamp(self) -> list[list[str | int]]:
        """Return names, sizes and times of the files: the same stamp, the same content."""
        return [stamp_of(place(path)) for path in self.paths]


def stamp_of(path: Place) -> list[str | int]:
    """Return the name, size and time of a file: the same stamp, the same content."""
    if isinstance(path, Url):
        return path.stamp()
    stat = path.stat()
    return [path.name, stat.st_size, stat.st_mtime_ns]


def read_rows(path: str | os.PathLike[str], start: int, stop: int) -> np.ndarray:
    """Return consecutive rows of a ``.npy`` file as a new array, read in one piece.

    Touching the pages of a map one by one waits for the disk, and for other programs, at each.
    """
    if isinstance(path, Url):
        return _far_rows(path, start, stop)
    mapped = np.load(path, mmap_mode="r")
    if not mapped.flags.c_contiguous or not isinstance(mapped, np.memmap):
        copy: np.ndarray = np.array(mapped[start:stop])
        return copy
    width = mapped[:1].nbytes // max(1, len(mapped[:1]))
    each = width // mapped.itemsize
    offset = mapped.offset + start * width
    rows = np.fromfile(path, mapped.dtype, (stop - start) * each, offset=offset)
    result: np.ndarray = rows.reshape(stop - start, *mapped.shape[1:])
    return result


def pick(path: str | os.PathLike[str], positions: np.ndarray) -> np.ndarray:
    """Return the rows at sorted positions; in one piece where they lie close together."""
    first, last = int(positions[0]), int(positions[-1])
    rows: np.ndarray
    if last - first < 2 * len(positions):
        rows = read_rows(path, first, last + 1)
        return rows if (np.diff(positions) == 1).all() else np.array(rows[positions - first])
    if isinstance(path, Url):
        return _far_picked(path, positions)
    rows = np.array(np.load(path, mmap_mode="r")[positions])
    return rows


def _far_picked(url: Url, positions: np.ndarray) -> np.ndarray:
    """Read the blocks that hold the rows at sorted positions, one at a time."""
    found = []
    for block in np.unique(positions // FAR_ROWS).tolist():
        here = positions[positions // FAR_ROWS == block]
        found.append(read_rows(url, int(here[0]), int(here[-1]) + 1)[here - here[0]])
    return np.concatenate(found)


def _far_rows(url: Url, start: int, stop: int) -> np.ndarray:
    shape, kind, offset = _far_header(url)
    width = int(np.prod(shape[1:], dtype=np.int64)) * kind.itemsize
    data = read_bytes(url, offset + start * width, offset + stop * width)
    if len(data) != (stop - start) * width:
        raise InputError(f"{url} is shorter than its header says: it was cut off. Put it again.")
    rows: np.ndarray = np.frombuffer(data, kind).reshape(stop - start, *shape[1:]).copy()
    return rows


def _far_header(url: Url) -> tuple[tuple[int, ...], np.dtype, int]:
    """Return the shape and kind of the array in a ``.npy`` file, and where its values start."""
    head = io.BytesIO(read_bytes(url, 0, HEADER_BYTES))
    version = np.lib.format.read_magic(head)
    reader = np.lib.format.read_array_header_1_0
    if version != (1, 0):
        reader = np.lib.format.read_array_header_2_0
    shape, fortran, kind = reader(head)
    if fortran and len(shape) > 1:
        raise ValueError("its values are stored column by column")
    return shape, kind, head.tell()


def _shape(path: str | os.PathLike[str]) -> tuple[int, int]:
    try:
        if isinstance(path, Url):
            shape = _far_header(path)[0]
            return _checked(path, shape)
        stored = np.load(path, mmap_mode="r")
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as a .npy file ({error}).") from error
    if not isinstance(stored, np.ndarray):
        stored.close()
        raise InputError(f"{path} holds several arrays: save the vectors alone, as a .npy file.")
    return _checked(path, stored.shape)


def _checked(path: str | os.PathLike[str], shape: tuple[int, ...]) -> tuple[int, int]:
    if len(shape) != 2:
        raise InputError(f"{path} must hold a matrix (rows, columns), got shape {shape}.")
    return int(shape[0]), int(shape[1])


def blocks(rows: int) -> dict[str, tuple[int, int]]:
    """Cut rows into named ranges (start, stop) that do not depend on how files are cut."""
    starts = range(0, rows, BLOCK_ROWS)
    return {f"{at:06d}": (low, min(low + BLOCK_ROWS, rows)) for at, low in enumerate(starts)}
