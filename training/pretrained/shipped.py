"""EfficientNet-Lite0 with the weights of its package and a head of our own.

The body is left as it is: each row's vector is computed once, a linear head is fitted to the
vectors, and both are one network from pixels to logits, which holds all of its weights and is
quantized, written and verified like every other. 0.42 GFLOP an image of 160 pixels.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from thresher.core.choice import choose_device
from thresher.core.encoders.lite0 import SMALLEST, read_blocks
from thresher.core.encoders.meaning_image import SIDE
from thresher.core.encoders.shipped import LITE0, read
from thresher.core.encoders.torch_file import read_tensors
from thresher.core.errors import InputError, check_count

from ..models import CompactModel, ModelSpec, build_model
from ..models.lite0 import NAME, STEM, take_blocks
from ..torch_runtime.allocator import kept_memory
from ..torch_runtime.eval_mode import evaluating
from ..torch_runtime.memory_format import arranged
from .linear_head import LinearHead

_BATCH = 64


def shipped_model(*, num_classes: int, side: int = SIDE, random_state: int = 0) -> CompactModel:
    """Return EfficientNet-Lite0 with shipped weights and an untrained head.

    Parameters
    ----------
    num_classes : int
        At least 2.
    side : int
        Pixels of its square inputs, at least 32; it was trained with 224.
    random_state : int
        Draws the head.

    Returns
    -------
    CompactModel
        On the CPU.

    Raises
    ------
    MissingExtraError
        When the package with the weights is not installed.
    InputError
        When the weights are missing, cut off, or others.
    """
    check_count("num_classes", num_classes, low=2)
    check_count("side", side, low=SMALLEST)
    spec = ModelSpec(NAME, "image", int(num_classes), (3, side, side), STEM)
    model = build_model(spec, random_state=random_state)
    take_blocks(model, read_blocks(read_tensors(read(LITE0))))
    return model


@kept_memory()
def vectors_of(model: CompactModel, inputs: Tensor, *, device: str = "auto") -> np.ndarray:
    """Return what the body finds in images, uint8 (n, 3, side, side): float32 (n, 1280)."""
    if tuple(inputs.shape[1:]) != model.spec.input_shape:
        raise InputError(
            f"The model takes images of shape {model.spec.input_shape}, got "
            f"{tuple(inputs.shape[1:])}."
        )
    place = choose_device(device).value
    found = [np.zeros((0, model.head.in_features), np.float32)]
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with evaluating(model, device=place), torch.inference_mode():
        for part in torch.split(inputs, _BATCH):
            pixels = model.normalize(arranged(part.to(place)))
            found.append(model.features(pixels).float().cpu().numpy())
    return np.concatenate(found)


@torch.no_grad()
def put_head(model: CompactModel, head: LinearHead) -> None:
    """Give `model`, in place, a head that was fitted to its vectors."""
    model.head.weight.copy_(torch.from_numpy(head.weight))
    model.head.bias.copy_(torch.from_numpy(head.bias))
