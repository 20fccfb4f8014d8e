"""What a page knows before it shows a row: the lists there are, labels, and verdicts as codes."""

from __future__ import annotations

from typing import Any

import numpy as np

from .desk import ReviewDesk
from .journal import CODES
from .table import DECIDED, ROW_ACTIONS, ReviewTable

MOST_LABELS = 5_000


def overview(desk: ReviewDesk) -> dict[str, Any]:
    """Return plain JSON types: rows, lists with their counts, labels, actions, verdicts."""
    table = desk.table
    loaded = table.reviewed.loaded
    changed = int((table.actions[: table.decided] != ROW_ACTIONS.index("keep")).sum())
    lists = [
        {
            "name": check,
            "title": title,
            "meaning": meaning,
            "count": table.count(check),
        }
        for check, (title, meaning) in table.titles().items()
    ]
    decided = {
        "name": DECIDED,
        "title": "All decisions",
        "meaning": "Every row that is to be dropped, relabeled or looked at, once.",
        "count": changed,
    }
    return {
        "rows": len(table),
        "origin": loaded.origin,
        "modality": loaded.schema.modality,
        "lists": [decided, *lists],
        "actions": list(ROW_ACTIONS),
        "checks": list(table.checks),
        "verdicts": list(CODES),
        "labels": table.labels[:MOST_LABELS],
        "own_labels": sum(label in table.own_labels for label in table.labels[:MOST_LABELS]),
        "all_labels": len(table.labels),
        "splits": split_codes(table)[1],
        "has_map": desk.vectors is not None,
        "refused": desk.finish.refused,
    }


def split_codes(table: ReviewTable) -> tuple[np.ndarray, list[str]]:
    """Return a code for each row's split, uint8, shape (n,), and the names of the codes."""
    names, codes = np.unique(table.splits.astype(str), return_inverse=True)
    return codes.astype(np.uint8), [str(name) for name in names]


def verdict_codes(desk: ReviewDesk) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the verdicts that count.

    Returns
    -------
    arrays : dict
        ``rows`` (int32), ``codes`` (uint8, positions in `CODES`) and ``said`` (int32, positions in
        the steps), each of shape (m,).
    said : dict
        ``last`` (the journal's last step) and ``steps`` (person, label and note of each).
    """
    state = desk.journal.state()
    ids = sorted(state["said"])
    steps = [state["said"][one] for one in ids]
    at = np.searchsorted(np.array(ids, np.int64), state["steps"])
    codes = np.array([CODES.index(str(step.verdict)) for step in steps], np.uint8)
    arrays = {
        "rows": state["rows"].astype(np.int32),
        "codes": codes[at] if len(ids) else np.empty(0, np.uint8),
        "said": at.astype(np.int32),
    }
    named = [{"person": one.person, "label": one.label, "note": one.note} for one in steps]
    return arrays, {"last": state["last"], "steps": named}
