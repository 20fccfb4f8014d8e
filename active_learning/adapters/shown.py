"""What a person sees of a row in another tool, which shows one text or one image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from thresher.core.errors import InputError
from thresher.core.missing import is_missing

from ..tasks import Task

Content = Mapping[str, Mapping[str, Any]]


def shown_row(task: Task, row_id: str, content: Content) -> tuple[str, str]:
    """Return ``"image"`` and its path, or ``"text"`` and a text: several columns are its lines.

    Raises
    ------
    InputError
        When spans are asked for and there are several columns.
    """
    columns = content.get(row_id, {})
    if not is_missing(columns.get("image")):
        return "image", str(columns["image"])
    if len(columns) > 1 and task.name == "spans":
        raise InputError(
            f"Spans lie in one text; row {row_id!r} has the columns {', '.join(columns)}."
        )
    if len(columns) == 1:
        (value,) = columns.values()
        return "text", "" if value is None else str(value)
    return "text", "\n".join(f"{name}: {value}" for name, value in columns.items()) or row_id
