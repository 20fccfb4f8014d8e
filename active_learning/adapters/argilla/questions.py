"""What is asked in Argilla for each task, and labels as values of that question."""

from __future__ import annotations

from typing import Any

from thresher.core.errors import InputError, check_choice

from ...sessions.batch import SKIP, NoLabel
from ...tasks import Task

QUESTION, TEXT, IMAGE, WHY = "label", "text", "image", "why"
TASKS = ("classification", "multi_label", "regression", "spans")
# Argilla takes no empty choice: a row without any class chooses this.
NONE = "none of these"
LONGEST = 200


def none_of(task: Task) -> str:
    """Return the option that stands for the empty set; it is no class."""
    name = NONE
    while name in task.classes:
        name = f"({name})"
    return name


def options_of(task: Task) -> list[str]:
    """Return what can be chosen, in the order of the classes."""
    return [*task.classes, *([none_of(task)] if task.name == "multi_label" else [])]


def make_settings(task: Task, *, image: bool, people: int) -> Any:
    """Return the settings of a dataset for a task.

    Parameters
    ----------
    task : Task
    image : bool
        Whether an image is shown; else a text.
    people : int
        Answers after which Argilla counts a record as done.

    Raises
    ------
    InputError
        For boxes, for which Argilla has no question, and class names that it does not take.
    """
    import argilla

    check_task(task)
    shown = argilla.ImageField(name=IMAGE) if image else argilla.TextField(name=TEXT)
    why = argilla.TextField(name=WHY, title="why this row was chosen", required=False)
    return argilla.Settings(
        fields=[shown, why],
        questions=[_question(task)],
        distribution=argilla.TaskDistribution(min_submitted=people),
    )


def check_task(task: Task) -> None:
    """Raise `InputError` when Argilla has no question for a task, or does not take its classes."""
    check_choice("task", task.name, TASKS)
    long = [name for name in task.classes if len(name) > LONGEST]
    if long:
        raise InputError(
            f"Argilla takes class names of at most {LONGEST} characters, got {long[0]!r:.60} with "
            f"{len(long[0])}."
        )


def _question(task: Task) -> Any:
    import argilla

    options = options_of(task)
    if task.name == "classification":
        return argilla.LabelQuestion(name=QUESTION, labels=options)
    if task.name == "multi_label":
        return argilla.MultiLabelQuestion(name=QUESTION, labels=options)
    if task.name == "spans":
        return argilla.SpanQuestion(
            name=QUESTION, field=TEXT, labels=options, allow_overlapping=True
        )
    return argilla.TextQuestion(name=QUESTION, title="number")


def value_of(task: Task, text: str) -> Any:
    """Return the value that a label, as text, has in Argilla."""
    label = task.decode(text)
    if task.name == "multi_label":
        return list(label) or [none_of(task)]
    return text if task.name == "regression" else label


def label_of(task: Task, response: Any) -> Any | NoLabel | None:
    """Return the label of a response, `SKIP` for a discarded one, None for a draft.

    Raises
    ------
    InputError
        When what was submitted is no answer to the question.
    """
    if response.status.value == "discarded":
        return SKIP
    if response.status.value != "submitted":
        return None
    held = (response.values or {}).get(QUESTION)
    if held is None:
        raise InputError(f"the question {QUESTION!r} was not answered.")
    value = held["value"]
    if task.name == "multi_label":
        return [name for name in value if name != none_of(task)]
    if task.name == "spans":
        return [{name: mark.get(name) for name in ("start", "end", "label")} for mark in value]
    return value
