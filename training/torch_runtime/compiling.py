"""Whether training compiles the model with ``torch.compile``, and why."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from thresher.core.choice import Choice
from thresher.core.errors import check_choice
from thresher.core.progress import message

from ..rows.samples import Samples
from .eval_mode import device_of
from .flops import count_flops

COMPILED = ("auto", "on", "off")
BACKEND = "inductor"
_BACKWARD = 3.0
# What compiling costs and wins on a GPU, and how fast it trains: of the order that PyTorch reports
# for networks of this size.
_COMPILE_S, _SHARE_WON, _FLOPS_PER_S = 30.0, 0.25, 20e12
# How much has to be won for the price of compiling, since the run's time is only predicted.
_CLEARLY = 2.0
_TOLD = 200


def choose_compiled(
    model: nn.Module, samples: Samples, compiled: str = "auto", *, epochs: int, device: str
) -> Choice:
    """Choose ``"on"`` or ``"off"``; on a GPU from the predicted length of the whole run.

    The rule counts operations and looks at no clock: a machine always decides alike, and so does a
    run that goes on from a checkpoint, whose bits would otherwise change.
    """
    check_choice("compiled", compiled, COMPILED)
    if compiled != "auto":
        return Choice(compiled, "asked for")
    if device != "cuda":
        # A step on Zen 4, images of 32 px: resnet8 5 to 10 % less, fast 11 to 16 % more.
        return Choice("off", "on CPUs it wins with some networks and loses with others")
    if any(layer._forward_hooks for layer in model.modules()):
        return Choice("off", "something watches the model's layers")
    row = samples.inputs[:1].to(device_of(model))
    seconds = _BACKWARD * count_flops(model, row) * len(samples) * epochs / _FLOPS_PER_S
    won = seconds * _SHARE_WON
    told = f"about {won:.3g} s of {seconds:.3g} s to win, {_COMPILE_S:.3g} s to compile"
    return Choice("on" if won > _CLEARLY * _COMPILE_S else "off", told)


class CompiledNetwork:
    """The model as it is called in training: compiled if that was chosen and works.

    Parameters
    ----------
    model : nn.Module
    choice : Choice
        Of `choose_compiled`.
    """

    def __init__(self, model: nn.Module, choice: Choice) -> None:
        self.model = model
        self.choice = choice
        self.network = model
        if choice.value == "on":
            compiled: Any = torch.compile(model, backend=BACKEND, dynamic=False)
            self.network = compiled

    def leave(self, reason: str) -> None:
        """Go on without compiling for another reason than an error."""
        if self.network is not self.model:
            self.network = self.model
            self.choice = Choice("off", reason)
            message(f"{reason}; training goes on without torch.compile")

    def give_up(self, error: Exception) -> bool:
        """Go on without compiling if `error` came from there; tell whether it did."""
        if self.network is self.model or not _is_of_compiler(error):
            return False
        self.network = self.model
        reason = " ".join(str(error).split())[:_TOLD] or type(error).__name__
        self.choice = Choice("off", f"compiling failed: {reason}")
        message(f"torch.compile failed ({reason}); training goes on without it")
        return True


def _is_of_compiler(error: BaseException | None) -> bool:
    while error is not None:
        module = type(error).__module__
        if module.startswith(("torch._dynamo", "torch._inductor", "torch._functorch")):
            return True
        error = error.__cause__
    return False
