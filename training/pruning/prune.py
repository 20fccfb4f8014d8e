"""Prune: take parts of a finished model away, then train it again with `fit` or `distill`."""

from __future__ import annotations

import copy
from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from thresher.core.errors import InputError, check_choice, check_count, check_number
from thresher.core.signatures import checked

from ..exporting.description import count_parameters, example_rows
from ..torch_runtime.flops import count_flops
from .channels import prune_channels
from .low_rank import factorize
from .masks import MaskHook, Masks, apply_masks, magnitude_masks, two_of_four_masks

METHODS = ("channels", "low_rank", "weights", "2:4")


@dataclass(frozen=True, eq=False)
class Pruned:
    """A pruned model, not yet trained again.

    Attributes
    ----------
    model : nn.Module
        A copy. Its ``spec``, where it has one, still names the network it came from.
    method : str
    parameters, flops : tuple
        Before and after; FLOPs of one row. Masked weights count as parameters.
    sparsity : float
        Share of the weights of convolutions and linear layers that is zero.
    hooks : tuple of Hook
        To be passed to `fit`, so that masked weights stay zero.
    """

    model: nn.Module
    method: str
    parameters: tuple[int, int]
    flops: tuple[float, float]
    sparsity: float
    hooks: tuple[MaskHook, ...] = ()


@checked
def prune(
    model: nn.Module,
    *,
    amount: float = 0.5,
    method: str = "channels",
    keep: Collection[str] = (),
    round_to: int = 4,
    example: Tensor | None = None,
) -> Pruned:
    """Remove a share of a model.

    Parameters
    ----------
    model : nn.Module
        Left as it is.
    amount : float
        In [0, 1): the share of the FLOPs that goes (``channels``, ``low_rank``), or of the
        weights (``weights``); 0 gives a copy. ``2:4`` always takes half.
    method : {"channels", "low_rank", "weights", "2:4"}
        ``channels`` makes layers narrower and needs ``pip install 'thresher[prune]'``;
        ``low_rank`` replaces a layer by two thinner ones; ``weights`` and ``2:4`` set single
        weights to zero, which ordinary kernels do not profit from.
    keep : collection of str
        Layers to leave alone, beside the last linear one.
    round_to : int
        Channels are left in multiples of this; 16 suits networks that become integers.
    example : Tensor, optional
        Input rows; not needed for a model with a ``spec``.

    Raises
    ------
    InputError
        When an option is wrong, or so much cannot be taken away.
    MissingExtraError
        When Torch-Pruning is needed and missing.

    Examples
    --------
    >>> from training import compact_model, prune
    >>> model = compact_model("mlp", num_classes=2, input_shape=(64,), width=32)
    >>> pruned = prune(model, amount=0.5, method="low_rank")
    >>> before, after = (sum(w.numel() for w in m.parameters()) for m in (model, pruned.model))
    >>> after < before
    True
    """
    check_choice("method", method, METHODS)
    check_number("amount", amount, low=0, high=0.99)
    check_count("round_to", round_to, low=1)
    rows = example_rows(model, example)
    kept = _kept(model, keep)
    before = count_parameters(model), count_flops(model, rows)
    target = (1 - amount) * before[1]
    pruned = copy.deepcopy(model).cpu()
    masks: Masks = {}
    if method == "2:4":
        masks = two_of_four_masks(pruned, keep=kept)
    elif not amount:
        pass  # the model as it is
    elif method == "weights":
        masks = magnitude_masks(pruned, amount=amount, keep=kept)
    elif method == "low_rank":
        pruned = factorize(pruned, rows, target_flops=target, keep=kept)
    else:
        prune_channels(pruned, rows, target_flops=target, keep=kept, round_to=round_to)
    apply_masks(pruned, masks)
    return Pruned(
        model=pruned,
        method=method,
        parameters=(before[0], count_parameters(pruned)),
        flops=(before[1], count_flops(pruned, rows)),
        sparsity=_sparsity(pruned),
        hooks=(MaskHook(masks),) if masks else (),
    )


def _kept(model: nn.Module, keep: Collection[str]) -> list[str]:
    known = dict(model.named_modules())
    for name in keep:
        if not isinstance(name, str) or name not in known:
            raise InputError(f"`keep` names no module of the model: {name!r:.80}.")
    heads = [name for name, module in known.items() if isinstance(module, nn.Linear)]
    return [*keep, *heads[-1:]]


def _sparsity(model: nn.Module) -> float:
    layers = [m for m in model.modules() if isinstance(m, (nn.Conv1d, nn.Conv2d, nn.Linear))]
    weights = torch.cat([layer.weight.detach().flatten() for layer in layers])
    return float((weights == 0).double().mean())
