"""Images as 8-bit RGB arrays, with every damaged file recognised and named.

OpenCV decodes the plain cases (8-bit JPEG and PNG without transparency) outside Python's lock;
Pillow the rest. OpenCV alone is not enough: it fills a cut-off JPEG with grey and says nothing, so
the end marker is checked first, and whatever lacks it goes to Pillow, which refuses it.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .choice import available_cpus
from .columns import is_binary, read_column, read_row_ids
from .errors import InputError, ThresherError
from .progress import track
from .schema import ROW_ID

if TYPE_CHECKING:
    import datasets

PIXEL_LIMIT = 89_478_485  # a quarter GiB as RGB; Pillow warns of decompression bombs from here
BLOCK = 128  # images that a thread decodes at once: enough to make its start-up cost vanish
Result = TypeVar("Result")


class UnreadableImage(ThresherError, ValueError):  # noqa: N818 — reads as the finding it is
    """The bytes do not hold a whole image; `reason` says why in a few words."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The image cannot be used: {reason}.")
        self.reason = reason


def decode_image(data: bytes, *, shrink_to: int | None = None) -> np.ndarray:
    """Decode an image file to RGB, ndarray of uint8, shape (height, width, 3).

    Grey, palette, CMYK and 16-bit images are converted (16-bit: the high byte), transparent pixels
    are laid over white, animations give their first frame, the EXIF orientation is applied.

    Parameters
    ----------
    data : bytes
        The content of the file.
    shrink_to : int, optional
        A large JPEG may be decoded at 1/2, 1/4 or 1/8 as long as its shorter side stays at least
        twice this many pixels: several times faster where a thumbnail is wanted.

    Raises
    ------
    UnreadableImage
        With a reason: ``zero bytes``, ``not an image``, ``truncated``, ``damaged (…)`` or
        ``too large (…)``, the last for more than `PIXEL_LIMIT` pixels.
    """
    if not data:
        raise UnreadableImage("zero bytes")
    header = _jpeg_header(data) if data[:2] == b"\xff\xd8" else _png_header(data)
    if header is None:
        return _decode_with_pillow(data)
    height, width, plain = header
    _check_size(height, width)
    image = (
        _decode_with_opencv(data, _reduction(data, min(height, width), shrink_to))
        if plain
        else None
    )
    return _decode_with_pillow(data) if image is None else image


def _check_size(height: int, width: int) -> None:
    if height * width > PIXEL_LIMIT:
        raise UnreadableImage(f"too large ({width} × {height} pixels)")


def _reduction(data: bytes, short_side: int, shrink_to: int | None) -> int:
    if shrink_to is None or data[:2] != b"\xff\xd8":
        return 1
    return next((by for by in (8, 4, 2) if short_side // by >= 2 * shrink_to), 1)


def _decode_with_opencv(data: bytes, reduction: int) -> np.ndarray | None:
    import cv2

    flags = {
        1: cv2.IMREAD_COLOR,
        2: cv2.IMREAD_REDUCED_COLOR_2,
        4: cv2.IMREAD_REDUCED_COLOR_4,
        8: cv2.IMREAD_REDUCED_COLOR_8,
    }
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags[reduction])
    except cv2.error:
        return None
    return None if image is None else np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))


def _jpeg_header(data: bytes) -> tuple[int, int, bool] | None:
    """Walk the JPEG segments; return height, width and whether it is whole and not CMYK."""
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
    return size[0], size[1], whole and components in (1, 3)


def _png_header(data: bytes) -> tuple[int, int, bool] | None:
    """Return height, width and whether a PNG is whole, 8-bit grey or RGB, without transparency."""
    if data[:8] != b"\x89PNG\r\n\x1a\n" or len(data) < 33:
        return None
    width, height, depth, colour = struct.unpack(">IIBB", data[16:26])
    whole = data.rfind(b"IEND", -64) >= 0
    before_pixels = data[: max(0, data.find(b"IDAT"))]
    plain = depth == 8 and colour in (0, 2) and b"tRNS" not in before_pixels
    return height, width, whole and plain and b"acTL" not in before_pixels


def _decode_with_pillow(data: bytes) -> np.ndarray:
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as image:
            _check_size(image.height, image.width)
            image.load()
            return _to_rgb(ImageOps.exif_transpose(image))
    except UnidentifiedImageError as error:
        raise UnreadableImage(_unidentified(data)) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnreadableImage(f"too large ({error})") from error
    except UnreadableImage:
        raise
    except Exception as error:  # Pillow's plugins raise OSError, SyntaxError, struct.error, …
        reason = "truncated" if _short_riff(data) else _damage(error)
        raise UnreadableImage(reason) from error


def _unidentified(data: bytes) -> str:
    signatures = (b"\xff\xd8", b"\x89PNG", b"GIF8", b"II*\0", b"MM\0*")
    known = data.startswith(signatures) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")
    return "truncated" if known else "not an image"


def _short_riff(data: bytes) -> bool:
    """Tell whether a WebP file is shorter than its header says."""
    return data[:4] == b"RIFF" and len(data) < 8 + int.from_bytes(data[4:8], "little")


def _damage(error: Exception) -> str:
    text = str(error).lower()
    cut = ("truncat", "unexpected end", "eof", "end of file", "not enough data", "incomplete")
    return "truncated" if any(word in text for word in cut) else f"damaged ({error})"


def _to_rgb(image: Any) -> np.ndarray:
    """Convert a loaded Pillow image of any mode to RGB."""
    from PIL import Image

    if image.mode.startswith("I"):  # 16-bit grey, or its 32-bit stand-in
        grey = (np.clip(np.asarray(image).astype(np.int64), 0, 65535) >> 8).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode == "F":
        raise UnreadableImage("damaged (floating-point pixels have no 8-bit meaning)")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    return np.array(image.convert("RGB"))


def image_bytes(dataset: datasets.Dataset, column: str) -> pa.ChunkedArray:
    """Return the undecoded files of an image column: binary, or struct with ``bytes``."""
    stored = read_column(dataset, column)
    if pa.types.is_struct(stored.type) and stored.type.get_field_index("bytes") >= 0:
        return pc.struct_field(stored, "bytes")
    if is_binary(stored.type):
        return stored
    raise InputError(
        f"The column {column!r} holds {stored.type}, not images (binary, or struct with `bytes`)."
    )


def map_blocks(
    function: Callable[[int, list[Any]], Result], column: pa.ChunkedArray, *, description: str
) -> Iterator[Result]:
    """Call ``function(start, entries)`` on blocks of a column in threads; results come in order.

    At most a few blocks per thread are in memory at once.
    """
    starts = range(0, len(column), BLOCK)
    workers = available_cpus()

    def work(start: int) -> Result:
        return function(start, column.slice(start, BLOCK).to_pylist())

    with ThreadPoolExecutor(workers) as pool:
        pending = [pool.submit(work, start) for start in starts[: 2 * workers]]
        for position in track(range(len(starts)), description=description):
            result = pending[position].result()
            pending[position] = None  # type: ignore[call-overload]
            if len(pending) < len(starts):
                pending.append(pool.submit(work, starts[len(pending)]))
            yield result


def read_images(dataset: datasets.Dataset, column: str, *, size: int) -> np.ndarray:
    """Decode all images of a column to squares, ndarray of uint8, shape (n, size, size, 3).

    Each is scaled so that its shorter side has `size` pixels and cropped around its centre.

    Raises
    ------
    InputError
        When an image cannot be decoded; the row is named. `load_dataset` sets such rows aside.
    """
    if size < 1:
        raise InputError(f"`size` must be at least 1 pixel, got {size}.")
    files = image_bytes(dataset, column)
    images = np.empty((len(files), size, size, 3), np.uint8)

    def decode(start: int, block: list[bytes | None]) -> None:
        for offset, data in enumerate(block):
            try:
                image = decode_image(data or b"", shrink_to=size)
            except UnreadableImage as error:
                name = _row_name(dataset, start + offset)
                raise InputError(
                    f"The image of row {name} cannot be used: {error.reason}."
                ) from error
            images[start + offset] = fit_square(image, size)

    for _ in map_blocks(decode, files, description="decode images"):
        pass
    return images


def fit_square(image: np.ndarray, size: int) -> np.ndarray:
    """Scale and centre-crop one image, shape (h, w, 3), to (size, size, 3).

    Shrinking averages areas, which keeps thumbnails free of aliasing; enlarging is bilinear.
    """
    import cv2

    height, width = image.shape[:2]
    if (height, width) == (size, size):
        return image
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = np.ascontiguousarray(image[top : top + side, left : left + side])
    method = cv2.INTER_AREA if side >= size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(square, (size, size), interpolation=method))


def _row_name(dataset: datasets.Dataset, position: int) -> str:
    if ROW_ID in dataset.column_names:
        return repr(str(read_row_ids(dataset)[position]))
    return str(position)
