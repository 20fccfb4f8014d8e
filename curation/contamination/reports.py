"""Findings of many files as tables: passages, contaminated texts, items, what was set aside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from thresher.core.text_shards import TextShard

from ..text_files.seen import Seen, write_set_aside
from ..text_files.tables import write_table
from .index import BenchmarkIndex

PLACE = [("row", pa.int64()), ("file", pa.string()), ("number", pa.int64())]
NAMED = [("benchmark", pa.string()), ("item", pa.string()), ("coverage", pa.float32())]
PASSAGES = pa.schema([*PLACE, *NAMED, ("start", pa.int64()), ("end", pa.int64())])
RANGE = [("start", pa.int64()), ("end", pa.int64())]
TOLD = pa.schema([*PLACE, *NAMED[:2], ("similarity", pa.float32()), *RANGE])
ROWS = pa.schema([*PLACE, *NAMED, ("items", pa.int64()), ("passages", pa.int64())])


def item_table(index: BenchmarkIndex, counts: Path, judged: Sequence[Path]) -> pa.Table:
    """Return the items with what was found of each.

    Returns
    -------
    pyarrow.Table
        The columns of the index, and ``texts`` (contaminated by it), ``coverage`` (the most that
        one of these holds), ``found`` (the share of its sequences that stand anywhere) and
        ``boilerplate`` (how many of them are).
    """
    size = len(index.sizes)
    texts, most = np.zeros(size, np.int64), np.zeros(size, np.float32)
    for table in _tables(judged, "passages"):
        item, coverage = table["item"].to_numpy(), table["coverage"].to_numpy()
        keys = np.unique(table["row"].to_numpy() * size + item)
        np.add.at(texts, keys % size, 1)
        np.maximum.at(most, item, coverage)
    with np.load(counts / "counts.npz") as found:
        grams, common = found["grams"], found["common"]
    _, seen = index.postings(grams)
    _, plain = index.postings(grams[common])
    anywhere = np.bincount(seen, minlength=size)
    boilerplate = np.bincount(plain, minlength=size)
    own = np.maximum(index.sizes - boilerplate, 1)
    more = {
        "texts": texts,
        "coverage": most,
        "found": ((anywhere - boilerplate) / own).astype(np.float32),
        "boilerplate": boilerplate.astype(np.int64),
    }
    table = index.items
    for name, values in more.items():
        table = table.append_column(name, pa.array(values))
    return table


def write_findings(
    folder: Path,
    shards: Sequence[TextShard],
    scanned: Sequence[Path],
    judged: Sequence[Path],
    *,
    items: pa.Table,
    seen: Sequence[Seen],
) -> int:
    """Write the tables into a folder and return how many texts are contaminated."""
    named = items.select(["benchmark", "item"])
    first = np.cumsum([0, *(each.rows for each in seen)])

    def places() -> Iterator[tuple[pa.Table, TextShard, int]]:
        for at, shard in enumerate(shards):
            for table in _tables(judged[at : at + 1], "passages"):
                yield table, shard, int(first[at])

    write_table(folder / "items.parquet", [items], items.schema)
    write_table(
        folder / "passages.parquet", (_passages(*each, named) for each in places()), PASSAGES
    )
    rows = write_table(folder / "rows.parquet", (_rows(*each, named) for each in places()), ROWS)
    write_set_aside(folder, shards, scanned)
    return rows


def write_told(
    folder: Path,
    shards: Sequence[TextShard],
    judged: Sequence[Path],
    joined: Sequence[Path],
    *,
    items: pa.Table,
    seen: Sequence[Seen],
) -> int:
    """Write ``paraphrases.parquet``; return how many texts have one and no words of an item."""
    named = items.select(["benchmark", "item"])
    first = np.cumsum([0, *(each.rows for each in seen)])
    texts = 0

    def tables() -> Iterator[pa.Table]:
        nonlocal texts
        for at, shard in enumerate(shards):
            known = pq.read_table(judged[at] / "passages.parquet", columns=["row"])["row"]
            for table in _tables(joined[at : at + 1], "told"):
                rows = np.unique(table["row"].to_numpy())
                texts += len(np.setdiff1d(rows, known.to_numpy()))
                yield _placed(table, shard, int(first[at]), named).select(TOLD.names)

    write_table(folder / "paraphrases.parquet", tables(), TOLD)
    return texts


def _tables(judged: Sequence[Path], name: str) -> Iterator[pa.Table]:
    for folder in judged:
        with pq.ParquetFile(folder / f"{name}.parquet") as file:
            for group in range(file.num_row_groups):
                yield file.read_row_group(group)


def _passages(found: pa.Table, shard: TextShard, first: int, items: pa.Table) -> pa.Table:
    return _placed(found, shard, first, items).select(PASSAGES.names)


def _rows(found: pa.Table, shard: TextShard, first: int, items: pa.Table) -> pa.Table:
    """Return one row for each text, with the item of which it holds most."""
    row, item = found["row"].to_numpy(), found["item"].to_numpy()
    order = np.lexsort((item, -found["coverage"].to_numpy(), row))
    start = np.flatnonzero(np.append(True, row[order][1:] != row[order][:-1]))
    counts = np.diff(np.append(start, len(row)))
    pairs = np.unique(np.stack([row, item], axis=1), axis=0)[:, 0]
    table = _placed(found.take(pa.array(order[start])), shard, first, items)
    table = table.append_column("items", pa.array(np.unique(pairs, return_counts=True)[1]))
    return table.append_column("passages", pa.array(counts)).select(ROWS.names)


def _placed(found: pa.Table, shard: TextShard, first: int, items: pa.Table) -> pa.Table:
    names = items.take(found["item"])
    columns = {name: found[name] for name in found.column_names}
    columns |= {
        "row": pa.array(found["row"].to_numpy() + first),
        "file": pa.array([shard.name] * len(found), pa.string()),
        "benchmark": names["benchmark"],
        "item": names["item"],
    }
    return pa.table(columns)
