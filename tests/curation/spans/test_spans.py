"""Repeated spans against a suffix array; copies kept; actions; shardings; kills; bad files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from curation import find_repeated_spans
from curation.spans import sorted_runs
from curation.spans.windows import windows_of
from thresher.core.errors import InputError
from thresher.core.word_hashes import hash_words


def made(rows: int, *, seed: int, vocabulary: int = 400) -> list[str]:
    """Return texts of which many hold passages of others, and some repeat themselves."""
    rng = np.random.default_rng(seed)
    texts = [list(map(str, rng.integers(0, vocabulary, rng.integers(0, 90)))) for _ in range(rows)]
    for row in range(0, rows, 3):
        source = texts[int(rng.integers(0, rows))]
        if source:
            start = int(rng.integers(0, len(source)))
            at = int(rng.integers(0, len(texts[row]) + 1))
            texts[row][at:at] = source[start : start + int(rng.integers(5, 60))]
    texts[1] = ["spam"] * 70
    texts[2] = list("abcdefghij") * 6
    return [" ".join(words) for words in texts]


def by_suffix_array(texts: list[str], n: int) -> dict[int, np.ndarray]:
    """Return, for each text, which words stand in a run of `n` that occurred before."""
    words = [text.split() for text in texts]
    places = [(row, at) for row, text in enumerate(words) for at in range(len(text))]
    suffixes = sorted(places, key=lambda place: words[place[0]][place[1] :][: 2 * n])
    group: dict[tuple[str, ...], list[tuple[int, int]]] = {}
    for first, second in pairwise(suffixes):
        a, b = (words[row][at : at + n] for row, at in (first, second))
        if len(a) == n and a == b:
            group.setdefault(tuple(a), []).extend([first, second])
    marks = {row: np.zeros(len(text), bool) for row, text in enumerate(words)}
    for found in group.values():
        for row, at in set(found) - {min(found)}:
            marks[row][at : at + n] = True
    return marks


def write_parts(folder: Path, texts: list[str], parts: int) -> list[Path]:
    folder.mkdir(parents=True)
    paths = []
    for at, some in enumerate(np.array_split(np.array(texts, object), parts)):
        paths.append(folder / f"{at:03d}.jsonl")
        paths[-1].write_text("".join(json.dumps({"text": text}) + "\n" for text in some))
    return paths


def texts_of(paths: list[Path]) -> list[str]:
    lines = [line for path in paths for line in path.read_text().splitlines()]
    return [json.loads(line)["text"] for line in lines]


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.*")) if path.is_file()}


@pytest.mark.parametrize(
    ("n", "vocabulary", "seed"), [(8, 2, 0), (10, 400, 1), (13, 400, 2), (50, 9, 3)]
)
def test_the_words_are_those_of_a_suffix_array(
    tmp_path: Path, n: int, vocabulary: int, seed: int
) -> None:
    texts = made(120, seed=seed, vocabulary=vocabulary)
    found = find_repeated_spans(write_parts(tmp_path / "in", texts, 3), tmp_path / "out", words=n)
    marks = {row: np.zeros(len(text.split()), bool) for row, text in enumerate(texts)}
    for span in found.table.to_pylist():
        text = texts[span["row"]]
        first = len(text[: span["start"]].split())
        passage = text[span["start"] : span["end"]].split()
        assert len(passage) == span["words"] >= n
        marks[span["row"]][first : first + span["words"]] = True
        source = texts[span["source_row"]].split()[span["source_word"] :]
        assert source[: span["words"]] == passage
        assert (span["source_row"], span["source_word"]) < (span["row"], first)
    expected = by_suffix_array(texts, n)
    assert {row: mark.tolist() for row, mark in marks.items()} == {
        row: mark.tolist() for row, mark in expected.items()
    }
    assert found.repeated == sum(int(mark.sum()) for mark in expected.values())
    assert found.repeated > 100
    rows = pq.read_table(tmp_path / "out" / "texts.parquet").to_pylist()
    assert [row["repeated"] for row in rows] == [int(expected[row["row"]].sum()) for row in rows]


def test_equal_windows_have_equal_anchors_and_few_are_kept() -> None:
    rng = np.random.default_rng(0)
    text = list(map(str, rng.integers(0, 10**6, 5000)))
    words = hash_words([" ".join(text), " ".join(text[1000:1200])])
    windows = windows_of(words, 50)
    assert windows.anchors[-151:].tolist() == windows.anchors[1000:1151].tolist()
    assert len(windows.occurrences()) < 0.1 * len(words.hashes)
    same = windows_of(hash_words(["spam " * 200]), 50)
    assert len(same.occurrences()) == 151


def test_a_text_that_repeats_itself_has_one_span(tmp_path: Path) -> None:
    texts = ["x " * 3000, "a b c d e f g " * 300 + "end", "one " + "0 " * 100 + "two " + "0 " * 100]
    found = find_repeated_spans(write_parts(tmp_path / "in", texts, 1), tmp_path / "out", words=20)
    spans = [
        (s["row"], s["words"], s["source_row"], s["source_word"]) for s in found.table.to_pylist()
    ]
    assert spans == [(0, 2999, 0, 0), (1, 2093, 1, 0), (2, 99, 2, 1), (2, 100, 2, 1)]


def test_a_report_leaves_no_clean_files_of_an_earlier_call(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one two three four five six seven eight nine\n" * 2)
    find_repeated_spans(tmp_path / "a.txt", tmp_path / "out", words=8, action="drop")
    assert (tmp_path / "out" / "clean" / "a.txt").exists()
    find_repeated_spans(tmp_path / "a.txt", tmp_path / "out", words=8)
    assert not (tmp_path / "out" / "clean").exists()


def test_the_first_copy_stays_and_clean_files_hold_no_repeats(tmp_path: Path) -> None:
    texts = made(200, seed=5)[3:]
    paths = write_parts(tmp_path / "in", texts, 2)
    cut = find_repeated_spans(paths, tmp_path / "cut", words=12, action="cut")
    lines = [
        json.loads(line)["text"] for path in cut.clean for line in path.read_text().splitlines()
    ]
    expected = by_suffix_array(texts, 12)
    for text, clean, mark in zip(texts, lines, expected.values(), strict=True):
        kept = [word for word, gone in zip(text.split(), mark, strict=True) if not gone]
        assert clean.split() == kept
    drop = find_repeated_spans(paths, tmp_path / "drop", words=12, action="drop", share=0.3)
    left = [
        json.loads(line)["text"] for path in drop.clean for line in path.read_text().splitlines()
    ]
    assert left == [
        text for row, text in enumerate(texts)
        if not expected[row].any() or expected[row].mean() < 0.3
    ]  # fmt: skip
    mask = find_repeated_spans(paths, tmp_path / "mask", words=12, action="mask")
    masked = "".join(path.read_text() for path in mask.clean)
    assert masked.count("[removed]") >= len(set(mask.table["row"].to_pylist()))


def test_the_same_bytes_for_any_workers_ranges_and_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = made(300, seed=7)
    paths = write_parts(tmp_path / "in", texts, 5)
    find_repeated_spans(paths, tmp_path / "one", words=10)
    find_repeated_spans(paths, tmp_path / "two", words=10, executor="processes", workers=2)
    assert files_of(tmp_path / "two") == files_of(tmp_path / "one")
    monkeypatch.setattr(sorted_runs, "RUN", 64)
    find_repeated_spans(paths, tmp_path / "small", words=10)
    assert files_of(tmp_path / "small") == files_of(tmp_path / "one")
    assert len(list((tmp_path / "small" / "work").glob("found-*/*"))) > 4
    one = write_parts(tmp_path / "whole", texts, 1)
    found = find_repeated_spans(one, tmp_path / "file", words=10).table
    some = pq.read_table(tmp_path / "one" / "spans.parquet")
    names = ["file", "number", "source_file"]
    assert found.drop_columns(names).equals(some.drop_columns(names))


def test_killed_again_and_again_it_ends_with_the_same_bytes(tmp_path: Path) -> None:
    write_parts(tmp_path / "in", made(2000, seed=9), 20)
    find_repeated_spans(tmp_path / "in", tmp_path / "whole", words=10, action="cut")
    program = (
        "from curation import find_repeated_spans; "
        "find_repeated_spans('in', 'killed', words=10, action='cut')"
    )
    work = tmp_path / "killed" / "work"
    for done in (5, 25, 50, 70):
        process = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path)
        limit = time.monotonic() + 120
        while len(list(work.glob("*-*/0*"))) < done:
            assert process.poll() is None
            assert time.monotonic() < limit
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
    assert files_of(tmp_path / "killed") == files_of(tmp_path / "whole")
    for path in (tmp_path / "whole" / "clean").iterdir():
        assert (tmp_path / "killed" / "clean" / path.name).read_bytes() == path.read_bytes()


def test_bad_files_bad_options_and_nothing_to_find(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write_parts(folder, ["a b c", "", "one"], 1)
    (folder / "b.parquet").write_bytes(b"no")
    (folder / "c.jsonl").write_text('{"text": "x"}\nbroken\n')
    found = find_repeated_spans(folder, tmp_path / "out", action="drop", text="text")
    assert (found.rows, found.spans, found.words, found.unreadable) == (4, 0, 5, 1)
    assert list(found.failed) == ["b.parquet"]
    assert [path.name for path in found.clean] == ["000.jsonl", "c.jsonl"]
    assert found.table.num_rows == 0
    for options, said in (({"words": 7}, "at least 8"), ({"share": 0}, "must be in"),
                          ({"action": "x"}, "must be one of")):  # fmt: skip
        with pytest.raises(InputError, match=said):
            find_repeated_spans(folder, tmp_path / "out", **options)
