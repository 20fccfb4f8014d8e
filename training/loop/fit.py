"""The training loop: one for all models, losses and devices."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from torch import nn

from thresher.core.choice import Choice, choose_device
from thresher.core.errors import InputError, check_number
from thresher.core.progress import Silent, reporting
from thresher.core.randomness import RandomState
from thresher.core.signatures import checked

from ..pretrained import PretrainedModel
from ..rows.samples import Samples
from ..torch_runtime.allocator import kept_memory
from ..torch_runtime.compiling import choose_compiled
from ..torch_runtime.memory_format import CHANNELS_LAST, choose_memory_format
from ..torch_runtime.precision import choose_precision
from ..torch_runtime.seeding import as_seed, own_torch_rng
from ..torch_runtime.sharding import check_sharding
from ..torch_runtime.workers import join_workers
from .checkpoint import Checkpoints
from .checks import check_parts, check_samples, measure_normalization
from .feed import Augment, Feed, Mix
from .hooks import Hook
from .identity import run_identity
from .loss import CrossEntropy, Loss
from .resizing import plan_sizes
from .run import TrainingRun
from .session import TrainingSession
from .settings import Settings


@checked
def fit(
    model: nn.Module,
    samples: Samples,
    *,
    epochs: int,
    validation: Samples | None = None,
    batch_size: int = 128,
    optimizer: str = "sgd",
    lr: float | None = None,
    weight_decay: float | None = None,
    schedule: str = "one_cycle",
    warmup: float | None = None,
    label_smoothing: float = 0.0,
    ema: float | None = None,
    clip_norm: float | None = None,
    accumulate: int = 1,
    patience: int | None = None,
    first_size: int | None = None,
    first_share: float = 0.7,
    augment: Augment | None = None,
    mix: Mix | None = None,
    loss: Loss | None = None,
    precision: str = "auto",
    compiled: str = "auto",
    sharded: bool = False,
    device: str = "auto",
    checkpoint_dir: str | Path | None = None,
    checkpoint_every_s: float = 60.0,
    random_state: RandomState = 0,
    hooks: Sequence[Hook] = (),
) -> TrainingRun:
    """Train `model` in place.

    Under ``torchrun`` each process computes its part of every batch; see `workers`.

    Equal seeds, inputs and thread counts give equal bits on one machine's CPU, and a run that was
    stopped at any moment and called again there with the same `checkpoint_dir` ends with the same
    bits too. Another processor, number of threads or version of PyTorch adds sums in another order,
    and gives other last bits; a checkpoint goes on there all the same.

    Parameters
    ----------
    model : nn.Module
        Maps inputs to logits (n, classes).
    samples : Samples
        Training rows; their weights count in the loss.
    epochs : int
        Passes over the rows.
    validation : Samples, optional
        Judged after every epoch, with the averaged weights where there are some.
    batch_size : int
        Rows of an optimizer step; batches of an epoch are equally large, one row more or less.
    optimizer : str
        ``"sgd"``, ``"adamw"`` or ``"muon"``.
    lr : float, optional
        Peak learning rate; by default 0.2 for SGD, 0.002 for AdamW, 0.06 for Muon.
    weight_decay : float, optional
        By default 5e-4 for SGD, 0.01 for AdamW, 0.05 for Muon; biases and norms never decay.
    schedule : str
        ``"one_cycle"``, ``"cosine"`` or ``"constant"``.
    warmup : float, optional
        Share of the run in which the rate rises.
    label_smoothing : float
        Of the default loss.
    ema : float, optional
        Decay of a running average of the weights, which then is the result.
    clip_norm : float, optional
        Largest norm of the whole gradient.
    accumulate : int
        Parts that a batch is computed in, for memory.
    patience : int, optional
        Stop when the validation accuracy has not risen for so many epochs, and return the best.
    first_size : int, optional
        Shorter side, in pixels, that pictures are shrunk to in the first passes, which then cost
        less; see `resizing`.
    first_share : float
        Share of the epochs that `first_size` holds for.
    augment : callable, optional
        ``(inputs, row_keys uint64, epoch) -> inputs`` on the training device.
    mix : callable, optional
        ``(inputs, targets, row_keys, epoch) -> (inputs, soft targets)``, after `augment`.
    loss : callable, optional
        ``(model, Batch) -> scalar``, the mean over the batch; cross-entropy by default.
    precision : str
        ``"auto"`` (which follows layers and processor), ``"fp32"`` or ``"bf16"`` (autocast).
    compiled : str
        ``"auto"``, ``"on"`` or ``"off"``: whether ``torch.compile`` is used; see `compiling`.
    sharded : bool
        Under ``torchrun``: spread the weights over the processes (FSDP2) instead of a copy each;
        see `sharding`. Checkpoints are then written at the end of epochs only.
    device : str
        ``"auto"``, ``"cpu"`` or ``"cuda"``.
    checkpoint_dir : path-like, optional
        Where to go on from, and to write to.
    checkpoint_every_s : float
        Seconds between checkpoints; there is one at the end of each epoch in any case.
    random_state : int, numpy.random.Generator or None
        Order of rows, dropout. A run that is to be resumed needs an int.
    hooks : sequence of Hook
        Your code at the end of batches, steps and epochs.

    Returns
    -------
    TrainingRun

    Raises
    ------
    InputError
        When model, samples and settings do not fit together, or the checkpoint is another run's.
    DivergedError
        When the loss is not finite; names step, epoch and learning rate.
    """
    settings = Settings(
        epochs=epochs,
        batch_size=batch_size,
        optimizer=optimizer,
        lr=Settings.default_lr(optimizer, lr),
        weight_decay=Settings.default_decay(optimizer, weight_decay),
        schedule=schedule,
        warmup=warmup,
        label_smoothing=label_smoothing,
        ema=ema,
        clip_norm=clip_norm,
        accumulate=accumulate,
        patience=patience,
        first_size=first_size,
        first_share=first_share,
        seed=as_seed(random_state),
    )
    check_number("checkpoint_every_s", checkpoint_every_s, low=0)
    if patience is not None and validation is None:
        raise InputError("`patience` needs `validation` rows to watch.")
    check_samples(model, samples, validation=validation, needs_targets=loss is None)
    check_parts(model, n_rows=len(samples), batch_size=batch_size, accumulate=accumulate)
    choices = {"device": choose_device(device)}
    place = choices["device"].value
    workers = join_workers(place)
    choices["precision"] = choose_precision(model, precision, device=place)
    if sharded:
        smallest = len(samples) // -(-len(samples) // batch_size)
        check_sharding(workers, optimizer=optimizer, rows=smallest, parts=accumulate)
        compiled = "off"
    if batch_size > len(samples):
        choices["batch_size"] = Choice(str(len(samples)), "there are no more rows")
    measure_normalization(model, samples.inputs)
    if isinstance(model, PretrainedModel):
        others = [] if validation is None else [validation]
        augmented = augment is not None or mix is not None
        prepared = model.prepare(samples, others=others, augmented=augmented, device=place)
        choices |= {} if prepared is None else {"vectors": prepared}
    sizes = None
    if first_size is not None:
        sizes = plan_sizes(model, samples, side=first_size, share=first_share, epochs=epochs)
    choices["compiled"] = choose_compiled(model, samples, compiled, epochs=epochs, device=place)
    layout = choose_memory_format(model, samples.inputs, device=place)
    choices |= {} if layout is None else {"memory_format": layout}
    checkpoints = None
    if checkpoint_dir is not None:
        if not isinstance(random_state, int):
            raise InputError("With `checkpoint_dir`, `random_state` must be an int.")
        identity = run_identity(
            model, samples, settings, augment=augment, callables=(augment, mix, loss)
        )
        checkpoints = Checkpoints(checkpoint_dir, identity=identity, every_s=checkpoint_every_s)
    session = TrainingSession(
        model,
        settings=settings,
        feed=Feed(
            samples,
            device=place,
            augment=augment,
            mix=mix,
            first_size=sizes,
            memory_format=CHANNELS_LAST if layout is None else layout.value,
        ),
        loss=loss or CrossEntropy(label_smoothing),
        validation=validation,
        choices=choices,
        checkpoints=checkpoints,
        hooks=tuple(hooks),
        workers=workers,
        sharded=sharded,
    )
    seed = settings.seed + workers.rank
    with kept_memory(), own_torch_rng(seed, device=place), closing(session.stepper):
        if workers.first:
            return session.run()
        with reporting(Silent()):
            return session.run()
