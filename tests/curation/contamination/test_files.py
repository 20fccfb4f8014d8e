"""Decontamination of files: planted passages, boilerplate, actions, shardings, kills, bad files."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation import decontaminate
from curation.contamination.index import BenchmarkIndex
from thresher.core.errors import InputError

VOCABULARY = np.array([f"word{at}" for at in range(500)])
NOTICE = "all rights reserved no part of this page may be copied without written permission of us"


def draw(rng: np.random.Generator, low: int, high: int) -> list[str]:
    return [str(word) for word in rng.choice(VOCABULARY, rng.integers(low, high))]


def made(rows: int = 600, seed: int = 0) -> tuple[list[str], dict[str, list[str]], dict[int, str]]:
    """Return texts, two benchmarks, and which rows hold a planted passage of 13 to 30 words."""
    rng = np.random.default_rng(seed)
    texts = [draw(rng, 30, 80) for _ in range(rows)]
    items = [draw(rng, 13, 60) for _ in range(100)]
    short = [draw(rng, 8, 13) for _ in range(20)]
    planted = {}
    for row in range(0, rows, 6):
        item = items[row // 6 % 100]
        size = int(rng.integers(13, min(30, len(item)) + 1))
        start = int(rng.integers(0, len(item) - size + 1))
        passage = item[start : start + size]
        if row % 60 == 0:
            passage = short[row // 60 % 20]
        at = int(rng.integers(0, len(texts[row])))
        shouted = " ".join(passage).upper() + "!"
        texts[row][at:at] = [shouted]
        planted[row] = shouted[:-1]
    benchmarks = {"long": [" ".join(item) for item in items], "short": [*map(" ".join, short)]}
    return [" ".join(text) for text in texts], benchmarks, planted


def write_parts(folder: Path, texts: list[str], parts: int) -> list[Path]:
    folder.mkdir(parents=True)
    paths = []
    for at, some in enumerate(np.array_split(np.array(texts, object), parts)):
        path = folder / f"{at:03d}.jsonl"
        lines = [json.dumps({"text": text, "id": row}) + "\n" for row, text in enumerate(some)]
        path.write_text("".join(lines))
        paths.append(path)
    return paths


def findings(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.*")) if path.is_file()}


def test_each_planted_passage_is_found_where_it_stands(tmp_path: Path) -> None:
    texts, benchmarks, planted = made()
    found = decontaminate(write_parts(tmp_path / "in", texts, 3), benchmarks, tmp_path / "out")
    rows = pq.read_table(tmp_path / "out" / "rows.parquet")
    assert rows["row"].to_pylist() == sorted(planted)
    assert (found.rows, found.contaminated, found.unreadable) == (600, len(planted), 0)
    for each in found.passages.to_pylist():
        passage = texts[each["row"]][each["start"] : each["end"]]
        assert passage.startswith(planted[each["row"]]) or planted[each["row"]] in passage
        assert passage.split()[:1] != [""]
    first = rows.to_pylist()[1]
    assert (first["file"], first["number"], first["benchmark"]) == ("000.jsonl", 7, "long")
    items = found.items.to_pylist()
    assert all(item["texts"] >= 1 for item in items if item["benchmark"] == "long" and
               item["item"] in {str(row // 6 % 100) for row in planted if row % 60})  # fmt: skip
    assert found.benchmarks["short"] == {"items": 20, "contaminated": 10}


@pytest.mark.parametrize(("action", "suffix"), [("drop", ""), ("mask", ""), ("mask", ".gz")])
def test_cleaned_files_hold_no_passage_and_else_the_same_bytes(
    tmp_path: Path, action: str, suffix: str
) -> None:
    texts, benchmarks, planted = made()
    (path,) = write_parts(tmp_path / "in", texts, 1)
    before = path.read_bytes().splitlines(keepends=True)
    if suffix:
        packed = path.with_name(path.name + suffix)
        packed.write_bytes(gzip.compress(path.read_bytes()))
        path = packed
    found = decontaminate(path, benchmarks, tmp_path / "out", action=action)
    (clean,) = found.clean
    data = gzip.decompress(clean.read_bytes()) if suffix else clean.read_bytes()
    after = data.splitlines(keepends=True)
    if action == "drop":
        assert after == [line for row, line in enumerate(before) if row not in planted]
    else:
        assert [line for row, line in enumerate(after) if row not in planted] == [
            line for row, line in enumerate(before) if row not in planted
        ]
        for row, passage in planted.items():
            masked = json.loads(after[row])["text"]
            assert passage not in masked
            assert "[removed]" in masked
            assert set(masked.split()) - {"[removed]", "[removed]!"} <= set(texts[row].split())
    again = decontaminate(clean, benchmarks, tmp_path / "again")
    assert again.contaminated == 0


def test_what_many_texts_have_is_boilerplate_unless_it_is_much_of_an_item(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    long = f"{NOTICE} {' '.join(draw(rng, 40, 41))}"
    leaked = " ".join(draw(rng, 20, 21))
    texts = [f"{' '.join(draw(rng, 20, 30))} {NOTICE}" for _ in range(40)]
    texts += [f"{' '.join(draw(rng, 20, 30))} {leaked}" for _ in range(40)]
    texts += [f"{NOTICE} {' '.join(long.split()[10:40])}"]
    paths = write_parts(tmp_path / "in", texts, 2)
    found = decontaminate(paths, {"b": [long, leaked]}, tmp_path / "out")
    rows = pq.read_table(tmp_path / "out" / "rows.parquet")["row"].to_pylist()
    assert rows == [*range(40, 80), 80]
    assert found.items["boilerplate"].to_pylist()[0] >= 3
    assert found.items["boilerplate"].to_pylist()[1] == 0
    every = decontaminate(paths, {"b": [long, leaked]}, tmp_path / "all", common=1000)
    assert every.contaminated == 81
    most = decontaminate(paths, {"b": [long, leaked]}, tmp_path / "most", coverage=0.9)
    assert most.contaminated == 40


def test_the_same_findings_for_any_files_workers_and_kinds(tmp_path: Path) -> None:
    texts, benchmarks, _ = made()
    told: dict[str, list[Any]] = {}
    for parts in (1, 3, 7):
        paths = write_parts(tmp_path / f"in{parts}", texts, parts)
        found = decontaminate(paths, benchmarks, tmp_path / f"out{parts}")
        told[f"{parts}"] = found.passages.drop_columns(["file", "number"]).to_pylist()
    pq.write_table(pa.table({"text": texts}), tmp_path / "all.parquet", row_group_size=100)
    found = decontaminate(tmp_path / "all.parquet", benchmarks, tmp_path / "outp", action="drop")
    told["parquet"] = found.passages.drop_columns(["file", "number"]).to_pylist()
    assert all(each == told["1"] for each in told.values())
    assert pq.read_metadata(found.clean[0]).num_rows == 600 - found.contaminated
    decontaminate(tmp_path / "in7", benchmarks, tmp_path / "pool", executor="processes", workers=2)
    assert findings(tmp_path / "pool") == findings(tmp_path / "out7")


def test_killed_again_and_again_it_ends_with_the_same_bytes(tmp_path: Path) -> None:
    texts, benchmarks, _ = made(3000)
    write_parts(tmp_path / "in", texts, 40)
    decontaminate(tmp_path / "in", benchmarks, tmp_path / "whole", action="mask")
    (tmp_path / "b.json").write_text(json.dumps(benchmarks))
    program = (
        "import json; from curation import decontaminate; "
        "decontaminate('in', json.load(open('b.json')), 'killed', action='mask')"
    )
    work = tmp_path / "killed" / "work"
    for done in (5, 25, 45, 75, 100):  # in the scan, in the judgments, in the cleaning
        process = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path)
        limit = time.monotonic() + 120
        while len(list(work.glob("*-*/0*"))) < done:
            assert process.poll() is None
            assert time.monotonic() < limit
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
    assert findings(tmp_path / "killed") == findings(tmp_path / "whole")
    for path in (tmp_path / "whole" / "clean").iterdir():
        assert (tmp_path / "killed" / "clean" / path.name).read_bytes() == path.read_bytes()


def test_files_of_an_earlier_call_do_not_stay_among_the_clean_ones(tmp_path: Path) -> None:
    texts, benchmarks, _ = made(60)
    paths = write_parts(tmp_path / "in", texts, 3)
    first = decontaminate(paths, benchmarks, tmp_path / "out", action="drop")
    own = tmp_path / "out" / "clean" / "notes.txt"
    own.write_text("of the user")
    again = decontaminate(paths[:2], benchmarks, tmp_path / "out", action="drop")
    assert again.clean == first.clean[:2]
    assert sorted(own.parent.iterdir()) == sorted([*again.clean, own])
    report = decontaminate(paths, benchmarks, tmp_path / "out", action="report")
    assert report.clean == []
    assert list(own.parent.iterdir()) == [own]
    assert decontaminate(paths, benchmarks, tmp_path / "out", action="mask").clean == first.clean
    own.unlink()
    decontaminate(paths, benchmarks, tmp_path / "out", action="report")
    assert not own.parent.exists()  # no empty folder that looks like clean data


def test_another_action_and_lost_files_are_written_anew(tmp_path: Path) -> None:
    texts, benchmarks, planted = made(60)
    paths = write_parts(tmp_path / "in", texts, 2)
    drop = decontaminate(paths, benchmarks, tmp_path / "out", action="drop")
    dropped = [path.read_bytes() for path in drop.clean]
    decontaminate(paths, benchmarks, tmp_path / "out", action="mask")
    assert len(drop.clean[0].read_bytes().splitlines()) == 30
    again = decontaminate(paths, benchmarks, tmp_path / "out", action="drop")
    again.clean[1].unlink()
    last = decontaminate(paths, benchmarks, tmp_path / "out", action="drop")
    assert [path.read_bytes() for path in last.clean] == dropped
    assert len(planted) == last.contaminated


def test_bad_files_are_set_aside_by_name_and_bad_rows_by_line(tmp_path: Path) -> None:
    texts, benchmarks, planted = made(60)
    folder = tmp_path / "in"
    write_parts(folder, texts, 1)
    (folder / "b.jsonl").write_text('{"text": "fine"}\n{"text": "cut\n')
    (folder / "c.parquet").write_bytes(b"PAR1 no")
    (folder / "d.csv").write_text("a,b\n1,2\n")
    (folder / "e.jsonl").write_bytes(b"")
    found = decontaminate(folder, benchmarks, tmp_path / "out", text="text", action="drop")
    assert sorted(found.failed) == ["c.parquet", "d.csv"]
    assert (found.contaminated, found.unreadable, found.rows) == (len(planted), 1, 61)
    aside = pq.read_table(tmp_path / "out" / "set_aside.parquet").to_pylist()
    assert [(row["file"], row["number"]) for row in aside] == [
        ("b.jsonl", 2), ("c.parquet", None), ("d.csv", None),
    ]  # fmt: skip
    assert sorted(path.name for path in found.clean) == ["000.jsonl", "b.jsonl", "e.jsonl"]
    assert (tmp_path / "out" / "clean" / "b.jsonl").read_text() == '{"text": "fine"}\n'


def test_a_kept_index_is_used_again(tmp_path: Path) -> None:
    texts, benchmarks, _ = made(60)
    paths = write_parts(tmp_path / "in", texts, 1)
    first = decontaminate(paths, benchmarks, tmp_path / "a", index=tmp_path / "index")
    second = decontaminate(paths, tmp_path / "index", tmp_path / "b")
    assert findings(tmp_path / "a") == findings(tmp_path / "b")
    assert first.contaminated == second.contaminated
    assert isinstance(BenchmarkIndex.load(tmp_path / "index").grams, np.memmap)


def test_bad_options(tmp_path: Path) -> None:
    texts, benchmarks, _ = made(12)
    paths = write_parts(tmp_path / "in", texts, 1)
    out = tmp_path / "out"
    cases: list[tuple[dict[str, Any], str]] = [
        ({"action": "delete"}, "`action` must be one of"),
        ({"coverage": 2}, "`coverage` must be in"),
        ({"n": 0}, "`n` must be at least 1"),
        ({"text": "txt"}, "None of 1 file can be read; the first: 000.jsonl: no column 'txt'"),
    ]
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(InputError, match="1 of 2 files cannot be read, and the others have no row"):
        decontaminate([*paths, tmp_path / "empty.jsonl"], benchmarks, out, text="txt")
    for options, said in cases:
        with pytest.raises(InputError, match=said):
            decontaminate(paths, benchmarks, out, **options)
    with pytest.raises(InputError, match="lies in"):
        decontaminate(paths, benchmarks, tmp_path)
    with pytest.raises(InputError, match="no item with a word"):
        decontaminate(paths, {"a": [" "]}, out)
    decontaminate(paths, benchmarks, out, index=tmp_path / "index")
    with pytest.raises(InputError, match="sequences of 13 words; `n` is 8"):
        decontaminate(paths, tmp_path / "index", out, n=8)
