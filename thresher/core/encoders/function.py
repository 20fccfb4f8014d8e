"""Encoders that are a function: the user's own, or a pretrained model behind one."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Self

import numpy as np

from ..choice import Choice
from ..counted import counted
from ..errors import InputError, check_choice
from ..fingerprint import fingerprint as hash_of
from ..schema import MODALITIES
from .image import as_images, is_constant
from .lengths import Cuts
from .protocol import Values
from .storage import StoredEncoder

VERSION = 1
IMAGE_SIZE = 224  # what most pretrained image models take


class FunctionEncoder:
    """An encoder that calls a function on the rows that have content.

    Parameters
    ----------
    function : callable
        Takes images uint8 (n, h, w, 3), a list of texts, or numbers (n, d), n at least one; returns
        an array or a tensor, (n, d).
    modality : {"image", "text", "features"}
    name : str, optional
        Default ``"callable:"`` and the function's name.
    image_size : int
        Side of the squares that images of a dataset are read as; arrays are passed on as they are.
    fingerprint : str, optional
        Identifies what the function computes. By default its name and byte code, which do not show
        the weights that it may use: pass your own where these change.
    device : Choice
        Where the function computes.
    spec : str, optional
        What `get_encoder` makes the same encoder from; without it the encoder cannot be saved.
    cuts : Cuts, optional
        What the function counts of texts that it cuts.
    """

    fit_rows = 0
    fitted = True

    def __init__(
        self,
        function: Callable[[Any], Any],
        *,
        modality: str,
        name: str | None = None,
        image_size: int = IMAGE_SIZE,
        fingerprint: str | None = None,
        device: Choice = Choice("cpu", "wherever the function computes"),  # noqa: B008 — frozen
        spec: str | None = None,
        cuts: Cuts | None = None,
    ) -> None:
        self.modality = check_choice("modality", modality, MODALITIES)
        self.function = function
        self.name = name or f"callable:{_name(function)}"
        self.image_size = image_size if modality == "image" else 0
        self.fingerprint = fingerprint or hash_of(self.name, _code(function))
        self.device = device
        self.spec = spec
        self.cuts = cuts
        self.dimensions_ = 0

    @property
    def dimensions(self) -> int:
        """Length of a vector; 0 until a row with content was encoded."""
        return self.dimensions_

    def fit(self, values: Values) -> Self:  # noqa: ARG002
        """Return self: there is nothing to fit."""
        return self

    def encode(self, values: Values) -> np.ndarray:
        """Encode values; empty texts and images of one color give zeros and are not passed on."""
        rows, filled = _with_content(values, self.modality)
        positions = np.flatnonzero(filled)
        if not len(positions):
            return np.zeros((len(rows), self.dimensions_), np.float32)
        chosen = (
            rows[positions]
            if isinstance(rows, np.ndarray)
            else [rows[position] for position in positions.tolist()]
        )
        found = self._check(self.function(chosen), len(positions))
        vectors = np.zeros((len(rows), found.shape[1]), np.float32)
        vectors[positions] = found
        return vectors

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the name that loads the model again, not the weights."""
        if self.spec is None:
            raise InputError(f"{self.name} is a function, which cannot be saved: keep its code.")
        settings = {"modality": self.modality, "fingerprint": self.fingerprint}
        StoredEncoder(self.spec, VERSION, settings).write(folder)

    def _check(self, result: Any, rows: int) -> np.ndarray:
        if hasattr(result, "detach"):
            result = result.detach().cpu().float().numpy()
        vectors = np.asarray(result, np.float32)
        if vectors.ndim != 2 or len(vectors) != rows:
            raise InputError(
                f"The encoder {self.name} must return one vector a row: got shape {vectors.shape} "
                f"for {counted(rows, 'row')}."
            )
        if self.dimensions_ not in (0, vectors.shape[1]):
            raise InputError(
                f"The encoder {self.name} returned vectors of length {vectors.shape[1]} after "
                f"{self.dimensions_}."
            )
        self.dimensions_ = vectors.shape[1]
        return vectors


def _with_content(values: Values, modality: str) -> tuple[Values, np.ndarray]:
    """Return the values, checked, and which of them hold anything, bool, shape (n,)."""
    if modality == "text":
        texts = [str(text) for text in values]
        return texts, np.array([bool(text.strip()) for text in texts], bool)
    rows = np.asarray(values)
    if modality == "image" and len(rows):
        rows = as_images(rows, size=None)
        return rows, ~is_constant(rows)
    return rows, np.ones(len(rows), bool)


def _name(function: Callable[[Any], Any]) -> str:
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"


def _code(function: Callable[[Any], Any]) -> str:
    code = getattr(function, "__code__", None)
    return "" if code is None else repr((code.co_code.hex(), code.co_names, code.co_varnames))
