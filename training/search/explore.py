"""The search: what can meet the target is trained, the best is made small, all is measured."""

from __future__ import annotations

import importlib.util
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from thresher.core.errors import InputError, check_choice, check_count, check_number
from thresher.core.signatures import checked

from ..loop.checks import check_targets
from ..loop.feed import Augment
from ..loop.identity import samples_fingerprint, view_fingerprint
from ..rows.samples import Samples
from .candidate import FLOAT_BITS
from .clock import Clock
from .finishing import Finisher
from .record import SearchRecord
from .result import SearchResult
from .space import search_space
from .stages import Search
from .target import Target, choose
from .trainings import Trainings

PRUNE_METHODS = ("auto", "channels", "low_rank")


@checked
def search_compact(
    samples: Samples,
    validation: Samples,
    *,
    folder: str | os.PathLike[str],
    max_ms: float | None = None,
    max_bytes: int | None = None,
    min_accuracy: float | None = None,
    batch_size: int = 1,
    threads: int = 1,
    families: Sequence[str] | None = None,
    widths: Sequence[int] | None = None,
    bits: Sequence[int] = (FLOAT_BITS, 8, 4),
    prune: Sequence[float] = (0.5,),
    prune_method: str = "auto",
    epochs: int | None = None,
    finalists: int = 2,
    budget_s: float | None = None,
    classes: Sequence[str] | None = None,
    preprocessing: Mapping[str, Any] | None = None,
    augment: Augment | None = None,
    device: str = "auto",
    random_state: int = 0,
) -> SearchResult:
    """Find a network that meets limits on time, size and accuracy on this machine.

    Cheap things first. Every network is exported untrained and timed in ONNX Runtime; what is too
    slow or too large even with the fewest bits and the most pruning is not trained. The others are
    trained by successive halving. The finalists are pruned, quantized after training, exported,
    and measured as files. See `target.choose` for which one is taken.

    Parameters
    ----------
    samples : Samples
        Labelled training rows.
    validation : Samples
        Labelled rows to choose by.
    folder : path-like
        Everything done is kept there; the same call goes on where it was stopped, and a call with
        other limits reuses what it can.
    max_ms : float, optional
        Median time of one batch.
    max_bytes : int, optional
        Of the file.
    min_accuracy : float, optional
        On the validation rows.
    batch_size, threads : int
        Of the timing.
    families : sequence of str, optional
        Names for `compact_model`; by default all for this kind of rows.
    widths : sequence of int, optional
        Of every family; by default half, once and twice its usual one.
    bits : sequence of int
        Of the weights: 32 is float, 2 to 8 are quantized after training.
    prune : sequence of float
        Shares of the FLOPs to take away from finalists, beside none.
    prune_method : {"auto", "channels", "low_rank"}
        ``auto`` removes channels where Torch-Pruning is installed.
    epochs : int, optional
        Of finalists; by default those of `recipe`.
    finalists : int
        Networks that are trained in full.
    budget_s : float, optional
        Wall time to aim at: epochs are shortened, and what was not begun in time is left out.
    classes : sequence of str, optional
        Names for the exported files; by default the codes.
    preprocessing : mapping, optional
        For the exported files; see `export`.
    augment : callable, optional
        As in `fit`.
    device : str
        Of the training; timing is always on the CPU.
    random_state : int

    Returns
    -------
    SearchResult
        ``chosen`` is None when nothing meets the target.

    Raises
    ------
    InputError
        When an option is wrong, rows have no labels, or the folder holds another search.
    """
    target = Target(max_ms, max_bytes, min_accuracy)
    for name, value in (("batch_size", batch_size), ("threads", threads), ("finalists", finalists)):
        check_number(name, value, low=1)
    if epochs is not None:
        check_count("epochs", epochs, low=1)
    if budget_s is not None:
        check_number("budget_s", budget_s, low=0, low_open=True)
    check_choice("prune_method", prune_method, PRUNE_METHODS)
    names = _class_names(samples, validation, classes)
    space = search_space(samples.modality, families=families, widths=widths, bits=bits, prune=prune)
    settings = {"epochs": epochs, "batch_size": batch_size, "threads": threads, "classes": names}
    identity = settings | {
        "training rows": samples_fingerprint(samples),
        "validation rows": samples_fingerprint(validation),
        "augmentation": view_fingerprint(samples, augment, epochs=1),
        "prune method": _prune_method(prune_method),
        "random_state": random_state,
        "machine": f"{platform.machine()} {platform.processor()}",
    }
    record = SearchRecord(folder, identity=identity)
    clock = Clock(budget_s)
    trainings = Trainings(
        samples=samples,
        validation=validation,
        num_classes=len(names),
        record=record,
        clock=clock,
        epochs=epochs,
        augment=augment,
        device=device,
        seed=random_state,
    )
    finisher = Finisher(
        samples=samples,
        validation=validation,
        record=record,
        classes=names,
        preprocessing=preprocessing,
        batch_size=batch_size,
        threads=threads,
        seed=random_state,
    )
    search = Search(space, target, trainings, finisher, _prune_method(prune_method), finalists)
    candidates = search.run()
    chosen, reason = choose(candidates, target, rows=len(validation))
    result = SearchResult(
        folder=Path(folder),
        candidates=candidates,
        chosen=chosen,
        reason=reason,
        target=target,
        batch_size=batch_size,
        threads=threads,
        validation_rows=len(validation),
        seconds=clock.spent,
    )
    result.save()
    return result


def _prune_method(asked: str) -> str:
    if asked != "auto":
        return asked
    return "channels" if importlib.util.find_spec("torch_pruning") else "low_rank"


def _class_names(samples: Samples, validation: Samples, classes: Sequence[str] | None) -> list[str]:
    """Return the names of the classes, after a check of the labels."""
    for name, part in (("samples", samples), ("validation", validation)):
        if not len(part) or part.targets is None or bool((part.targets < 0).any()):
            raise InputError(f"`{name}` must be rows that all have a label.")
    assert samples.targets is not None
    if samples.input_shape != validation.input_shape:
        raise InputError(
            f"`samples` has rows of shape {samples.input_shape}, `validation` of "
            f"{validation.input_shape}."
        )
    names = [str(name) for name in classes or range(int(samples.targets.max()) + 1)]
    for name, part in (("samples", samples), ("validation", validation)):
        check_targets(part.targets, len(names), name=name)
    return names
