"""A manifest applied to a user's own data: their columns, their cells, their order, their splits.

Beside the clean data stands a folder ``NAME.undo`` with the rows that were dropped or changed as
they were, and the order of all rows, so that nothing need be added to the clean data themselves.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..core.columns import read_column, take_rows, with_column
from ..core.files import atomic_path, write_json
from ..core.folder_writing import image_paths
from ..core.loaded import LoadedDataset
from ..core.loading.json_files import OBJECTS
from ..core.manifest import Manifest
from ..core.packing import data_suffix
from ..core.schema import ROW_ID, SPLIT
from ..core.split_writing import write_splits
from ..core.writing import (
    JSON_FORMATS,
    TEXT_FORMATS,
    choose_format,
    image_columns,
    self_contained,
    usual_delimiter,
    with_named_classes,
    write_dataset,
)
from .class_changes import ClassChange, class_changes, thinned_classes
from .clean_places import HEADER, read_back, remove_stale, undo_folder, untouched
from .given import digest, given_dataset, given_rows
from .layout import SplitLayout, layouts_of, split_apart, split_of_rows
from .unread_files import keep_files, unread_files
from .unread_lines import STAY, UnreadLines, lines_stay

if TYPE_CHECKING:
    import datasets

# Formats that keep class codes and the features behind them; in others names stand.
WITH_FEATURES = ("directory", "parquet")
ORDER, CHANGED = "order.parquet", "changed.parquet"
LINES = "lines.parquet"  # of what was JSON: the rows in `CHANGED` as they stood there


@dataclass(frozen=True)
class Cleaned:
    """What `apply_manifest` wrote: where, and how many rows stay, go and have a new label.

    ``splits`` holds where each split lies, and ``split_rows`` its rows; both are empty where the
    data came in one table. ``thinned`` holds the classes that lose most of their training rows
    while the others lose few.
    """

    path: Path
    undo: Path
    kept: int
    dropped: int
    relabeled: int
    splits: dict[str, Path] = field(default_factory=dict)
    split_rows: dict[str, int] = field(default_factory=dict)
    thinned: tuple[ClassChange, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        values = {name: str(v) if isinstance(v, Path) else v for name, v in vars(self).items()}
        return values | {
            "splits": {name: str(path) for name, path in self.splits.items()},
            "thinned": [vars(change) for change in self.thinned],
        }


def cover_all_rows(manifest: Manifest, loaded: LoadedDataset, *, action: str) -> Manifest:
    """Return decisions about every row of the source, also those that were set aside in reading.

    Parameters
    ----------
    manifest : Manifest
        About the usable rows.
    loaded : LoadedDataset
        With the rows as they came.
    action : {"drop", "review"}
        What happens to the rows that were set aside; lines that are no rows stay with "review".
    """
    given = given_rows(loaded)
    said = lines_stay(loaded, action=action)
    if said:
        manifest = replace(manifest, header={**manifest.header, **said})
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

    Splits that keys or file names of the source say stay splits: see
    `thresher.core.split_writing.write_splits`. A column that says them stays a column.

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
    kind = choose_format(out, format)
    decisions = manifest.align(given_rows(loaded).row_ids)
    # One object alone under the name .json is no table to any reader.
    several = int((decisions.actions != "drop").sum()) > 1
    if kind == "json" and format is None and several and OBJECTS in loaded.choices:
        kind = "jsonl"
    applied = manifest.apply(rows, label=label).dataset
    stays = decisions.actions != "drop"
    style = _style(loaded, kind, out)
    lines = _lines(loaded) if kind in JSON_FORMATS else None
    layouts = layouts_to_write(loaded, kind)
    every = split_of_rows(loaded) if layouts else None
    splits = None if every is None else every[stays]
    unread = UnreadLines.of(loaded, apart=bool(layouts))
    held = unread.safe(header=given_rows(loaded).titles != ())
    before = untouched(out)
    written = write_clean(
        applied,
        out,
        kind=kind,
        style=style,
        layouts=layouts,
        splits=splits,
        own_id=own_id,
        lines=None if lines is None else _as_decided(lines, label, decisions, applied),
        broken=held.among(stays, every, form=kind) if manifest.header.get(STAY) == "keep" else {},
    )
    order = decisions.table.select([ROW_ID, "action"])
    if every is not None:
        order = order.append_column("split", pa.array(every, pa.string()))
    if style["label"] is not None:
        order = _with_paths(order, applied, style["label"], splits)
    header = {
        "manifest": manifest.fingerprint,
        "clean": digest(*read_back(out, written, kind=kind).values()),
        "own_id": own_id,
        "format": kind,
        "features": rows.features.to_dict(),
        "label": label,
        "delimiter": style["delimiter"],
        "titles": style["titles"],
        "line_end": style["line_end"],
        "preamble": style["preamble"],
        "order_mark": style["order_mark"],
        "layouts": [layout.to_json() for layout in layouts],
    }
    remove_stale(before, written.values())
    counts = manifest.counts()
    files = unread_files(loaded) if kind == "imagefolder" else {}
    undo = _save_undo(out, rows, order, header, lines, unread, files)
    in_splits = {layout.name: int(np.sum(splits == layout.name)) for layout in layouts}
    places = written if layouts else {}
    thinned = tuple(thinned_classes(class_changes(loaded, decisions)))
    dropped, relabeled = counts["drop"], counts["relabel"]
    return Cleaned(out, undo, len(applied), dropped, relabeled, places, in_splits, thinned)


def _style(loaded: LoadedDataset, kind: str, out: Path) -> dict[str, Any]:
    """Return what else `write_dataset` is told, so that a file looks like those of the source."""
    label = loaded.schema.label
    return {
        "label": (label or "label") if kind == "imagefolder" else None,
        "delimiter": _delimiter(loaded, out) if kind == "csv" else None,
        "titles": titles_of(loaded) if kind == "csv" else None,
        "line_end": _of_all(loaded, "line_end") if kind == "csv" else None,
        "preamble": _of_all(loaded, "preamble") if kind == "csv" else None,
        "stored": _of_all(loaded, "stored"),
        "order_mark": kind in TEXT_FORMATS and bool(_of_all(loaded, "order_mark")),
    }


def layouts_to_write(loaded: LoadedDataset, kind: str) -> tuple[SplitLayout, ...]:
    """Return the splits that are written apart: several, or those of a ``DatasetDict``."""
    layouts = layouts_of(loaded)
    return layouts if len(layouts) > 1 or kind == "directory" else ()


def write_clean(
    rows: datasets.Dataset,
    out: Path,
    *,
    kind: str,
    style: dict[str, Any],
    layouts: tuple[SplitLayout, ...],
    splits: np.ndarray | None,
    own_id: bool,
    lines: np.ndarray | None = None,
    broken: Mapping[str, list[tuple[int, bytes]]] = MappingProxyType({}),
) -> dict[str, Path]:
    """Write rows with their ids as the source had them, and return where each split lies.

    Parameters
    ----------
    rows : datasets.Dataset
        With a column ``row_id``, which is the source's own where `own_id` is true.
    kind : str
        The format.
    style : dict
        Further arguments of `write_dataset`.
    layouts : tuple of SplitLayout
        None for data in one table, whose place has the name of an empty text.
    splits : ndarray of object, shape (n,)
        The split of each row, where there are layouts.
    lines : ndarray of bytes (object), shape (n,)
        The rows as lines of JSON, where the source has them.
    broken : mapping of str to list of (int, bytes)
        Lines of each split that are no rows; see `write_dataset`.
    """
    plain = rows if own_id else rows.remove_columns(ROW_ID)

    def fitting(piece: datasets.Dataset) -> datasets.Dataset:
        return piece if kind in WITH_FEATURES else with_named_classes(piece)

    if splits is None:
        own = None if lines is None else lines.tolist()
        rest = {"lines": own, "broken": broken.get("", ()), **style}
        return {"": write_dataset(fitting(plain), out, format=kind, **rest)}
    pieces = split_apart(plain, splits, layouts)
    whole = {name: fitting(piece) for name, piece in pieces.items()}
    titles = {layout.name: layout.titles for layout in layouts}
    apart = {} if lines is None else {name: lines[splits == name].tolist() for name in whole}
    rest = {**style, "titles": titles, "broken": broken}
    return write_splits(whole, out, format=kind, lines=apart, **rest)


def _lines(loaded: LoadedDataset) -> np.ndarray | None:
    """Return all rows as lines of JSON where the source has them, or None."""
    found = [part.lines for part in given_rows(loaded).parts]
    if not found or any(lines is None for lines in found):
        return None
    return np.array(pa.concat_arrays(found).to_pylist(), dtype=object)


def _as_decided(
    lines: np.ndarray, label: str | None, decisions: Manifest, clean: datasets.Dataset
) -> np.ndarray:
    """Return the lines of JSON of the rows that stay, with their new labels."""
    stays = decisions.actions != "drop"
    left: np.ndarray = lines[stays]
    changed = np.flatnonzero(decisions.actions[stays] == "relabel")
    if len(changed):
        values = read_column(clean, str(label))
        for row in changed.tolist():
            said = {**json.loads(left[row]), str(label): values[row].as_py()}
            left[row] = json.dumps(said, ensure_ascii=False).encode()
    return left


def _of_all(loaded: LoadedDataset, name: str) -> Any:
    """Return what all files of the source have in common, or None."""
    first, *more = [getattr(part, name) for part in given_rows(loaded).parts] or [None]
    return first if all(value == first for value in more) else None


def _delimiter(loaded: LoadedDataset, out: Path) -> str:
    return delimiter_of(loaded) or usual_delimiter(data_suffix(out))


def delimiter_of(loaded: LoadedDataset) -> str | None:
    """Return what stands between the columns of the CSV file that was read; None is a comma."""
    found = loaded.choices.get("delimiter")
    return None if found is None else str(ast.literal_eval(found.value))


def titles_of(loaded: LoadedDataset) -> list[str] | None:
    """Return the first line of the CSV file that was read, where it is not its columns' names."""
    given = given_rows(loaded)
    usual = given.titles is None or list(given.titles) == given.table.column_names
    return None if given.titles is None or usual else list(given.titles)


def _with_paths(
    order: pa.Table, clean: datasets.Dataset, label: str, splits: np.ndarray | None
) -> pa.Table:
    """Add where each row that stays was written: an image folder is read in the order of names."""
    stored = self_contained(clean)
    (image,) = image_columns(stored.features)
    if splits is not None:
        stored = with_column(stored, SPLIT, pa.array(splits, pa.string()))
    written = [path.as_posix() for path in image_paths(stored, image=image, label=label)]
    places = np.full(len(order), None, dtype=object)
    places[order["action"].to_numpy() != "drop"] = written
    return order.append_column("path", pa.array(places, pa.string()))


def _save_undo(
    out: Path,
    rows: datasets.Dataset,
    order: pa.Table,
    header: dict[str, Any],
    lines: np.ndarray | None,
    unread: UnreadLines,
    files: dict[str, Path],
) -> Path:
    at = np.flatnonzero(np.isin(order["action"].to_numpy(), ["drop", "relabel"]))
    changed = take_rows(rows, at)
    folder = undo_folder(out)
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        pq.write_table(order, temporary / ORDER)
        pq.write_table(changed.data.table.replace_schema_metadata(None), temporary / CHANGED)
        if lines is not None:
            own = pa.array(lines[at].tolist(), pa.large_binary())
            ids = order[ROW_ID].take(pa.array(at))
            pq.write_table(pa.table({ROW_ID: ids, "line": own}), temporary / LINES)
        unread.save(temporary)
        keep_files(files, temporary)
        write_json(temporary / HEADER, header)
    return folder
