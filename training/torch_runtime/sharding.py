"""FSDP2: weights, gradients and optimizer state spread over the processes instead of a copy each.

Rajbhandari et al., "ZeRO: Memory Optimizations Toward Training Trillion Parameter Models", 2020, as
``torch.distributed.fsdp.fully_shard``. A block's weights are gathered while it computes; results
are those of one process but for the order of a sum, on ``gloo`` and ``nccl``.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from thresher.core.counted import counted
from thresher.core.errors import InputError

from .workers import Workers

# Smaller blocks are gathered with the model as a whole: a message each would cost more.
_LEAST_WEIGHTS = 2**14


def check_sharding(workers: Workers, *, optimizer: str, rows: int, parts: int) -> None:
    """Raise where sharding cannot work.

    Parameters
    ----------
    workers : Workers
    optimizer : str
    rows : int
        Of the smallest batch.
    parts : int
        That each process computes a batch in.
    """
    if workers.world == 1:
        raise InputError(
            "`sharded` needs several processes; start with torchrun --nproc-per-node=N, or leave "
            "it out."
        )
    if optimizer == "muon":
        raise InputError(
            "Muon looks at whole matrices, and `sharded` cuts them; use 'sgd' or 'adamw'."
        )
    if rows < workers.world * parts:
        raise InputError(
            f"With `sharded` each of {counted(workers.world, 'process', 'processes')} needs rows "
            "of every batch for each of "
            f"{parts} part(s); the smallest batch has {rows}. Use a larger `batch_size`."
        )


def shard(model: nn.Module, *, device: str) -> nn.Module:
    """Return a copy of `model` spread over all processes, whose gradients are summed."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(device, (dist.get_world_size(),))
    spread = copy.deepcopy(model)
    for block in (*_blocks(spread), spread):
        part = fully_shard(block, mesh=mesh)
        # A sum and not a mean, for which gloo of PyTorch 2.8 gave the sum without a word.
        part.set_gradient_divide_factor(1.0)
        part.set_force_sum_reduction_for_comms(True)
    return spread


def local(tensor: Tensor) -> Tensor:
    """Return this process's part of a sharded tensor, and any other as it is."""
    part: Tensor = tensor.to_local() if is_sharded(tensor) else tensor  # type: ignore[attr-defined]
    return part


def is_sharded(tensor: Any) -> bool:
    """Tell whether a tensor is spread over processes."""
    return hasattr(tensor, "full_tensor")


def whole(value: Any) -> Any:
    """Return a tree of tensors and plain values with every tensor whole; all processes must ask."""
    if isinstance(value, dict):
        return {key: whole(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(whole(item) for item in value)
    return value.full_tensor() if is_sharded(value) else value


def load_model(model: nn.Module, state: dict[str, Tensor]) -> None:
    """Load whole tensors into a model that may be sharded."""
    own = model.state_dict()
    model.load_state_dict({name: _spread(value, own.get(name)) for name, value in state.items()})


def load_optimizer(optimizer: torch.optim.Optimizer, saved: dict[str, Any]) -> None:
    """Load whole tensors into an optimizer whose parameters may be sharded."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state = {
        index: {name: _spread(value, parameters[index]) for name, value in entry.items()}
        for index, entry in saved["state"].items()
    }
    optimizer.load_state_dict({**saved, "state": state})


def _spread(value: Any, like: Any) -> Any:
    if not is_sharded(like) or not isinstance(value, Tensor) or value.shape != like.shape:
        return value
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(value.to(like.device), like.device_mesh, like.placements)


def _blocks(model: nn.Module) -> list[nn.Module]:
    """Return the large members of sequences and lists, inner ones first."""
    found = [
        member
        for holder in model.modules()
        if isinstance(holder, nn.Sequential | nn.ModuleList)
        for member in holder
        if sum(p.numel() for p in member.parameters()) >= _LEAST_WEIGHTS
    ]
    return found[::-1]
