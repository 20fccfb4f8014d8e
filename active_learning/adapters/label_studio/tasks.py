"""Rows of a session as tasks of Label Studio, and what people said in a task."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from thresher.core.errors import InputError
from thresher.core.file_names import safe_name
from thresher.core.missing import is_missing

from ...sessions.store import AskedRow
from ...tasks import Task
from .config import Control, Shown
from .links import Said
from .results import from_result, to_result

# One name for all rounds: the project shows the predictions of one version.
MODEL = "thresher"
# The model says which classes a row holds, and not where.
SUGGESTED = ("classification", "multi_label", "regression")
SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that swap width and height
ORIENTATION = 0x0112


def task_data(
    row_id: str,
    cells: Mapping[str, Any],
    *,
    shown: Shown,
    control: Control,
    address: Callable[[str, bytes], str],
) -> dict[str, Any]:
    """Return the data of a row's task.

    Parameters
    ----------
    row_id : str
    cells : mapping
        Values of the columns by name.
    shown : Shown
    control : Control
        Of the project; one column goes under the key that it shows.
    address : callable
        Takes a file name and the bytes of an image, and returns where a browser finds it.
    """
    data: dict[str, Any] = {"row_id": row_id}
    if shown.kind == "image":
        image = cells[shown.columns[0]]
        ending, width, height = image_frame(image, row_id)
        name = f"{safe_name(row_id)}.{ending}"
        return data | {control.key: address(name, image), "width": width, "height": height}
    if shown.kind == "numbers":
        return data | {control.key: {name: cells[name] for name in shown.columns}}
    texts = ["" if is_missing(cells[name]) else str(cells[name]) for name in shown.columns]
    keys = shown.keys if len(texts) > 1 else (control.key,)
    return data | dict(zip(keys, texts, strict=True))


def image_frame(data: bytes, row_id: str) -> tuple[str, int, int]:
    """Return the usual ending of an image's file, and its width and height as browsers show it."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as image:
            width, height = image.size
            if image.getexif().get(ORIENTATION) in SIDEWAYS:
                width, height = height, width
            return (image.format or "png").lower(), width, height
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise InputError(f"The image of row {row_id!r} cannot be read ({error}).") from error


def predictions(
    row: AskedRow, task: Task, control: Control, *, data: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return the model's suggestion for a row; none for rows that measure the model.

    People who see a suggestion agree with it more often, and the measure would be too good.
    """
    if row.arm == "audit" or row.suggestion is None or task.name not in SUGGESTED:
        return []
    label = task.encode(task.parse(row.suggestion))
    return [prediction(label, row.confidence, task, control, data=data)]


def prediction(
    label: str,
    confidence: float | None,
    task: Task,
    control: Control,
    *,
    data: Mapping[str, Any],
    version: str = MODEL,
) -> dict[str, Any]:
    """Return an encoded label as a prediction of Label Studio."""
    result = to_result(task, label, control, data=data)
    return {"model_version": version, "score": confidence, "result": result}


def read_annotation(
    annotation: Mapping[str, Any],
    task: Task,
    *,
    row_id: str,
    number: int,
    name: str | None,
    text: str | None,
    name_of: Callable[[int], str],
) -> Said:
    """Return what an annotation of the JSON format says.

    Canceled ones are skips, and so are empty ones where a row must have an answer.

    Parameters
    ----------
    annotation : mapping
    task : Task
    row_id : str
    number : int
        Of the task.
    name : str or None
        Of the control; None for whichever there is.
    text : str or None
        In which spans lie.
    name_of : callable
        Returns the name of the annotator with a number.

    Raises
    ------
    InputError
        When the label is not one of the task, or the annotation is not as Label Studio writes it.
    """
    try:
        label = None
        if not annotation.get("was_cancelled"):
            label = from_result(task, annotation["result"] or (), name=name, text=text)
        seconds: Any = annotation.get("lead_time")
        moment: Any = annotation.get("updated_at")
        return Said(
            number,
            annotator_of(annotation.get("completed_by"), name_of),
            row_id,
            label,
            None if is_missing(seconds) else float(seconds),
            0.0 if is_missing(moment) else datetime.fromisoformat(str(moment)).timestamp(),
            int(annotation.get("id") or 0),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"this is no annotation of Label Studio ({error!r}).") from error


def annotator_of(completed_by: Any, name_of: Callable[[int], str]) -> str:
    """Return the name of whoever made an annotation; empty for nobody in particular."""
    if isinstance(completed_by, Mapping):
        return str(completed_by.get("email") or completed_by.get("id") or "")
    if is_missing(completed_by):
        return ""
    try:
        number = int(completed_by)
    except (TypeError, ValueError):
        return str(completed_by)
    return name_of(number)
