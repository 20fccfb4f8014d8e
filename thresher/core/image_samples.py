"""The samples that an image file stores, for telling whether two files hold the same.

`thresher.core.images.decode_image` shows an image in 8-bit RGB: transparency is laid over a
ground, 16 bits become 8, an animation becomes its first frame. That may find a copy and must not
call it equal. Here everything counts: transparency, all bits, the CMYK inks, all frames and pages
and how long each is shown. The turn that EXIF asks for is applied, as it is part of what is seen;
how samples are packed (PNG or BMP, a palette or its colors) is not. Where a file stores more than
Pillow hands over (16-bit color, 64-bit floats, JPEG 2000), the bytes of the file are compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .image_headers import read_header
from .images import decode_image, opened_image

SEEN_ALIKE = ("gray", "color", "transparent")
WHOLE_FORMATS = frozenset({"JPEG", "MPO", "GIF", "WEBP"})
CHECKED_FORMATS = frozenset({"PNG", "BMP", "DIB", "TIFF", "TGA", "PPM"})
# How Pillow reads samples without losing a bit of them.
WHOLE_MODES = frozenset(
    {"1", "1;I", "1;R", "1;IR", "L", "L;I", "L;R", "LA", "P", "P;1", "P;2", "P;4", "PA", "RGB"}
    | {"BGR", "RGBA", "BGRA", "ABGR", "CMYK", "CMYK;I", "YCbCr", "LAB", "F;32F", "F;32BF", "F;32NF"}
    | {
        f"I;{bits}{order}"
        for bits in ("16", "32")
        for order in ("", "B", "N", "L", "S", "BS", "NS")
    }
)


@dataclass(frozen=True)
class _Frame:
    """One frame: what kind of samples it has, the samples, and how they are shown."""

    kind: str
    samples: np.ndarray
    shown: str = ""


def image_digest(data: bytes, *, kinds: bool = False) -> bytes:
    """Return 16 bytes that are equal where two files hold the same image.

    Parameters
    ----------
    data : bytes
        The content of the file.
    kinds : bool
        Whether gray, color and opaque transparency count as different kinds although every sample
        agrees.

    Raises
    ------
    UnreadableImage
        See `thresher.core.images.decode_image`.
    """
    digest = hashlib.blake2b(digest_size=16)
    for frame in _frames(data):
        samples = frame.samples if kinds else _widened(frame)
        kind = "" if frame.kind in SEEN_ALIKE and not kinds else frame.kind
        digest.update(f"{kind} {samples.dtype} {samples.shape} {frame.shown};".encode())
        digest.update(np.ascontiguousarray(samples).data)
    return digest.digest()


def _frames(data: bytes) -> Iterator[_Frame]:
    header = read_header(data)
    if header is not None and header.plain and header.alone:
        image = decode_image(data)
        yield _Frame("gray", image[..., 0]) if header.gray else _Frame("color", image)
        return
    with opened_image(data) as image:
        frames = getattr(image, "n_frames", 1)
        for number in range(frames):
            image.seek(number)
            if not _is_whole(image):
                yield _Frame("FILE", np.frombuffer(data, np.uint8))
                return
            yield _frame(image, several=frames > 1)


def _is_whole(image: Any) -> bool:
    """Tell whether loading keeps all bits of the samples."""
    if image.format in WHOLE_FORMATS:
        return True
    if image.format not in CHECKED_FORMATS:
        return False
    modes = [tile.args if isinstance(tile.args, str) else tile.args[0] for tile in image.tile]
    return all(mode in WHOLE_MODES for mode in modes) and all(
        tile.codec_name != "ppm" for tile in image.tile
    )


def _frame(image: Any, *, several: bool) -> _Frame:
    from PIL import ImageOps

    image.load()
    shown = f"{image.info.get('duration')}" if several else ""
    turned = ImageOps.exif_transpose(image)
    mode = turned.mode
    if mode in ("1", "L") and "transparency" not in turned.info:
        return _Frame("gray", np.asarray(turned.convert("L")), shown)
    if mode.startswith("I"):
        return _Frame("deep", np.asarray(turned).astype(np.int32), shown + _clear(turned))
    if mode in ("CMYK", "YCbCr", "LAB", "F"):
        return _Frame(mode, np.asarray(turned), shown)
    clear = mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in turned.info
    kind, target = ("transparent", "RGBA") if clear else ("color", "RGB")
    return _Frame(kind, np.asarray(turned.convert(target)), shown)


def _clear(image: Any) -> str:
    return f" {image.info['transparency']}" if "transparency" in image.info else ""


def _widened(frame: _Frame) -> np.ndarray:
    """Return gray samples as colors, and opaque ones without transparency: nothing is lost."""
    samples = frame.samples
    if frame.kind == "gray":
        return np.repeat(samples[..., None], 3, axis=2)
    if frame.kind == "transparent" and (samples[..., 3] == 255).all():
        return samples[..., :3]
    return samples


def further_frames(data: bytes) -> bytes | None:
    """Return a digest of all frames or pages after the first, or None where there is but one.

    A second image that a phone puts behind a JPEG is no frame.

    Raises
    ------
    UnreadableImage
        When a frame cannot be read.
    """
    if data[:2] == b"\xff\xd8":
        return None
    header = read_header(data)
    if header is not None and header.plain:
        return None
    with opened_image(data) as image:
        frames = getattr(image, "n_frames", 1)
        if frames == 1:
            return None
        digest = hashlib.blake2b(digest_size=8)
        for number in range(1, frames):
            image.seek(number)
            frame = _frame(image, several=False)
            digest.update(f"{frame.samples.dtype} {frame.samples.shape};".encode())
            digest.update(np.ascontiguousarray(frame.samples).data)
        return digest.digest()
