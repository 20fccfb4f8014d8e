"""Image files: found in folders, read and decoded once in threads, each bad one named."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from ..errors import InputError
from ..images import UnreadableImage, decode_image, map_blocks
from ..schema import ROW_ID
from .parts import SPLIT_NAMES, Part, Source, bad_row, file_error

IMAGE_SUFFIXES = frozenset(
    {".bmp", ".dib", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".jp2", ".pbm", ".pgm"}
    | {".png", ".pnm", ".ppm", ".tga", ".tif", ".tiff", ".webp"}
)
IMAGE_TYPE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def read_image_folder(root: Path) -> Source:
    """Read ``class/name.jpg`` or ``split/class/name.jpg``; the row id is the relative path.

    Everything that is not a whole image is set aside by name. Symbolic links are followed, loops
    of them reported. Files in deeper folders belong to the class of the first one.
    """
    source = Source(origin=str(root), roles={"image": "image", "label": "label", "row_id": ROW_ID})
    paths = sorted(_named(_walk(root, "", frozenset(), source), source))
    split_layout = _has_split_folders(root)
    rows = [_place(path, split_layout) for path in paths]
    if split_layout:
        source.bad += [
            bad_row(path, "outside the split folders")
            for path, (split, _) in zip(paths, rows, strict=True)
            if split is None
        ]
    kept = [i for i, (split, _) in enumerate(rows) if split is not None or not split_layout]
    names = [paths[i] for i in kept]
    images, reasons = read_files(pa.chunked_array([pa.array(names, pa.string())]), root)
    source.bad += [bad_row(n, r) for n, r in zip(names, reasons, strict=True) if r is not None]
    good = np.flatnonzero([reason is None for reason in reasons])
    columns = {
        ROW_ID: pa.array([names[i] for i in good], pa.string()),
        "image": images.filter(pa.array([reason is None for reason in reasons], pa.bool_())),
        "label": pa.array([rows[kept[i]][1] for i in good], pa.string()),
    }
    if split_layout:
        columns["split"] = pa.array([rows[kept[i]][0] for i in good], pa.string())
        source.roles["split"] = "split"
    source.parts.append(Part(root.name, pa.table(columns), folder=root))
    source.verified = True
    return source


def _has_split_folders(root: Path) -> bool:
    folders = {entry.name.lower() for entry in root.iterdir() if entry.is_dir()}
    return any(SPLIT_NAMES.get(name) == "train" for name in folders) or (
        bool(folders) and folders <= set(SPLIT_NAMES)
    )


def _place(path: str, split_layout: bool) -> tuple[str | None, str | None]:
    """Return split and class of a relative path."""
    *folders, _ = path.split("/")
    split = None
    if split_layout and folders:
        split = SPLIT_NAMES.get(folders.pop(0).lower())
    return split, folders[0] if folders else None


def _walk(folder: Path, prefix: str, above: frozenset[str], source: Source) -> Iterator[str]:
    """Yield the relative paths of all files below a folder, in no particular order."""
    real = os.path.realpath(folder)
    if real in above:
        source.bad.append(bad_row(prefix.rstrip("/"), "symbolic link loop"))
        return
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        source.bad.append(bad_row(prefix.rstrip("/"), file_error(error)))
        return
    for entry in entries:
        name = prefix + entry.name
        if not entry.is_dir():
            yield name
        elif Path(entry.name).suffix.lower() in IMAGE_SUFFIXES:
            source.bad.append(bad_row(name, "a folder, not an image"))
        else:
            yield from _walk(Path(entry.path), name + "/", above | {real}, source)


def _named(paths: Iterable[str], source: Source) -> Iterator[str]:
    """Yield the paths that are text; set the others aside, which no table can hold."""
    for path in paths:
        shown = path.encode(errors="backslashreplace").decode()
        if shown == path:
            yield path
        else:
            source.bad.append(bad_row(shown, "a file name that is not UTF-8: rename it"))


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
    if not name:
        return None, "missing image"
    try:
        data = (folder / name).read_bytes()
    except OSError as error:
        return None, file_error(error)
    except ValueError:  # a null byte in the name
        return None, "missing file"
    reason = check_image(data)
    return (data if reason is None else None), reason


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


def count_images(root: Path, *, limit: int = 1000) -> int:
    """Count image files below a folder by suffix, up to a limit."""
    found = 0
    for _, _, names in os.walk(root):
        found += sum(Path(name).suffix.lower() in IMAGE_SUFFIXES for name in names)
        if found >= limit:
            break
    return found


def check_folder(root: Path) -> Path:
    """Return the folder if it can be listed; otherwise raise an `InputError`."""
    try:
        next(root.iterdir(), None)
    except OSError as error:
        raise InputError(f"The folder {root} cannot be read ({file_error(error)}).") from error
    return root
