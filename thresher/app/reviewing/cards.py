"""What a page shows of a row: name, place, content, all its findings, what accepting does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...core.columns import take_rows
from ...core.issues import Issue
from ..review_sheet import proposal, propose
from .table import OUTSIDE, ReviewTable

SHORT, WHOLE = 400, 1_000_000
NOTHING_DECIDED = "nothing, it was not read as a row of the data"


def cards(table: ReviewTable, rows: Sequence[int], *, length: int = SHORT) -> list[dict[str, Any]]:
    """Return plain JSON types for some rows.

    Parameters
    ----------
    table : ReviewTable
    rows : sequence of int
        Row numbers; each may come more than once.
    length : int
        Texts are cut to as many characters, and say how many there are.
    """
    distinct = list(dict.fromkeys(rows))
    contents = _contents(table, distinct, length)
    found = table.findings_of(distinct)
    decided = table.decisions_of(distinct)
    made = {
        row: _card(table, row, line, found[row]) | contents.get(row, {})
        for row, line in zip(distinct, decided, strict=True)
    }
    return [made[row] for row in rows]


def _card(
    table: ReviewTable, row: int, line: dict[str, Any], found: list[tuple[Issue, int]]
) -> dict[str, Any]:
    place = table.reviewed.places.of(line["row_id"])
    found = sorted(found, key=lambda one: one[0].check != line["reason"])
    first = [one for one, _ in found]
    stays = line["action"] in ("keep", OUTSIDE)
    action, better = (line["action"], None) if stays else propose(line, first)
    return {
        "row": row,
        "id": line["row_id"],
        "name": table.reviewed.places.called(line["row_id"]) or line["row_id"],
        "split": place.split or str(table.splits[row]),
        "given": line["old_label"],
        "action": line["action"],
        "reason": line["reason"],
        "twin": int(table.twins[row]),
        "proposal": NOTHING_DECIDED if action == OUTSIDE else proposal(line, first),
        "proposed": action,
        "better": better,
        "findings": [_finding(one, twin) for one, twin in found],
        "fields": [],
        "picture": False,
    }


def _finding(one: Issue, twin: int) -> dict[str, Any]:
    return {
        "check": one.check,
        "score": round(one.score, 4),
        "twin": twin,
        "twin_id": one.twin,
        "suggested": one.suggested,
        "detail": one.detail,
    }


def _contents(table: ReviewTable, rows: list[int], length: int) -> dict[int, dict[str, Any]]:
    loaded = table.reviewed.loaded
    schema = loaded.schema
    at = table.at_loaded[rows]
    there = [row for row, place in zip(rows, at.tolist(), strict=True) if place >= 0]
    taken = take_rows(loaded.dataset, at[at >= 0]).data.table
    if schema.modality == "image":
        column = taken.column(schema.inputs[0])
        has = pc.is_valid(pc.struct_field(column, "bytes")).to_pylist()
        return {row: {"picture": bool(one)} for row, one in zip(there, has, strict=True)}
    records = taken.select(list(schema.inputs)).to_pylist()
    return {
        row: {"fields": [_field(name, value, length) for name, value in record.items()]}
        for row, record in zip(there, records, strict=True)
    }


def _field(name: str, value: Any, length: int) -> dict[str, Any]:
    text = "" if value is None else str(value)
    return {"name": name, "text": text[:length], "length": len(text)}


def search(table: ReviewTable, text: str) -> np.ndarray:
    """Return the numbers of the rows whose id, place, label or text holds `text`, in any case.

    Returns
    -------
    ndarray of int64, sorted
    """
    hits = _hits(table.row_ids, text)
    hits[: table.decided] |= _hits(table.reviewed.manifest.table["old_label"], text)
    places = table.reviewed.places.table
    if len(places):
        named = np.flatnonzero(_hits(places["file"], text) | _hits(places["path"], text))
        hits[_known(table.numbers(places["row_id"].take(named).combine_chunks()))] = True
    return np.flatnonzero(hits | _content_hits(table, text))


def _content_hits(table: ReviewTable, text: str) -> np.ndarray:
    hits = np.zeros(len(table), dtype=bool)
    loaded = table.reviewed.loaded
    if loaded.schema.modality != "text":
        return hits
    inside = np.zeros(len(loaded.dataset), dtype=bool)
    for name in loaded.schema.inputs:
        inside |= _hits(loaded.dataset.data.table.column(name), text)
    here = table.at_loaded >= 0
    hits[here] = inside[table.at_loaded[here]]
    return hits


def _hits(column: Any, text: str) -> np.ndarray:
    found = pc.fill_null(pc.match_substring(column, text, ignore_case=True), False)
    whole = found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
    return np.array(whole.to_numpy(zero_copy_only=False), dtype=bool)


def _known(rows: np.ndarray) -> np.ndarray:
    known: np.ndarray = rows[rows >= 0]
    return known
