"""Image files: read and decoded once in threads, each bad one named."""

from __future__ import annotations

import stat
from pathlib import Path

import pyarrow as pa

from ..errors import InputError
from ..images import UnreadableImage, decode_image, map_blocks
from .parts import file_error

LARGEST_FILE = 2**29
IMAGE_TYPE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def read_files(
    paths: pa.ChunkedArray, folder: Path | None
) -> tuple[pa.ChunkedArray, list[str | None]]:
    """Read and decode files; return them as ``{bytes, path}`` and a reason for each bad one.

    Parameters
    ----------
    paths : pyarrow.ChunkedArray of str, shape (n,)
    folder : Path or None
        Where relative paths start.
    """
    base = folder or Path()
    chunks: list[pa.Array] = []
    reasons: list[str | None] = []

    def work(_: int, names: list[str | None]) -> tuple[pa.Array, list[str | None]]:
        found = [_read_image(base, name) for name in names]
        files = pa.array([data for data, _ in found], pa.binary())
        stored = pa.StructArray.from_arrays(
            [files, pa.array(names, pa.string())], fields=list(IMAGE_TYPE)
        )
        return stored, [reason for _, reason in found]

    for stored, why in map_blocks(work, paths, description="read images"):
        chunks.append(stored)
        reasons += why
    return pa.chunked_array(chunks, IMAGE_TYPE), reasons


def _read_image(folder: Path, name: str | None) -> tuple[bytes | None, str | None]:
    data, reason = read_file(folder, name)
    reason = reason or check_image(data)
    return (data if reason is None else None), reason


def read_file(folder: Path, name: str | None) -> tuple[bytes | None, str | None]:
    """Return the bytes of a file that a table names, or None and why they cannot be had."""
    if not name:
        return None, "missing image"
    try:
        path = find_file(folder, name) or folder / name
        state = path.stat()
        # A pipe would block, a device would fill the memory.
        if not stat.S_ISREG(state.st_mode):
            return None, "a folder, pipe, socket or device, not a file"
        if state.st_size > LARGEST_FILE:
            return None, f"larger than {LARGEST_FILE / 2**20:,.0f} MiB"
        return path.read_bytes(), None
    except OSError as error:
        return None, file_error(error)
    except ValueError:  # a null byte in the name
        return None, "missing file"


def find_file(folder: Path | None, name: str) -> Path | None:
    """Return the file of a name, also where Windows has written the name; None if there is none."""
    base = folder or Path()
    for written in dict.fromkeys((name, name.replace("\\", "/"))):
        try:
            if (base / written).is_file():
                return base / written
        except (OSError, ValueError):  # a name too long, or with a null byte
            continue
    return None


def check_image(data: bytes | None) -> str | None:
    """Return why the bytes are not a whole image, or None."""
    if data is None:
        return "missing image"
    try:
        decode_image(data)
    except UnreadableImage as error:
        return error.reason
    return None


def check_images(files: pa.ChunkedArray) -> list[str | None]:
    """Return for each file in a binary column why it is not a whole image, or None."""

    def work(_: int, block: list[bytes | None]) -> list[str | None]:
        return [check_image(data) for data in block]

    return [
        reason for block in map_blocks(work, files, description="check images") for reason in block
    ]


def check_folder(root: Path) -> Path:
    """Return the folder if it can be listed; otherwise raise an `InputError`."""
    try:
        next(root.iterdir(), None)
    except OSError as error:
        raise InputError(f"The folder {root} cannot be read ({file_error(error)}).") from error
    return root
