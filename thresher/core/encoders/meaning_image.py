"""``meaning:image``: EfficientNet-Lite0, trained on ImageNet, in 8-bit integers.

The weights come from a package on the index, known by their hash; ONNX Runtime runs them, without
PyTorch. It knows what is in an image as far as it resembles the thousand classes of ImageNet.
Imagenette, whose classes are among those: 1-NN .94, where `builtin:image` has .35.
2.0 CPU-ms an image at 160 pixels (AVX-512 with VNNI).
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any, Self

import numpy as np

from ..choice import Choice, available_cpus
from ..errors import InputError, require
from ..grid import exact_unit
from .image import as_images, is_constant
from .integer_network import write_network
from .lite0 import FEATURES, read_blocks
from .protocol import Values
from .shipped import LITE0, read
from .storage import StoredEncoder
from .torch_file import read_tensors

VERSION = 1
RUNTIME = ("onnx", "onnxruntime")
# A byte stands for (byte - 127) / 128, as in training.
PIXEL_STEP, PIXEL_ZERO = 1 / 128, 127
# 1-NN of 500 photographs is .84 at 96 pixels, .91 at 128 and .94 at 160, in 0.8, 1.3 and 2.0 ms.
SIDE, SIDES = 160, (96, 160)
BATCH = 32


class ImageMeaningEncoder:
    """What the last layer finds, summed over the image: float32 of unit length, shape (n, 1280).

    Parameters
    ----------
    side : {160, 96}
        Pixels that the network sees; images that are smaller are enlarged.
    """

    name = "meaning:image"
    modality = "image"
    fit_rows = 0
    device = Choice("cpu", "8-bit integers, and quick")
    fitted = True
    dimensions = FEATURES

    def __init__(self, *, side: int = SIDE) -> None:
        if side not in SIDES:
            raise InputError(f"`side` must be one of {', '.join(map(str, SIDES))}, got {side!r}.")
        self.image_size = side

    @property
    def fingerprint(self) -> str:
        """Identifies version, settings and weights."""
        return self.stored().fingerprint

    def fit(self, values: Values) -> Self:  # noqa: ARG002
        """Return self: there is nothing to fit."""
        return self

    def encode(self, values: Values) -> np.ndarray:
        """Encode images, uint8 (n, h, w, 3); a constant image gives zeros."""
        images = as_images(values, size=self.image_size)
        vectors = np.zeros((len(images), FEATURES), np.float32)
        for start in range(0, len(images), BATCH):
            vectors[start : start + BATCH] = _features(images[start : start + BATCH])
        vectors[is_constant(images)] = 0
        return vectors

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the settings and the hash of the weights, not the weights."""
        self.stored().write(folder)

    @classmethod
    def from_stored(cls, stored: StoredEncoder) -> ImageMeaningEncoder:
        """Rebuild a saved encoder."""
        stored.check_version(VERSION)
        return cls(side=stored.settings["side"])

    def stored(self) -> StoredEncoder:
        """Return what identifies the encoder and rebuilds it."""
        settings = {"side": self.image_size, "weights": LITE0.hashes[0]}
        return StoredEncoder(self.name, VERSION, settings)


def _features(images: np.ndarray) -> np.ndarray:
    session = _session(images.shape[1])
    pixels = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    (found,) = session.run(None, {session.get_inputs()[0].name: pixels})
    # Whole numbers: their sums, and the sums of their squares, are exact.
    return exact_unit(found.sum(axis=(2, 3), dtype=np.int64).astype(np.float64))


@cache
def _session(side: int) -> Any:
    """Return the network in ONNX Runtime; 0.1 s, most of it for reading and hashing the weights."""
    blocks = read_blocks(read_tensors(read(LITE0)))
    return open_session(write_network(blocks, side=side, step=PIXEL_STEP, zero=PIXEL_ZERO))


def open_session(model: bytes) -> Any:
    """Open a model of images in ONNX Runtime, on the processor."""
    runtime: Any = require("onnxruntime", extra="encoders")
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = available_cpus()
    # Threads that wait by spinning would count as work, and take it from other processes.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
