"""How many of the planted faults were found, kind by kind."""

from __future__ import annotations

from typing import Any

from ...core.faults import PlantedFaults
from ...core.issues import Issues

# The check that must find each kind, and the other kinds that rightly set it off as well: a leaked
# row is also an exact copy.
FOUND_BY = {
    "copy": ("exact_duplicate", ("leak",)),
    "near_copy": ("near_duplicate", ()),
    "leak": ("leakage", ()),
    "swapped_label": ("label", ()),
}


def found_shares(faults: PlantedFaults, issues: Issues) -> dict[str, dict[str, Any]]:
    """Return recall and precision for each kind of planted fault.

    Either row of a planted pair counts as found: which of two equal rows is the copy, nobody can
    tell. Precision is the share of the check's findings that are about planted rows; faults that
    the data had before count as wrong.
    """
    return {kind: _share(kind, faults, issues) for kind in FOUND_BY if len(faults.of(kind))}


def _share(kind: str, faults: PlantedFaults, issues: Issues) -> dict[str, Any]:
    check, also = FOUND_BY[kind]
    flagged = set(issues.of(check).table["row_id"].to_pylist())
    planted = faults.of(kind)
    pairs = list(zip(planted.row_ids().tolist(), planted.sources().tolist(), strict=True))
    found = sum(row in flagged or source in flagged for row, source in pairs)
    right = {row_id for name in (kind, *also) for row_id in _rows(faults.of(name))}
    true = len(flagged & right)
    return {
        "planted": len(pairs),
        "found": found,
        "recall": found / len(pairs),
        "flagged": len(flagged),
        "precision": true / len(flagged) if flagged else 1.0,
    }


def _rows(faults: PlantedFaults) -> set[str]:
    return {*faults.row_ids().tolist(), *faults.sources().tolist()} - {""}
