"""Distil the student: as narrow as the accuracy that it may lose allows."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from augment import Augmenter
from training import TrainingRun, distill, teacher_logits
from training.pretrained import PretrainedModel
from training.recipes import Recipe
from training.recipes.sizes import Told, Tried, student_plans, try_widths

from ...core.choice import Choice
from ...core.counted import counted
from ...core.errors import InputError
from ...core.progress import message
from ..stages import Done, Notes, RunFolder
from .lengths import HeldOut
from .material import Material
from .shipped_body import finish_on_body
from .start import Start
from .start_trial import BOTH
from .starts import TITLE, without_effect
from .train import CODE, JUDGED, build, finish, plan_training, training_augment

TRIED = "tried"


def distil_student(
    run: RunFolder,
    material: Material,
    policy: Done[Augmenter | None],
    teacher: Done[TrainingRun],
) -> Done[TrainingRun]:
    """Train compact models on the teacher's answers, until one loses little enough to it.

    On unlabeled rows too. A width that is asked for is the only one that is trained.
    """
    settings, distil = run.settings.student, run.settings.distil

    def work(folder: Path, notes: Notes) -> None:
        large = plan_of_teacher(run, material, teacher)
        plans = plans_for(run, material, large)
        if len(plans) == 1:
            trained = _teach(run, material, policy, teacher, plans[0], folder, cache=folder)
            finish(folder, notes, trained, material, plans[0], rows=len(material.pool))
            return
        tried = _tried(run, material, policy, teacher, plans, folder)
        taken, why = choose(tried, max_drop=settings.max_drop, may_fall_back=large is not None)
        chosen, plan = (teacher.value, large) if taken is None else (taken.run, taken.plan)
        assert plan is not None
        finish(folder, notes, chosen, material, plan, rows=len(material.pool))
        notes.choices["width"] = Choice(str(plan.width), why)
        _count(notes, tried)
        notes.summary["max_drop"] = settings.max_drop
        if taken is None:
            notes.summary["note"] = "the teacher itself, since narrower students lost too much"
        shutil.rmtree(folder / TRIED, ignore_errors=True)

    return run.stage(
        "student",
        work,
        load=lambda folder: TrainingRun.load(folder / "model"),
        needs=[*material.needs, policy, teacher],
        settings=[settings.model_dump(), distil.model_dump(), material.key],
        code=CODE,
        where="models/student",
    )


def take_encoder(run: RunFolder, rows: Material, start: Done[Start]) -> Done[TrainingRun]:
    """Let the shipped body with its head be the student; it has no teacher.

    Parameters
    ----------
    rows : Material
        As the body takes them.
    start : Done of Start
        Holds the network.
    """

    def work(folder: Path, notes: Notes) -> None:
        trained = start.value.model
        trained.save(folder / "model")
        finish_on_body(notes, trained, rows)
        names = without_effect(run.settings, teacher_trained=start.value.value == BOTH)
        if names:
            why = f"{TITLE} is taken, without augmentation or a teacher"
            notes.choices["without effect"] = Choice(", ".join(names), why)
            message(f"without effect: {notes.choices['without effect']}")

    return run.stage(
        "student",
        work,
        load=lambda folder: TrainingRun.load(folder / "model"),
        needs=[*rows.needs, start],
        settings=[rows.key, without_effect(run.settings, teacher_trained=False)],
        code=CODE,
        where="models/student",
    )


def plan_of_teacher(
    run: RunFolder, material: Material, teacher: Done[TrainingRun]
) -> Recipe | None:
    """Return the teacher's plan; None for a pretrained one, which is not exported."""
    if isinstance(teacher.value.model, PretrainedModel):
        return None
    settings, rows = run.settings.teacher, len(material.train)
    return plan_training(run, material, settings, "teacher", rows=rows)


def plans_for(run: RunFolder, material: Material, teacher: Recipe | None) -> list[Recipe]:
    """Return the plans of the students that may be trained, the narrowest first."""
    settings = run.settings.student

    def planned(width: int | None) -> Recipe:
        asked = settings if width is None else settings.model_copy(update={"width": width})
        return plan_training(run, material, asked, "student", rows=len(material.pool))

    if settings.width != "auto" or settings.max_drop >= 1:
        return [planned(None)]
    return student_plans(planned, teacher=teacher)


def choose(
    tried: Sequence[Tried], *, max_drop: float, may_fall_back: bool
) -> tuple[Tried | None, str]:
    """Return the last student if it loses little enough, and the reason; None: the teacher itself.

    Without a teacher to fall back on, it is the best student.
    """
    said = "; ".join(one.text for one in tried)
    points = f"{100 * max_drop:g} point{'' if max_drop == 0.01 else 's'}"
    within = f"within the {points} of `student.max_drop`, as the mean of both"
    if tried[-1].judged <= max_drop:
        return tried[-1], f"{said}: {within}"
    if may_fall_back:
        return None, f"{said}: none is {within}, so the teacher itself is the student"
    best = min(tried, key=lambda one: one.judged)
    return best, f"{said}: none is {within}; the best is taken"


def _tried(
    run: RunFolder,
    material: Material,
    policy: Done[Augmenter | None],
    teacher: Done[TrainingRun],
    plans: Sequence[Recipe],
    folder: Path,
) -> list[Tried]:
    """Train students by their plans, as many as are needed."""
    held_out = HeldOut(run, material)

    def teach(plan: Recipe) -> tuple[TrainingRun, Told]:
        place = folder / TRIED / f"width-{plan.width}"
        if not (place / "model").is_dir():  # else from before a stop
            _teach(run, material, policy, teacher, plan, place, cache=folder).save(place / "model")
        trained = TrainingRun.load(place / "model")
        return trained, held_out.tell(trained.model)

    found = []
    allowed, large = run.settings.student.max_drop, held_out.tell(teacher.value.model)
    for one in try_widths(plans, teach, teacher=large, max_drop=allowed):
        message(f"student: {one.text}")
        found.append(one)
    return found


def _teach(
    run: RunFolder,
    material: Material,
    policy: Done[Augmenter | None],
    teacher: Done[TrainingRun],
    plan: Recipe,
    folder: Path,
    *,
    cache: Path,
) -> TrainingRun:
    distil = run.settings.distil
    all_labeled, asked = material.labeled is None, distil.temperature
    taught = answers(teacher, material)
    return distill(
        build(plan, material, seed=run.settings.seed),
        taught,
        material.pool if all_labeled else material.pool.without_targets(),
        temperature=plan.temperature if asked == "auto" else asked,
        cached_views=plan.cached_views if policy.value is not None else None,
        cache_dir=None if isinstance(taught, np.ndarray) else cache / "teacher",
        alpha=distil.alpha if all_labeled else 1.0,
        validation=material.validation,
        augment=training_augment(policy),
        checkpoint_dir=folder / "checkpoints",
        device=run.device.value,
        precision=run.settings.precision,
        random_state=run.settings.seed,
        **plan.fit_options(),
    )


def _count(notes: Notes, tried: Sequence[Tried]) -> None:
    """Say what became of each width, and let the stage's cost be that of all trainings."""
    notes.summary["sizes"] = [one.to_json() for one in tried]
    spent = {
        "seconds": sum(one.run.seconds for one in tried),
        "flops": sum(one.run.flops for one in tried),
        "rows_seen": sum(one.run.rows_seen for one in tried),
    }
    notes.summary |= spent
    notes.cost.extra |= {name: spent[name] for name in ("flops", "rows_seen")}


def answers(teacher: Done[TrainingRun], material: Material) -> nn.Module | np.ndarray:
    """Return what `distill` takes as the teacher: its answers to texts, or the model itself."""
    file = teacher.folder / JUDGED
    if not file.is_file():
        return teacher.value.model
    ids = material.pool.row_ids
    return teacher_logits(_never, ids.tolist(), row_ids=ids, file=file)


def _never(values: Any) -> np.ndarray:
    raise InputError(
        f"The teacher's answers to {counted(len(values), 'row')} are missing; run again."
    )
