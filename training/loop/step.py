"""One optimizer step: forward, backward, clip, update, average."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from thresher.core.choice import Choice
from thresher.core.counted import counted
from thresher.core.errors import ThresherError
from thresher.core.kernel_faults import GradientGuard
from thresher.core.progress import message

from ..optimizers.optim import set_learning_rate
from ..rows.samples import UNLABELED
from ..torch_runtime.compiling import CompiledNetwork
from ..torch_runtime.workers import Workers
from .batches import Batch
from .checks import DivergedError
from .feed import Feed
from .hooks import Moment
from .loss import Loss
from .options import TrainingOptions
from .state import EpochSums, TrainingState

_TINY = 1e-12


class Stepper:
    """Trains on one batch at a time.

    Parameters
    ----------
    state : TrainingState
        Changed by every step.
    feed : Feed
    loss : Loss
    settings : TrainingOptions
    precision : Choice
    workers : Workers
    network : CompiledNetwork
        The state's model, as it is called.
    sharded : bool
        Whether the model is spread over the workers.
    """

    def __init__(
        self,
        state: TrainingState,
        *,
        feed: Feed,
        loss: Loss,
        settings: TrainingOptions,
        precision: Choice,
        workers: Workers,
        network: CompiledNetwork,
        sharded: bool = False,
    ) -> None:
        self.state = state
        self.feed = feed
        self.loss = loss
        self.settings = settings
        self.parts = settings["accumulate"]
        self.workers = workers
        self.sharded = sharded
        self.bf16 = precision.value == "bf16"
        self._output: object = None
        self._counted = False
        self.guard = GradientGuard()
        self._sizes: set[str] = set()
        self._first = True
        self.compiled = network
        self._watched = state.model
        self._watch = state.model.register_forward_hook(self._keep_output)

    def close(self) -> None:
        """Take the watch on the model's output away."""
        self._watch.remove()

    def step(self, positions: np.ndarray, moment: Moment) -> None:
        """Do one optimizer step on the rows at `positions`; fills in the moment's rest."""
        state = self.state
        set_learning_rate(state.optimizer, moment.lr)
        # Larger images cost more, and have another shape to compile for.
        size = str(self.feed.side_of(moment.epoch) or "whole")
        self._counted = size in state.flops_per_row
        self._first = size not in self._sizes  # also of a run that goes on from a checkpoint
        self._sizes.add(size)
        if self._counted:
            self._gradients(positions, moment)
        else:
            with FlopCounterMode(display=False) as counter:
                self._gradients(positions, moment)
            mine = len(self._mine(positions)[0])
            state.flops_per_row[size] = counter.get_total_flops() / mine
        if self.guard.met is not None:
            self.compiled.leave(self.guard.met.reason)  # the compiler chooses channels last
        if self.settings["clip_norm"] is not None:
            nn.utils.clip_grad_norm_(state.model.parameters(), self.settings["clip_norm"])
        state.optimizer.step()
        if state.average is not None:
            state.average.update(state.model, step=moment.step)
        state.rows_seen += len(positions)
        state.flops += state.flops_per_row[size] * len(positions)

    def _gradients(self, positions: np.ndarray, moment: Moment) -> None:
        while True:
            try:
                return self._accumulate(positions, moment)
            except torch.OutOfMemoryError as error:
                if self.sharded:
                    raise  # the others would wait for ever
                if self.parts >= len(positions):
                    raise ThresherError(
                        "The GPU has no room for a single row with this model. Use a smaller model "
                        "or smaller inputs, free the GPU, or train with `device='cpu'`."
                    ) from error
            self.parts *= 2
            torch.cuda.empty_cache()
            message(
                "the GPU is out of memory; batches are now computed in "
                f"{counted(self.parts, 'part')}"
            )

    def _accumulate(self, positions: np.ndarray, moment: Moment) -> None:
        self.state.optimizer.zero_grad(set_to_none=True)
        total = self._mass(positions)
        sums = EpochSums(**vars(self.state.sums))
        whole = 0.0
        for part in self._mine(positions)[1]:
            batch = self.feed.batch(part, epoch=moment.epoch, step=moment.step)
            loss = self._forward(batch)
            value = loss.item()
            if not math.isfinite(value) and self.workers.world == 1:
                raise _diverged(moment, value)
            whole += value
            mass = self._mass(part)
            with self.guard.watch(first=self._first):
                torch.autograd.backward(loss * (mass / total))
            logits = self._logits(len(part))
            _count(sums, batch, logits, loss=value, mass=mass)
            moment.batch, moment.loss, moment.logits = batch, value, logits
            for hook in self.state.hooks:
                hook.on_batch(moment)
        whole = self.workers.combine_step(self.state.model, whole, sharded=self.sharded)
        if not math.isfinite(whole):
            raise _diverged(moment, whole)
        self.state.sums = sums

    def _mine(self, positions: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        """Return this worker's rows of a batch, and the parts to compute them in."""
        count = min(self.parts * self.workers.world, len(positions))
        parts = np.array_split(positions, count)[self.workers.rank :: self.workers.world]
        return np.concatenate([positions[:0], *parts]), parts

    def _mass(self, positions: np.ndarray) -> float:
        weights = self.feed.samples.weights
        if weights is None:
            return float(len(positions))
        return max(float(weights[torch.from_numpy(positions)].sum()), _TINY)

    def _forward(self, batch: Batch) -> Tensor:
        self._output = None
        with torch.autocast(self.state.device, dtype=torch.bfloat16, enabled=self.bf16):
            return self._loss(batch)

    def _loss(self, batch: Batch) -> Tensor:
        # Operations are counted on the model as it is: a compiled one hides them.
        self._watch_only(self.compiled.network if self._counted else self.state.model)
        try:
            return self.loss(self._watched, batch)
        except Exception as error:
            if not self.compiled.give_up(error):
                raise
        return self._loss(batch)

    def _watch_only(self, network: nn.Module) -> None:
        if network is not self._watched:
            self.close()
            self._watched = network
            self._watch = network.register_forward_hook(self._keep_output)

    def _keep_output(self, _module: nn.Module, _inputs: object, output: object) -> None:
        self._output = output

    def _logits(self, rows: int) -> Tensor | None:
        output = self._output
        if isinstance(output, Tensor) and output.ndim == 2 and len(output) == rows:
            return output.detach().float()
        return None


def _count(
    sums: EpochSums, batch: Batch, logits: Tensor | None, *, loss: float, mass: float
) -> None:
    sums.loss += loss * mass
    sums.mass += mass
    targets = batch.targets
    if logits is not None and targets is not None and targets.ndim == 1:
        sums.correct += int((logits.argmax(1) == targets).sum())
        sums.judged += int((targets != UNLABELED).sum())


def _diverged(moment: Moment, loss: float) -> DivergedError:
    return DivergedError(
        f"The loss became {loss} at step {moment.step + 1} of {moment.total_steps} (epoch "
        f"{moment.epoch + 1}) with learning rate {moment.lr:.3g}. Lower `lr`, set `clip_norm`, or "
        "look for extreme inputs; the weights of the last checkpoint are still whole."
    )
