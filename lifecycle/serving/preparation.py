"""From raw rows, texts and image files, to the input of a model, by what its file says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from thresher.core.counted import counted
from thresher.core.errors import InputError
from thresher.core.exported.session import InputSpec
from thresher.core.images import UnreadableImage, decode_image, fit_square
from thresher.core.tokens import HashTokenizer

from .bodies import IMAGE_ROWS, TEXT_ROWS

# From raw rows to input rows of those that can be used, and why the others cannot, by place.
Prepare = Callable[[Sequence[bytes]], tuple[np.ndarray, dict[int, str]]]


def preparation_of(preprocessing: dict[str, Any], spec: InputSpec) -> dict[str, Prepare]:
    """Return how raw rows of each kind that the model takes become input.

    Raises
    ------
    InputError
        When the model's description of its preparation cannot be followed.
    """
    kind = preprocessing.get("kind")
    if kind == "text" and "tokenizer" in preprocessing:
        return {TEXT_ROWS: _texts(preprocessing["tokenizer"])}
    if kind == "image" and spec.dtype == "uint8" and len(spec.shape) == 3:
        return {IMAGE_ROWS: _images(int(preprocessing.get("size", spec.shape[1])), spec)}
    return {}


def prepared_rows(
    rows: Sequence[str | bytes], preprocessing: dict[str, Any], spec: InputSpec
) -> np.ndarray:
    """Return texts or image files as input of a model that says how they become it.

    Raises
    ------
    InputError
        When the model takes no such rows, or one cannot be used.
    """
    ways = preparation_of(preprocessing, spec)
    wanted = str if TEXT_ROWS in ways else bytes if IMAGE_ROWS in ways else None
    if wanted is None:
        listed = ", ".join(map(str, spec.shape))
        raise InputError(
            f"The model takes arrays, {spec.dtype} of shape (n, {listed}), got a list of "
            f"{counted(len(rows), 'row')}. Make an array of them."
        )
    for place, row in enumerate(rows):
        if not isinstance(row, wanted):
            kind = "a text" if wanted is str else "the bytes of an image file"
            raise InputError(f"Row {place} must be {kind}, got {row!r:.80}.")
    raw = [row.encode() if isinstance(row, str) else row for row in rows]
    inputs, errors = next(iter(ways.values()))(raw)
    if errors:
        place = min(errors)
        raise InputError(f"Row {place} {errors[place]}. Leave such rows out ({len(errors):,}).")
    return inputs


def _texts(described: dict[str, Any]) -> Prepare:
    try:
        tokenizer = HashTokenizer.from_json(described)
    except (KeyError, TypeError) as error:
        raise InputError(
            f"The model's tokenizer is none of Thresher's ({error}); serve it with token ids."
        ) from error

    def prepare(rows: Sequence[bytes]) -> tuple[np.ndarray, dict[int, str]]:
        return tokenizer.encode([row.decode("utf-8") for row in rows]), {}

    return prepare


def _images(size: int, spec: InputSpec) -> Prepare:
    def prepare(rows: Sequence[bytes]) -> tuple[np.ndarray, dict[int, str]]:
        images, errors = [], {}
        for place, row in enumerate(rows):
            try:
                images.append(fit_square(decode_image(row, shrink_to=size), size))
            except UnreadableImage as error:
                errors[place] = f"is no image that can be used: {error.reason}"
        if not images:
            return np.zeros((0, *spec.shape), np.uint8), errors
        return np.ascontiguousarray(np.stack(images).transpose(0, 3, 1, 2)), errors

    return prepare
