"""Labels as Label Studio's results, and back.

A result is a list of items, each ``{"from_name", "to_name", "type", "value"}``; the format is that
of its JSON export: https://labelstud.io/guide/export.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from thresher.core.counted import counted
from thresher.core.errors import InputError

from ...tasks import Task
from .config import Control

# Boxes come in percent of the image; pixels are kept to this many decimals.
DECIMALS = 4
Items = Sequence[Mapping[str, Any]]


def to_result(
    task: Task, label: str, control: Control, *, data: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return the result of an encoded label.

    Parameters
    ----------
    task : Task
    label : str
        As `Task.encode` made it.
    control : Control
    data : mapping
        The task's data: the text in which spans lie; for boxes ``width`` and ``height`` of the
        image in pixels.
    """
    named = {"from_name": control.name, "to_name": control.shown}
    return [
        {**named, **item} for item in _WRITERS[task.name](task.decode(label), data, control.key)
    ]


def _one_class(label: str, data: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    del data, key
    return [{"type": "choices", "value": {"choices": [label]}}]


def _several_classes(
    label: Sequence[str], data: Mapping[str, Any], key: str
) -> list[dict[str, Any]]:
    del data, key
    return [{"type": "choices", "value": {"choices": list(label)}}] if label else []


def _number(label: float, data: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    del data, key
    return [{"type": "number", "value": {"number": label}}]


def _spans(
    label: Sequence[Mapping[str, Any]], data: Mapping[str, Any], key: str
) -> list[dict[str, Any]]:
    text = str(data.get(key, ""))
    return [
        {
            "id": f"span-{number}",
            "type": "labels",
            "value": {
                "start": mark["start"],
                "end": mark["end"],
                "text": text[mark["start"] : mark["end"]],
                "labels": [mark["label"]],
            },
        }
        for number, mark in enumerate(label)
    ]


def _boxes(
    label: Sequence[Mapping[str, Any]], data: Mapping[str, Any], key: str
) -> list[dict[str, Any]]:
    del key
    if label and not (data.get("width") and data.get("height")):
        raise InputError("Label Studio keeps boxes in percent: the image's size is needed.")
    size = {"x": "width", "y": "height", "width": "width", "height": "height"}
    return [
        {
            "id": f"box-{number}",
            "type": "rectanglelabels",
            "original_width": data["width"],
            "original_height": data["height"],
            "image_rotation": 0,
            "value": {
                **{name: 100.0 * mark[name] / data[whole] for name, whole in size.items()},
                "rotation": 0,
                "rectanglelabels": [mark["label"]],
            },
        }
        for number, mark in enumerate(label)
    ]


_WRITERS: Mapping[str, Callable[[Any, Mapping[str, Any], str], list[dict[str, Any]]]] = {
    "classification": _one_class,
    "multi_label": _several_classes,
    "regression": _number,
    "spans": _spans,
    "boxes": _boxes,
}


def from_result(
    task: Task, result: Items, *, name: str | None, text: str | None = None
) -> str | None:
    """Return the encoded label of a result, None for one that holds no answer.

    An empty result says "none" where a row can be without classes or marks, and nothing elsewhere.

    Parameters
    ----------
    task : Task
    result : sequence of mapping
        Items of other controls are left out.
    name : str or None
        Of the control; None for whichever there is.
    text : str, optional
        In which spans lie, to check them against what was marked.

    Raises
    ------
    InputError
        When the label is not one of the task.
    """
    items = [item for item in result if name in (None, item.get("from_name"))]
    label = _READERS[task.name](items, text)
    return None if label is None else task.encode(label)


def _values(items: Items, field: str) -> list[Any]:
    return [item["value"][field] for item in items if field in (item.get("value") or {})]


def _read_class(items: Items, text: str | None) -> str | None:
    del text
    chosen = [name for names in _values(items, "choices") for name in names]
    if len(chosen) > 1:
        raise InputError(
            f"{counted(len(chosen), 'class was', 'classes were')} chosen for one row: {chosen}."
        )
    return str(chosen[0]) if chosen else None


def _read_classes(items: Items, text: str | None) -> list[str]:
    del text
    return [name for names in _values(items, "choices") for name in names]


def _read_number(items: Items, text: str | None) -> float | None:
    del text
    numbers = _values(items, "number")
    if len(numbers) > 1:
        raise InputError(
            f"{counted(len(numbers), 'number was', 'numbers were')} given for one row: {numbers}."
        )
    return numbers[0] if numbers else None


def _read_spans(items: Items, text: str | None) -> list[dict[str, Any]]:
    found = []
    for value in (item["value"] for item in items if "labels" in (item.get("value") or {})):
        start, end = _place(value, text)
        found += [{"start": start, "end": end, "label": label} for label in value["labels"]]
    return found


def _place(value: Mapping[str, Any], text: str | None) -> tuple[int, int]:
    """Return where a span lies in the text, in characters.

    Programs in other languages count a character beyond U+FFFF as two; what was marked tells.
    """
    start, end = int(value["start"]), int(value["end"])
    marked = value.get("text")
    if text is None or marked is None or text[start:end] == marked:
        return start, end
    units = text.encode("utf-16-le")
    before = units[: 2 * start].decode("utf-16-le", "replace")
    inside = units[2 * start : 2 * end].decode("utf-16-le", "replace")
    if inside == marked:
        return len(before), len(before) + len(inside)
    raise InputError(
        f"the span from {start} to {end} is {text[start:end]!r:.60} in the row, and {marked!r:.60} "
        "was marked. The text must be the one that was imported."
    )


def _read_boxes(items: Items, text: str | None) -> list[dict[str, Any]]:
    del text
    found = []
    for item in items:
        value = item.get("value") or {}
        for label in value.get("rectanglelabels", ()):
            if value.get("rotation"):
                raise InputError(
                    f"a box is turned by {value['rotation']:g} degrees, and a box here has no "
                    'angle. Set canRotate="false" in the labeling configuration.'
                )
            found.append({**_pixels(item, value), "label": label})
    return found


def _pixels(item: Mapping[str, Any], value: Mapping[str, Any]) -> dict[str, float]:
    width, height = item.get("original_width"), item.get("original_height")
    if not (width and height):
        raise InputError("a box comes without the image's `original_width` and `original_height`.")
    wholes = {"x": width, "y": height, "width": width, "height": height}
    return {
        name: round(float(value[name]) * whole / 100.0, DECIMALS) for name, whole in wholes.items()
    }


_READERS: Mapping[str, Callable[[Items, str | None], Any]] = {
    "classification": _read_class,
    "multi_label": _read_classes,
    "regression": _read_number,
    "spans": _read_spans,
    "boxes": _read_boxes,
}


def flat_items(cell: Any, task: Task) -> list[dict[str, Any]]:
    """Return the items of a cell of a JSON-MIN or CSV export, which leaves their frame out.

    There a single choice is a text, several are ``{"choices": […]}``, and numbers, spans and boxes
    are lists of their values.
    """
    if isinstance(cell, str) and cell in task.classes:
        return [{"value": {"choices": [cell]}}]
    if isinstance(cell, str) and cell[:1] in "[{":
        with suppress(json.JSONDecodeError):  # a class whose name begins with a bracket
            cell = json.loads(cell)
    if isinstance(cell, (str, int, float)):
        return [{"value": {"number": cell} if task.name == "regression" else {"choices": [cell]}}]
    if isinstance(cell, Mapping):
        return [{"value": dict(cell)}]
    if isinstance(cell, list) and all(isinstance(value, Mapping) for value in cell):
        return [{**value, "value": value} for value in cell]
    raise InputError(f"the label must be a choice, a number or a list of marks, got {cell!r:.80}.")
