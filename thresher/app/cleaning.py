"""A manifest applied to a user's own data: their columns, their cells, their order.

Beside the clean data stands a folder ``NAME.undo`` with the rows that were dropped or changed as
they were, and the order of all rows, so that nothing need be added to the clean data themselves.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..core.columns import take_rows
from ..core.files import atomic_path, write_json
from ..core.folder_writing import image_paths
from ..core.manifest import Manifest
from ..core.schema import ROW_ID, LoadedDataset
from ..core.writing import (
    SUFFIXES,
    image_columns,
    self_contained,
    with_named_classes,
    write_dataset,
)
from .given import digest, given_dataset, given_rows

if TYPE_CHECKING:
    import datasets

# Formats that keep class codes and the features behind them; in others names stand.
WITH_FEATURES = ("directory", "parquet")
ORDER, CHANGED, HEADER = "order.parquet", "changed.parquet", "undo.json"


@dataclass(frozen=True)
class Cleaned:
    """What `apply_manifest` wrote: where, and how many rows stay, go and have a new label."""

    path: Path
    undo: Path
    kept: int
    dropped: int
    relabeled: int

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {name: str(v) if isinstance(v, Path) else v for name, v in vars(self).items()}


def cover_all_rows(manifest: Manifest, loaded: LoadedDataset, *, action: str) -> Manifest:
    """Return decisions about every row of the source, also those that were set aside in reading.

    Parameters
    ----------
    manifest : Manifest
        About the usable rows.
    loaded : LoadedDataset
        With the rows as they came.
    action : {"drop", "review"}
        What happens to the rows that were set aside.
    """
    given = given_rows(loaded)
    aside = np.ones(len(given.row_ids), dtype=bool)
    aside[given.positions] = False
    ids = given.row_ids[aside].tolist()
    if not ids:
        return manifest
    extra = Manifest.from_columns(
        ids, [action] * len(ids), reasons=["quality"] * len(ids), scores=[0.0] * len(ids)
    )
    both = Manifest(pa.concat_tables([manifest.table, extra.table]), manifest.header)
    return both.align(given.row_ids)


def apply_manifest(
    manifest: Manifest,
    loaded: LoadedDataset,
    out: Path,
    *,
    format: str | None = None,  # noqa: A002 — as in write_dataset
) -> Cleaned:
    """Write the rows that stay, as the source holds them, and what is needed to take it back.

    Parameters
    ----------
    manifest : Manifest
        One decision for every row of the source; see `cover_all_rows`.
    loaded : LoadedDataset
        With the rows as they came.
    out : Path
        Beside it ``NAME.undo`` is written.
    format : str, optional
        See `thresher.core.write_dataset`.

    Raises
    ------
    InputError
        When the rows are not those of the manifest, or the format cannot hold them.
    """
    rows, label = given_dataset(loaded), loaded.schema.label
    own_id = ROW_ID in given_rows(loaded).table.column_names
    kind = format or SUFFIXES[out.suffix.lower()]
    decisions = manifest.align(given_rows(loaded).row_ids)
    applied = manifest.apply(rows, label=label)
    clean = applied.dataset if own_id else applied.dataset.remove_columns(ROW_ID)
    folder_label = (label or "label") if format == "imagefolder" else None
    as_csv = kind == "csv"
    delimiter = delimiter_of(loaded) if as_csv else None
    titles = titles_of(loaded) if as_csv else None
    if kind not in WITH_FEATURES:
        clean = with_named_classes(clean)
    write_dataset(clean, out, format=format, label=folder_label, delimiter=delimiter, titles=titles)
    order = decisions.table.select([ROW_ID, "action"])
    if folder_label is not None:
        order = _with_paths(order, applied.dataset, folder_label)
    header = {
        "manifest": manifest.fingerprint,
        "clean": digest(out),
        "own_id": own_id,
        "format": kind,
        "features": rows.features.to_dict(),
        "label": label,
        "delimiter": delimiter,
        "titles": titles,
    }
    counts = manifest.counts()
    undo = _save_undo(out, rows, order, header)
    return Cleaned(out, undo, len(clean), counts["drop"], counts["relabel"])


def delimiter_of(loaded: LoadedDataset) -> str | None:
    """Return what stands between the columns of the CSV file that was read; None is a comma."""
    found = loaded.choices.get("delimiter")
    return None if found is None else str(ast.literal_eval(found.value))


def titles_of(loaded: LoadedDataset) -> list[str] | None:
    """Return the first line of the CSV file that was read, where it is not its columns' names."""
    given = given_rows(loaded)
    usual = given.titles is None or list(given.titles) == given.table.column_names
    return None if given.titles is None or usual else list(given.titles)


def undo_folder(clean: Path) -> Path:
    """Return where the way back from clean data is kept."""
    return clean.with_name(clean.name + ".undo")


def _with_paths(order: pa.Table, clean: datasets.Dataset, label: str) -> pa.Table:
    """Add where each row that stays was written: an image folder is read in the order of names."""
    stored = self_contained(clean)
    (image,) = image_columns(stored.features)
    written = [path.as_posix() for path in image_paths(stored, image=image, label=label)]
    stays = order["action"].to_numpy() != "drop"
    paths = np.full(len(order), None, dtype=object)
    paths[stays] = written
    return order.append_column("path", pa.array(paths, pa.string()))


def _save_undo(out: Path, rows: datasets.Dataset, order: pa.Table, header: dict[str, Any]) -> Path:
    actions = order["action"].to_numpy()
    changed = take_rows(rows, np.flatnonzero(np.isin(actions, ["drop", "relabel"])))
    folder = undo_folder(out)
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        pq.write_table(order, temporary / ORDER)
        pq.write_table(changed.data.table.replace_schema_metadata(None), temporary / CHANGED)
        write_json(temporary / HEADER, header)
    return folder
