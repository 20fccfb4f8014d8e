"""Labelling with a spreadsheet or any other tool: a batch goes out as a file and comes back filled.

CSV (any spreadsheet) or JSON Lines, by the name's ending. Rows are keyed by ``row_id``; whoever
labels fills the column ``label`` with a class, or ``skip``. The file can come back in any order, in
parts, and twice.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thresher.core.errors import InputError, did_you_mean
from thresher.core.files import atomic_path

from .batch import SKIP, Batch, Mark
from .session import Session

SKIP_WORD = "skip"
COLUMNS = ("row_id", "annotator", "suggestion", "confidence", "arm", "reason", "label")


@dataclass(frozen=True)
class Conflict:
    """An imported label that differs from the one recorded for the same row and annotator."""

    row_id: str
    annotator: str
    recorded: str
    imported: str


@dataclass(frozen=True)
class Imported:
    """What an import did.

    Attributes
    ----------
    new : int
        Answers recorded.
    repeated : int
        Answers that were there already.
    empty : int
        Rows whose label was left empty.
    conflicts : tuple of Conflict
        Left as recorded, unless the import was told to overwrite.
    """

    new: int
    repeated: int
    empty: int
    conflicts: tuple[Conflict, ...]


def export_batch(
    batch: Batch,
    path: str | os.PathLike[str],
    *,
    content: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Write a batch of ``session.ask`` as CSV or JSON Lines, atomically.

    Parameters
    ----------
    batch : Batch
    path : path-like
        Ends in ``.csv``, ``.jsonl`` or ``.ndjson``.
    content : mapping of row id to a mapping, optional
        Further columns for whoever labels, such as ``{"text": …}``; they come after ``row_id``.

    Raises
    ------
    InputError
        For another ending, or when a further column has a name of ours.
    """
    rows = [_exported(batch, place, content) for place in range(len(batch))]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    # The column to fill goes last.
    columns = [*(name for name in columns if name != "label"), "label"]
    lines = _is_lines(path)
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        if lines:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        else:
            writer = csv.DictWriter(file, columns, restval="")
            writer.writeheader()
            writer.writerows(rows)


def import_answers(
    session: Session,
    path: str | os.PathLike[str],
    *,
    annotator: str | None = None,
    overwrite: bool = False,
) -> Imported:
    """Record the labels of a filled file.

    Parameters
    ----------
    session : Session
    path : path-like
        With the columns ``row_id`` and ``label``; ``annotator`` and ``seconds`` are optional.
    annotator : str, optional
        Who labelled; default the file's column, else unnamed.
    overwrite : bool
        Record labels that differ from the recorded ones as corrections; otherwise they are only
        reported.

    Raises
    ------
    InputError
        For unknown row ids, labels outside the classes, or two different labels for one row and
        annotator in the file; line numbers are named and nothing is recorded.
    """
    told, seconds, empty = _read_answers(session, path, annotator=annotator)
    recorded = session.recorded()
    conflicts = []
    new = repeated = 0
    by_person: dict[str, dict[str, str | Mark]] = {}
    for (row, person), label in told.items():
        before = recorded.get((row, person))
        if before == label:
            repeated += 1
            continue
        if before is not None:
            conflicts.append(Conflict(row, person, _word(before), _word(label)))
            if not overwrite:
                continue
        by_person.setdefault(person, {})[row] = label
    for person, answers in by_person.items():
        times = {row: seconds[row, person] for row in answers if (row, person) in seconds}
        new += session.tell(answers, annotator=person, seconds=times)
    return Imported(new, repeated, empty, tuple(conflicts))


def export_labels(session: Session, path: str | os.PathLike[str]) -> int:
    """Write the consensus label of each labelled row as CSV or JSON Lines; return their number.

    Columns: ``row_id``, ``label``, ``score`` (probability that it is right).
    """
    found = session.labels()
    lines = _is_lines(path)
    columns = ("row_id", "label", "score")
    values = zip(found.row_ids.tolist(), found.labels.tolist(), found.scores.tolist(), strict=True)
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        if lines:
            file.writelines(
                json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False) + "\n"
                for row in values
            )
        else:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(values)
    return len(found.row_ids)


def _exported(
    batch: Batch, place: int, content: Mapping[str, Mapping[str, Any]] | None
) -> dict[str, Any]:
    row, row_id = batch.rows[place], str(batch.row_ids[place])
    shown = dict(content.get(row_id, {})) if content else {}
    ours = sorted(set(shown) & set(COLUMNS))
    if ours:
        raise InputError(f"`content` has the column {ours[0]!r}, which the export itself writes.")
    return {
        "row_id": row_id,
        **shown,
        "annotator": batch.annotator,
        "suggestion": row.suggestion or "",
        "confidence": "" if row.confidence is None else round(row.confidence, 4),
        "arm": row.arm,
        "reason": row.reason,
        "label": "",
    }


def _read_answers(
    session: Session, path: str | os.PathLike[str], *, annotator: str | None
) -> tuple[dict[tuple[str, str], str | Mark], dict[tuple[str, str], float], int]:
    told: dict[tuple[str, str], str | Mark] = {}
    seconds: dict[tuple[str, str], float] = {}
    empty = 0
    for number, line in _read_lines(path):
        where = f"{path}, line {number}"
        row = str(line.get("row_id") or "")
        text = str(line.get("label") or "").strip()
        if not text:
            empty += 1
            continue
        _check_row(session, row, where=where)
        label = _read_label(session, text, where=where)
        key = row, annotator if annotator is not None else str(line.get("annotator") or "")
        if told.get(key, label) != label:
            raise InputError(
                f"{where}: row {row!r} is {_word(label)!r} here and {_word(told[key])!r} above."
            )
        told[key] = label
        if line.get("seconds") not in (None, ""):
            seconds[key] = _read_seconds(line["seconds"], where=where)
    return told, seconds, empty


def _check_row(session: Session, row: str, *, where: str) -> None:
    try:
        session.state.position(row)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def _read_label(session: Session, text: str, *, where: str) -> str | Mark:
    if text in session.classes:
        return text
    if text.lower() == SKIP_WORD:
        return SKIP
    raise InputError(
        f"{where}: the label {text!r} is not one of {', '.join(session.classes)}, nor "
        f"'{SKIP_WORD}'.{did_you_mean(text, session.classes)}"
    )


def _read_seconds(value: Any, *, where: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: `seconds` must be a number, got {value!r}.") from error


def _read_lines(path: str | os.PathLike[str]) -> list[tuple[int, dict[str, Any]]]:
    lines = _is_lines(path)
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}).") from error
    found = _read_json_lines(path, text) if lines else _read_csv(text)
    for column in ("row_id", "label"):
        if found and column not in found[0][1]:
            raise InputError(
                f"{path} has no column '{column}'. Columns: {', '.join(map(str, found[0][1]))}."
            )
    return found


def _read_csv(text: str) -> list[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(text.splitlines(keepends=True))
    return [(reader.line_num, row) for row in reader]


def _read_json_lines(path: str | os.PathLike[str], text: str) -> list[tuple[int, dict[str, Any]]]:
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"{path}, line {number}: not JSON ({error}).") from error
        if not isinstance(row, dict):
            raise InputError(f"{path}, line {number}: not a JSON object.")
        found.append((number, row))
    return found


def _is_lines(path: str | os.PathLike[str]) -> bool:
    ending = Path(path).suffix.lower()
    if ending not in (".csv", ".jsonl", ".ndjson"):
        raise InputError(f"{path} must end in .csv, .jsonl or .ndjson.")
    return ending != ".csv"


def _word(label: str | Mark) -> str:
    return label.value if isinstance(label, Mark) else label
