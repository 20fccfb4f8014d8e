"""How many training rows of each class stay under a manifest, and which classes it thins out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..core.columns import class_names, read_row_ids, read_splits
from ..core.loaded import LoadedDataset
from ..core.manifest import Manifest
from ..core.schema import TASKS

# A class is thinned out that loses this share of its rows, and so many times that of all rows.
MOST_LOST, TIMES_ALL = 0.5, 2.0


@dataclass(frozen=True)
class ClassChange:
    """The training rows of one class: as given, and those that are kept under it."""

    name: str
    before: int
    after: int


def class_changes(loaded: LoadedDataset, manifest: Manifest) -> list[ClassChange]:
    """Count the training rows of each class; nothing where labels are no classes.

    Parameters
    ----------
    loaded : LoadedDataset
    manifest : Manifest
        About these rows; others are passed over.
    """
    schema = loaded.schema
    if schema.label is None or schema.task != TASKS[0]:
        return []
    rows = loaded.dataset
    ids = read_row_ids(rows)
    decided = manifest.about(ids).align(ids)
    old = np.asarray(class_names(rows, schema.label).to_pylist(), dtype=object)
    new = np.asarray(decided.table["new_label"].to_pylist(), dtype=object)
    now = np.where(decided.actions == "relabel", new, old)
    train = read_splits(rows) == "train"
    before, after = Counter(old[train]), Counter(now[train & (decided.actions != "drop")])
    return [ClassChange(name, before[name], after[name]) for name in schema.classes]


def thinned_classes(changes: Sequence[ClassChange]) -> list[ClassChange]:
    """Return the classes that lose most of their rows while the others lose few."""
    rows = sum(change.before for change in changes)
    lost = rows - sum(change.after for change in changes)
    return [
        change
        for change in changes
        if change.before > 1
        and 1 - change.after / change.before >= max(MOST_LOST, TIMES_ALL * lost / rows)
    ]
