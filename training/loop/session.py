"""One session of a training run: from a checkpoint, or the beginning, to the end."""

from __future__ import annotations

import time

from torch import nn

from thresher.core.choice import Choice
from thresher.core.progress import message, message_about, track

from ..evaluation import evaluate
from ..optimizers.ema import WeightAverage
from ..optimizers.optim import build_optimizer
from ..optimizers.schedule import learning_rate_factor
from ..rows.samples import Samples
from ..torch_runtime.compiling import CompiledNetwork
from ..torch_runtime.eval_mode import device_of
from ..torch_runtime.memory_format import lay_out, with_exceptions
from ..torch_runtime.sharding import shard, whole
from ..torch_runtime.workers import Workers
from .batches import BatchPlan
from .checkpoint import Checkpoints
from .feed import Feed
from .hooks import Hook, Moment
from .loss import Loss
from .options import TrainingOptions, rates
from .run import TrainingRun
from .state import EpochSums, TrainingState
from .step import Stepper


class TrainingSession:
    """Trains from the last checkpoint, or the beginning, to the end.

    Parameters
    ----------
    model : nn.Module
    settings : TrainingOptions
    seed : int
    feed : Feed
    loss : Loss
    validation : Samples or None
    choices : dict of str to Choice
        Must hold ``device``, ``precision`` and ``compiled``.
    checkpoints : Checkpoints or None
    hooks : tuple of Hook
    workers : Workers
    sharded : bool
        Spread the model over the workers; see `sharding`.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        settings: TrainingOptions,
        seed: int,
        feed: Feed,
        loss: Loss,
        validation: Samples | None,
        choices: dict[str, Choice],
        checkpoints: Checkpoints | None,
        hooks: tuple[Hook, ...],
        workers: Workers,
        sharded: bool = False,
    ) -> None:
        self.workers = workers
        self.sharded = sharded
        self.settings = settings
        self.seed = seed
        self.validation = validation
        self.choices = choices
        self.checkpoints = checkpoints
        device = choices["device"].value
        self.home = device_of(model)
        model.to(device)
        workers.share_start(model)
        self.given = model
        average = None if settings["ema"] is None else WeightAverage(model, decay=settings["ema"])
        if sharded:
            model = shard(model, device=device)
            if average is not None:
                average.module = shard(average.module, device=device)
        else:
            lay_out(model, feed.memory_format)
        self.peak, decay = rates(settings)
        optimizer = build_optimizer(model, settings["optimizer"], lr=self.peak, weight_decay=decay)
        self.state = TrainingState(model, optimizer, average, hooks, device)
        self.plan = BatchPlan(len(feed.samples), batch_size=settings["batch_size"], seed=seed)
        self.total = settings["epochs"] * self.plan.steps_per_epoch
        self.stepper = Stepper(
            self.state,
            feed=feed,
            loss=loss,
            settings=settings,
            precision=choices["precision"],
            workers=workers,
            network=CompiledNetwork(model, choices["compiled"]),
            sharded=sharded,
        )

    def run(self) -> TrainingRun:
        """Train all steps that are left and return the finished run."""
        state = self.state
        saved = None if self.checkpoints is None else self.checkpoints.latest()
        if saved is not None:
            state.restore(saved)
            message(f"going on from step {state.step} of {self.total}")
        began = time.perf_counter() - state.seconds
        for step in track(range(state.step, self.total), description="train"):
            if state.stopped:
                break
            self._step(step)
            state.seconds = time.perf_counter() - began
            if state.step % self.plan.steps_per_epoch == 0:
                self._end_epoch()
            elif self.checkpoints is not None and not self.sharded and self.checkpoints.due():
                self._save()
        return self._finish()

    def _step(self, step: int) -> None:
        state = self.state
        state.model.train()
        epoch = step // self.plan.steps_per_epoch
        lr = self.peak * learning_rate_factor(
            step, self.total, schedule=self.settings["schedule"], warmup=self.settings["warmup"]
        )
        self.moment = Moment(
            model=state.model,
            epoch=epoch,
            step=step,
            epochs=self.settings["epochs"],
            total_steps=self.total,
            lr=lr,
            history=state.history,
        )
        self.stepper.step(self.plan.positions(step), self.moment)
        state.step = step + 1
        for hook in state.hooks:
            hook.on_step_end(self.moment)

    def _end_epoch(self) -> None:
        state, settings = self.state, self.settings
        entry = {"epoch": self.moment.epoch + 1, "step": state.step, "lr": self.moment.lr}
        counted = EpochSums(*self.workers.add(list(vars(state.sums).values())))
        entry |= counted.entry() | {"seconds": state.seconds}
        state.sums = EpochSums()
        if self.validation is not None:
            judged = evaluate(state.judged_model, self.validation, device=state.device)
            entry["validation_accuracy"] = judged.accuracy
            entry["validation_loss"] = judged.loss
        state.history.append(entry)
        if settings["patience"] is not None:
            state.remember_best(entry["validation_accuracy"])
            state.stopped = len(state.history) - state.best["epoch"] >= settings["patience"]
        self.moment.judged = state.judged_model
        for hook in state.hooks:
            hook.on_epoch_end(self.moment)
        state.stopped = state.stopped or self.moment.stop
        left = state.seconds / state.step * (self.total - state.step)
        message_about(_line(entry, settings["epochs"]) + f", {left:.0f} s left")
        if self.checkpoints is not None:
            self._save()

    def _save(self) -> None:
        if self.checkpoints is None or not (self.workers.first or self.sharded):
            return
        state = self.state.to_dict()
        if self.workers.first:
            self.checkpoints.save(state, step=self.state.step)

    def _finish(self) -> TrainingRun:
        state = self.state
        self.choices["compiled"] = self.stepper.compiled.choice
        if "memory_format" in self.choices:
            laid_out = self.choices["memory_format"]
            self.choices["memory_format"] = with_exceptions(laid_out, self.stepper.guard)
        if self.settings["patience"] is not None:
            self.given.load_state_dict(state.best["weights"])
            entry = state.history[state.best["epoch"] - 1]
            self.choices["epochs"] = Choice(
                str(state.best["epoch"]), "the epoch of the best validation accuracy"
            )
        else:
            if state.step < self.total:
                epochs = str(len(state.history))
                self.choices["epochs"] = Choice(epochs, "a hook has ended training")
            self.given.load_state_dict(whole(state.judged_model.state_dict()))
            entry = state.history[-1]
        numbers = ("loss", "accuracy", "validation_accuracy", "validation_loss")
        return TrainingRun(
            model=self.given.to(self.home).eval(),
            history=state.history,
            metrics={name: entry[name] for name in numbers if name in entry},
            flops=state.flops,
            rows_seen=state.rows_seen,
            seconds=state.seconds,
            seed=self.seed,
            choices=self.choices,
        )


def _line(entry: dict[str, float], epochs: int) -> str:
    named = [f"epoch {entry['epoch']}/{epochs}", f"loss {entry['loss']:.3f}"]
    if "accuracy" in entry:
        named.append(f"accuracy {entry['accuracy']:.3f}")
    if "validation_accuracy" in entry:
        named.append(f"validation {entry['validation_accuracy']:.3f}")
    return ", ".join(named)
