"""``timm:``, image models of the timm library, without their classification layer."""

from __future__ import annotations

from typing import Any

from ..choice import choose_device
from ..errors import require
from .function import FunctionEncoder
from .pretrained import (
    check_modality,
    find_folder,
    hash_weights,
    in_batches,
    loading,
    to_pixels,
    wrap,
)


def load(target: str, *, modality: str | None, device: str) -> FunctionEncoder:
    """Load a model by name, or from a folder (``config.json``, weights) without any network."""
    spec = f"timm:{target}"
    modality = check_modality(spec, modality, ("image",))
    folder, place = find_folder(target), choose_device(device)
    library: Any = require("timm", extra="timm")
    name = target if folder is None else f"local-dir:{folder}"
    with loading(spec, repository=f"timm/{target}", modality=modality):
        model = library.create_model(name, pretrained=True, num_classes=0)
    model = model.eval().to(place.value)
    config = library.data.resolve_model_data_config(model)
    size, mean, std = int(config["input_size"][-1]), tuple(config["mean"]), tuple(config["std"])

    def encode(images: Any) -> Any:
        return model(to_pixels(images, size=size, mean=mean, std=std, device=place))

    return wrap(
        in_batches(encode),
        spec=spec,
        modality=modality,
        library="timm",
        identity=(hash_weights(model), size, mean, std),
        device=place,
        image_size=size,
    )
