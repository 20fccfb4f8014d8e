"""Datasets on disk: whole or absent, self-contained, and readable without us.

``Dataset.to_parquet`` on a selection goes row by row through the indices mapping (20 CPU-seconds
for 700,000 rows with a vector each, against 0.7 here) and writes images as local paths with no
bytes. Here the rows are taken first, images are embedded, and the Parquet writer spends no time on
dictionaries, statistics and compression of vectors and encoded images, which gain nothing by them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .columns import class_names, dataset_of, take_rows, take_table, with_column
from .counted import counted
from .csv_writing import write_csv
from .errors import InputError, check_choice
from .files import atomic_path
from .folder_writing import write_image_folder
from .json_writing import json_rows, write_json_rows
from .packing import data_suffix, name_parts, pack
from .parquet_writing import write_parquet
from .signatures import checked
from .tar_writing import write_shards, write_tar

if TYPE_CHECKING:
    import datasets

FORMATS = ("directory", "parquet", "csv", "jsonl", "json", "imagefolder", "tar", "webdataset")
JSON_FORMATS = ("jsonl", "json")
TEXT_FORMATS = ("csv", *JSON_FORMATS)
SUFFIXES = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".tar": "tar",
    "": "directory",
}
ROW_GROUP_BYTES = 2**26
ROW_GROUP_ROWS = 50_000  # larger groups spend up to 0.4 s a million rows on fresh memory
FOLDERS = r"^.*[/\\]"


@checked
def write_dataset(
    dataset: datasets.Dataset,
    path: str | os.PathLike[str],
    *,
    format: str | None = None,  # noqa: A002 — the word that users look for
    label: str | None = None,
    delimiter: str | None = None,
    titles: Sequence[str] | None = None,
    line_end: str | None = None,
    preamble: str | None = None,
    stored: pa.Schema | None = None,
    lines: Sequence[bytes] | None = None,
    order_mark: bool = False,
    broken: Sequence[tuple[int, bytes]] = (),
) -> Path:
    """Write a dataset atomically; features and the order of rows are kept.

    Images are embedded with their bytes and their paths cut to the file name, so that what is
    written stands alone. ``datasets.load_from_disk`` and ``datasets.load_dataset`` read the
    first four formats and decode the images of the first two.

    Parameters
    ----------
    dataset : datasets.Dataset
    path : path-like
        An existing file or folder there is replaced when the new one is complete.
    format : str, optional
        ``"directory"`` (as ``save_to_disk``), ``"parquet"``, ``"csv"``, ``"jsonl"``,
        ``"json"`` (a list of objects, one a line), ``"imagefolder"`` (``split/class/name.jpg``),
        ``"tar"`` (one file in the WebDataset layout) or ``"webdataset"`` (a folder of such shards);
        default by the suffix of `path`. A further suffix ``.gz``, ``.bz2``, ``.xz`` or ``.zst``
        packs the file.
    label : str, optional
        The column that names the class folders; only for ``"imagefolder"``, default ``"label"``.
    delimiter : str, optional
        Between the columns; only for ``"csv"``, default a comma, or a tab by the suffix ``.tsv``.
    titles : sequence of str, optional
        The first line of a CSV file; see `thresher.core.csv_writing.write_csv`.
    line_end : str, optional
        Ends the lines of a CSV file, default a newline.
    preamble : str, optional
        Stands before all other lines of a CSV file: what says the delimiter, such as ``"sep=;"``,
        or titles.
    stored : pyarrow.Schema, optional
        Types that columns had where they came from, such as dictionaries, maps and pandas periods,
        which a dataset does not hold; they are brought back in a Parquet file.
    lines : sequence of bytes, optional
        The rows as JSON in UTF-8, to be written as they are; only for ``"jsonl"``
        and ``"json"``.
    order_mark : bool
        Whether a file of CSV or JSON begins with the byte order mark of UTF-8.
    broken : sequence of (int, bytes)
        Lines that are no rows: how many rows come before each, and what it holds; only for CSV
        and JSON.

    Returns
    -------
    Path
        Where it was written.

    Raises
    ------
    InputError
        When a format cannot hold a column, or an image has neither bytes nor a readable file.

    Examples
    --------
    >>> import datasets
    >>> from thresher.core import write_dataset
    >>> rows = datasets.Dataset.from_dict({"text": ["x", "y"], "stars": ["good", "bad"]})
    >>> write_dataset(rows, "clean.csv").read_text().split()
    ['text,stars', 'x,good', 'y,bad']
    """
    target = Path(path)
    chosen = choose_format(target, format)
    of_csv = {
        "delimiter": delimiter,
        "titles": titles,
        "line_end": line_end,
        "preamble": preamble,
    }
    _check_options(chosen, label, {name for name, value in of_csv.items() if value is not None})
    if (order_mark or broken) and chosen not in TEXT_FORMATS:
        raise InputError(f"`order_mark` and `broken` are of CSV and JSON; this is {chosen!r}.")
    if lines is not None and (chosen not in JSON_FORMATS or len(lines) != len(dataset)):
        raise InputError(f"`lines` are those of {counted(len(dataset), 'row')} of JSON.")
    _, suffix, packing = name_parts(target)
    with atomic_path(target) as temporary:
        place = temporary.with_name("plain") if packing else temporary
        if chosen == "parquet":
            write_parquet(
                _blocks(dataset),
                place,
                usual=_decoding(dataset.features).arrow_schema,
                stored=stored,
                sample=_rows(dataset, 0, 5_000),
                rows=len(dataset),
            )
        elif chosen in _TAR_WRITERS:
            _TAR_WRITERS[chosen](_named_blocks(dataset), place)
        elif chosen == "imagefolder":
            _write_image_folder(self_contained(dataset), place, label=label or "label")
        elif chosen == "csv":
            write_csv(
                self_contained(dataset).data.table,
                place,
                delimiter=delimiter or usual_delimiter(suffix),
                titles=titles,
                line_end=line_end or "\n",
                preamble=preamble,
                order_mark=order_mark,
                broken=broken,
            )
        elif chosen in JSON_FORMATS:
            write_json_rows(
                json_rows(self_contained(dataset).data.table) if lines is None else lines,
                place,
                as_list=chosen == "json",
                order_mark=order_mark,
                broken=broken,
            )
        else:
            _write_directory(self_contained(dataset), place)
        if packing:
            pack(place, temporary)
    return target


def _check_options(chosen: str, label: str | None, of_csv: set[str]) -> None:
    if label is not None and chosen != "imagefolder":
        raise InputError(f"`label` names the folders of an 'imagefolder'; this is {chosen!r}.")
    if of_csv and chosen != "csv":
        raise InputError(f"`{min(of_csv)}` is that of a CSV file; this is {chosen!r}.")


def usual_delimiter(suffix: str) -> str:
    """Return what stands between the columns of files with such a suffix."""
    return "\t" if suffix in (".tsv", ".tab") else ","


def choose_format(target: Path, wanted: str | None) -> str:
    """Return the format that was asked for, or that of the suffix."""
    if wanted is not None:
        return check_choice("format", wanted, FORMATS)
    suffix = data_suffix(target)
    if suffix not in SUFFIXES:
        raise InputError(
            f"The suffix {suffix!r} stands for no format. Use .parquet, .csv, .jsonl, .json "
            f"or none, or give `format`, one of {', '.join(FORMATS)}."
        )
    return SUFFIXES[suffix]


def self_contained(dataset: datasets.Dataset) -> datasets.Dataset:
    """Return the dataset without an indices mapping and with the bytes of all its images."""
    if dataset._indices is not None:
        dataset = take_rows(dataset, np.arange(len(dataset)))
    features = _decoding(dataset.features)
    table = _with_bytes(dataset.data.table, features)
    return dataset_of(table, features, like=dataset, key=dataset._fingerprint)


def _decoding(features: datasets.Features) -> datasets.Features:
    """Return the features with all images set to be decoded by whoever loads them."""
    import datasets

    decoding = {name: replace(features[name], decode=True) for name in image_columns(features)}
    return datasets.Features({name: decoding.get(name, features[name]) for name in features})


def image_columns(features: datasets.Features) -> list[str]:
    """Return the names of the image columns."""
    import datasets

    return [name for name, feature in features.items() if isinstance(feature, datasets.Image)]


def _with_bytes(table: pa.Table, features: datasets.Features) -> pa.Table:
    for name in image_columns(features):
        column = _embedded(table.column(name))
        table = table.set_column(table.column_names.index(name), name, column)
    return table


def _embedded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    chunks = []
    for chunk in column.chunks:
        files, paths = pc.struct_field(chunk, "bytes"), pc.struct_field(chunk, "path")
        parts = [_filled(files, paths), pc.replace_substring_regex(paths, FOLDERS, "")]
        fields = [chunk.type.field("bytes"), chunk.type.field("path")]
        chunks.append(pa.StructArray.from_arrays(parts, fields=fields, mask=chunk.is_null()))
    return pa.chunked_array(chunks, column.type)


def _filled(files: pa.Array, paths: pa.Array) -> pa.Array:
    missing = pc.and_(files.is_null(), paths.is_valid())
    if not pc.any(missing).as_py():
        return files
    values = files.to_pylist()
    for row in np.flatnonzero(missing.to_numpy(zero_copy_only=False)):
        path = paths[row].as_py()
        try:
            values[row] = Path(path).read_bytes()
        except OSError as error:
            raise InputError(
                f"An image is only the path {path!r}, and that file cannot be read "
                f"({error.strerror}). What is written must stand alone: bring the file back, or "
                "drop the row."
            ) from error
    return pa.array(values, files.type)


def _write_directory(dataset: datasets.Dataset, path: Path) -> None:
    with quiet():
        # Left to itself, the library writes no shard for no rows and then cannot load it.
        dataset.save_to_disk(str(path), num_shards=None if len(dataset) else 1)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the library's own progress bar; ours is the reporter's business."""
    import datasets

    were_off = datasets.utils.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if not were_off:
            datasets.enable_progress_bars()


def _blocks(dataset: datasets.Dataset) -> Iterator[pa.Table]:
    """Yield the rows in order, with the bytes of all images, about 64 MiB at a time."""
    features = _decoding(dataset.features)
    bytes_a_row = dataset.data.table.nbytes / max(1, dataset.data.table.num_rows)
    rows = max(1, min(ROW_GROUP_ROWS, int(ROW_GROUP_BYTES / max(1, bytes_a_row))))
    for start in range(0, len(dataset), rows):
        yield _with_bytes(_rows(dataset, start, rows), features)


def _named_blocks(dataset: datasets.Dataset) -> Iterator[pa.Table]:
    """Yield `_blocks` with class names in the place of codes."""
    yield from _blocks(with_named_classes(dataset))


def with_named_classes(dataset: datasets.Dataset) -> datasets.Dataset:
    """Return the dataset with names in the place of class codes, for files without features."""
    for name, feature in dataset.features.items():
        if hasattr(feature, "names"):
            dataset = with_column(dataset, name, class_names(dataset, name).combine_chunks())
    return dataset


def _rows(dataset: datasets.Dataset, start: int, rows: int) -> pa.Table:
    """Return a block of rows as stored, through the indices mapping where there is one."""
    table = dataset.data.table
    if dataset._indices is None:
        return table.slice(start, rows)
    return take_table(table, dataset._indices.column(0).slice(start, rows).to_numpy())


def _write_image_folder(dataset: datasets.Dataset, path: Path, *, label: str) -> None:
    images = image_columns(dataset.features)
    if len(images) != 1:
        raise InputError(f"An image folder needs one image column, the dataset has {len(images)}.")
    write_image_folder(dataset, path, image=images[0], label=label)


_TAR_WRITERS = {"tar": write_tar, "webdataset": write_shards}
