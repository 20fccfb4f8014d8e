"""Rows as Prodigy's tasks, answers as its examples."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from thresher.core.errors import InputError, check_choice
from thresher.core.labels import Answer

from ...sessions.batch import Batch
from ...tasks import Task
from ..row_files import write_rows
from ..shown import Content, shown_row
from ..table_writing import BLIND

VIEWS = {
    "classification": "choice",
    "multi_label": "choice",
    "regression": "text_input",
    "spans": "spans_manual",
    "boxes": "image_manual",
}
NUMBER = "user_input"  # the field of a text input
INPUT = ("text", "image")
JUDGED = ("options", "accept", "spans", NUMBER)


def write_batch(
    task: Task, batch: Batch, path: str | os.PathLike[str], *, content: Content, escape: bool
) -> None:
    """Write a batch as tasks; what the model would say is chosen already, but not for blind rows.

    Prodigy gives the tasks hashes of its own when it loads them.
    """
    del escape
    rows = []
    for row, row_id in zip(batch.rows, batch.row_ids.tolist(), strict=True):
        suggested = None if row.arm == BLIND else row.suggestion
        made = _shown(task, row_id, content)
        # Where the marks lie the model does not know, only which classes there are.
        made |= _judgment(task, None if task.name in ("spans", "boxes") else suggested)
        made["meta"] = {"row_id": row_id, "why": row.reason}
        rows.append(made | {"annotator": batch.annotator})
    _write(path, rows)


def write_answers(
    task: Task, answers: Sequence[Answer], path: str | os.PathLike[str], *, content: Content
) -> None:
    """Write answers as examples: a label is "accept", a skip "ignore".

    Raises
    ------
    InputError
        For an answer that was taken back, which Prodigy's format cannot say.
    """
    rows = []
    for answer in answers:
        if answer.kind == "undo":
            raise InputError(
                "Prodigy's format has no word for an answer that was taken back: write the answers "
                "that count, not their history."
            )
        made = _shown(task, answer.row_id, content) | _judgment(task, answer.label)
        made["answer"] = "accept" if answer.kind == "label" else "ignore"
        made["meta"] = {"row_id": answer.row_id}
        made |= {"_input_hash": _hash(made, INPUT), "_task_hash": _hash(made, (*INPUT, *JUDGED))}
        made |= {"_view_id": VIEWS[task.name], "_timestamp": int(answer.time or 0)}
        if answer.annotator:
            made |= {"_annotator_id": answer.annotator, "_session_id": answer.annotator}
        if answer.seconds is not None:
            made["seconds"] = answer.seconds
        rows.append(made)
    _write(path, rows)


def _write(path: str | os.PathLike[str], rows: list[dict[str, Any]]) -> None:
    write_rows(path, rows, columns=())


def _shown(task: Task, row_id: str, content: Content) -> dict[str, Any]:
    kind, value = shown_row(task, row_id, content)
    return {"row_id": row_id, kind: value}


def _judgment(task: Task, text: str | None) -> dict[str, Any]:
    """Return the part that a person makes, of a label as text or of none yet."""
    check_choice("task", task.name, VIEWS)
    label = None if text is None else task.decode(text)
    if task.name == "regression":
        return {"field_label": "number"} | ({} if text is None else {NUMBER: text})
    if task.name == "boxes":
        return {"spans": [_box(mark) for mark in label or ()]}
    if task.name == "spans":
        return {"spans": list(label or ())}
    chosen = [label] if isinstance(label, str) else list(label or ())
    single = task.name == "classification"
    return {
        "options": [{"id": name, "text": name} for name in task.classes],
        "accept": chosen,
        "config": {"choice_style": "single" if single else "multiple"},
    }


def _box(mark: Mapping[str, Any]) -> dict[str, Any]:
    left, top, width, height = (mark[name] for name in ("x", "y", "width", "height"))
    right, bottom = left + width, top + height
    points = [[left, top], [left, bottom], [right, bottom], [right, top]]
    return {**mark, "points": points, "type": "rect"}


def _hash(example: Mapping[str, Any], keys: Sequence[str]) -> int:
    """Return 32 bits, with a sign, of some fields.

    Equal fields have equal hashes, as in Prodigy; the numbers are not those that it would give,
    whose recipe is not published.
    """
    held = {name: example[name] for name in keys if name in example}
    digest = hashlib.sha256(json.dumps(held, sort_keys=True).encode()).digest()
    return int.from_bytes(digest[:4], "big", signed=True)
