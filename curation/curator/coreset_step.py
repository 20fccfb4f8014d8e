"""The core set of a curator: chosen among the training rows that its other steps leave."""

from __future__ import annotations

from typing import Any

import numpy as np

from thresher.core.counted import counted
from thresher.core.errors import InputError
from thresher.core.issues import Issues
from thresher.core.manifest import Manifest
from thresher.core.token_counts import WORDS, TokenCounter

from ..coreset import CoreSet, select_coreset
from ..coreset.comparison import compare_chosen
from ..coreset.picking import UNCERTAIN
from ..coreset.selection import LONGEST
from .checks import Checks

# A curator gives no difficulties, so that the last three tell by the labels how hard a row is.
BY_LABEL = ("balanced", UNCERTAIN, "ccs", "el2n")


def choose_rows(checks: Checks, manifest: Manifest) -> Issues:
    """Choose a core set among the training rows that stay; return a finding for each other one."""
    options = dict(checks.plan["coreset"])
    rows = checks.rows
    staying = np.flatnonzero((rows.splits == "train") & (manifest.actions != "drop"))
    size = _size(checks, options, staying)
    vectors = checks.embeddings.take(staying)
    labels, lacking = _labels(checks, staying)
    _check_labeled(options.get("method", "auto"), lacking, len(staying))
    chosen = select_coreset(
        vectors,
        labels=labels,
        random_state=checks.seed,
        **size,
        **options,
    )
    checks.found["coreset"] = chosen
    said = f"{chosen.method} ({chosen.reason}){_spent(size, chosen)}"
    if lacking:
        said = f"{said}; not class by class, since {_without(lacking, len(staying))}"
    if options.get("method", "auto") == "auto":
        compared = compare_chosen(vectors, chosen, labels=labels, random_state=checks.seed)
        if compared is not None:
            checks.found["coreset comparison"] = compared
            said = f"{said}; {compared.reason}"
    checks.methods["coreset"] = said
    left = np.setdiff1d(np.arange(len(staying)), chosen.positions)
    return Issues.from_columns(
        "coreset",
        row_ids=rows.ids[staying[left]],
        scores=np.zeros(len(left)),
        details=[(f"not among the {counted(len(chosen), 'row')} chosen by {chosen.method}")]
        * len(left),
    )


def _labels(checks: Checks, staying: np.ndarray) -> tuple[np.ndarray | None, int]:
    """Return the classes of these rows, None where any has no label, and how many lack one."""
    if checks.rows.classes is None:
        return None, 0
    names = checks.rows.classes[staying]
    lacking = int((names == "").sum())
    return (None if lacking else names), lacking


def _check_labeled(method: str, lacking: int, total: int) -> None:
    if lacking and method in BY_LABEL:
        raise InputError(
            f"The method {method!r} goes by labels, and {_without(lacking, total)}. Label or leave "
            "out these rows, or take 'facility_location', which needs no labels."
        )


def _without(lacking: int, total: int) -> str:
    have = "has" if lacking == 1 else "have"
    return f"{lacking:,} of {counted(total, 'training row')} {have} no label"


def _size(checks: Checks, options: dict[str, Any], staying: np.ndarray) -> dict[str, Any]:
    """Take the size out of the options: rows, or tokens with the count of each row."""
    counter = TokenCounter.of(options.pop("tokenizer", None) or WORDS)
    tokens = options.pop("tokens", None)
    if tokens is None and options.get("method") != LONGEST:
        return {"n": min(int(options.pop("n")), len(staying))}
    if checks.rows.modality != "text":
        raise InputError("Tokens are counted in texts: name the text column.")
    texts = checks.rows.values()
    counts = counter.count([texts[row] for row in staying.tolist()])
    size = {"n": min(int(options.pop("n")), len(staying))} if tokens is None else {"tokens": tokens}
    return {**size, "token_counts": counts}


def _spent(size: dict[str, Any], chosen: CoreSet) -> str:
    if "token_counts" not in size:
        return ""
    counts = size["token_counts"]
    return f"; {counts[chosen.positions].sum():,} of {counted(counts.sum(), 'token')}"
