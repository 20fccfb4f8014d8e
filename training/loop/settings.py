"""The settings of one training run, checked and complete."""

from __future__ import annotations

from dataclasses import dataclass

from thresher.core.errors import check_choice, check_number

from ..optimizers.optim import DEFAULT_DECAY, DEFAULT_LR, OPTIMIZERS
from ..optimizers.schedule import SCHEDULES
from ..torch_runtime.precision import PRECISIONS


@dataclass(frozen=True)
class Settings:
    """Options of `fit` that shape the weights; see there for their meaning."""

    epochs: int
    batch_size: int
    optimizer: str
    lr: float
    weight_decay: float
    schedule: str
    warmup: float | None
    label_smoothing: float
    ema: float | None
    clip_norm: float | None
    accumulate: int
    patience: int | None
    first_size: int | None
    first_share: float
    seed: int

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulate"):
            check_number(name, getattr(self, name), low=1)
        check_choice("optimizer", self.optimizer, OPTIMIZERS)
        check_choice("schedule", self.schedule, SCHEDULES)
        check_number("lr", self.lr, low=0, low_open=True)
        check_number("weight_decay", self.weight_decay, low=0)
        check_number("label_smoothing", self.label_smoothing, low=0, high=0.99)
        _check_optional("warmup", self.warmup, low=0, high=1)
        _check_optional("ema", self.ema, low=0, high=0.999999)
        _check_optional("clip_norm", self.clip_norm, low=1e-12)
        _check_optional("patience", self.patience, low=1)
        _check_optional("first_size", self.first_size, low=1)
        check_number("first_share", self.first_share, low=0, high=1)

    @staticmethod
    def default_lr(optimizer: str, lr: float | None) -> float:
        """Return `lr`, or the usual peak rate of the optimizer."""
        return DEFAULT_LR[check_choice("optimizer", optimizer, OPTIMIZERS)] if lr is None else lr

    @staticmethod
    def default_decay(optimizer: str, weight_decay: float | None) -> float:
        """Return `weight_decay`, or the usual one of the optimizer."""
        known = check_choice("optimizer", optimizer, OPTIMIZERS)
        return DEFAULT_DECAY[known] if weight_decay is None else weight_decay


def _check_optional(
    name: str, value: float | None, *, low: float, high: float = float("inf")
) -> None:
    if value is not None:
        check_number(name, value, low=low, high=high)


__all__ = ["PRECISIONS", "Settings"]
