"""Low-rank adapters in a pretrained network, through ``peft``.

Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021; on every linear layer, after
Dettmers et al., "QLoRA", 2023. A layer of n x m weights trains rank · (n + m) numbers.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from thresher.core.errors import InputError, require

# Hu et al. scale the update by alpha / rank; peft's own default is alpha = 8 at rank 8.
_ALPHA_OVER_RANK = 2


def add_adapters(network: nn.Module, *, rank: int) -> None:
    """Put adapters into `network`, in place; all else of it is frozen.

    Parameters
    ----------
    network : nn.Module
    rank : int
        Of the update of each layer.

    Raises
    ------
    MissingExtraError
        Without ``peft``.
    InputError
        When no layer can take an adapter.
    """
    library: Any = require("peft", extra="lora")
    settings = library.LoraConfig(
        r=rank,
        lora_alpha=_ALPHA_OVER_RANK * rank,
        lora_dropout=0.0,
        target_modules=_targets(network),
    )
    library.inject_adapter_in_model(settings, network)


def _targets(network: nn.Module) -> list[str]:
    """Return the names of the linear layers, or of dense convolutions where there are none."""
    linear = [name for name, layer in network.named_modules() if type(layer) is nn.Linear]
    convolutions = [
        name
        for name, layer in network.named_modules()
        if type(layer) is nn.Conv2d and layer.groups == 1
    ]
    if not linear and not convolutions:
        raise InputError(
            f"{type(network).__name__} has no linear layer and no dense convolution for an "
            "adapter; use mode 'frozen' or 'fine_tune'."
        )
    return linear or convolutions
