"""Chosen pairs as ids, as weights, or as new shards."""

from __future__ import annotations

import os
import re
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from thresher.core.errors import InputError
from thresher.core.executor import Executor
from thresher.core.files import atomic_path
from thresher.core.fingerprint import fingerprint
from thresher.core.loading.parts import Source
from thresher.core.loading.tables import suffix
from thresher.core.tar_writing import add_members

from ..sharded.parquet_files import clean_paths
from ..sharded.work import open_work
from ..sharded.written import written_into
from .collecting import PairScores
from .reading import table_parts, tar_samples

UINT128 = np.dtype("u8,u8")
_UID = re.compile(r"[0-9a-fA-F]{32}")


def write_ids(scores: PairScores, counts: np.ndarray, path: str | os.PathLike[str]) -> Path:
    """Write the ids of the chosen pairs as DataComp's tools read them.

    Parameters
    ----------
    counts : ndarray of int64, shape (n,)
        How often each pair is to be used; 0 leaves it out.
    path : path
        Gets a sorted ``.npy`` array of type ``u8,u8``, each id as often as it counts.

    Raises
    ------
    InputError
        When an id is not 32 hexadecimal digits.
    """
    rows = np.flatnonzero(counts)
    ids = scores.table["id"].take(pa.array(rows)).to_pylist()
    other = next((name for name in ids if not _UID.fullmatch(name)), None)
    if other is not None:
        raise InputError(
            f"DataComp's ids are 32 hexadecimal digits, a pair here is called {other!r}. Write "
            "weights (.parquet, .csv, .jsonl) or new shards (a folder) instead, or name the column "
            "of such ids."
        )
    halves = np.array([(int(name[:16], 16), int(name[16:], 16)) for name in ids], UINT128)
    repeated = np.repeat(halves, counts[rows])
    repeated.sort(order=["f0", "f1"])
    target = Path(path)
    with atomic_path(target) as temporary, open(temporary, "wb") as file:
        np.save(file, repeated)
    return target


def pair_weights(scores: PairScores, counts: np.ndarray, score: np.ndarray) -> pa.Table:
    """Return the chosen pairs: ``pair_id``, ``id``, ``shard`` (name), ``score`` and ``weight``."""
    rows = pa.array(np.flatnonzero(counts))
    names = pa.array([path.name for path in scores.paths], pa.string())
    return pa.table(
        {
            "pair_id": scores.table["pair_id"].take(rows),
            "id": scores.table["id"].take(rows),
            "shard": names.take(scores.table["shard"].take(rows).combine_chunks()),
            "score": pa.array(score, from_pandas=True).take(rows),
            "weight": pa.array(counts).take(rows),
        }
    )


def write_pair_shards(
    scores: PairScores,
    kept: np.ndarray,
    folder: str | os.PathLike[str],
    *,
    work_folder: str | os.PathLike[str],
    executor: str | Executor = "serial",
    workers: int | None = None,
) -> list[Path]:
    """Write the shards again with the kept pairs only; members and cells as they are.

    Parameters
    ----------
    kept : ndarray of bool, shape (n,)
    folder : path
        Gets a file for each shard: tar files and Parquet files under their names, other tables as
        Parquet files. Those of an earlier call with other shards are removed.
    work_folder : path
        Keeps what is written, so that a killed run goes on.
    executor, workers
        See `thresher.core.executor.get_executor`.

    Raises
    ------
    InputError
        When two shards have the same name, or a source would be replaced.
    """
    named = [
        path if suffix(path) == "tar" else path.with_suffix(".parquet") for path in scores.paths
    ]
    plain = [path.with_name(path.name.partition(".")[0] + ".tar") if suffix(path) == "tar" else path
             for path in named]  # fmt: skip
    targets = [Path(target) for target in clean_paths(plain, folder)]
    starts = scores.starts
    shards = {
        f"{at:06d}": (path, kept[starts[at] : starts[at + 1]], targets[at].name)
        for at, path in enumerate(scores.paths)
    }
    key = [scores.key, fingerprint(kept)]
    with open_work(Path(work_folder), executor=executor, workers=workers) as work:
        parts = work.do("write", WriteShard(), key=key, shards=shards)
        names = [target.name for target in targets]
        with written_into(Path(folder), names, work=Path(work_folder)):
            for part, target in zip(parts, targets, strict=True):
                with atomic_path(target) as temporary:
                    try:
                        os.link(part / target.name, temporary)
                    except OSError:  # another disk, or one without links
                        shutil.copyfile(part / target.name, temporary)
    return targets


@dataclass(frozen=True)
class WriteShard:
    """Task over shards (path, kept rows, name): the shard with its kept pairs only."""

    def __call__(self, shard: tuple[Path, np.ndarray, str], folder: Path) -> None:
        """Fill the folder."""
        path, kept, name = shard
        source = Source(origin=str(path))
        if suffix(path) == "tar":
            with tarfile.open(folder / name, "w") as tar:
                for row, (_, members) in enumerate(tar_samples(path, source)):
                    if kept[row]:
                        add_members(
                            tar, [(member, data) for member, data in members if data is not None]
                        )
            return
        start, writer = 0, None
        for table in table_parts(path, source):
            part = table.filter(pa.array(kept[start : start + len(table)]))
            start += len(table)
            writer = writer or pq.ParquetWriter(folder / name, table.schema)
            writer.write_table(part)
        if writer is None:
            pq.write_table(pa.table({}), folder / name)
        else:
            writer.close()
