"""Everything about a run that changes from step to step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ..optimizers.ema import WeightAverage
from ..torch_runtime.sharding import load_model, load_optimizer, whole
from .hooks import Hook


@dataclass
class EpochSums:
    """Totals over the part of the epoch that is done."""

    loss: float = 0.0
    mass: float = 0.0
    correct: float = 0
    judged: float = 0

    def entry(self) -> dict[str, float]:
        """Return the means, as they stand in the history."""
        entry = {"loss": self.loss / max(self.mass, 1e-12)}
        return entry | {"accuracy": self.correct / self.judged} if self.judged else entry


@dataclass(eq=False)
class TrainingState:
    """Model, optimizer, average, position and counts; saved and restored as one."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    average: WeightAverage | None
    hooks: tuple[Hook, ...]
    device: str
    step: int = 0
    rows_seen: int = 0
    seconds: float = 0.0
    flops: float = 0.0
    flops_per_row: dict[str, float] = field(default_factory=dict)
    stopped: bool = False
    sums: EpochSums = field(default_factory=EpochSums)
    history: list[dict[str, Any]] = field(default_factory=list)
    best: dict[str, Any] = field(default_factory=dict)

    @property
    def judged_model(self) -> nn.Module:
        """The model whose quality counts: the average where there is one."""
        return self.model if self.average is None else self.average.module

    def remember_best(self, accuracy: float) -> None:
        """Keep a copy of the weights if `accuracy` is above all before."""
        if accuracy > self.best.get("accuracy", -1.0):
            weights = {
                name: tensor.detach().cpu().clone()
                for name, tensor in whole(self.judged_model.state_dict()).items()
            }
            epoch = len(self.history)
            self.best = {"accuracy": accuracy, "epoch": epoch, "weights": weights}

    def to_dict(self) -> dict[str, Any]:
        """Return whole tensors and plain values, which ``torch.load`` reads safely.

        Of a sharded model all processes must ask at once.
        """
        rng: dict[str, Tensor] = {"cpu": torch.get_rng_state()}
        if self.device == "cuda":
            rng["cuda"] = torch.cuda.get_rng_state()
        return {
            "model": whole(self.model.state_dict()),
            "optimizer": whole(self.optimizer.state_dict()),
            "average": None if self.average is None else whole(self.average.module.state_dict()),
            "hooks": [(type(hook).__qualname__, hook.state()) for hook in self.hooks],
            "rng": rng,
            "sums": vars(self.sums),
            **{name: getattr(self, name) for name in _PLAIN},
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Take everything from what `to_dict` gave."""
        load_model(self.model, saved["model"])
        load_optimizer(self.optimizer, saved["optimizer"])
        if self.average is not None:
            load_model(self.average.module, saved["average"])
        kept = [tuple(pair) for pair in saved["hooks"]]
        for hook in self.hooks:
            place = next(
                (i for i, pair in enumerate(kept) if pair[0] == type(hook).__qualname__), None
            )
            if place is not None:
                hook.restore(kept.pop(place)[1])
        torch.set_rng_state(saved["rng"]["cpu"])
        if self.device == "cuda":
            torch.cuda.set_rng_state(saved["rng"]["cuda"])
        self.sums = EpochSums(**saved["sums"])
        for name in _PLAIN:
            setattr(self, name, saved[name])


_PLAIN = (
    "step",
    "rows_seen",
    "seconds",
    "flops",
    "flops_per_row",
    "stopped",
    "history",
    "best",
)
