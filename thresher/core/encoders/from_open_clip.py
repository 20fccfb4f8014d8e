"""``openclip:``, models of the open_clip library that put images and texts in one space.

``openclip:ViT-B-32@laion2b_s34b_b79k`` names an architecture and its weights; a folder holds
``open_clip_config.json`` and the weights.
"""

from __future__ import annotations

from typing import Any

from ..choice import choose_device
from ..errors import InputError, require
from .function import FunctionEncoder
from .lengths import Cuts
from .pretrained import (
    Wanted,
    check_modality,
    find_folder,
    hash_weights,
    in_batches,
    loading,
    to_pixels,
    wrap,
)


def load(target: str, *, modality: str | None, device: str) -> FunctionEncoder:
    """Load a model by architecture and weights, or from a folder without any network."""
    spec = f"openclip:{target}"
    modality = check_modality(spec, modality, ("image", "text"))
    folder, place = find_folder(target), choose_device(device)
    architecture, _, weights = target.partition("@")
    if folder is None and not weights:
        raise InputError(f"{spec!r} must name weights too: openclip:ARCHITECTURE@WEIGHTS.")
    library: Any = require("open_clip", extra="openclip")
    name = architecture if folder is None else f"local-dir:{folder}"
    repository = f"laion/CLIP-{architecture}-{weights}"
    with loading(Wanted.encoder(spec, modality=modality), repository=repository):
        model = library.create_model(name, pretrained=weights or None)
        tokenizer = library.get_tokenizer(name) if modality == "text" else None
    model = model.eval().to(place.value)
    side = model.visual.image_size
    size = int(side[0] if isinstance(side, tuple) else side)
    mean, std = tuple(model.visual.image_mean), tuple(model.visual.image_std)

    def encode_images(images: Any) -> Any:
        return model.encode_image(to_pixels(images, size=size, mean=mean, std=std, device=place))

    cuts = Cuts(int(getattr(tokenizer, "context_length", None) or 0))
    inner = getattr(tokenizer, "encode", None)

    def encode_texts(texts: list[str]) -> Any:
        if cuts.longest and callable(inner):
            # Two tokens mark begin and end; nothing with fewer characters has more.
            full = [text for text in texts if len(text) + 2 > cuts.longest]
            cuts.count += sum(len(inner(text)) + 2 > cuts.longest for text in full)
        return model.encode_text(tokenizer(texts).to(place.value))  # type: ignore[misc]

    return wrap(
        in_batches(encode_images if modality == "image" else encode_texts),
        spec=spec,
        modality=modality,
        library="open-clip-torch",
        identity=(hash_weights(model), size, mean, std),
        device=place,
        image_size=size,
        cuts=cuts if modality == "text" else None,
    )
