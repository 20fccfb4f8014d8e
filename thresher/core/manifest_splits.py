"""A manifest on a ``DatasetDict``: every split by itself, as part of one whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from .columns import read_row_ids
from .errors import InputError


class Decisions(Protocol):
    """What splits ask of a `Manifest`."""

    def align(self, row_ids: np.ndarray) -> Any:
        """Return the decisions in the order of `row_ids`; raise unless they are the same rows."""

    def in_ids_of(self, row_ids: np.ndarray) -> Any:
        """Return the same decisions, in today's ids where `row_ids` are those."""

    def about(self, row_ids: np.ndarray) -> Any:
        """Return the decisions about some rows."""


def apply_to_splits(
    manifest: Decisions, splits: Mapping[str, Any], *, label: str | None
) -> tuple[Any, Any]:
    """Apply a manifest of the rows of all splits together; see `Manifest.apply`.

    Returns
    -------
    tuple of two ``DatasetDict``
        The rows that stay, and the dropped ones.
    """
    import datasets

    ids = {name: read_row_ids(rows) for name, rows in splits.items()}
    manifest = _checked(manifest, ids)
    done = {
        name: manifest.about(ids[name]).apply(rows, label=label) for name, rows in splits.items()
    }
    return (
        datasets.DatasetDict({name: each.dataset for name, each in done.items()}),
        datasets.DatasetDict({name: each.removed for name, each in done.items()}),
    )


def undo_in_splits(
    manifest: Decisions, applied: Mapping[str, Any], removed: Any, *, label: str | None
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
    manifest = _checked(manifest, ids)
    return datasets.DatasetDict(
        {
            name: manifest.about(ids[name]).undo(rows, removed[name], label=label)
            for name, rows in applied.items()
        }
    )


def _checked(manifest: Decisions, ids: Mapping[str, np.ndarray]) -> Decisions:
    """Return the manifest in the ids of all splits together; raise unless they are its rows."""
    every = np.concatenate([np.empty(0, dtype=object), *ids.values()])
    manifest.align(every)
    known: Decisions = manifest.in_ids_of(every)
    return known
