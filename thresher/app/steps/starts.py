"""What a run on images may start from, told without torch."""

from __future__ import annotations

from typing import Any

from ...core.encoders.lite0 import SMALLEST
from ...core.errors import InputError
from ..settings import Settings

TITLE = "EfficientNet-Lite0"
# In summaries of models: `training.models.lite0` tells it too, whose import loads PyTorch.
MODEL = "efficientnet_lite0"
# As ``teacher.model``: to start from shipped weights without a trial.
NAME = "shipped:efficientnet-lite0"
WITHOUT_TEACHER = (
    f"Where `start` takes {TITLE}, the run goes on with `student`: its head is fitted to vectors "
    "that are known, without augmentation or a teacher."
)


def may_start(settings: Settings, modality: str | None) -> bool:
    """Tell whether the settings leave open what a run starts from, or ask for shipped weights."""
    if modality != "image":
        return False
    teacher, student = settings.teacher, settings.student
    asked = (teacher.model, teacher.width, student.model, student.width)
    return teacher.model == NAME or all(value == "auto" for value in asked)


def check_start(settings: Settings, modality: str | None) -> None:
    """Refuse what the shipped network cannot do: at once, and not after the rows were cleaned.

    Raises
    ------
    InputError
        For another shipped network, rows that are no images, images that are too small, another
        student beside it, or adapters.
    """
    teacher, student, side = settings.teacher, settings.student, settings.data.image_size
    if teacher.model.startswith("shipped:") and teacher.model != NAME:
        raise InputError(f"`teacher.model` must be {NAME} to start from it, got {teacher.model!r}.")
    if teacher.model == NAME and modality != "image":
        raise InputError(
            f"`teacher.model` {NAME} takes images, and these rows are read as {modality}. Leave it "
            "out, or name the column of the images with --image."
        )
    if teacher.model == NAME and isinstance(side, int) and side < SMALLEST:
        raise InputError(
            f"`data.image_size` must be at least {SMALLEST} for {NAME}, got {side}. Leave out one "
            "of the two."
        )
    if teacher.model == NAME and not student.model == student.width == "auto":
        raise InputError(
            f"`teacher.model` {NAME} makes that network the student too, and `student.model` or "
            "`student.width` asks for another one. Leave out one of them."
        )
    if may_start(settings, modality) and teacher.mode == "lora":
        raise InputError(
            f"`teacher.mode` lora puts adapters into models of other libraries; {TITLE} is trained "
            "by frozen (its head alone) or fine_tune (all of it). Or name another `teacher.model`."
        )


def without_effect(settings: Settings, *, teacher_trained: bool) -> list[str]:
    """Name the settings that were given and change nothing where the shipped network is taken."""
    used = {"teacher.model", "teacher.mode", "student.max_drop"}
    if settings.teacher.mode == "fine_tune":
        used |= {f"teacher.{name}" for name in ("epochs", "max_epochs", "batch_size", "lr")}
    groups: dict[str, Any] = {"student": settings.student, "distil": settings.distil}
    if not teacher_trained:
        groups |= {"augment": settings.augment, "teacher": settings.teacher}
    return [
        f"{group}.{name}"
        for group, given in groups.items()
        for name, field in type(given).model_fields.items()
        if getattr(given, name) != field.default and f"{group}.{name}" not in used
    ]
