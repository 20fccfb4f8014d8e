"""Small pictures, made in worker threads within limits and kept while there is room."""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from ...core.counted import counted
from ...core.image_headers import read_header
from ...core.images import UnreadableImage, decode_image
from .pictures import Pictures

MOST_BYTES = 64 * 2**20  # of one file
KEPT_BYTES = 96 * 2**20  # of all small pictures
THUMB_SIDE, WHOLE_SIDE = 320, 4096
QUALITY = 82
PLAIN = {b"\xff\xd8": "image/jpeg", b"\x89P": "image/png"}
VECTOR_MARKS = (b"<svg", b"<?xml", b"<!doctype svg")


@dataclass(frozen=True)
class Rendered:
    """A picture that any browser shows: its type and its bytes."""

    media_type: str
    data: bytes


class Renderer:
    """Turns image files of any kind into pictures for browsers.

    What is not a whole image raises `UnreadableImage` with the reason.

    Parameters
    ----------
    pictures : Pictures
    workers : int
        Threads that decode.
    """

    def __init__(self, pictures: Pictures, *, workers: int = 2) -> None:
        self.pictures = pictures
        self.pool = ThreadPoolExecutor(workers, thread_name_prefix="thumbnails")
        self._kept: OrderedDict[int, Rendered] = OrderedDict()
        self._kept_bytes = 0
        self._lock = threading.Lock()

    def close(self) -> None:
        """Stop the threads."""
        self.pool.shutdown(cancel_futures=True)

    def thumb(self, number: int) -> Rendered:
        """Return a picture of at most `THUMB_SIDE` pixels a side."""
        with self._lock:
            if number in self._kept:
                self._kept.move_to_end(number)
                return self._kept[number]
        made = _encoded(_decoded(self._read(number), THUMB_SIDE))
        with self._lock:
            if number not in self._kept:
                self._kept[number] = made
                self._kept_bytes += len(made.data)
            while self._kept_bytes > KEPT_BYTES:
                self._kept_bytes -= len(self._kept.popitem(last=False)[1].data)
        return made

    def whole(self, number: int) -> Rendered:
        """Return the picture in full: the file itself where it is a plain JPEG or PNG."""
        data = self._read(number)
        header = read_header(data)
        media_type = PLAIN.get(data[:2])
        fits = header is not None and max(header.width, header.height) <= WHOLE_SIDE
        if header is not None and header.plain and media_type is not None and fits:
            return Rendered(media_type, data)
        return _encoded(_decoded(data, WHOLE_SIDE))

    def _read(self, number: int) -> bytes:
        try:
            data = self.pictures.data(number)
        except OSError as error:
            raise UnreadableImage(error.strerror or str(error)) from error
        if len(data) > MOST_BYTES:
            raise UnreadableImage(f"too large ({counted(len(data), 'byte')})")
        if data.lstrip()[:200].lower().startswith(VECTOR_MARKS):
            raise UnreadableImage("a drawing (SVG), which may hold programs and is not shown")
        return data


def _decoded(data: bytes, side: int) -> np.ndarray:
    """Return RGB pixels, uint8, shape (h, w, 3), with no side over `side`."""
    import cv2

    pixels = decode_image(data, shrink_to=side)
    scale = side / max(pixels.shape[:2])
    if scale >= 1:
        return pixels
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))


def _encoded(pixels: np.ndarray) -> Rendered:
    """Encode small pictures without loss, so that each pixel is seen as it is; others as JPEG."""
    import cv2

    turned = np.ascontiguousarray(pixels[..., ::-1])
    if max(pixels.shape[:2]) <= 80:
        return Rendered("image/png", cv2.imencode(".png", turned)[1].tobytes())
    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    return Rendered("image/jpeg", cv2.imencode(".jpg", turned, options)[1].tobytes())
