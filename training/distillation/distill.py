"""Distillation: a student learns what its teacher says about each row, label or none."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from torch import nn

from thresher.core.choice import Choice, choose_device
from thresher.core.counted import counted
from thresher.core.errors import InputError, check_count
from thresher.core.matrices import as_matrix
from thresher.core.options import filled, picked
from thresher.core.signatures import checked

from ..loop.checks import check_targets, count_classes
from ..loop.feed import Augment, Mix
from ..loop.fit import fit
from ..loop.options import FitOptions
from ..loop.run import TrainingRun
from ..rows.samples import Samples
from ..torch_runtime.eval_mode import evaluating
from ..torch_runtime.precision import choose_precision
from .objective import Objective
from .options import DistillOptions
from .relations import LastHidden
from .teacher_cache import TeacherCache, cache_teacher, given_logits

# Beside the checkpoints: what the teacher's pass took, which a training that goes on has spent too.
RECORD = "teacher.json"


@checked
def distill(
    student: nn.Module,
    teacher: nn.Module | Sequence[nn.Module] | np.ndarray,
    samples: Samples,
    *,
    epochs: int,
    cached_views: int | None = None,
    cache_dir: str | Path | None = None,
    validation: Samples | None = None,
    **options: Unpack[DistillOptions],
) -> TrainingRun:
    """Train `student` in place to agree with `teacher`.

    By default teacher and student see the same view of every row (Beyer et al., "Knowledge
    distillation: A good teacher is patient and consistent", 2022), and the teacher runs along; its
    cost is in the run's `flops`.

    Parameters
    ----------
    student : nn.Module
    teacher : nn.Module, sequence of nn.Module, or ndarray of float, shape (n, classes)
        Gives logits for the same classes and inputs; of several the mean of the logits counts.
        Unchanged. An array holds the logits of any other model, one line for each row of
        `samples`: a teacher that reads other inputs, or runs elsewhere. They count for every view.
    samples : Samples
        Rows without a label are learned from the teacher alone, so that a pool is enough.
    epochs : int
        Passes over the rows.
    cached_views : int, optional
        Run the teacher once over so many augmented views of each row and train on those views
        alone. By default the teacher runs along, except without `augment` and `mix`, where every
        epoch is equal and one cached view is the same for less.
    cache_dir : path-like, optional
        Where cached logits are kept for the next student.
    validation : Samples, optional
        As in `fit`.
    **options

    Returns
    -------
    TrainingRun

    Raises
    ------
    InputError
        Also when the teacher has other classes or rows, or `cached_views` meets `mix`.

    Examples
    --------
    >>> import numpy as np
    >>> from training import compact_model, distill, samples_from_arrays
    >>> x = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
    >>> rows = samples_from_arrays(x, row_ids=np.arange(64).astype(str))
    >>> teacher, student = (
    ...     compact_model("mlp", num_classes=2, input_shape=(4,), width=w) for w in (32, 8)
    ... )
    >>> distill(student, teacher, rows, epochs=2, batch_size=16).rows_seen
    128
    """
    asked = filled(DistillOptions, options)
    source = _source(
        student, teacher, samples, asked=asked, cached_views=cached_views, cache_dir=cache_dir
    )
    teachers, cache = source.teachers, source.cache
    place = choose_device(asked["device"]).value
    choices = {"teacher": source.choice}
    if samples.targets is None:
        asked["alpha"], choices["alpha"] = 1.0, Choice("1", "no row has a label")
    kept = asked["checkpoint_dir"]
    with ExitStack() as stack:
        for model in teachers:
            stack.enter_context(evaluating(model, device=place))
        watched = (student, teachers[0]) if asked["relations"] else ()
        hidden = [LastHidden(model) for model in watched]
        for watch in hidden:
            stack.callback(watch.close)
        bf16 = bool(teachers) and (
            choose_precision(teachers[0], asked["precision"], device=place).value == "bf16"
        )
        if source.views:
            cache = cache_teacher(
                teachers,
                samples,
                augment=asked["augment"],
                views=source.views,
                folder=cache_dir,
                record=None if kept is None else Path(kept) / RECORD,
                device=place,
                bf16=bf16,
            )
        run = fit(
            student,
            samples,
            epochs=epochs,
            validation=validation,
            loss=Objective(teachers, cache, asked, bf16=bf16, hidden=hidden),
            **_for_fit(options, cache=cache),
        )
    spent = run.flops + (cache.flops if cache is not None else 0.0)
    return replace(run, flops=spent, choices=run.choices | choices)


def _for_fit(options: DistillOptions, *, cache: TeacherCache | None) -> FitOptions:
    """Return what is handed on: all but our own options, and the views that were cached."""
    handed = picked(FitOptions, options)
    if cache is not None:
        handed["augment"] = cache.view_of(options.get("augment"))
    return handed


@dataclass(frozen=True, eq=False)
class _Source:
    """Where the teacher's logits come from: models, an array, or views that are to be cached."""

    teachers: list[nn.Module]
    cache: TeacherCache | None
    views: int
    choice: Choice


def _source(
    student: nn.Module,
    teacher: nn.Module | Sequence[nn.Module] | np.ndarray,
    samples: Samples,
    *,
    asked: DistillOptions,
    cached_views: int | None,
    cache_dir: str | Path | None,
) -> _Source:
    mix, relations = asked["mix"], asked["relations"]
    if _are_logits(teacher):
        _check_given(mix=mix, relations=relations, cached_views=cached_views, cache_dir=cache_dir)
        classes = _check_student(student, samples)
        cache = given_logits(as_matrix("teacher", teacher), n_rows=len(samples), classes=classes)
        return _Source([], cache, 0, Choice("given logits", "an array was given"))
    teachers = [teacher] if isinstance(teacher, nn.Module) else list(teacher)
    _check_teachers(student, teachers, samples)
    augment = asked["augment"]
    views, choice = _choose_views(cached_views, augment=augment, mix=mix, cache_dir=cache_dir)
    if relations:
        if cached_views is not None:
            raise InputError("`relations` compares hidden vectors, which are not cached.")
        views, choice = 0, Choice("runs along", "its hidden vectors are compared")
    return _Source(teachers, None, views, choice)


def _check_teachers(student: nn.Module, teachers: list[nn.Module], samples: Samples) -> None:
    if not teachers:
        raise InputError("`teacher` is empty; give at least one model.")
    if any(model is student for model in teachers):
        raise InputError("Student and teacher are one object; give a copy as the teacher.")
    classes = _check_student(student, samples)
    for model in teachers:
        found = count_classes(model, samples.inputs)
        if found != classes:
            raise InputError(
                f"The teacher has {counted(found, 'class', 'classes')} and the student {classes}; "
                "both must have the same, in the same order."
            )


def _check_student(student: nn.Module, samples: Samples) -> int:
    """Return the number of classes after checking that the labels are among them."""
    if not len(samples):
        raise InputError("There are no rows to train on.")
    classes = count_classes(student, samples.inputs)
    check_targets(samples.targets, classes, name="samples")
    return classes


def _are_logits(teacher: Any) -> bool:
    """Tell whether `teacher` holds no module: then it must hold logits."""
    several = teacher if isinstance(teacher, (list, tuple)) else [teacher]
    return len(several) > 0 and not any(isinstance(one, nn.Module) for one in several)


def _check_given(
    *,
    mix: Mix | None,
    relations: float,
    cached_views: int | None,
    cache_dir: str | Path | None,
) -> None:
    """Refuse what needs a teacher that runs."""
    asked = {
        "mix": mix is not None,
        "relations": bool(relations),
        "cached_views": cached_views is not None,
        "cache_dir": cache_dir is not None,
    }
    for name, is_asked in asked.items():
        if is_asked:
            raise InputError(f"`{name}` needs a teacher that is a model; its logits are given.")


def _choose_views(
    asked: int | None, *, augment: Augment | None, mix: Mix | None, cache_dir: str | Path | None
) -> tuple[int, Choice]:
    if asked is not None:
        check_count("cached_views", asked, low=1)
        if mix is not None:
            raise InputError("`mix` blends rows anew each time, so nothing can be cached for it.")
        used = 1 if augment is None else int(asked)
        return used, Choice(counted(used, "cached view"), "asked for")
    if cache_dir is not None and (augment is not None or mix is not None):
        raise InputError("`cache_dir` needs `cached_views`: how many views of a row to keep.")
    if augment is None and mix is None:
        return 1, Choice("1 cached view", "without augmentation every epoch sees the same")
    return 0, Choice("runs along", "every epoch sees new views")
