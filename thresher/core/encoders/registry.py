"""Encoders by name: built in, pretrained, saved, or the user's own function."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from ..errors import InputError, did_you_mean
from ..signatures import checked
from .protocol import Encoder
from .storage import StoredEncoder

BUILTIN = {
    "builtin:features": ("features", "FeatureEncoder"),
    "builtin:image": ("image", "ImageEncoder"),
    "builtin:text": ("text", "TextEncoder"),
    "builtin:text-hash": ("text", "TextHashEncoder"),
}
# With weights that packages of `thresher[encoders]` ship, alone and joined with the built-in ones.
SHIPPED = {
    "joined:image": ("joined", "JoinedEncoder"),
    "joined:text": ("joined", "JoinedEncoder"),
    "meaning:image": ("meaning_image", "ImageMeaningEncoder"),
    "meaning:text": ("meaning_text", "TextMeaningEncoder"),
}
NAMED = {**BUILTIN, **SHIPPED}
PRETRAINED = {
    "hf": "from_transformers",
    "m2v": "from_model2vec",
    "onnx": "from_onnx",
    "openclip": "from_open_clip",
    "st": "from_sentence_transformers",
    "timm": "from_timm",
}


@checked
def get_encoder(
    spec: str | Encoder | Callable[[Any], Any],
    *,
    modality: str | None = None,
    device: str = "auto",
    random_state: int = 0,
) -> Encoder:
    """Return the encoder that `spec` names.

    Parameters
    ----------
    spec : str, Encoder or callable
        - ``"builtin:image"``, ``"builtin:text"``, ``"builtin:text-hash"``, ``"builtin:features"``;
        - of `thresher[encoders]`, by weights that packages ship: ``"meaning:image"``,
          ``"meaning:text"``, and ``"joined:image"``, ``"joined:text"`` with the built-in ones;
        - a pretrained model by name or folder: ``"st:…"`` (sentence-transformers), ``"hf:…"``
          (transformers), ``"timm:…"``, ``"openclip:…"``, ``"m2v:…"`` (model2vec); a folder never
          touches the network; ``"onnx:FOLDER"``, or ``"onnx:FOLDER@int8"`` in 8-bit integers,
          which needs no PyTorch;
        - a folder that an encoder's `save` wrote;
        - a function from values to vectors, (n, d);
        - an encoder, which is returned as it is.
    modality : {"image", "text", "features"}, optional
        What a function takes, and which half is meant of a model that takes images and texts.
    device : {"auto", "cpu", "cuda"}
        For pretrained encoders.
    random_state : int
        For encoders whose fit draws random numbers.

    Raises
    ------
    InputError
        When there is no such encoder, or a model cannot be loaded; says how to get it.
    MissingExtraError
        When the model's library is not installed.

    Examples
    --------
    >>> from thresher.core import get_encoder
    >>> encoder = get_encoder("builtin:text-hash")
    >>> encoder.name
    'builtin:text-hash'
    """
    if not isinstance(spec, str):
        return _from_object(spec, modality)
    prefix, _, target = spec.partition(":")
    if prefix in PRETRAINED:
        loader = import_module(f".{PRETRAINED[prefix]}", __package__)
        encoder: Encoder = loader.load(target, modality=modality, device=device)
        return encoder
    if spec not in NAMED and (Path(spec) / "encoder.json").is_file():
        return load_encoder(spec, device=device)
    settings: dict[str, Any] = {}
    if spec == "builtin:text" or spec.startswith("joined:"):
        settings["random_state"] = random_state
    if spec.startswith("joined:"):
        settings["modality"] = target
    built: Encoder = _named(spec)(**settings)
    return built


def load_encoder(folder: str | os.PathLike[str], *, device: str = "auto") -> Encoder:
    """Read an encoder that its `save` wrote; new rows get the same space.

    Raises
    ------
    InputError
        When a pretrained model is no longer the one that was saved.
    """
    stored = StoredEncoder.read(Path(folder))
    if stored.name in NAMED:
        encoder: Encoder = _named(stored.name).from_stored(stored)
        return encoder
    encoder = get_encoder(stored.name, modality=stored.settings["modality"], device=device)
    if encoder.fingerprint != stored.settings["fingerprint"]:
        raise InputError(
            f"{stored.name} has other weights, preprocessing or library version than the encoder "
            f"saved in {folder}: its vectors cannot be compared with those made then. Embed again."
        )
    return encoder


def _from_object(spec: Any, modality: str | None) -> Encoder:
    if hasattr(type(spec), "encode") and hasattr(type(spec), "fit"):
        encoder: Encoder = spec
        return encoder
    if not callable(spec):
        raise InputError(
            f"`encoder` must be a name, an encoder or a function, got {type(spec).__name__}."
        )
    from .function import FunctionEncoder

    if modality is None:
        raise InputError(
            "Say what the function takes with `modality`: 'image', 'text', 'features'."
        )
    return FunctionEncoder(spec, modality=modality)


def _named(name: str) -> Any:
    if name not in NAMED:
        listed = ", ".join([*NAMED, *(f"{prefix}:NAME" for prefix in PRETRAINED)])
        raise InputError(
            f"`encoder` must be one of {listed}, a folder or a function, got {name!r}."
            f"{did_you_mean(name, NAMED)}"
        )
    module, attribute = NAMED[name]
    return getattr(import_module(f".{module}", __package__), attribute)
