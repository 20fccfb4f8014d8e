"""Images as 8-bit RGB arrays, with every damaged file recognized and named.

OpenCV decodes the plain cases (8-bit JPEG and PNG without transparency) outside Python's lock;
Pillow the rest. OpenCV alone is not enough: it fills a cut-off JPEG with gray and says nothing, so
the end marker is checked first, and whatever lacks it goes to Pillow, which refuses it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .arrow_kinds import is_binary
from .choice import available_cpus
from .columns import read_column, read_row_ids
from .errors import InputError, ThresherError
from .image_headers import read_header
from .progress import track
from .schema import ROW_ID

IMAGE_SUFFIXES = frozenset(
    {".bmp", ".dib", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".jp2", ".pbm", ".pgm"}
    | {".png", ".pnm", ".ppm", ".tga", ".tif", ".tiff", ".webp"}
)

if TYPE_CHECKING:
    import datasets

PIXEL_LIMIT = 89_478_485  # a quarter GiB as RGB; Pillow warns of decompression bombs from here
ALMOST_WHITE = 250
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
BLOCK = 128  # images that a thread decodes at once: enough to make its start-up cost vanish
Result = TypeVar("Result")


class UnreadableImage(ThresherError, ValueError):  # noqa: N818 — reads as the finding it is
    """The bytes do not hold a whole image; `reason` says why in a few words."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The image cannot be used: {reason}.")
        self.reason = reason


def decode_image(data: bytes, *, shrink_to: int | None = None) -> np.ndarray:
    """Decode an image file to RGB, ndarray of uint8, shape (height, width, 3).

    Gray, palette and CMYK images are converted, 16-bit ones by their high byte, others of more than
    8 bits by their range. Transparent pixels are laid over white, over black where all else is
    white; animations give their first frame; the EXIF orientation is applied. Two images that
    look alike so need not be equal: see `thresher.core.image_samples`.

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
        With a reason: ``zero bytes``, ``not an image``, ``truncated``, ``damaged (…)``, what
        other kind of file it is, or ``too large (…)``, for more than `PIXEL_LIMIT` pixels.
    """
    if not data:
        raise UnreadableImage("zero bytes")
    header = read_header(data)
    if header is None:
        return _decode_with_pillow(data)
    _check_size(header.height, header.width)
    reduction = _reduction(data, min(header.height, header.width), shrink_to)
    image = _decode_with_opencv(data, reduction) if header.plain else None
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


def _decode_with_pillow(data: bytes) -> np.ndarray:
    from PIL import ImageOps

    with opened_image(data) as image:
        image.load()
        return _to_rgb(ImageOps.exif_transpose(image))


@contextmanager
def opened_image(data: bytes) -> Iterator[Any]:
    """Open an image with Pillow; whatever goes wrong inside is an `UnreadableImage`."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as image:
            _check_size(image.height, image.width)
            yield image
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
    return "truncated" if known else _other_kind(data)


def _other_kind(data: bytes) -> str:
    """Say what bytes are that people keep among images."""
    if data[4:8] == b"ftyp":
        brand = data[8:12]
        kind = "AVIF" if brand in (b"avif", b"avis") else "HEIC" if brand in HEIC_BRANDS else ""
        return f"{kind}, which is not read: save it as JPEG" if kind else "a video, not an image"
    if data.startswith(b"%PDF"):
        return "a PDF, not an image"
    return "SVG, which is not read: save it as PNG" if b"<svg" in data[:1000] else "not an image"


def _short_riff(data: bytes) -> bool:
    """Tell whether a WebP file is shorter than its header says."""
    return data[:4] == b"RIFF" and len(data) < 8 + int.from_bytes(data[4:8], "little")


def _damage(error: Exception) -> str:
    text = str(error).lower()
    cut = ("truncat", "unexpected end", "eof", "end of file", "not enough data", "incomplete")
    return "truncated" if any(word in text for word in cut) else f"damaged ({error})"


def _to_rgb(image: Any) -> np.ndarray:
    """Convert a loaded Pillow image of any mode to RGB."""
    if image.mode.startswith("I") or image.mode == "F":
        return np.repeat(_to_gray(np.asarray(image))[..., None], 3, axis=2)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        return _over_ground(np.asarray(image.convert("RGBA")))
    return np.array(image.convert("RGB"))


def _over_ground(samples: np.ndarray) -> np.ndarray:
    """Lay RGBA, uint8, over white, or over black where nothing would be seen on white."""
    from PIL import Image

    whole = Image.fromarray(samples)
    for ground in (255, 0):
        under = Image.new("RGBA", whole.size, (ground, ground, ground, 255))
        laid = np.asarray(Image.alpha_composite(under, whole))[..., :3]
        if ground == 0 or (laid < ALMOST_WHITE).any() or not samples[..., 3].any():
            break
    return np.array(laid)


def _to_gray(samples: np.ndarray) -> np.ndarray:
    """Bring whole numbers of 16 or 32 bits, or real numbers, to 8 bits.

    Numbers of 16 bits lose their low byte, those in [0, 1] are a share of white. Where that would
    leave nothing to see, and for any other range, the darkest is black and the brightest white.
    """
    values = samples.astype(np.float64)
    if not np.isfinite(values).all():
        raise UnreadableImage("damaged (pixels that are NaN or infinite)")
    low, high = float(values.min(initial=0)), float(values.max(initial=0))
    if samples.dtype.kind in "iu" and low >= 0 and high < 2**16:
        gray = (samples >> 8).astype(np.uint8)
    elif samples.dtype.kind == "f" and low >= 0 and high <= 1:
        gray = np.rint(values * 255).astype(np.uint8)
    else:
        gray = np.zeros(samples.shape, np.uint8)
    if np.ptp(gray) > 0 or np.ptp(values) == 0:
        return gray
    low = float(values.min())
    return np.rint((values - low) * (255 / (float(values.max()) - low))).astype(np.uint8)


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

    Each is scaled so that its shorter side has `size` pixels and cropped around its center.

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
    """Scale and center-crop one image, shape (h, w, 3), to (size, size, 3).

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
