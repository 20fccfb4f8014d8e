"""Tasks by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from thresher.core.classes import class_text
from thresher.core.errors import InputError, check_choice
from thresher.core.signatures import checked

from .classification import Classification
from .marks import Boxes, Spans
from .multi_label import MultiLabel
from .regression import Regression
from .task import Task

TASKS = (Classification.name, MultiLabel.name, Regression.name, Spans.name, Boxes.name)
WITH_CLASSES: Mapping[str, type[Classification] | type[MultiLabel]] = {
    Classification.name: Classification,
    MultiLabel.name: MultiLabel,
    Spans.name: Spans,
    Boxes.name: Boxes,
}


@checked
def get_task(
    task: str | Task = "classification",
    *,
    classes: Sequence[str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Task:
    """Return the task of that name; a task is returned as it is.

    Raises
    ------
    InputError
        For an unknown name, and when classes are missing, repeated or not wanted.

    Examples
    --------
    >>> from active_learning import get_task
    >>> get_task("multi_label", classes=["cat", "dog"]).name
    'multi_label'
    """
    if not isinstance(task, str):
        return task
    check_choice("task", task, TASKS)
    if task == Regression.name:
        if classes:
            raise InputError("Regression has no classes; leave `classes` out.")
        return Regression(**dict(options or {}))
    return WITH_CLASSES[task](checked_classes(task, classes))


def checked_classes(task: str, classes: Sequence[str] | None) -> tuple[str, ...]:
    """Return the class names; one is enough where a row can be without any."""
    if classes is None:
        raise InputError("A new session needs `classes`, the list of allowed labels.")
    names = tuple(map(class_text, classes))
    least = 2 if task == Classification.name else 1
    if len(names) < least or len(set(names)) < len(names) or "" in names:
        number = "two or more" if least == 2 else "one or more"
        raise InputError(f"`classes` must be {number} different names, got {list(classes)}.")
    return names
