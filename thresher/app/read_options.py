"""How a user's data are read, each option declared once; its meaning is that of the setting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from ..core.loading.options import FileOptions
from ..core.options import Option
from .settings import meaning


class ImageOptions(FileOptions, total=False):
    """Which columns hold images and labels, and how files are read."""

    label: Annotated[str | None, Option(None, meaning("data.label"))]
    image: Annotated[str | None, Option(None, meaning("data.image"))]
    where: Annotated[Mapping[str, Any] | None, Option(None, meaning("data.where"))]


class InputOptions(FileOptions, total=False):
    """Which columns are the input, and how files are read."""

    image: Annotated[str | None, Option(None, meaning("data.image"))]
    text: Annotated[str | None, Option(None, meaning("data.text"))]
    features: Annotated[Sequence[str] | None, Option(None, meaning("data.features"))]
    where: Annotated[Mapping[str, Any] | None, Option(None, meaning("data.where"))]


class ColumnOptions(InputOptions, total=False):
    """Which columns are the input and the label, and how files are read."""

    label: Annotated[str | None, Option(None, meaning("data.label"))]
    row_id: Annotated[str | None, Option(None, meaning("data.row_id"))]
    task: Annotated[str | None, Option(None, meaning("data.task"))]
