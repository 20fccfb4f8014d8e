"""The search: what can meet the target is trained, the best is made small, all is measured."""

from __future__ import annotations

import importlib.util
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Unpack

from thresher.core.errors import InputError
from thresher.core.options import Option, filled
from thresher.core.signatures import checked

from ..loop.checks import check_targets
from ..loop.identity import samples_fingerprint, told, view_fingerprint
from ..loop.options import RunOptions
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


class SearchOptions(RunOptions, total=False):
    """What is tried, timed and written by a search, and how its networks are trained."""

    epochs: Annotated[
        int | None,
        Option(None, "Of finalists; by default those of `recipe`.", low=1),
    ]
    budget_s: Annotated[
        float | None,
        Option(
            None,
            "Wall time to aim at: epochs are shortened, and what was not begun in time is left "
            "out.",
            low=0,
            low_open=True,
        ),
    ]
    batch_size: Annotated[int, Option(1, "Rows of a batch that is timed.", low=1)]
    threads: Annotated[int, Option(1, "Threads of the timing.", low=1)]
    families: Annotated[
        Sequence[str] | str | None,
        Option(None, "Names for `compact_model`; by default all for this kind of rows."),
    ]
    widths: Annotated[
        Sequence[int] | int | None,
        Option(None, "Of every family; by default half, once and twice its usual one."),
    ]
    bits: Annotated[
        Sequence[int] | int,
        Option(
            (FLOAT_BITS, 8, 4),
            "Of the weights: 32 is float, 2 to 8 are quantized after training.",
        ),
    ]
    prune: Annotated[
        Sequence[float] | float,
        Option((0.5,), "Shares of the FLOPs to take away from finalists, beside none; 0: none."),
    ]
    prune_method: Annotated[
        str,
        Option(
            "auto",
            "Whether channels are removed or ranks lowered; by default channels where "
            "Torch-Pruning is installed.",
            choices=PRUNE_METHODS,
        ),
    ]
    finalists: Annotated[int, Option(2, "Networks that are trained in full.", low=1)]
    classes: Annotated[
        Sequence[str] | None,
        Option(None, "Names for the exported files; by default the codes."),
    ]
    preprocessing: Annotated[
        Mapping[str, Any] | None, Option(None, "For the exported files; see `export`.")
    ]


@checked
def search_compact(
    samples: Samples,
    validation: Samples,
    *,
    folder: str | os.PathLike[str],
    max_ms: float | None = None,
    max_bytes: int | None = None,
    min_accuracy: float | None = None,
    random_state: int = 0,
    **options: Unpack[SearchOptions],
) -> SearchResult:
    """Find a network that meets limits on time, size and accuracy on this machine.

    Cheap things first. Every network is exported untrained and timed in ONNX Runtime; what is too
    slow or too large even with the fewest bits and the most pruning is not trained. The others are
    trained by successive halving. The finalists are pruned, quantized after training, exported,
    and measured as files. See `target.choose` for which one is taken.

    Parameters
    ----------
    samples : Samples
        Labeled training rows.
    validation : Samples
        Labeled rows to choose by.
    folder : path-like
        Everything done is kept there; the same call goes on where it was stopped, and a call with
        other limits reuses what it can.
    max_ms : float, optional
        Median time of one batch.
    max_bytes : int, optional
        Of the file.
    min_accuracy : float, optional
        On the validation rows.
    random_state : int
    **options

    Returns
    -------
    SearchResult
        ``chosen`` is None when nothing meets the target.

    Raises
    ------
    InputError
        When an option is wrong, rows have no labels, or the folder holds another search.

    Examples
    --------
    >>> import numpy as np
    >>> from training import samples_from_arrays, search_compact
    >>> x, y = np.random.default_rng(0).normal(size=(96, 4)).astype(np.float32), np.arange(96) % 2
    >>> rows = samples_from_arrays(x, row_ids=np.arange(96).astype(str), targets=y)
    >>> first, second = rows.take(np.arange(48)), rows.take(np.arange(48, 96))
    >>> limits = {"max_bytes": 60_000, "widths": (8,), "prune": (), "epochs": 1}
    >>> found = search_compact(first, second, folder="searched", **limits)
    >>> found.chosen.variant.name
    'mlp-8-float'
    """
    target = Target(max_ms, max_bytes, min_accuracy)
    asked = filled(SearchOptions, options)
    names = _class_names(samples, validation, asked["classes"])
    identity = _identity(samples, validation, filled(RunOptions, options)) | {
        "epochs": asked["epochs"],
        "batch_size": asked["batch_size"],
        "threads": asked["threads"],
        "classes": names,
        "prune method": _prune_method(asked["prune_method"]),
        "random_state": random_state,
    }
    record = SearchRecord(folder, identity=identity)
    clock = Clock(asked["budget_s"])
    trainings = Trainings(
        samples=samples,
        validation=validation,
        num_classes=len(names),
        record=record,
        clock=clock,
        epochs=asked["epochs"],
        options=filled(RunOptions, options),
        seed=random_state,
    )
    candidates = _search(target, trainings, asked, names).run()
    chosen, reason = choose(candidates, target, rows=len(validation))
    result = SearchResult(
        folder=Path(folder),
        candidates=candidates,
        chosen=chosen,
        reason=reason,
        target=target,
        batch_size=asked["batch_size"],
        threads=asked["threads"],
        validation_rows=len(validation),
        seconds=clock.spent,
    )
    result.save()
    return result


def _search(
    target: Target, trainings: Trainings, asked: SearchOptions, names: Sequence[str]
) -> Search:
    space = search_space(
        trainings.samples.modality,
        families=asked["families"],
        widths=asked["widths"],
        bits=asked["bits"],
        prune=asked["prune"],
    )
    finisher = Finisher(
        samples=trainings.samples,
        validation=trainings.validation,
        record=trainings.record,
        classes=names,
        preprocessing=asked["preprocessing"],
        batch_size=asked["batch_size"],
        threads=asked["threads"],
        seed=trainings.seed,
    )
    method = _prune_method(asked["prune_method"])
    return Search(space, target, trainings, finisher, method, asked["finalists"])


def _identity(samples: Samples, validation: Samples, training: RunOptions) -> dict[str, Any]:
    """Return what the trained networks depend on beside the settings of the search.

    What shapes the weights and is as usual stays out, as in folders of before it could be set.
    """
    unusual: dict[str, Any] = {} if training["mix"] is None else {"mix": told(training["mix"])}
    if training["precision"] != "auto":
        unusual["precision"] = training["precision"]
    return unusual | {
        "training rows": samples_fingerprint(samples),
        "validation rows": samples_fingerprint(validation),
        "augmentation": view_fingerprint(samples, training["augment"], epochs=1),
        "machine": f"{platform.machine()} {platform.processor()}",
    }


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
