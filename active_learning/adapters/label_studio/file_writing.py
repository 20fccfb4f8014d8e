"""Batches and answers as Label Studio's JSON: tasks that its page imports, and reads back."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from thresher.core.errors import InputError
from thresher.core.files import write_text
from thresher.core.labels import Answer

from ...sessions.batch import Batch
from ...tasks import Task
from ..shown import Content
from .config import MARKED, Control, Shown, control_of, labeling_config
from .results import to_result
from .tasks import predictions, task_data


def write_batch(
    task: Task, batch: Batch, path: str | os.PathLike[str], *, content: Content, escape: bool
) -> None:
    """Write a batch as tasks with the model's suggestions, and beside it the page's configuration.

    That is a file of the same name with the ending ``.xml``, for Settings, Labeling Interface,
    Code. Images lie in the tasks themselves.
    """
    del escape
    ids = batch.row_ids.tolist()
    shown = _shown(task, ids, content)
    control = control_of(shown)
    tasks = []
    for row, row_id in zip(batch.rows, ids, strict=True):
        data = _data(row_id, shown, control)
        suggested = predictions(row, task, control, data=data)
        tasks.append({"data": data | {"ask": batch.number}, "predictions": suggested})
    _write(path, tasks)
    write_text(Path(path).with_suffix(".xml"), labeling_config(task, shown))


def write_answers(
    task: Task, answers: Sequence[Answer], path: str | os.PathLike[str], *, content: Content
) -> None:
    """Write answers as annotated tasks, one for each row.

    Raises
    ------
    InputError
        For an answer that was taken back, which the format cannot say.
    """
    by_row: dict[str, list[Answer]] = {}
    for answer in answers:
        by_row.setdefault(answer.row_id, []).append(answer)
    shown = _shown(task, list(by_row), content)
    control = control_of(shown)
    tasks = []
    for number, (row_id, several) in enumerate(by_row.items(), 1):
        data = _data(row_id, shown, control)
        annotations = [_annotation(task, answer, control, data) for answer in several]
        tasks.append({"id": number, "data": data, "annotations": annotations})
    _write(path, tasks)


def _write(path: str | os.PathLike[str], tasks: list[dict[str, Any]]) -> None:
    if Path(path).suffix.lower() != ".json":
        raise InputError(f"{path} must end in .json: Label Studio takes tasks as JSON.")
    write_text(path, json.dumps(tasks, ensure_ascii=False, indent=1, allow_nan=False) + "\n")


def _shown(task: Task, row_ids: Sequence[str], content: Content) -> Shown:
    """Return what people see, by the columns of the first row; without any, its id."""
    columns = content.get(row_ids[0], {}) if row_ids else {}
    if "image" in columns:
        return Shown("image", ("image",), lambda ids: {row: _image(content, row) for row in ids})
    if not columns:
        kind = MARKED.get(task.name, "text")
        named = {row: {"text": row} for row in row_ids}
        return Shown("text" if kind == "image" else kind, ("text",), lambda _: named)
    numbers = all(_is_number(value) for row in content.values() for value in row.values())
    return Shown("numbers" if numbers else "text", tuple(columns), lambda _: content)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _image(content: Content, row: str) -> Mapping[str, Any]:
    path = Path(str(content[row]["image"]))
    try:
        return {"image": path.read_bytes()}
    except OSError as error:
        raise InputError(f"The image of row {row!r} cannot be read ({error}).") from error


def _data(row_id: str, shown: Shown, control: Control) -> dict[str, Any]:
    cells = shown.cells([row_id])[row_id]
    return task_data(row_id, cells, shown=shown, control=control, address=_inside)


def _inside(name: str, data: bytes) -> str:
    """Return an image as an address that holds it, so that the file is all that is needed."""
    kind = name.rpartition(".")[2]
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _annotation(
    task: Task, answer: Answer, control: Control, data: Mapping[str, Any]
) -> dict[str, Any]:
    if answer.kind == "undo":
        raise InputError(
            "Label Studio's format has no word for an answer that was taken back: write the "
            "answers that count, not their history."
        )
    made: dict[str, Any] = {
        "result": [] if answer.label is None else to_result(task, answer.label, control, data=data),
        "was_cancelled": answer.kind == "skip",
        "lead_time": answer.seconds,
        # Label Studio knows people by their addresses, and leaves what it does not know out.
        "annotator": answer.annotator,
    }
    if "@" in answer.annotator:
        made["completed_by"] = {"email": answer.annotator}
    if answer.time is not None:
        made["updated_at"] = datetime.fromtimestamp(answer.time, UTC).isoformat()
    return made
