"""A manifest on a ``DatasetDict``: every split by itself, as part of one whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .columns import read_row_ids
from .errors import InputError

if TYPE_CHECKING:
    from .manifest import Applied, Manifest


def apply_to_splits(
    manifest: Manifest, splits: Mapping[str, Any], *, label: str | None
) -> Applied[Any]:
    """Apply a manifest of the rows of all splits together; see `Manifest.apply`."""
    import datasets

    from .manifest import Applied

    ids = {name: read_row_ids(rows) for name, rows in splits.items()}
    manifest.align(np.concatenate([np.empty(0, dtype=object), *ids.values()]))
    done = {
        name: _of(manifest, ids[name]).apply(rows, label=label) for name, rows in splits.items()
    }
    return Applied(
        datasets.DatasetDict({name: each.dataset for name, each in done.items()}),
        datasets.DatasetDict({name: each.removed for name, each in done.items()}),
    )


def undo_in_splits(
    manifest: Manifest, applied: Mapping[str, Any], removed: Any, *, label: str | None
) -> Any:
    """Put every split back as it was; see `Manifest.undo`."""
    import datasets

    if not isinstance(removed, Mapping) or set(removed) != set(applied):
        raise InputError(
            f"The rows that stay come in the splits {', '.join(applied)}; give the removed rows in "
            "the same ones, as `apply` gave them."
        )
    ids = {
        name: np.concatenate([read_row_ids(rows), read_row_ids(removed[name])])
        for name, rows in applied.items()
    }
    manifest.align(np.concatenate([np.empty(0, dtype=object), *ids.values()]))
    return datasets.DatasetDict(
        {
            name: _of(manifest, ids[name]).undo(rows, removed[name], label=label)
            for name, rows in applied.items()
        }
    )


def _of(manifest: Manifest, ids: np.ndarray) -> Manifest:
    """Return the decisions about some rows, in the manifest's order."""
    here = pc.is_in(manifest.table["row_id"], value_set=pa.array(ids, pa.string()))
    return replace(manifest, table=manifest.table.filter(here))
