"""What was seen of each file: its rows, what could not be read, why it is set aside."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from thresher.core.counted import counted
from thresher.core.errors import InputError
from thresher.core.text_shards import BadRow, Block, TextShard, read_blocks

from .tables import write_table

BAD = pa.schema([("number", pa.int64()), ("reason", pa.string())])
SET_ASIDE = pa.schema([("file", pa.string()), *BAD])


@dataclass(frozen=True)
class Seen:
    """What was seen of a file.

    Attributes
    ----------
    rows, characters, bad : int
        Rows that could be read, the length of their texts, and rows that could not.
    error : str or None
        Why the file cannot be read at all, or no further.
    """

    rows: int
    characters: int
    bad: int
    error: str | None


@dataclass
class Sight:
    """Reads a file and keeps what was seen; `write` puts it into the folder of a task."""

    shard: TextShard
    rows: int = 0
    characters: int = 0
    error: str | None = None
    bad: list[BadRow] = field(default_factory=list)

    def blocks(self) -> Iterator[tuple[int, Block]]:
        """Yield the blocks of the file, each with the rows before it."""
        try:
            for block in read_blocks(self.shard):
                yield self.rows, block
                self.rows += len(block.texts)
                self.characters += sum(map(len, block.texts))
                self.bad += block.bad
        except InputError as error:
            self.error = str(error)

    def write(self, folder: Path) -> None:
        """Write ``seen.json`` and ``bad.parquet``."""
        table = {
            "number": [row.number for row in self.bad],
            "reason": [row.reason for row in self.bad],
        }
        pq.write_table(pa.table(table, schema=BAD), folder / "bad.parquet")
        seen = Seen(self.rows, self.characters, len(self.bad), self.error)
        (folder / "seen.json").write_text(json.dumps(asdict(seen)), encoding="utf-8")


def read_seen(folders: Sequence[Path]) -> list[Seen]:
    """Read what `Sight` wrote for each file.

    Raises
    ------
    InputError
        When none of them could be read, or those that could hold no rows.
    """
    seen = [Seen(**json.loads((folder / "seen.json").read_bytes())) for folder in folders]
    failed = [each.error for each in seen if each.error is not None]
    if failed and not any(each.rows or each.bad for each in seen):
        what = f"None of {counted(len(seen), 'file')} can be read"
        if len(failed) < len(seen):
            what = (
                f"{len(failed)} of {counted(len(seen), 'file')} cannot be read, and the others "
                "have no rows"
            )
        raise InputError(f"{what}; the first: {failed[0].rstrip('.')}.")
    return seen


def failed_files(shards: Sequence[TextShard], seen: Sequence[Seen]) -> dict[str, str]:
    """Return the files that could not be read, and why."""
    return {
        shard.name: each.error
        for shard, each in zip(shards, seen, strict=True)
        if each.error is not None
    }


def write_set_aside(folder: Path, shards: Sequence[TextShard], scanned: Sequence[Path]) -> None:
    """Write ``set_aside.parquet``: file, line and reason of all that could not be read."""

    def tables() -> Iterator[pa.Table]:
        for shard, path, seen in zip(shards, scanned, read_seen(scanned), strict=True):
            bad = pq.read_table(path / "bad.parquet")
            names = pa.array([shard.name] * len(bad), pa.string())
            yield bad.add_column(0, "file", names).select(SET_ASIDE.names)
            if seen.error is not None:
                row = {"file": [shard.name], "number": [None], "reason": [seen.error]}
                yield pa.table(row, schema=SET_ASIDE)

    write_table(folder / "set_aside.parquet", tables(), SET_ASIDE)


def check_folder(folder: Path, shards: Sequence[TextShard]) -> None:
    """Raise an `InputError` where findings cannot go into a folder."""
    if folder.is_file():
        raise InputError(f"The findings go to a folder; {folder} is a file.")
    inside = [shard.name for shard in shards if folder.resolve() in shard.path.resolve().parents]
    if inside:
        raise InputError(f"{inside[0]} lies in {folder}, which gets the findings: give another.")
