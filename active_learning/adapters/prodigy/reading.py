"""Prodigy's examples as answers."""

from __future__ import annotations

import json
import os
import re
from codecs import BOM_UTF8
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from thresher.core.counted import counted
from thresher.core.errors import InputError
from thresher.core.missing import is_missing

from ...sessions.batch import SKIP, NoLabel
from ...tasks import Task
from ..records import Inbox
from ..row_files import read_lines
from .writing import NUMBER

ANSWERS = ("accept", "reject", "ignore")
# A session that nobody gave a name is called by the data set and the time.
UNNAMED = re.compile(r"(^|-)\d{4}-\d{2}-\d{2}_\d{2}-\d{2}-\d{2}$")
HEAD = 1 << 20


def is_prodigy(path: Path) -> bool:
    """Tell whether the first line of a file is an example of Prodigy's."""
    try:
        with open(path, "rb") as file:
            lines = (line.removeprefix(BOM_UTF8) for line in iter(lambda: file.readline(HEAD), b""))
            first = json.loads(next((line for line in lines if line.strip()), b""))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(first, dict) and (
        first.get("answer") in ANSWERS or "_input_hash" in first or "_task_hash" in first
    )


def read(inbox: Inbox, path: str | os.PathLike[str]) -> None:
    """Take in the examples of a file.

    "accept" is a label, "ignore" a skip, and so is "reject", unless the example asks about one
    ``label``: then it says "not this one". Such questions about a row are put together; where they
    leave its label open, the row counts as not labeled yet.
    """
    judged: dict[tuple[str, str], _Judged] = defaultdict(_Judged)
    examples = read_lines(path)
    # Old versions write no time; then the order of the lines is that of the answers.
    timed = all("_timestamp" in example for _, example in examples)
    for number, example in examples:
        with inbox.at(f"line {number}"):
            answer = example.get("answer")
            row_id, person = _row_id(example), _person(example)
            if is_missing(answer):
                inbox.add(row_id, None)
                continue
            if answer not in ANSWERS:
                raise InputError(f"`answer` must be accept, reject or ignore, got {answer!r:.60}.")
            if answer != "ignore" and _asks_about_one(inbox.task, example):
                judged[str(row_id), person].add(inbox.task, example, number)
                continue
            label = _label(inbox.task, example) if answer == "accept" else SKIP
            _add(inbox, example, label, line=None if timed else number)
    for said in judged.values():
        with inbox.at(f"line {said.line}"):
            label = said.label(inbox.task)
            _add(inbox, said.example, label, line=None if timed else said.line)


def _add(inbox: Inbox, example: Mapping[str, Any], label: Any, *, line: int | None) -> None:
    inbox.add(
        _row_id(example),
        label,
        annotator=_person(example),
        seconds=example.get("seconds"),
        time=example.get("_timestamp") or None,
        log_id=line,
    )


def _row_id(example: Mapping[str, Any]) -> Any:
    meta = example.get("meta")
    found = example.get("row_id", meta.get("row_id") if isinstance(meta, dict) else None)
    if is_missing(found):
        raise InputError(
            "there is no `row_id`, neither by itself nor in `meta`. Hand rows out in the format "
            "'prodigy', which carries it, or put it into the tasks."
        )
    return found


def _person(example: Mapping[str, Any]) -> str:
    """Return who annotated: ``DATASET-ann`` is the ann that the task was handed out to."""
    asked = example.get("annotator")
    given = example.get("_annotator_id", example.get("_session_id"))
    known = "" if is_missing(asked) else str(asked)
    if is_missing(given) or UNNAMED.search(str(given)):
        return known
    return known if known and str(given).endswith(f"-{known}") else str(given)


def _asks_about_one(task: Task, example: Mapping[str, Any]) -> bool:
    of_classes = task.name in ("classification", "multi_label")
    return of_classes and "accept" not in example and "label" in example


def _label(task: Task, example: Mapping[str, Any]) -> Any:
    if task.name == "regression":
        field = example.get("field_id", NUMBER)
        if is_missing(example.get(field)):
            raise InputError(f"nothing was typed into {field!r}: ignore rows without a number.")
        return example[field]
    if task.name in ("spans", "boxes"):
        spans = _list_of(example, "spans")
        return [_mark(task, span) for span in spans]
    chosen = [_class_of(task, example, option) for option in _list_of(example, "accept")]
    if task.name == "multi_label":
        return chosen
    if len(chosen) != 1:
        raise InputError(f"one option must be chosen, got {chosen!r:.80}: ignore rows without one.")
    return chosen[0]


def _list_of(example: Mapping[str, Any], name: str) -> list[Any]:
    found = example.get(name, [])
    if not isinstance(found, list):
        raise InputError(f"`{name}` must be a list, got {found!r:.60}.")
    return found


def _class_of(task: Task, example: Mapping[str, Any], chosen: Any) -> Any:
    """Return the class of an option, which is its ``id``, or its ``text`` where ids are others."""
    if chosen in task.classes:
        return chosen
    options = [option for option in _list_of(example, "options") if isinstance(option, dict)]
    return next((o.get("text", chosen) for o in options if o.get("id") == chosen), chosen)


def _mark(task: Task, span: Any) -> dict[str, Any]:
    if not isinstance(span, dict):
        raise InputError(f"each of `spans` must be an object, got {span!r:.60}.")
    if task.name == "spans":
        return {name: span.get(name) for name in ("start", "end", "label")}
    sides = ("x", "y", "width", "height")
    if all(name in span for name in sides) and span.get("type", "rect") == "rect":
        return {name: span[name] for name in (*sides, "label")}
    return {**_box(span.get("points")), "label": span.get("label")}


def _box(points: Any) -> dict[str, float]:
    """Return the box that four corners make."""
    try:
        corners = {(float(x), float(y)) for x, y in points}
    except (TypeError, ValueError) as error:
        raise InputError(
            f"a box needs x, y, width and height, or points, got {points!r:.80}."
        ) from error
    across, down = sorted({x for x, _ in corners}), sorted({y for _, y in corners})
    if len(across) != 2 or corners != {(x, y) for x in across for y in down}:
        raise InputError(
            f"{counted(len(corners), 'point')} that are no box: draw rectangles, not polygons."
        )
    return {
        "x": across[0],
        "y": down[0],
        "width": across[1] - across[0],
        "height": down[1] - down[0],
    }


class _Judged:
    """What one person said about single classes of one row."""

    def __init__(self) -> None:
        self.said: dict[str, bool] = {}
        self.example: Mapping[str, Any] = {}
        self.line = 0

    def add(self, task: Task, example: Mapping[str, Any], line: int) -> None:
        """Take one answer in; the last one about a class counts."""
        name = example["label"]
        if name not in task.classes:
            task.encode(name if task.name == "classification" else [name])  # says what is allowed
        self.said[name] = example["answer"] == "accept"
        self.example, self.line = example, line

    def label(self, task: Task) -> str | list[str] | NoLabel | None:
        """Return the label that follows, None where it is open."""
        accepted = [name for name in task.classes if self.said.get(name)]
        open_ = [name for name in task.classes if name not in self.said]
        if task.name == "multi_label":
            return None if open_ else accepted
        if len(accepted) > 1:
            raise InputError(f"only one class can be right, got {', '.join(accepted)}.")
        left = accepted or open_
        return left[0] if len(left) == 1 else None
