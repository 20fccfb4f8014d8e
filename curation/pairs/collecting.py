"""`score_pairs`: all shards scored, each once, and what can only be told of all pairs together."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from thresher.core.counted import counted
from thresher.core.encoders import get_encoder
from thresher.core.encoders.protocol import Encoder
from thresher.core.errors import InputError
from thresher.core.executor import Executor
from thresher.core.fingerprint import fingerprint
from thresher.core.issues import Issues
from thresher.core.loading.tables import is_table, suffix
from thresher.core.shown import ShownRows

from ..quality.damage import damage_findings
from ..quality.pixels import STATISTICS
from ..sharded.arrays import ShardedArray
from ..sharded.embedding import portable, tell_cuts
from ..sharded.work import Work, open_work
from .columns import PairColumns
from .contrast import measure_contrast
from .reading import PairReader
from .scoring import SCHEMA, ScoreShard, Shard
from .vectors import PairVectors, find_vectors

PathLike = str | os.PathLike[str]
NAMED = 5  # stretches of damage in an error
Encoders = str | tuple[Encoder, Encoder]


@dataclass(frozen=True, repr=False)
class PairScores(ShownRows):
    """What was measured of every pair, in the order of the shards.

    Attributes
    ----------
    table : pyarrow.Table, n rows
        ``pair_id`` (each once), ``shard`` (place in `paths`), ``id`` (as stored); ``fault`` (why a
        pair cannot be used, null where it can); ``similarity`` and ``contrast`` (cosine of image
        and caption, and how far it is above that with others; null where not measured);
        ``caption_fault``, ``caption_characters``, ``caption_words``, ``caption_repeats`` (pairs
        with the same words), ``language``; ``width``, ``height`` (pixels), ``image_fault``;
        ``caption_key`` and ``image_key`` (16 bytes, equal where the content is).
    paths : tuple of Path
        The shards.
    starts : tuple of int
        First row of each shard, and n.
    image, text : ShardedArray or None
        Vectors, shape (n, d) each, unit length when they are read.
    set_aside : Issues
        What in the shards belongs to no pair.
    key : str
        Fingerprint of all that was read.
    """

    table: pa.Table
    paths: tuple[Path, ...]
    starts: tuple[int, ...]
    image: ShardedArray | None
    text: ShardedArray | None
    set_aside: Issues
    key: str

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def numbers(self, name: str) -> np.ndarray:
        """Return one column as float64, shape (n,), NaN where it is null."""
        column = self.table[name].cast(pa.float64())
        return np.asarray(column.to_numpy(), np.float64)


def score_pairs(
    sources: Sequence[PathLike],
    work_folder: PathLike,
    *,
    columns: PairColumns | None = None,
    encoder: Encoders | None = None,
    vectors: PathLike | Sequence[PairVectors] | None = None,
    arrays: str = "",
    decode: bool = False,
    executor: str | Executor = "serial",
    workers: int | None = None,
    device: str = "auto",
    random_state: int = 0,
) -> PairScores:
    """Measure every pair of an image and a caption, shard by shard, each shard once.

    What is measured of a shard is kept in the work folder as Parquet, under a name that holds a
    fingerprint of the file: a run that was killed goes on, and of a set that grows only the new
    shards are read.

    Parameters
    ----------
    sources : sequence of path
        Tar files in the WebDataset layout, or tables (Parquet, CSV, TSV, JSON Lines, JSON) with a
        caption column and, unless vectors are given, an image column of bytes or paths; or folders:
        of such a one the tar files are taken, or all tables where it has none.
    work_folder : path
    columns : PairColumns, optional
        Names of columns that are not called as usual.
    encoder : str or pair of encoders, optional
        Of one space for images and texts, such as ``"openclip:ViT-B-32@laion2b_s34b_b79k"``,
        ``"hf:FOLDER"`` or ``"onnx:FOLDER"``; or an image encoder and a text encoder.
    vectors : path or sequence of PairVectors, optional
        Stored vectors instead: a folder that holds those of every shard, in DataComp's or
        clip-retrieval's layout.
    arrays : str
        What the two arrays' names begin with where an ``.npz`` file has more, such as ``"l14"``.
    decode : bool
        Decode images without an encoder too, to find damaged and blank ones.
    executor, workers
        See `thresher.core.executor.get_executor`.
    device : {"auto", "cpu", "cuda"}
        Of the encoder.
    random_state : int
        Draws the pairs that the contrast is measured with.

    Returns
    -------
    PairScores

    Raises
    ------
    InputError
        For files without captions, encoders of two spaces, vectors that do not fit, and where
        nothing but damage is found.
    """
    paths = _files(sources)
    if encoder is not None and vectors is not None:
        raise InputError(
            "Give `encoder` to embed the pairs, or `vectors` that are stored: not both."
        )
    if arrays and vectors is None:
        raise InputError("`arrays` names arrays of stored vectors: give `vectors` too.")
    stored = _stored(paths, vectors, arrays)
    shards = [Shard(path, found) for path, found in zip(paths, stored, strict=True)]
    reader = PairReader(columns or PairColumns(), encoder is not None or vectors is not None)
    image, text = _encoders(encoder, device)
    with open_work(Path(work_folder), executor=executor, workers=workers) as work:
        found = None if image is None else portable(image, work)
        other = None if text is None else portable(text, work)
        prints = [model.fingerprint for model in (image, text) if model is not None]
        key = [repr(reader), prints, decode]
        named = {_name(shard): shard for shard in shards}
        task = ScoreShard(reader, found, other, decode)
        folders = work.do("score", task, key=key, shards=named)
        tell_cuts(folders)
        scores = _collected(shards, folders, work, key=[*named, *prints], random_state=random_state)
    if not len(scores) and len(scores.set_aside):
        raise InputError(_no_pairs(scores))
    return scores


def _no_pairs(scores: PairScores) -> str:
    """Say why there is nothing, with the first of what could not be read."""
    first = [f"{issue.row_id}: {issue.detail}" for issue in islice(scores.set_aside, NAMED)]
    more = len(scores.set_aside) - len(first)
    rest = f"; and {more:,} more" if more else ""
    return (
        f"There is no pair in {counted(len(scores.paths), 'shard')}: {'; '.join(first)}{rest}. "
        "Fetch them anew, or leave them out."
    )


def _files(sources: Sequence[PathLike]) -> list[Path]:
    paths: list[Path] = []
    for source in map(Path, sources):
        paths += _in_folder(source) if source.is_dir() else [source]
    if not paths:
        raise InputError("There are no shards: give tar files or tables of pairs.")
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        raise InputError(
            f"{len(missing)} of {counted(len(paths), 'shard is', 'shards are')} no files, the "
            f"first is {missing[0]}."
        )
    if len({path.resolve() for path in paths}) < len(paths):
        raise InputError("The same shard is given twice: give each once.")
    return paths


def _in_folder(folder: Path) -> list[Path]:
    """Return the shards of a folder; beside tar files, tables only tell how they were made."""
    tables = sorted(path for path in folder.iterdir() if path.is_file() and is_table(path))
    found = [path for path in tables if suffix(path) == "tar"] or tables
    if not found:
        raise InputError(f"{folder} holds neither tar files nor tables.")
    return found


def _stored(
    paths: list[Path], vectors: PathLike | Sequence[PairVectors] | None, arrays: str
) -> Sequence[PairVectors | None]:
    if vectors is None:
        return [None] * len(paths)
    if isinstance(vectors, (str, os.PathLike)):
        return find_vectors(paths, Path(vectors), arrays=arrays)
    if len(vectors) != len(paths):
        raise InputError(
            f"There are {counted(len(paths), 'shard')}, but vectors of {len(vectors)}."
        )
    return vectors


def _encoders(encoder: Encoders | None, device: str) -> tuple[Encoder | None, Encoder | None]:
    if encoder is None:
        return None, None
    if isinstance(encoder, str):
        image = get_encoder(encoder, modality="image", device=device)
        text = get_encoder(encoder, modality="text", device=device)
    else:
        image, text = encoder
    if (image.modality, text.modality) != ("image", "text"):
        raise InputError(
            f"Pairs need an encoder of images and one of texts in one space; {image.name} takes "
            f"{image.modality} values, {text.name} {text.modality} values."
        )
    if not image.fitted or not text.fitted:
        raise InputError("The encoders must be fitted: built-in ones have no space of both.")
    return image, text


def _name(shard: Shard) -> str:
    """Return a name for the scores of a shard, which changes when the file does."""
    files = [shard.path, *(shard.vectors.paths if shard.vectors else ())]
    stamps = [[str(path), path.stat().st_size, path.stat().st_mtime_ns] for path in files]
    asked = shard.vectors.arrays if shard.vectors else ""
    return f"{shard.path.name[:80]}-{fingerprint([stamps, asked])}"


def _collected(
    shards: list[Shard],
    folders: tuple[Path, ...],
    work: Work,
    *,
    key: list[str],
    random_state: int,
) -> PairScores:
    tables = [pq.read_table(folder / "scores.parquet") for folder in folders]
    rows = [table.num_rows for table in tables]
    starts = np.concatenate([[0], np.cumsum(rows)]).tolist()
    table = pa.concat_tables([SCHEMA.empty_table(), *tables]).combine_chunks()
    places = np.repeat(np.arange(len(shards), dtype=np.int32), rows)
    image, text = _vectors(shards, folders)
    whole = fingerprint(key)
    contrast = pa.nulls(len(table), pa.float32())
    if image is not None and text is not None and len(table):
        found = measure_contrast(image, text, work, key=[whole], random_state=random_state)
        contrast = pa.array(found)
    columns = {
        "pair_id": _unique(table["id"], places, [shard.path for shard in shards]),
        "shard": pa.array(places),
        **dict(zip(table.column_names, table.columns, strict=True)),
        "contrast": contrast,
        "caption_repeats": _repeats(table["caption_key"]),
        "image_fault": _image_faults(folders, len(table)),
    }
    aside = [Issues.load(folder / "set_aside.parquet") for folder in folders]
    paths = tuple(shard.path for shard in shards)
    return PairScores(
        pa.table(columns), paths, tuple(starts), image, text, Issues.concat(aside), whole
    )


def _vectors(
    shards: list[Shard], folders: tuple[Path, ...]
) -> tuple[ShardedArray | None, ShardedArray | None]:
    files = []
    for shard, folder in zip(shards, folders, strict=True):
        if shard.vectors is not None and not shard.vectors.packed:
            files.append(shard.vectors.paths)
        elif (folder / "image.npy").exists():
            files.append((folder / "image.npy", folder / "text.npy"))
    if not files:
        return None, None
    images, texts = zip(*files, strict=True)
    return ShardedArray.open(images, scaled=True), ShardedArray.open(texts, scaled=True)


def _unique(ids: pa.ChunkedArray, shards: np.ndarray, paths: list[Path]) -> pa.Array:
    """Return a name for each pair that no other has: its id, its shard before it if need be."""
    names = np.array(ids.to_pylist(), object)
    if pc.count_distinct(ids).as_py() == len(ids):
        return pa.array(names, pa.string())
    stems = [path.name.partition(".")[0] for path in paths]
    if len(set(stems)) < len(stems):
        stems = [str(path) for path in paths]
    names = np.array(
        [f"{stems[at]}/{name}" for at, name in zip(shards, names, strict=True)], object
    )
    counts: dict[str, int] = {}
    for row, name in enumerate(names):
        counts[name] = counts.get(name, 0) + 1
        if counts[name] > 1:
            names[row] = f"{name}#{counts[name]}"
    return pa.array(names, pa.string())


def _repeats(keys: pa.ChunkedArray) -> pa.Array:
    """Return how many pairs have the same caption, 0 without one."""
    coded = keys.combine_chunks().dictionary_encode().indices
    codes = coded.fill_null(-1).to_numpy().astype(np.int64)
    counts = np.bincount(codes[codes >= 0], minlength=1)
    return pa.array(np.where(codes >= 0, counts[codes], 0).astype(np.int32))


def _image_faults(folders: tuple[Path, ...], rows: int) -> pa.Array:
    """Return the worst fault of each image that was decoded, by all of them together."""
    stored = [folder / "looks.npy" for folder in folders]
    if not rows or not all(path.exists() for path in stored):
        return pa.nulls(rows, pa.string())
    looks = np.concatenate([np.load(path) for path in stored]).astype(np.float64)
    findings, _ = damage_findings(dict(zip(STATISTICS, looks.T, strict=True)))
    worst, kinds = np.ones(rows), np.full(rows, None, object)
    for finding in findings:
        worse = finding.scores < worst[finding.positions]
        at = finding.positions[worse]
        worst[at], kinds[at] = finding.scores[worse], finding.kind
    kinds[~np.isfinite(looks[:, 0])] = (
        None  # without pixels; the pair's fault says why, if it is one
    )
    return pa.array(kinds, pa.string())
