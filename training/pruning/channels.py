"""Whole channels removed, with all that depends on them.

The dependency graph is that of Torch-Pruning (Fang et al. 2023, "DepGraph: Towards any structural
pruning"), an optional dependency. A channel's importance is the norm of all weights that go with
it.
"""

from __future__ import annotations

from collections.abc import Collection

from torch import Tensor, nn

from thresher.core.counted import percent
from thresher.core.errors import InputError, require

from ..torch_runtime.flops import count_flops

_STEPS = 50
_MOST_OF_A_LAYER = 0.9


def prune_channels(
    model: nn.Module, rows: Tensor, *, target_flops: float, keep: Collection[str], round_to: int
) -> None:
    """Remove channels in small steps, in place, until a row takes at most `target_flops`.

    Parameters
    ----------
    model : nn.Module
    rows : Tensor
        Input rows.
    target_flops : float
    keep : collection of str
        Layers whose outputs stay.
    round_to : int
        Channels are left in multiples of this, which vector units like.
    """
    pruning = require("torch_pruning", extra="prune")
    pruner = pruning.pruner.MetaPruner(
        model,
        rows,
        importance=pruning.importance.GroupMagnitudeImportance(p=2),
        pruning_ratio=_MOST_OF_A_LAYER,
        max_pruning_ratio=_MOST_OF_A_LAYER,
        iterative_steps=_STEPS,
        ignored_layers=[model.get_submodule(name) for name in keep],
        round_to=round_to,
    )
    for _ in range(_STEPS):
        if count_flops(model, rows) <= target_flops:
            return
        pruner.step()
    reached = count_flops(model, rows)
    if reached > target_flops:
        raise InputError(
            f"Removing {percent(_MOST_OF_A_LAYER)} of the channels leaves {reached:.3g} FLOPs a "
            "row, above the "
            f"{target_flops:.3g} asked for. Lower `amount`, or begin with a smaller one."
        )
