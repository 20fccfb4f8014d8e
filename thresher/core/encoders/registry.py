"""Encoders by name: built in, pretrained, or the user's own function."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from ..errors import InputError, check_choice
from .protocol import Encoder
from .storage import StoredEncoder

BUILTIN = {
    "builtin:features": ("features", "FeatureEncoder"),
    "builtin:image": ("image", "ImageEncoder"),
    "builtin:text": ("text", "TextEncoder"),
    "builtin:text-hash": ("text", "TextHashEncoder"),
}


def get_encoder(
    spec: str | Encoder | Callable[[Any], Any],
    *,
    modality: str | None = None,
    device: str = "auto",
    random_state: int = 0,
) -> Encoder:
    """Return the encoder that `spec` names; an encoder is returned as it is.

    Parameters
    ----------
    spec : str, Encoder or callable
        ``"builtin:image"``, ``"builtin:text"``, ``"builtin:text-hash"`` or ``"builtin:features"``.
    modality : {"image", "text", "features"}, optional
        What a callable takes.
    device : {"auto", "cpu", "cuda"}
        For pretrained encoders.
    random_state : int
        For encoders whose fit draws random numbers.
    """
    if not isinstance(spec, str):
        if hasattr(type(spec), "encode"):
            return spec  # type: ignore[return-value]
        raise InputError(f"`encoder` must be a name or an encoder, got {type(spec).__name__}.")
    encoder_class = _builtin(spec)
    if spec == "builtin:text":
        return encoder_class(random_state=random_state)  # type: ignore[no-any-return]
    return encoder_class()  # type: ignore[no-any-return]


def load_encoder(folder: str | os.PathLike[str]) -> Encoder:
    """Read an encoder that its `save` wrote; new rows get the same space."""
    stored = StoredEncoder.read(Path(folder))
    encoder: Encoder = _builtin(stored.name).from_stored(stored)
    return encoder


def _builtin(name: str) -> Any:
    module, attribute = BUILTIN[check_choice("encoder", name, BUILTIN)]
    return getattr(import_module(f".{module}", __package__), attribute)
