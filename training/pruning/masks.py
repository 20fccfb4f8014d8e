"""Single weights set to zero and held there while the rest is trained.

Han et al. (2015), "Learning both weights and connections". Dense kernels run no faster for it; a
compressed file is smaller. ``2:4`` is the pattern of sparse tensor cores (Mishra et al. 2021).
"""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor, nn

from ..loop.hooks import Hook, Moment

Masks = dict[str, Tensor]
_PATTERN = 4


def magnitude_masks(model: nn.Module, *, amount: float, keep: Collection[str]) -> Masks:
    """Mark all but the `amount` smallest weights of the whole network; bool by parameter name."""
    weights = _weights(model, keep)
    sizes = torch.cat([weight.detach().abs().flatten() for weight in weights.values()])
    dropped = round(amount * len(sizes))
    if not dropped:
        return {name: torch.ones_like(weight, dtype=torch.bool) for name, weight in weights.items()}
    # By rank, so that ties do not drop more than asked for.
    kept = torch.ones(len(sizes), dtype=torch.bool)
    kept[sizes.argsort(stable=True)[:dropped]] = False
    parts = torch.split(kept, [weight.numel() for weight in weights.values()])
    return {
        name: part.view(weight.shape)
        for (name, weight), part in zip(weights.items(), parts, strict=True)
    }


def two_of_four_masks(model: nn.Module, *, keep: Collection[str]) -> Masks:
    """Mark the two largest of every four neighboring inputs of each output."""
    masks = {}
    for name, weight in _weights(model, keep).items():
        matrix = weight.detach().abs().flatten(1)
        if matrix.shape[1] % _PATTERN:
            continue
        groups = matrix.view(len(matrix), -1, _PATTERN)
        order = groups.argsort(stable=True, descending=True)
        mask = torch.zeros_like(groups, dtype=torch.bool)
        masks[name] = mask.scatter_(-1, order[..., :2], True).view(weight.shape)
    return masks


@torch.no_grad()
def apply_masks(model: nn.Module, masks: Masks) -> None:
    """Set the weights that are not marked to zero, in place."""
    for name, mask in masks.items():
        model.get_parameter(name).mul_(mask.to(model.get_parameter(name).device))


class MaskHook(Hook):
    """Holds masked weights at zero: pass it to `fit` as one of its `hooks`."""

    def __init__(self, masks: Masks) -> None:
        self.masks = masks

    def on_step_end(self, moment: Moment) -> None:
        """Set the masked weights back to zero after the optimizer has moved them."""
        apply_masks(moment.model, self.masks)


def _weights(model: nn.Module, keep: Collection[str]) -> dict[str, Tensor]:
    return {
        f"{name}.weight": module.weight
        for name, module in model.named_modules()
        if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Linear)) and name not in keep
    }
