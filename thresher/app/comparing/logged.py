"""What two models say of the rows that a server has kept."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from lifecycle import ServedModel, load_served, read_requests
from lifecycle.serving.bodies import TEXT_ROWS
from lifecycle.serving.isolation import run_isolated
from lifecycle.serving.preparation import preparation_of

from ...core.counted import counted
from ...core.errors import InputError
from ...core.progress import message
from .answers import Answers
from .shown_rows import Shown, numbers_shown

PathLike = str | os.PathLike[str]
_AT_ONCE = 256  # rows: a log may hold more than Python lists of it would fit into memory


def answers_to_log(old: PathLike, new: PathLike, log: PathLike) -> Answers:
    """Ask both models about the rows of a log; one that either cannot take is left out and counted.

    Raises
    ------
    InputError
        When the log holds no content, or no row that both models take.
    """
    table = read_requests(log)
    models = [load_served(path) for path in (old, new)]
    both: dict[str, tuple[str, str]] = {}
    places: dict[str, int] = {}
    rows = 0
    for start, part in _parts(table):
        rows += sum(_has_content(row) for row in part)
        said = [_said(model, part) for model in models]
        for at, row in enumerate(part):
            name = row["row_id"]
            if name in said[0] and name in said[1]:
                both[name], places[name] = (said[0][name], said[1][name]), start + at
    if not rows:
        raise InputError(
            f"{log} holds {counted(table.num_rows, 'row')}, none with what was sent. Let the "
            f"server keep it: thresher serve MODEL --record {log} --record-content."
        )
    if not both:
        raise InputError(
            f"None of the {counted(rows, 'row')} of {log} is one that both models take: they were "
            f"sent to another kind of model. {old} takes {models[0].input_spec}, {new} "
            f"{models[1].input_spec}."
        )
    if len(both) < rows:
        message(
            f"{counted(rows - len(both), 'row is', 'rows are')} left out, since a model cannot "
            "take them"
        )

    def shown(names: Sequence[str]) -> Shown:
        return _shown(models[1], table.take([places[name] for name in names]).to_pylist())

    return Answers(both, sorted({*models[0].classes, *models[1].classes}), shown)


def _parts(table: pa.Table) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    for start in range(0, table.num_rows, _AT_ONCE):
        yield start, table.slice(start, _AT_ONCE).to_pylist()


def _has_content(row: dict[str, Any]) -> bool:
    return row.get("bytes") is not None or row.get("numbers") is not None


def _said(model: ServedModel, rows: list[dict[str, Any]]) -> dict[str, str]:
    """Return the model's answers to rows that it can take, by their ids."""
    found: dict[str, str] = {}
    for inputs, taken in (_prepared(model, rows), _arrays(model, rows)):
        if not taken:
            continue
        # What one model answered the other may fail on.
        told = run_isolated(lambda part: (model.predict(part), _all_leave(part), part), inputs)
        for at, answer in zip(told.rows, told.logits.argmax(1), strict=True):
            found[taken[at]["row_id"]] = model.classes[answer]
    return found


def _all_leave(rows: np.ndarray) -> np.ndarray:
    return np.ones(len(rows), dtype=bool)


Taken = tuple[np.ndarray, list[dict[str, Any]]]


def _prepared(model: ServedModel, rows: list[dict[str, Any]]) -> Taken:
    """Return input made of texts or image files, and the rows that have one."""
    ways = preparation_of(model.preprocessing, model.input_spec)
    raw = [row for row in rows if row.get("bytes") is not None]
    if TEXT_ROWS in ways:
        raw = [row for row in raw if _text(row) is not None]
    if not ways or not raw:
        return np.zeros(0), []
    inputs, errors = next(iter(ways.values()))([row["bytes"] for row in raw])
    return inputs, [row for at, row in enumerate(raw) if at not in errors]


def _text(row: dict[str, Any]) -> str | None:
    try:
        text: str = row["bytes"].decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text


def _arrays(model: ServedModel, rows: list[dict[str, Any]]) -> Taken:
    """Return numbers as input, and the rows whose numbers the model takes as they are."""
    spec = model.input_spec
    size = math.prod(spec.shape)
    same = [row for row in rows if len(row.get("numbers") or ()) == size]
    given = np.array([row["numbers"] for row in same], dtype=np.float64).reshape(-1, size)
    if np.dtype(spec.dtype).kind in "iu":
        limits = np.iinfo(spec.dtype)
        fits = (given >= limits.min) & (given <= limits.max) & (given == np.floor(given))
        good = fits.all(axis=1)
        same, given = [row for row, fit in zip(same, good, strict=True) if fit], given[good]
    return given.reshape(-1, *spec.shape).astype(spec.dtype), same


def _shown(model: ServedModel, rows: list[dict[str, Any]]) -> Shown:
    how, spec = model.preprocessing, model.input_spec
    if how.get("kind") == "text":
        return Shown({"text": [_text(row) or "" if row.get("bytes") else "" for row in rows]})
    if how.get("kind") == "image" and spec.dtype == "uint8" and len(spec.shape) == 3:
        return Shown(images=[_as_file(row, spec.shape) for row in rows])
    size = math.prod(spec.shape)
    columns = how.get("columns") or ()
    names = columns if len(columns) == size else [f"x{at}" for at in range(size)]
    values = [row["numbers"] for row in rows]
    return numbers_shown(
        {str(name): [each[at] for each in values] for at, name in enumerate(names)}
    )


def _as_file(row: dict[str, Any], shape: tuple[int, ...]) -> bytes:
    """Return the image file that was sent, or one of its pixels."""
    if row.get("bytes") is not None:
        data: bytes = row["bytes"]
        return data
    import cv2

    pixels = np.array(row["numbers"], dtype=np.uint8).reshape(shape).transpose(1, 2, 0)
    return cv2.imencode(".png", np.ascontiguousarray(pixels[..., ::-1]))[1].tobytes()
