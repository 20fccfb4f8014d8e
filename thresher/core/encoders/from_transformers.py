"""``hf:``, models of the transformers library: text, images, or both (CLIP)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..choice import Choice, choose_device
from ..counted import counted
from ..errors import require
from .function import IMAGE_SIZE, FunctionEncoder
from .lengths import Cuts, encode_by_length
from .pretrained import Wanted, check_modality, find_folder, hash_weights, in_batches, loading, wrap

if TYPE_CHECKING:
    import torch

LONGEST = 512  # tokens; models that allow more are rarely asked for more


def read_model(target: str, *, modality: str, wanted: Wanted) -> tuple[Any, Any]:
    """Load tokenizer or image processor, and the model in evaluation mode.

    By name, or from a folder without any network.
    """
    folder = find_folder(target)
    library: Any = require("transformers", extra="hf")
    processor_class = library.AutoTokenizer if modality == "text" else library.AutoImageProcessor
    source, local = str(folder or target), folder is not None
    with loading(wanted, repository=target):
        processor = processor_class.from_pretrained(source, local_files_only=local)
        model = library.AutoModel.from_pretrained(source, local_files_only=local)
    return processor, model.eval()


def load(target: str, *, modality: str | None, device: str) -> FunctionEncoder:
    """Load a model as an encoder, by name or from a folder.

    Text is pooled by the mean over its tokens. An image gives its class token, or the mean over
    patches where there is none. Models with a shared space of both give that space's vectors.
    """
    spec = f"hf:{target}"
    modality, place = check_modality(spec, modality, ("text", "image")), choose_device(device)
    wanted = Wanted.encoder(spec, modality=modality)
    processor, model = read_model(target, modality=modality, wanted=wanted)
    model = model.to(place.value)
    cuts = None
    if modality == "text":
        cuts = Cuts(longest_text(model, processor))
        function = _text_function(model, processor, cuts=cuts, device=place)
        preprocessing = f"at most {counted(cuts.longest, 'token')}"
    else:
        function = in_batches(_image_function(model, processor, device=place))
        preprocessing = repr(sorted(processor.to_dict().items()))
    return wrap(
        function,
        spec=spec,
        modality=modality,
        library="transformers",
        identity=(hash_weights(model), preprocessing),
        device=place,
        image_size=image_size(processor),
        cuts=cuts,
    )


def _text_function(
    model: Any, tokenizer: Any, *, cuts: Cuts, device: Choice
) -> Callable[[list[str]], np.ndarray]:
    def encode(texts: list[str]) -> np.ndarray:
        import torch

        found = tokenizer(texts, truncation=True, max_length=cuts.longest)
        counts = [len(ids) for ids in found["input_ids"]]
        full = [text for text, count in zip(texts, counts, strict=True) if count >= cuts.longest]
        cuts.count += count_longer(full, tokenizer, longest=cuts.longest)

        def run(positions: np.ndarray) -> np.ndarray:
            chosen = {
                name: [column[at] for at in positions.tolist()] for name, column in found.items()
            }
            batch = tokenizer.pad(chosen, return_tensors="pt").to(device.value)
            with torch.inference_mode():
                vectors: np.ndarray = text_vectors(model, dict(batch)).float().cpu().numpy()
            return vectors

        return encode_by_length(counts, run)

    return encode


def count_longer(texts: list[str], tokenizer: Any, *, longest: int) -> int:
    """Return how many texts have more tokens than a model takes."""
    if not texts:
        return 0
    whole = tokenizer(texts, truncation=False, verbose=False)["input_ids"]
    return sum(len(ids) > longest for ids in whole)


def text_vectors(model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return one vector a text, (n, d), from token ids and their ``attention_mask``."""
    if hasattr(model, "get_text_features"):
        return as_tensor(model.get_text_features(**batch))
    hidden = model(**batch).last_hidden_state
    weights = batch["attention_mask"].unsqueeze(-1).to(hidden.dtype)
    pooled: torch.Tensor = (hidden * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)
    return pooled


def _image_function(
    model: Any, processor: Any, *, device: Choice
) -> Callable[[np.ndarray], torch.Tensor]:
    def encode(images: np.ndarray) -> torch.Tensor:
        batch = processor(images=list(images), return_tensors="pt").to(device.value)
        return image_vectors(model, batch["pixel_values"])

    return encode


def image_vectors(model: Any, pixels: torch.Tensor) -> torch.Tensor:
    """Return one vector an image, (n, d), from normalized pixels (n, 3, size, size)."""
    if hasattr(model, "get_image_features"):
        return as_tensor(model.get_image_features(pixel_values=pixels))
    hidden: torch.Tensor = model(pixel_values=pixels).last_hidden_state
    if hidden.ndim == 4:
        return hidden.mean(dim=(2, 3))
    class_token = any(name.endswith("cls_token") for name, _ in model.named_parameters())
    return hidden[:, 0] if class_token else hidden.mean(dim=1)


def as_tensor(features: Any) -> torch.Tensor:
    """Return the vectors of ``get_…_features``: a tensor up to version 4, an output from 5."""
    pooled: torch.Tensor = getattr(features, "pooler_output", features)
    return pooled


def longest_text(model: Any, tokenizer: Any) -> int:
    """Return the most tokens that model and tokenizer both take."""
    config = getattr(model.config, "text_config", model.config)
    positions = getattr(config, "max_position_embeddings", None) or LONGEST
    return int(min(LONGEST, positions, tokenizer.model_max_length))


def image_size(processor: Any) -> int:
    """Return the side in pixels that an image processor makes, or the usual one."""
    size = getattr(processor, "crop_size", None) or getattr(processor, "size", None) or {}
    sides = [side for key in ("height", "shortest_edge") if (side := size.get(key))]
    return int(sides[0]) if sides else IMAGE_SIZE
