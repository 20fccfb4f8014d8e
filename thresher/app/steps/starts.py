"""What a run on images may start from, told without torch."""

from __future__ import annotations

from ..settings import Settings

TITLE = "EfficientNet-Lite0"
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
