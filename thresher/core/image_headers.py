"""What the first bytes of JPEG and PNG files say, without decoding them."""

from __future__ import annotations

import struct
from dataclasses import dataclass

# Phones append further images (depth, gain) and list them in a segment of this name.
FURTHER_IMAGES = b"MPF\0"
HEAD = 2**16


@dataclass(frozen=True)
class Header:
    """Size and kind of an image file.

    Attributes
    ----------
    height, width : int
    plain : bool
        Whether it is whole, and 8-bit gray or RGB without transparency or frames.
    gray : bool
    alone : bool
        Whether the file holds no further image.
    """

    height: int
    width: int
    plain: bool
    gray: bool
    alone: bool = True


def read_header(data: bytes) -> Header | None:
    """Return the header of a JPEG or PNG file, or None for anything else."""
    return _jpeg_header(data) if data[:2] == b"\xff\xd8" else _png_header(data)


def _jpeg_header(data: bytes) -> Header | None:
    """Walk the JPEG segments."""
    position, size, components = 2, None, 0
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC) and length >= 8:
            size = struct.unpack(">HH", data[position + 5 : position + 9].ljust(4, b"\0"))
            components = data[position + 9] if position + 9 < len(data) else 0
        position += 2 + length
        if marker == 0xDA:
            break
    if size is None:
        return None
    # Entropy-coded data holds no FF D9 but the end marker; thumbnails in the header may.
    whole = data.rfind(b"\xff\xd9", position) >= 0
    alone = FURTHER_IMAGES not in data[:HEAD]
    return Header(size[0], size[1], whole and components in (1, 3), components == 1, alone)


def _png_header(data: bytes) -> Header | None:
    if data[:8] != b"\x89PNG\r\n\x1a\n" or len(data) < 33:
        return None
    width, height, depth, color = struct.unpack(">IIBB", data[16:26])
    whole = data.rfind(b"IEND", -64) >= 0
    before_pixels = data[: max(0, data.find(b"IDAT"))]
    plain = depth == 8 and color in (0, 2) and b"tRNS" not in before_pixels
    return Header(height, width, whole and plain and b"acTL" not in before_pixels, color == 0)
