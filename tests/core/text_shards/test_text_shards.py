"""Files of texts streamed and written again: kinds, packing, blocks, bad rows, bytes that stay."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from thresher.core.errors import InputError
from thresher.core.text_shards import Block, Change, open_shards, read_blocks, rewrite_shard

TEXTS = ["one, two", 'a "quoted" line', "several\nlines", "", "naïve 中文", "last"]


def as_csv(delimiter: str = ",") -> bytes:
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter)
    writer.writerow(["id", "text"])
    writer.writerows([at, text] for at, text in enumerate(TEXTS))
    return file.getvalue().encode()


def as_jsonl() -> bytes:
    rows = [{"text": text, "more": {"n": at}} for at, text in enumerate(TEXTS)]
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def packed(data: bytes, suffix: str) -> bytes:
    if suffix == "zst":
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, "zstd") as stream:
            stream.write(data)
        return sink.getvalue().to_pybytes()
    packers: dict[str, Any] = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
    return packers[suffix](data) if suffix else data


def unpacked(data: bytes, suffix: str) -> bytes:
    if suffix == "zst":
        return pa.CompressedInputStream(pa.BufferReader(data), "zstd").read()
    readers: dict[str, Any] = {"gz": gzip.decompress, "bz2": bz2.decompress, "xz": lzma.decompress}
    return readers[suffix](data) if suffix else data


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def read(path: Path, **options: Any) -> tuple[list[str], list[int], list[tuple[int, str]]]:
    (shard,) = open_shards(path, **options)
    blocks = list(read_blocks(shard, characters=8))
    return (
        [text for block in blocks for text in block.texts],
        [number for block in blocks for number in block.numbers.tolist()],
        [(row.number, row.reason) for block in blocks for row in block.bad],
    )


@pytest.mark.parametrize("suffix", ["", "gz", "bz2", "xz", "zst"])
@pytest.mark.parametrize("kind", ["jsonl", "csv", "tsv"])
def test_texts_and_their_lines_whatever_the_kind_and_packing(
    tmp_path: Path, kind: str, suffix: str
) -> None:
    data = as_jsonl() if kind == "jsonl" else as_csv("\t" if kind == "tsv" else ",")
    path = write(tmp_path / f"a.{kind}{'.' + suffix if suffix else ''}", packed(data, suffix))
    texts, numbers, bad = read(path)
    assert texts == TEXTS
    assert numbers == ([1, 2, 3, 4, 5, 6] if kind == "jsonl" else [2, 3, 4, 6, 7, 8])
    assert bad == []
    (shard,) = open_shards(path)
    target = tmp_path / "out" / path.name
    drop_third = {"several\nlines": "drop", "last": "new, “text”"}

    def decide(block: Block) -> Change:
        fate = [drop_third.get(text, "") for text in block.texts]
        changed = {at: what for at, what in enumerate(fate) if what not in ("", "drop")}
        return Change(np.array([what != "drop" for what in fate]), changed)

    written = rewrite_shard(shard, target, decide)
    assert (written.rows, written.dropped, written.changed) == (6, 1, 1)
    assert read(target)[0] == [*TEXTS[:2], *TEXTS[3:5], "new, “text”"]
    before = unpacked(path.read_bytes(), suffix)
    after = unpacked(target.read_bytes(), suffix)
    kept = before[: before.index(b"several") - (10 if kind == "jsonl" else 3)]
    assert after.startswith(kept)  # bytes of rows that stay


def test_parquet_keeps_columns_types_and_packing(tmp_path: Path) -> None:
    table = pa.table(
        {"n": pa.array(range(6), pa.int8()), "text": pa.array([*TEXTS[:3], None, *TEXTS[4:]])},
        schema=pa.schema([("n", pa.int8()), ("text", pa.large_string())], metadata={"by": "us"}),
    )
    pq.write_table(table, tmp_path / "a.parquet", compression="zstd", row_group_size=4)
    assert read(tmp_path / "a.parquet") == (TEXTS, [1, 2, 3, 4, 5, 6], [])
    (shard,) = open_shards(tmp_path / "a.parquet")
    keep = np.array([True, False, True, True, True, True])
    rewrite_shard(shard, tmp_path / "b.parquet", lambda _: Change(keep, {0: "x"}))
    found = pq.read_table(tmp_path / "b.parquet")
    assert found.schema.equals(table.schema, check_metadata=True)
    assert found.to_pydict() == {"n": [0, 2, 3, 4, 5], "text": ["x", TEXTS[2], None, *TEXTS[4:]]}
    assert pq.read_metadata(tmp_path / "b.parquet").row_group(0).column(1).compression == "ZSTD"


def test_plain_text_is_one_text_a_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "\ufeffone\r\n\n  \ntwo \nthree".encode())
    assert read(path) == (["one", "two ", "three"], [1, 4, 5], [])
    (shard,) = open_shards(path)
    rewrite_shard(shard, tmp_path / "b.txt", lambda block: Change(
        np.ones(len(block.texts), bool), {0: "a\nb"}))  # fmt: skip
    assert (tmp_path / "b.txt").read_bytes() == b"\xef\xbb\xbfa b\r\ntwo \nthree"


@pytest.mark.parametrize("suffix", ["", "gz"])
@pytest.mark.parametrize("kind", ["jsonl", "csv", "txt"])
def test_a_byte_order_mark_stays(kind: str, suffix: str, tmp_path: Path) -> None:
    lines = {"jsonl": b'{"text": "a"}\n{"text": "b"}\n', "csv": b"text\na\nb\n", "txt": b"a\nb\n"}
    for mark in (b"\xef\xbb\xbf", b""):
        path = tmp_path / f"a.{kind}{'.' + suffix if suffix else ''}"
        (shard,) = open_shards(write(path, packed(mark + lines[kind], suffix)))
        rewrite_shard(shard, tmp_path / "out", lambda _: Change(np.array([0, 1])))
        rest = lines[kind].replace(b'{"text": "a"}\n', b"").replace(b"a\n", b"")
        assert unpacked((tmp_path / "out").read_bytes(), suffix) == mark + rest


def test_conversations_lists_and_several_columns_are_texts(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    rows = [{"messages": turns, "tags": ["a", "b"], "n": 1}, {"messages": None, "tags": [], "n": 2}]
    path = write(tmp_path / "a.jsonl", "".join(json.dumps(row) + "\n" for row in rows).encode())
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    for each in (path, tmp_path / "a.parquet"):
        assert read(each)[0] == ["user: hi\nassistant: hello", ""]
        assert read(each, text="tags,n")[0] == ["a\nb\n1", "\n2"]
        (shard,) = open_shards(each)
        with pytest.raises(InputError, match="drop rows instead"):
            rewrite_shard(shard, tmp_path / "out", lambda block: Change(
                np.ones(len(block.texts), bool), {0: "x"}))  # fmt: skip
    assert not (tmp_path / "out").exists()


def test_bad_rows_are_named_by_their_line_and_cost_no_other(tmp_path: Path) -> None:
    lines = [b'{"text": "a"}', b'{"text": "cut', b"[1]", b'{"text": "\xff"}', b"", b'{"text": "b"}']
    texts, numbers, bad = read(write(tmp_path / "a.jsonl", b"\n".join(lines)))
    assert (texts, numbers) == (["a", "b"], [1, 6])
    assert [number for number, _ in bad] == [2, 3, 4]
    assert "broken JSON (Unterminated string" in bad[0][1]
    assert "not UTF-8" in bad[2][1]
    texts, numbers, bad = read(write(tmp_path / "a.csv", b'n,text\n1,a\n2\n3,"b" c\n4,\xff\n5,d\n'))
    assert (texts, numbers) == (["a", "d"], [2, 6])
    assert [number for number, _ in bad] == [3, 4, 5]
    texts, _, bad = read(write(tmp_path / "b.csv", b'n,text\n1,a\n2,"never closed\n3,c\n'))
    assert (texts, bad[0][0]) == (["a", "c"], 3)


@pytest.mark.parametrize("below", ["", '600,"fine, quoted"', '600,"two\nlines"'])
def test_a_quote_that_is_not_closed_costs_its_own_line(below: str, tmp_path: Path) -> None:
    lines = [f"{at},row {at}" for at in range(1000)]
    lines[5] = '5,"row 5'
    if below:
        lines[600] = below
    path = write(tmp_path / "a.csv", "\n".join(["n,text", *lines, ""]).encode())
    texts, numbers, bad = read(path)
    assert [number for number, _ in bad] == [7]
    assert len(texts) == 999
    assert texts[5] == "row 6"
    assert numbers[5] == 8
    assert texts[599] == {"": "row 600"}.get(below, below[5:-1])


def test_a_quote_that_hides_rows_is_told_by_the_number_of_cells(tmp_path: Path) -> None:
    lines = ["n,text", "1,a", '2,"b', "3,c", '4,d",e', "5,f"]
    texts, _, bad = read(write(tmp_path / "a.csv", "\n".join(lines).encode()))
    assert texts == ["a", "c", "f"]
    assert bad[0] == (3, "3 cells for 2 columns in 3 lines")
    assert bad[1][0] == 5


@pytest.mark.parametrize("suffix", ["gz", "bz2", "xz"])
def test_of_a_damaged_packed_file_the_lines_before_count(tmp_path: Path, suffix: str) -> None:
    rng = np.random.default_rng(0)
    lines = [
        json.dumps({"text": " ".join(map(str, rng.integers(0, 10**9, 50)))}) for _ in range(9000)
    ]
    data = packed("\n".join(lines).encode(), suffix)
    texts, _, bad = read(write(tmp_path / f"a.jsonl.{suffix}", data[: len(data) * 3 // 4]))
    assert texts == [json.loads(line)["text"] for line in lines[: len(texts)]]
    assert len(texts) > 100
    assert bad[-1][1].startswith("the packed file is damaged")
    assert bad[-1][0] > len(texts)


def test_files_that_cannot_be_read_at_all_are_named(tmp_path: Path) -> None:
    cases = {
        "a.parquet": (b"no parquet", "a.parquet: unreadable file"),
        "b.jsonl": (b'{"x": 1}\n', "b.jsonl: no column 'text'; columns: x"),
        "c.csv": (b"a,b\n1,2\n", "c.csv: no column 'text'"),
        "d.txt": ("\ufeffa".encode("utf-16-le"), "UTF-16"),
    }
    for name, (data, said) in cases.items():
        (shard,) = open_shards(write(tmp_path / name, data), text="text")
        if name == "d.txt":
            assert said in next(read_blocks(shard)).bad[0].reason
            continue
        with pytest.raises(InputError, match=said):
            list(read_blocks(shard))
    for name, data in (("e.csv", b""), ("e.jsonl", b""), ("e.txt", b"")):
        (shard,) = open_shards(write(tmp_path / name, data))
        assert list(read_blocks(shard)) == []


def test_folders_patterns_and_names(tmp_path: Path) -> None:
    for name in ("a/x.jsonl", "a/.hidden.jsonl", "a/b/x.jsonl", "a/notes.md", "c/x.txt.gz"):
        write(tmp_path / name, b"")
    (tmp_path / "a" / "loop").symlink_to(tmp_path / "a")
    assert [shard.name for shard in open_shards(tmp_path / "a")] == ["b/x.jsonl", "x.jsonl"]
    both = open_shards([tmp_path / "a" / "x.jsonl", tmp_path / "a" / "b" / "x.jsonl"])
    assert [shard.name for shard in both] == ["x.jsonl", "b/x.jsonl"]
    assert [shard.kind for shard in open_shards(str(tmp_path / "*" / "*.gz"))] == ["txt"]
    with pytest.raises(InputError, match="There are no files of texts"):
        open_shards(str(tmp_path / "none*"))
    with pytest.raises(InputError, match="must end in one of"):
        open_shards(tmp_path / "a" / "notes.md")
    with pytest.raises(InputError, match="There is no file or folder"):
        open_shards(tmp_path / "none.jsonl")
