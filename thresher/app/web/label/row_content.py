"""What is shown of a row: its image, the beginning of its text, or its columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import datasets

from ....core.columns import read_column, read_row_ids
from ....core.errors import InputError
from ....core.images import UnreadableImage, opened_image
from ....core.schema import Schema
from ..pictures import ColumnPictures

FOLD = 4000  # characters of a text that are sent before all of it is asked for
LIST_ENTRIES, CELL = 24, 400
TURNED = (5, 6, 7, 8)  # EXIF orientations that swap width and height
ORIENTATION = 0x0112
# What the marks of a task are made in.
NEEDS = {"spans": "text", "boxes": "image"}


class RowContent:
    """The rows of a session by number.

    Parameters
    ----------
    dataset : datasets.Dataset
    schema : Schema
    task : str

    Raises
    ------
    InputError
        When the marks of the task cannot be made in rows of this kind.
    """

    def __init__(self, dataset: datasets.Dataset, schema: Schema, *, task: str) -> None:
        needed = NEEDS.get(task, schema.modality)
        if schema.modality != needed:
            raise InputError(
                f"The task {task!r} needs rows with {needed}, these have {schema.modality}. Start "
                f"a session on a column of {needed}, or with another task."
            )
        self.row_ids: Sequence[str] = read_row_ids(dataset).tolist()
        self._modality, self._measured = schema.modality, task == "boxes"
        self._columns = {name: read_column(dataset, name) for name in schema.inputs}
        self._first = next(iter(self._columns.values()))
        self.pictures = (
            ColumnPictures(dataset, schema.inputs[0], names=list(self.row_ids))
            if schema.modality == "image"
            else None
        )

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.row_ids)

    def of(self, number: int) -> dict[str, Any]:
        """Return the content of a row as JSON types."""
        if self.pictures is not None:
            size = self._size(self.pictures.data(number)) if self._measured else None
            return {"image": True} | ({"size": size} if size else {})
        if self._modality == "text":
            text = self.text(number)
            return {"text": text[:FOLD], "length": len(text)}
        cells = [[name, _shown(column[number].as_py())] for name, column in self._columns.items()]
        return {"columns": cells}

    def text(self, number: int) -> str:
        """Return the whole text of a row."""
        value = self._first[number].as_py()
        return "" if value is None else str(value)

    def _size(self, data: bytes) -> list[int] | None:
        """Return width and height of an image as it is seen upright; None for a broken one."""
        try:
            with opened_image(data) as image:
                width, height = image.size
                turned = image.getexif().get(ORIENTATION) in TURNED
        except UnreadableImage:
            return None
        return [height, width] if turned else [width, height]


def _shown(value: Any) -> str | None:
    """Return a cell as people read it; None for a missing one."""
    if value is None or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        listed = ", ".join(str(_shown(entry)) for entry in value[:LIST_ENTRIES])
        return listed if len(value) <= LIST_ENTRIES else f"{listed}, … ({len(value)} in all)"
    text = str(value)
    return text if len(text) <= CELL else f"{text[: CELL - 1]}…"
