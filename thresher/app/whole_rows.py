"""Rows of a table that lack no number, for what cannot do without: models and encoders."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..core.columns import read_features, read_row_ids, take_rows
from ..core.counted import counted
from ..core.issues import Issue, Issues
from ..core.loaded import LoadedDataset
from ..core.progress import message


def with_all_numbers(loaded: LoadedDataset) -> LoadedDataset:
    """Set rows of a table aside in which some numbers are missing."""
    if loaded.schema.modality != "features":
        return loaded
    whole = np.isfinite(read_features(loaded.dataset, loaded.schema.inputs)).all(axis=1)
    if whole.all():
        return loaded
    ids = read_row_ids(loaded.dataset)[~whole].tolist()
    out = counted(len(ids), "row is", "rows are")
    message(f"{out} left out, since some of the numbers are missing")
    why = "missing numbers"
    found = [Issue(row_id=row, check="quality", score=0.0, detail=why) for row in ids]
    aside = Issues.concat([loaded.set_aside, Issues.from_rows(found)])
    return replace(loaded, dataset=take_rows(loaded.dataset, whole), set_aside=aside)
