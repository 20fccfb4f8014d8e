"""Embedding Parquet files one by one, all in the space of one encoder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from thresher.core.arrow_kinds import is_string
from thresher.core.counted import counted
from thresher.core.encoders import embed, get_encoder, load_encoder
from thresher.core.encoders.lengths import cuts_of, said_of_cuts
from thresher.core.encoders.protocol import Encoder
from thresher.core.encoders.values import ColumnSource, Source, open_source
from thresher.core.errors import InputError
from thresher.core.executor import Executor
from thresher.core.files import read_json, write_json
from thresher.core.progress import message
from thresher.core.randomness import RandomState, check_random_state
from thresher.core.schema import ROW_ID
from thresher.core.urls import Place, places

from .arrays import stamp_of
from .parquet_files import parquet_rows, parquet_schema, read_parquet
from .work import Work, open_work

if TYPE_CHECKING:
    import datasets

Columns = str | Sequence[str] | None
CUTS, NOTHING = "cuts.json", "nothing.json"


def embed_shards(
    sources: Sequence[str | os.PathLike[str]],
    work_folder: str | os.PathLike[str],
    *,
    column: str | Sequence[str] | None = None,
    encoder: str | Encoder | Callable[[Any], Any] = "auto",
    executor: str | Executor = "serial",
    workers: int | None = None,
    device: str = "auto",
    random_state: RandomState = 0,
    first_row: int = 0,
) -> list[Path]:
    """Embed Parquet files, each on its own; what is done is not done again.

    An encoder that is not fitted is fitted first, on the same sample of rows that `embed` draws
    from all of them, so that the vectors are those of `embed` wherever the files are cut.

    Parameters
    ----------
    sources : sequence of path, or of addresses such as ``s3://bucket/part-*.parquet``
        Parquet files with an image column, a text column or columns of numbers. Without a column
        ``row_id`` the rows are named by their number among all.
    work_folder : path
    column, encoder, device, random_state
        See `thresher.core.embed`; but ``"auto"`` takes the built-in encoder of the modality, by
        which copies are found. With workers a function must be one of a module.
    executor, workers
        See `get_executor`.
    first_row : int
        Number of the first row, where rows are named by their number.

    Returns
    -------
    list of Path
        A folder of embeddings for each file, for `curate_shards`.

    Raises
    ------
    InputError
        When a file cannot be read or its values do not go with the encoder.
    """
    paths = places(sources)
    if not paths:
        raise InputError("There are no shards: give at least one Parquet file.")
    if first_row < 0:
        raise InputError(f"`first_row` must be at least 0, got {first_row}.")
    starts = np.concatenate([[0], np.cumsum([parquet_rows(path) for path in paths])]).tolist()
    rng = check_random_state(random_state)
    modality, _ = compared_columns(paths[0], column=column)
    spec = f"builtin:{modality}" if isinstance(encoder, str) and encoder == "auto" else encoder
    seed = int(rng.integers(2**31))
    model = get_encoder(spec, modality=modality, device=device, random_state=seed)
    if not model.fitted:
        message(f"fit {model.name}")
        model.fit(_sample(paths, starts, model, column=column, rng=rng))
    files = {f"{at:06d}": at for at in range(len(paths))}
    stamps = [stamp_of(path) for path in paths]
    names = [column] if isinstance(column, str) else column and list(column)
    with open_work(Path(work_folder), executor=executor, workers=workers) as work:
        key = [model.fingerprint, stamps, names, first_row]
        numbers = tuple(first_row + start for start in starts)
        task = EmbedFile(tuple(paths), numbers, column, portable(model, work))
        parts = work.do("embed", task, key=key, shards=files)
        tell_cuts(parts)
        _tell_nothing(paths, parts)
    return [part / "embeddings" for part in parts]


def compared_columns(
    path: str | os.PathLike[str], *, column: str | Sequence[str] | None = None
) -> tuple[str, list[str]]:
    """Return what `embed_shards` compares: ``image``, ``text`` or ``features``, and its columns.

    Only the schema of the Parquet file is read.

    Raises
    ------
    InputError
        When the file cannot be read, or when it has several columns that could be meant.
    """
    import datasets as hf

    empty = hf.Dataset(hf.table.InMemoryTable(parquet_schema(path).empty_table()))
    source = open_source(empty, column=column)
    assert isinstance(source, ColumnSource)  # a dataset has columns
    return source.modality, list(source.columns)


def portable(model: Encoder, work: Work) -> Encoder | str:
    """Return what each worker gets: a folder to load the encoder from, or the encoder itself."""
    folder = work.folder / f"encoder-{model.fingerprint}"
    if not folder.exists():
        try:
            model.save(folder)
        except InputError:  # a function, which has no file
            return model
    return str(folder)


@dataclass(frozen=True)
class EmbedFile:
    """Task over files, given by their places: the folder ``embeddings``."""

    paths: tuple[Place, ...]
    starts: tuple[int, ...]
    column: Columns
    encoder: Encoder | str

    def __call__(self, at: int, folder: Path) -> None:
        """Fill the folder."""
        data, model = _read(self.paths[at]), loaded(self.encoder)
        rows = range(self.starts[at], self.starts[at + 1])
        ids = None if ROW_ID in data.column_names else np.array(rows, np.int64).astype(str)
        with counted_cuts(model, folder):
            found = embed(data, column=self.column, encoder=model, row_ids=ids)
        found.save(folder / "embeddings")
        empty = np.flatnonzero(_nothing(data, self.column)) + 1
        write_json(folder / NOTHING, {"count": len(empty), "first": empty[:1].tolist()})


def loaded(encoder: Encoder | str) -> Encoder:
    """Return an encoder; one that lies in a folder is loaded once in each process."""
    return _from_folder(encoder) if isinstance(encoder, str) else encoder


@lru_cache(maxsize=2)  # of pairs, the image's and the text's
def _from_folder(folder: str) -> Encoder:
    return load_encoder(folder)


@contextmanager
def counted_cuts(encoder: Encoder, folder: Path) -> Iterator[None]:
    """Write how many texts an encoder cuts meanwhile to ``cuts.json``, where it counts them."""
    cuts = cuts_of(encoder)
    before = cuts.count if cuts else 0
    yield
    if cuts:
        found = {"count": cuts.count - before, "longest": cuts.longest}
        write_json(folder / CUTS, found)


def tell_cuts(folders: Sequence[Path]) -> None:
    """Say how many texts were cut in all shards together."""
    found = [read_json(folder / CUTS) for folder in folders if (folder / CUTS).exists()]
    count = sum(each["count"] for each in found)
    if count:
        files = counted(len(folders), "file")
        message(f"{said_of_cuts(count, found[0]['longest'])} in {files}")


def _nothing(data: datasets.Dataset, column: Columns) -> np.ndarray:
    """Tell which rows have nothing in the columns that are compared, bool (n,)."""
    source = open_source(data, column=column)
    assert isinstance(source, ColumnSource)  # a dataset has columns
    empty = np.ones(len(data), bool)
    for name in source.columns:
        cells = data.data.table.column(name)
        if is_string(cells.type):
            cells = pc.if_else(pc.equal(pc.utf8_trim_whitespace(cells), ""), None, cells)
        empty &= cells.is_null().to_numpy()
    return empty


def _tell_nothing(paths: Sequence[Place], folders: Sequence[Path]) -> None:
    """Say how many rows have nothing to compare, and name the first."""
    found = [
        (path, read_json(folder / NOTHING))
        for path, folder in zip(paths, folders, strict=True)
        if (folder / NOTHING).exists()
    ]
    named = [f"row {each['first'][0]:,} of {path}" for path, each in found if each["first"]]
    if named:
        count = sum(each["count"] for _, each in found)
        message(
            f"{counted(count, 'row has', 'rows have')} nothing in the compared columns, the first "
            f"is {named[0]}"
        )


def _sample(
    paths: list[Place],
    starts: list[int],
    model: Encoder,
    *,
    column: Columns,
    rng: np.random.Generator,
) -> Any:
    """Read the rows that the encoder is fitted on."""
    rows = starts[-1]
    if rows > model.fit_rows:
        positions = np.sort(rng.choice(rows, model.fit_rows, replace=False))
    else:
        positions = np.arange(rows)
    cuts = np.searchsorted(positions, starts)
    parts = []
    for path, start, low, high in zip(paths, starts, cuts, cuts[1:], strict=False):
        if low < high:
            source: Source = open_source(_read(path), column=column)
            parts.append(source.read(positions[low:high] - start, image_size=model.image_size))
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    return [value for part in parts for value in part]


def _read(path: Place) -> datasets.Dataset:
    import datasets as hf

    return hf.Dataset(hf.table.InMemoryTable(read_parquet(path)))
