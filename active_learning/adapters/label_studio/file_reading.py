"""Exports of Label Studio as answers: JSON, JSON-MIN and CSV.

The two short forms name one control in a column of its name, and leave skipped tasks out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from thresher.core.errors import InputError
from thresher.core.missing import is_missing

from ...sessions.batch import SKIP
from ..records import Inbox
from ..row_files import read_rows
from .links import Said
from .results import flat_items
from .tasks import read_annotation

CONTROL = "label"  # as `labeling_config` names it
HEAD = 1 << 16
SHORT = ("annotation_id", "annotator", "lead_time")


def is_label_studio(path: Path) -> bool:
    """Tell whether a file is an export of Label Studio."""
    if path.suffix.lower() != ".json":
        return all(name in _first_line(path) for name in SHORT)
    try:
        tasks = _tasks(path)
    except InputError:
        return False
    first = tasks[0] if tasks else {}
    return "annotations" in first or all(name in first for name in SHORT)


def _first_line(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            return file.readline(HEAD).decode("utf-8", "replace")
    except OSError:
        return ""


def read(inbox: Inbox, path: str | os.PathLike[str]) -> None:
    """Take in the annotations of a file; tasks without one count as not labeled yet."""
    if Path(path).suffix.lower() != ".json":
        for number, row in read_rows(path, needed=("row_id", *SHORT)):
            with inbox.at(f"line {number}"):
                _add_short(inbox, row, text=True)
        return
    for place, task in enumerate(_tasks(path), 1):
        with inbox.at(f"task {task.get('id', place)}"):
            if "annotations" in task:
                _add_task(inbox, task)
            else:
                _add_short(inbox, task, text=False)


def _tasks(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error}).") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not valid JSON ({error}).") from error
    if not isinstance(found, list) or not all(isinstance(task, dict) for task in found):
        raise InputError(f"{path} is no list of tasks, as Label Studio's JSON is.")
    return found


def _add_task(inbox: Inbox, task: Mapping[str, Any]) -> None:
    data = task.get("data")
    row_id = _row_id(data if isinstance(data, dict) else {})
    annotations = task["annotations"]
    if not isinstance(annotations, list):
        raise InputError(f"`annotations` must be a list, got {annotations!r:.60}.")
    if not annotations:
        inbox.add(row_id, None)
    for annotation in annotations:
        if not isinstance(annotation, dict):
            raise InputError(f"each annotation must be an object, got {annotation!r:.60}.")
        said = read_annotation(
            annotation,
            inbox.task,
            row_id=str(row_id),
            number=0,
            name=None,
            text=_marked(data, annotation),
            name_of=str,
        )
        _add(inbox, row_id, said, annotator=annotation.get("annotator"))


def _marked(data: Any, annotation: Mapping[str, Any]) -> str | None:
    """Return the text in which the marks of an annotation lie, where it is told."""
    names = {item.get("to_name") for item in annotation.get("result") or () if item}
    texts = [data[name] for name in names if isinstance(data.get(name), str)]
    return texts[0] if len(texts) == 1 else None


def _add_short(inbox: Inbox, row: Mapping[str, Any], *, text: bool) -> None:
    """Take in a row of a short form; there an empty annotation has no label, or an empty one."""
    if CONTROL not in row and text:
        raise InputError(
            f"there is no column '{CONTROL}', as the control of the page is called in projects "
            f"that were made for a session. Rename it, or export as JSON. Columns: {', '.join(row)}"
        )
    cell = row.get(CONTROL)
    made = {
        "result": [] if is_missing(cell) else flat_items(cell, inbox.task),
        "completed_by": row.get("annotator"),
        "lead_time": row.get("lead_time"),
        "updated_at": row.get("updated_at"),
        "id": row.get("annotation_id"),
    }
    row_id = _row_id(row)
    said = read_annotation(
        made, inbox.task, row_id=str(row_id), number=0, name=None, text=None, name_of=str
    )
    _add(inbox, row_id, said)


def _row_id(data: Mapping[str, Any]) -> Any:
    if is_missing(data.get("row_id")):
        raise InputError(
            "there is no `row_id` in the task's data. Hand rows out in the format 'label-studio', "
            "which carries it, or put it into the tasks."
        )
    return data["row_id"]


def _add(inbox: Inbox, row_id: Any, said: Said, *, annotator: Any = None) -> None:
    inbox.add(
        row_id,
        SKIP if said.label is None else inbox.task.decode(said.label),
        annotator=said.annotator if is_missing(annotator) else annotator,
        seconds=said.seconds,
        time=said.moment or None,
    )
