"""The training loop: one for all models, losses and devices."""

from __future__ import annotations

from contextlib import closing
from typing import Unpack

from torch import nn

from thresher.core.choice import Choice, choose_device
from thresher.core.errors import InputError, check_count
from thresher.core.options import filled
from thresher.core.progress import Silent, reporting
from thresher.core.signatures import checked

from ..pretrained import PretrainedModel
from ..rows.samples import Samples
from ..torch_runtime.allocator import kept_memory
from ..torch_runtime.compiling import choose_compiled
from ..torch_runtime.memory_format import CHANNELS_LAST, choose_memory_format
from ..torch_runtime.precision import choose_precision
from ..torch_runtime.seeding import as_seed, own_torch_rng
from ..torch_runtime.sharding import check_sharding
from ..torch_runtime.workers import Workers, join_workers
from .checkpoint import Checkpoints
from .checks import check_parts, check_samples, know_inputs
from .feed import Feed
from .identity import run_identity
from .loss import CrossEntropy, Loss
from .options import FitOptions, TrainingOptions, resolve
from .resizing import FirstSize, plan_sizes
from .run import TrainingRun
from .session import TrainingSession


@checked
def fit(
    model: nn.Module,
    samples: Samples,
    *,
    epochs: int,
    validation: Samples | None = None,
    loss: Loss | None = None,
    **options: Unpack[FitOptions],
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
    loss : callable, optional
        ``(model, Batch) -> scalar``, the mean over the batch; cross-entropy by default, which alone
        heeds `label_smoothing`.
    **options

    Returns
    -------
    TrainingRun

    Raises
    ------
    InputError
        When model, samples and settings do not fit together, or the checkpoint is another run's.
    DivergedError
        When the loss is not finite; names step, epoch and learning rate.

    Examples
    --------
    >>> import numpy as np
    >>> from training import compact_model, fit, samples_from_arrays
    >>> x, y = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32), np.arange(64) % 2
    >>> rows = samples_from_arrays(x, row_ids=np.arange(64).astype(str), targets=y)
    >>> model = compact_model("mlp", num_classes=2, input_shape=(4,), width=8)
    >>> fit(model, rows, epochs=2, batch_size=16).rows_seen
    128
    """
    check_count("epochs", epochs)
    asked = filled(FitOptions, options)
    settings = resolve(options, epochs=epochs)
    seed = as_seed(asked["random_state"])
    _check(model, samples, settings, validation=validation, loss=loss)
    choices = {"device": choose_device(asked["device"])}
    place = choices["device"].value
    workers = join_workers(place)
    choices["precision"] = choose_precision(model, asked["precision"], device=place)
    if asked["sharded"]:
        _check_sharding(workers, settings, n_rows=len(samples))
    if settings["batch_size"] > len(samples):
        choices["batch_size"] = Choice(str(len(samples)), "there are no more rows")
    know_inputs(model, samples.inputs)
    choices |= _prepare(model, samples, validation=validation, asked=asked, device=place)
    sizes = _sizes(model, samples, settings)
    compiled = "off" if asked["sharded"] else asked["compiled"]
    choices["compiled"] = choose_compiled(model, samples, compiled, epochs=epochs, device=place)
    layout = choose_memory_format(model, samples.inputs, device=place)
    choices |= {} if layout is None else {"memory_format": layout}
    session = TrainingSession(
        model,
        settings=settings,
        seed=seed,
        feed=Feed(
            samples,
            device=place,
            augment=asked["augment"],
            mix=asked["mix"],
            first_size=sizes,
            memory_format=CHANNELS_LAST if layout is None else layout.value,
        ),
        loss=loss or CrossEntropy(settings["label_smoothing"]),
        validation=validation,
        choices=choices,
        checkpoints=_checkpoints(model, samples, settings, seed=seed, loss=loss, asked=asked),
        hooks=tuple(asked["hooks"]),
        workers=workers,
        sharded=asked["sharded"],
    )
    own_seed = seed + workers.rank
    with kept_memory(), own_torch_rng(own_seed, device=place), closing(session.stepper):
        if workers.first:
            return session.run()
        with reporting(Silent()):
            return session.run()


def _check(
    model: nn.Module,
    samples: Samples,
    settings: TrainingOptions,
    *,
    validation: Samples | None,
    loss: Loss | None,
) -> None:
    """Refuse rows, model and settings that do not fit together."""
    if settings["patience"] is not None and validation is None:
        raise InputError("`patience` needs `validation` rows to watch.")
    check_samples(model, samples, validation=validation, needs_targets=loss is None)
    check_parts(
        model,
        n_rows=len(samples),
        batch_size=settings["batch_size"],
        accumulate=settings["accumulate"],
    )


def _check_sharding(workers: Workers, settings: TrainingOptions, *, n_rows: int) -> None:
    smallest = n_rows // -(-n_rows // settings["batch_size"])
    check_sharding(
        workers,
        optimizer=settings["optimizer"],
        rows=smallest,
        parts=settings["accumulate"],
    )


def _prepare(
    model: nn.Module,
    samples: Samples,
    *,
    validation: Samples | None,
    asked: FitOptions,
    device: str,
) -> dict[str, Choice]:
    """Let a pretrained model compute the vectors that it will be asked for."""
    if not isinstance(model, PretrainedModel):
        return {}
    others = [] if validation is None else [validation]
    augmented = asked["augment"] is not None or asked["mix"] is not None
    prepared = model.prepare(samples, others=others, augmented=augmented, device=device)
    return {} if prepared is None else {"vectors": prepared}


def _sizes(model: nn.Module, samples: Samples, settings: TrainingOptions) -> FirstSize | None:
    side = settings["first_size"]
    if side is None:
        return None
    return plan_sizes(
        model, samples, side=side, share=settings["first_share"], epochs=settings["epochs"]
    )


def _checkpoints(
    model: nn.Module,
    samples: Samples,
    settings: TrainingOptions,
    *,
    seed: int,
    loss: Loss | None,
    asked: FitOptions,
) -> Checkpoints | None:
    folder = asked["checkpoint_dir"]
    if folder is None:
        return None
    if not isinstance(asked["random_state"], int):
        raise InputError("With `checkpoint_dir`, `random_state` must be an int.")
    identity = run_identity(
        model,
        samples,
        {**settings, "seed": seed},
        augment=asked["augment"],
        callables=(asked["augment"], asked["mix"], loss),
    )
    return Checkpoints(folder, identity=identity, every_s=asked["checkpoint_every_s"])
