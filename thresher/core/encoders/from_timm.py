"""``timm:``, image models of the timm library, without their classification layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..choice import choose_device
from ..errors import require
from .function import FunctionEncoder
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


@dataclass(frozen=True)
class ImageModel:
    """A loaded model without classification layer, and how it wants its images.

    Attributes
    ----------
    model : torch.nn.Module
        From float32 (n, 3, size, size) to (n, d), in evaluation mode.
    size : int
    mean, std : tuple of float
        Of red, green and blue, for values from 0 to 1.
    """

    model: Any
    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


def read_model(target: str, *, wanted: Wanted) -> ImageModel:
    """Load a model by name, or from a folder (``config.json``, weights) without any network."""
    folder = find_folder(target)
    library: Any = require("timm", extra="timm")
    name = target if folder is None else f"local-dir:{folder}"
    with loading(wanted, repository=f"timm/{target}"):
        model = library.create_model(name, pretrained=True, num_classes=0)
    config = library.data.resolve_model_data_config(model)
    size, mean, std = int(config["input_size"][-1]), tuple(config["mean"]), tuple(config["std"])
    return ImageModel(model.eval(), size, mean, std)


def load(target: str, *, modality: str | None, device: str) -> FunctionEncoder:
    """Load a model as an encoder, by name or from a folder."""
    spec = f"timm:{target}"
    modality = check_modality(spec, modality, ("image",))
    place = choose_device(device)
    found = read_model(target, wanted=Wanted.encoder(spec, modality=modality))
    model = found.model.to(place.value)
    how: dict[str, Any] = {"size": found.size, "mean": found.mean, "std": found.std}

    def encode(images: Any) -> Any:
        return model(to_pixels(images, **how, device=place))

    return wrap(
        in_batches(encode),
        spec=spec,
        modality=modality,
        library="timm",
        identity=(hash_weights(model), *how.values()),
        device=place,
        image_size=found.size,
    )
