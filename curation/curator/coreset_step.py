"""The core set of a curator: chosen among the training rows that its other steps leave."""

from __future__ import annotations

import numpy as np

from thresher.core.issues import Issues
from thresher.core.manifest import Manifest

from ..coreset import select_coreset
from .checks import Checks


def choose_rows(checks: Checks, manifest: Manifest) -> Issues:
    """Choose a core set among the training rows that stay; return a finding for each other one."""
    options = dict(checks.plan["coreset"])
    rows = checks.rows
    staying = np.flatnonzero((rows.splits == "train") & (manifest.actions != "drop"))
    n = min(int(options.pop("n")), len(staying))
    names = rows.classes
    whole = names is not None and bool((names[staying] != "").all())
    chosen = select_coreset(
        checks.embeddings.take(staying),
        n=n,
        labels=names[staying] if whole and names is not None else None,
        random_state=checks.seed,
        **options,
    )
    checks.found["coreset"] = chosen
    checks.methods["coreset"] = f"{chosen.method} ({chosen.reason})"
    left = np.setdiff1d(np.arange(len(staying)), chosen.positions)
    return Issues.from_columns(
        "coreset",
        row_ids=rows.ids[staying[left]],
        scores=np.zeros(len(left)),
        details=[f"not among the {n:,} rows chosen by {chosen.method}"] * len(left),
    )
