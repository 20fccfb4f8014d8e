"""What is to be looked at, as a table for people: one line a row, with an empty verdict."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from active_learning.adapters.row_files import file_format, write_rows
from curation.decisions.safeguards import LINKED

from ..core.columns import class_names, read_row_ids, read_splits, take_rows
from ..core.file_names import image_name
from ..core.files import atomic_path
from ..core.issues import Issue, Issues
from ..core.loaded import LoadedDataset
from ..core.manifest import Manifest
from .places import Place, Places
from .verdict import Verdict

COLUMNS = (
    "row_id",
    "split",
    "file",
    "line",
    "check",
    "score",
    "why",
    "given_label",
    "suggested",
    "content",
    "twin",
    "twin_file",
    "twin_line",
    "twin_label",
    "twin_content",
    "proposal",
    "verdict",
    "label",
    "note",
)
# Worst first: what costs most where it is left.
ORDER = ("leakage", "conflict", "label", "exact_duplicate", "near_duplicate", "quality", "outlier")
TEXT_LENGTH = 4_000


@dataclass(frozen=True)
class Reviewed:
    """What a review looks at: decisions, what they rest on, and the rows."""

    manifest: Manifest
    issues: Issues
    loaded: LoadedDataset
    places: Places


def write_review(
    reviewed: Reviewed,
    path: str | os.PathLike[str],
    *,
    actions: Iterable[str] = ("review",),
    escape: bool = True,
    verdicts: Mapping[str, Verdict] = MappingProxyType({}),
) -> int:
    """Write the rows to look at as CSV or JSON Lines, and return their number.

    Pictures that lie in no file of their own go into a folder beside it, ``NAME.pictures``.

    Parameters
    ----------
    reviewed : Reviewed
    path : path-like
        Ends in ``.csv`` or ``.jsonl``.
    actions : iterable of str
        Rows with these decisions.
    escape : bool
        Whether CSV cells that a spreadsheet would run as formulas get an apostrophe.
    verdicts : mapping of str to Verdict
        What was said already, by row id; such rows are written whatever their decision.

    Raises
    ------
    InputError
        For another ending.
    """
    file_format(path, allowed=("csv", "lines"))
    wanted = set(actions)
    chosen = [
        row
        for row in reviewed.manifest.table.to_pylist()
        if row["action"] in wanted or row["row_id"] in verdicts
    ]
    chosen.sort(key=_urgency)
    folder = Path(path).with_name(Path(path).name + ".pictures")
    lines = sheet_lines(reviewed, chosen, verdicts=verdicts, pictures=folder)
    write_rows(path, lines, columns=COLUMNS, escape=escape)
    return len(lines)


def sheet_lines(
    reviewed: Reviewed,
    chosen: Sequence[dict[str, Any]],
    *,
    verdicts: Mapping[str, Verdict] = MappingProxyType({}),
    pictures: Path | None = None,
) -> list[dict[str, Any]]:
    """Return the lines of a sheet, with the columns of `COLUMNS`.

    Parameters
    ----------
    reviewed : Reviewed
    chosen : sequence of dict
        Lines of the manifest.
    verdicts : mapping of str to Verdict
    pictures : Path, optional
        A folder for pictures that lie in no file of their own; without it they are left out.
    """
    named = {row["row_id"] for row in chosen} | {row["twin"] for row in chosen if row["twin"]}
    contents = _contents(reviewed, named, pictures)
    found = findings_by_row(reviewed.issues, named)
    return [
        _line(row, reviewed, contents, found.get(row["row_id"], []))
        | _said(verdicts.get(row["row_id"]))
        for row in chosen
    ]


def _said(verdict: Verdict | None) -> dict[str, str]:
    if verdict is None:
        return {"verdict": "", "label": "", "note": ""}
    return {
        "verdict": verdict.verdict,
        "label": verdict.label or "",
        "note": verdict.note or "",
    }


def findings_by_row(issues: Issues, row_ids: set[str] | None = None) -> dict[str, list[Issue]]:
    """Return the findings of some rows, or of all."""
    found: dict[str, list[Issue]] = {}
    for issue in issues:
        if row_ids is None or issue.row_id in row_ids:
            found.setdefault(issue.row_id, []).append(issue)
    return found


def propose(row: dict[str, Any], found: list[Issue]) -> tuple[str, str | None]:
    """Return what accepting a decision does: an action, and a new label for ``"relabel"``.

    Parameters
    ----------
    row : dict
        Of a manifest.
    found : list of Issue
        All findings about the row.
    """
    if row["action"] in ("drop", "relabel"):
        return row["action"], row["new_label"]
    if row["reason"] in ("label", "conflict"):
        better = [one.suggested for one in found if one.check == row["reason"] and one.suggested]
        if better and better[0] != row["old_label"]:
            return "relabel", better[0]
    return "drop", None


def _urgency(row: dict[str, Any]) -> tuple[int, float, str]:
    reason = row["reason"]
    at = ORDER.index(reason) if reason in ORDER else len(ORDER)
    return at, row["score"] if row["score"] is not None else 0.0, row["row_id"]


def _line(
    row: dict[str, Any],
    reviewed: Reviewed,
    contents: dict[str, tuple[str, str, str]],
    found: list[Issue],
) -> dict[str, Any]:
    here, twin_id = reviewed.places.of(row["row_id"]), row["twin"]
    twin = reviewed.places.of(twin_id) if twin_id else Place()
    unread = ("", row["old_label"] or "", here.split or "")
    content, label, split = contents.get(row["row_id"], unread)
    twin_content, twin_label, _ = contents.get(twin_id or "", ("", "", ""))
    found = sorted(found, key=lambda one: one.check != row["reason"])
    _, better = propose(row, found)
    suggested = better or next((one.suggested for one in found if one.suggested), None)
    return {
        "row_id": row["row_id"],
        "split": here.split or split,
        "file": here.file or "",
        "line": here.line or "",
        "check": row["reason"] or "",
        "score": "" if row["score"] is None else round(row["score"], 4),
        "why": "; ".join(dict.fromkeys(one.detail for one in found if one.detail)),
        "given_label": label,
        "suggested": suggested or "",
        "content": content,
        "twin": twin_id or "",
        "twin_file": twin.file or "",
        "twin_line": twin.line or "",
        "twin_label": twin_label,
        "twin_content": twin_content,
        "proposal": proposal(row, found),
    }


def proposal(row: dict[str, Any], found: list[Issue]) -> str:
    """Return in words what accepting a decision does; see `propose`."""
    if row["action"] == "keep":
        return "keep this row"
    action, label = propose(row, found)
    if action == "relabel":
        return f"relabel as {label}"
    twin = row["twin"] and row["reason"] in LINKED
    return "drop this row, keep the twin" if twin else "drop this row"


def _contents(
    reviewed: Reviewed, wanted: set[str], pictures: Path | None
) -> dict[str, tuple[str, str, str]]:
    """Return what a person sees of each row, a text or a picture's path, its label and split."""
    loaded, schema = reviewed.loaded, reviewed.loaded.schema
    ids = read_row_ids(loaded.dataset).tolist()
    at = np.array([place for place, row_id in enumerate(ids) if row_id in wanted], dtype=np.int64)
    rows = take_rows(loaded.dataset, at)
    labels = class_names(rows, schema.label).to_pylist() if schema.label else [None] * len(rows)
    records = rows.with_format("arrow").data.table.select(list(schema.inputs)).to_pylist()
    names = [ids[place] for place in at.tolist()]
    if schema.modality == "image":
        images = [record[schema.inputs[0]] for record in records]
        shown = _pictures(names, images, reviewed.places, pictures)
    else:
        shown = [_text(record) for record in records]
    found = zip(names, shown, labels, read_splits(rows).tolist(), strict=True)
    return {name: (content, label or "", split) for name, content, label, split in found}


def _text(record: dict[str, Any]) -> str:
    values = [value for value in record.values() if value is not None]
    if len(record) == 1:
        text = str(values[0]) if values else ""
    else:
        text = ", ".join(f"{name} {value}" for name, value in record.items() if value is not None)
    return text if len(text) <= TEXT_LENGTH else text[: TEXT_LENGTH - 1] + "…"


def _pictures(
    names: list[str], images: list[dict[str, Any]], places: Places, folder: Path | None
) -> list[str]:
    """Return where each picture lies, and write those that lie nowhere by themselves."""
    own = [places.of(name).path for name in names]
    lying = [
        bool(p) and Path(p or "").suffix.lower() != "" and Path(p or "").is_file() for p in own
    ]
    alone = [here and _is_picture(p or "") for here, p in zip(lying, own, strict=True)]
    missing = [at for at, found in enumerate(alone) if not found]
    shown = [p or "" for p in own]
    if not missing or folder is None:
        return shown
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        for at in missing:
            name = f"{at:05d}-{image_name({**images[at], 'path': None}, names[at])}"
            (temporary / name).write_bytes(images[at]["bytes"])
            shown[at] = str((folder / name).resolve())
    return shown


def _is_picture(path: str) -> bool:
    from ..core.images import IMAGE_SUFFIXES

    return Path(path).suffix.lower() in IMAGE_SUFFIXES
