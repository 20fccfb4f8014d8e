"""What is told of an exported model, whatever the format: input, classes, costs, title."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from thresher import __version__
from thresher.core.counted import counted
from thresher.core.errors import InputError

from ..models.spec import USUAL_DTYPES, ModelSpec
from ..quantization.model import QuantizedModel
from ..torch_runtime.flops import count_flops


def example_rows(model: nn.Module, example: Tensor | None) -> Tensor:
    """Return two input rows for `model`: copies of the first of `example`, or zeros."""
    spec = getattr(model, "spec", None)
    if example is None and spec is None:
        raise InputError(
            f"{type(model).__name__} has no `spec` that tells its input. Pass `example=`, a "
            "tensor with one or more input rows."
        )
    if example is None:
        return torch.zeros((2, *spec.input_shape), dtype=_dtype(spec))  # type: ignore[union-attr]
    if example.ndim < 2 or not len(example):
        raise InputError(f"`example` must hold rows, got shape {tuple(example.shape)}.")
    # The exporter takes an axis of length one for a constant.
    return example[:1].detach().cpu().expand(2, *example.shape[1:]).contiguous()


def _dtype(spec: Any) -> torch.dtype:
    """Return the numbers of the rows that the model was trained on, or the usual ones."""
    name = spec.input_dtype if isinstance(spec, ModelSpec) else USUAL_DTYPES[spec.modality]
    found: torch.dtype = getattr(torch, name)
    return found


@torch.no_grad()
def check_classes(model: nn.Module, rows: Tensor, classes: Sequence[str]) -> None:
    """Raise when `model` does not return one logit for each class name."""
    was_training = model.training
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    logits = model.eval()(rows.to(device))
    model.train(was_training)
    if logits.ndim != 2 or logits.shape[1] != len(classes):
        raise InputError(
            f"`classes` has {counted(len(classes), 'name')}, but the model returns shape "
            f"{tuple(logits.shape)}."
        )


def describe(
    model: nn.Module,
    rows: Tensor,
    classes: Sequence[str],
    preprocessing: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return the JSON values that go into the model's file."""
    quantization = None
    if isinstance(model, QuantizedModel):
        quantization = {
            "weight_bits": model.weight_bits,
            "layer_bits": {layer.name: layer.weight_bits for layer in model.layers()},
            "activation_bits": model.activation_bits,
            "rounded_to": model.rounded_to,
            "weight_range": model.weight_range,
            "weight_bound": model.weight_bound,
            "float_layers": model.float_layers,
        }
    return {
        "thresher": __version__,
        "classes": [str(name) for name in classes],
        "input": {
            "dtype": str(rows.dtype).removeprefix("torch."),
            "shape": list(rows.shape[1:]),
        },
        "preprocessing": dict(preprocessing or {}),
        "quantization": quantization,
        "costs": {"parameters": count_parameters(model), "flops": count_flops(model, rows)},
    }


def count_parameters(model: nn.Module) -> int:
    """Return the number of weights, biases included."""
    # Scales of a quantized model are parameters to torch, but not weights of the network.
    return sum(p.numel() for key, p in model.named_parameters() if not key.endswith("scale"))


def title(model: nn.Module) -> str:
    """Return the name of the architecture."""
    spec = getattr(model, "spec", None)
    return str(getattr(spec, "name", type(model).__name__))
