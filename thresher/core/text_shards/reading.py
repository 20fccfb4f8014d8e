"""Blocks of rows of a file, whatever its kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from ..errors import InputError
from .blocks import BLOCK_CHARACTERS, BLOCK_ROWS, BadRow, Block
from .lines import Damage
from .parquet import read_batches
from .records import READERS
from .shards import TextShard


def read_blocks(
    shard: TextShard, *, whole: bool = False, characters: int = BLOCK_CHARACTERS
) -> Iterator[Block]:
    """Yield the rows of a file in blocks.

    Parameters
    ----------
    shard : TextShard
    whole : bool
        Whether blocks have the rows as they are stored, not only the texts.
    characters : int
        A block ends with the row that brings it to so many.

    Raises
    ------
    InputError
        When the file cannot be read at all; the message begins with its name.
    """
    try:
        if shard.kind == "parquet":
            yield from _parquet_blocks(shard, whole=whole, characters=characters)
        else:
            yield from _record_blocks(shard, whole=whole, characters=characters)
    except InputError as error:
        raise InputError(f"{shard.name}: {error}") from error
    except (OSError, pa.ArrowException) as error:
        reason = str(error).strip().split("\n")[0][:200]
        raise InputError(f"{shard.name}: unreadable file ({reason})") from error


def _record_blocks(shard: TextShard, *, whole: bool, characters: int) -> Iterator[Block]:
    numbers: list[int] = []
    texts: list[str] = []
    records: list[bytes] = []
    bad: list[BadRow] = []
    size = 0
    rows = READERS[shard.kind](shard)
    while True:
        try:
            row = next(rows, None)
        except Damage as damage:
            bad.append(damage.row)
            row = None
        full = size >= characters or len(texts) >= BLOCK_ROWS
        if (row is None or full) and (texts or bad):
            yield Block(texts, np.array(numbers, np.int64), records, bad)
            numbers, texts, records, bad, size = [], [], [], [], 0
        if row is None:
            return
        if isinstance(row, BadRow):
            bad.append(row)
            continue
        numbers.append(row[0])
        texts.append(row[1])
        size += len(row[1])
        if whole:
            records.append(row[2])


def _parquet_blocks(shard: TextShard, *, whole: bool, characters: int) -> Iterator[Block]:
    texts: list[str] = []
    batches: list[pa.RecordBatch] = []
    first, size = 1, 0

    def block() -> Block:
        numbers = np.arange(first, first + len(texts), dtype=np.int64)
        records: Any = pa.Table.from_batches(batches) if whole else []
        return Block(texts, numbers, records)

    for found, batch in read_batches(shard, whole=whole):
        texts += found
        size += sum(map(len, found))
        batches += [batch] if whole else []
        if size >= characters or len(texts) >= BLOCK_ROWS:
            yield block()
            first += len(texts)
            texts, batches, size = [], [], 0
    if texts:
        yield block()
