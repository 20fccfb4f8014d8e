"""Several processes that train one model: each computes its part of every batch.

Started by ``torchrun``, or anything that sets RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT. One
message a step carries gradients, loss and the running statistics of batch norm. Without batch norm
and dropout the weights are those of one process, but for the order of a sum; batch norm looks at
each worker's part alone, and its running statistics are the mean over workers.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn


@dataclass(frozen=True)
class Workers:
    """The place of this process among `world` ones.

    Attributes
    ----------
    rank : int
        Counted from 0; the first writes checkpoints and reports progress.
    world : int
    """

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Whether this process speaks for all."""
        return self.rank == 0

    def share_start(self, model: nn.Module) -> None:
        """Give all workers the weights of the first."""
        if self.world > 1:
            for tensor in (*model.parameters(), *model.buffers()):
                dist.broadcast(tensor.detach(), src=0)

    def combine_step(self, model: nn.Module, loss: float, *, sharded: bool = False) -> float:
        """Add gradients over the workers, average running statistics, return the sum of `loss`.

        Gradients of a sharded model have been added when they were computed.
        """
        if self.world == 1:
            return loss
        trained = [p for p in model.parameters() if p.requires_grad]
        for parameter in () if sharded else trained:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        gradients = [] if sharded else [p.grad for p in trained if p.grad is not None]
        statistics = [b for b in model.buffers() if b.is_floating_point()]
        last = torch.tensor([loss], dtype=torch.float32, device=trained[0].device)
        flat = torch.cat([t.detach().float().flatten() for t in (*gradients, *statistics, last)])
        dist.all_reduce(flat)
        at = _copy_back(flat, gradients, at=0, scale=1.0)
        _copy_back(flat, statistics, at=at, scale=1 / self.world)
        return float(flat[-1])

    def add(self, values: list[float]) -> list[float]:
        """Return the sums of `values` over the workers."""
        if self.world == 1:
            return values
        device = "cuda" if dist.get_backend() == "nccl" else "cpu"
        total = torch.tensor(values, dtype=torch.float64, device=device)
        dist.all_reduce(total)
        return [float(value) for value in total.tolist()]


def join_workers(device: str) -> Workers:
    """Join the processes that the environment tells of, or return a single worker."""
    if not dist.is_available() or int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return Workers()
    if device == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    if not dist.is_initialized():
        dist.init_process_group("nccl" if device == "cuda" else "gloo")
    return Workers(rank=dist.get_rank(), world=dist.get_world_size())


def _copy_back(flat: Tensor, tensors: Iterable[Tensor], *, at: int, scale: float) -> int:
    with torch.no_grad():
        for tensor in tensors:
            part = flat[at : at + tensor.numel()]
            tensor.copy_(part.view_as(tensor) * scale)
            at += tensor.numel()
    return at
