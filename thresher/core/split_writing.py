"""Datasets of several splits on disk: each split stays a split, in the form of one dataset.

A saved Hugging Face dataset becomes a ``DatasetDict``; image folders and tar shards get a folder
for each split; every other format a file, ``clean.csv`` as ``clean-train.csv``, ``clean-test.csv``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import pyarrow as pa

from .columns import with_column
from .files import atomic_path
from .packing import name_parts, with_stem
from .schema import ROW_ID, SPLIT
from .writing import choose_format, image_columns, quiet, self_contained, write_dataset

if TYPE_CHECKING:
    import datasets

# Formats in which one folder holds all splits.
IN_ONE_FOLDER = ("directory", "imagefolder", "webdataset")


def split_paths(
    path: str | os.PathLike[str],
    splits: Iterable[str],
    *,
    format: str | None = None,  # noqa: A002 — as in write_dataset
) -> dict[str, Path]:
    """Return where `write_splits` puts each split."""
    target = Path(path)
    if choose_format(target, format) in IN_ONE_FOLDER:
        return {name: target / name for name in splits}
    return {name: with_stem(target, f"{name_parts(target)[0]}-{name}") for name in splits}


def write_splits(
    splits: Mapping[str, datasets.Dataset],
    path: str | os.PathLike[str],
    *,
    format: str | None = None,  # noqa: A002 — as in write_dataset
    label: str | None = None,
    delimiter: str | None = None,
    titles: Mapping[str, Sequence[str] | None] = MappingProxyType({}),
    line_end: str | None = None,
    preamble: str | None = None,
    stored: pa.Schema | None = None,
    lines: Mapping[str, Sequence[bytes]] = MappingProxyType({}),
    order_mark: bool = False,
    broken: Mapping[str, Sequence[tuple[int, bytes]]] = MappingProxyType({}),
) -> dict[str, Path]:
    """Write each split by its name; features and the order of rows are kept.

    Parameters
    ----------
    splits : mapping of str to datasets.Dataset
        A split without rows is written too.
    path : path-like
        A folder, or the file whose name gets ``-NAME`` for each split.
    format, label, delimiter, line_end, preamble, stored, order_mark : optional
        See `thresher.core.write_dataset`.
    titles : mapping of str to sequence of str, optional
        The first line of each split's file; only for ``"csv"``.
    lines : mapping of str to sequence of bytes, optional
        All rows of each split's file as JSON; only for ``"jsonl"`` and ``"json"``.
    broken : mapping of str to sequence of (int, bytes), optional
        Lines of each split's file that are no rows; only for CSV and JSON.

    Returns
    -------
    dict of str to Path
        See `split_paths`.

    Raises
    ------
    InputError
        As `thresher.core.write_dataset` does.
    """
    target = Path(path)
    places = split_paths(target, splits, format=format)
    chosen = choose_format(target, format)
    if chosen == "directory":
        with atomic_path(target) as temporary:
            _save_dict(splits, temporary)
    elif chosen == "imagefolder":
        write_dataset(
            _with_split_column(splits, label or "label"), target, format=chosen, label=label
        )
    elif chosen in IN_ONE_FOLDER:
        with atomic_path(target) as temporary:
            temporary.mkdir()
            for name, rows in splits.items():
                write_dataset(rows, temporary / name, format=chosen, label=label)
    else:
        for name, rows in splits.items():
            first = titles.get(name) if chosen == "csv" else None
            write_dataset(
                rows,
                places[name],
                format=chosen,
                delimiter=delimiter,
                titles=first,
                line_end=line_end,
                preamble=preamble,
                stored=stored,
                lines=lines.get(name),
                order_mark=order_mark,
                broken=broken.get(name, ()),
            )
    return places


def _with_split_column(splits: Mapping[str, datasets.Dataset], label: str) -> datasets.Dataset:
    """Return one dataset of what an image folder can hold, so that classes are named once."""
    import datasets

    parts = []
    for name, rows in splits.items():
        held = [ROW_ID, label, *image_columns(rows.features)]
        part = rows.select_columns([column for column in held if column in rows.column_names])
        column = pa.array([name] * len(rows), pa.string())
        parts.append(with_column(part, SPLIT, column))
    return datasets.concatenate_datasets(parts)


def _save_dict(splits: Mapping[str, datasets.Dataset], path: Path) -> None:
    import datasets

    whole = datasets.DatasetDict({name: self_contained(rows) for name, rows in splits.items()})
    # Left to itself, the library writes no shard for no rows and then cannot load it.
    shards = {name: None if len(rows) else 1 for name, rows in splits.items()}
    with quiet():
        whole.save_to_disk(str(path), num_shards=shards)
