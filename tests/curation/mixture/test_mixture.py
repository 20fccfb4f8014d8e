"""Mixtures: shares and caps, the same rows for any files, repeats, kills, bad input."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation import mix_sources
from curation.mixture.shares import shared_tokens
from thresher.core.errors import InputError


def write(folder: Path, name: str, texts: list[str], parts: int = 1) -> Path:
    (folder / name).mkdir(parents=True)
    for at, some in enumerate(np.array_split(np.array(texts, object), parts)):
        lines = [json.dumps({"text": text}) for text in some]
        (folder / name / f"{at}.jsonl").write_text("\n".join(lines))
    return folder / name


def made(rows: int, word: str, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return [f"{word}{at} " + "x " * int(rng.integers(5, 40)) for at in range(rows)]


def texts_of(paths: list[Path]) -> list[str]:
    lines = [line for path in paths for line in path.read_text().splitlines()]
    return [json.loads(line)["text"] for line in lines]


def test_budgets_are_shared_and_caps_hold() -> None:
    share = shared_tokens
    assert share({"a": 100, "b": 100}, {"a": 3, "b": 1}, tokens=80, most_passes=4) == {
        "a": 60, "b": 20,
    }  # fmt: skip
    capped = share(
        {"a": 10, "b": 100, "c": 100}, {"a": 8, "b": 1, "c": 1}, tokens=100, most_passes=2
    )
    assert capped == {"a": 20, "b": 40, "c": 40}
    assert share({"a": 1, "b": 2}, {"a": 1, "b": 1}, tokens=1e9, most_passes=3) == {"a": 3, "b": 6}
    twice = share({"a": 1, "b": 30, "c": 900}, {"a": 1, "b": 1, "c": 1}, tokens=300, most_passes=1)
    assert twice == {"a": 1, "b": 30, "c": 269}


def test_shares_passes_and_repeats(tmp_path: Path) -> None:
    sources = {
        "web": write(tmp_path, "in-web", made(4000, "w"), 3),
        "books": write(tmp_path, "in-books", made(300, "b", 1)),
    }
    tokens = {name: sum(len(t.split()) for t in texts_of(sorted(path.iterdir())))
              for name, path in sources.items()}  # fmt: skip
    budget = 4 * tokens["books"]
    mixed = mix_sources(
        sources, tmp_path / "out", weights={"web": 0.4, "books": 0.6}, tokens=budget
    )
    assert mixed.sources["books"].passes == pytest.approx(2.4)
    assert mixed.sources["books"].share == pytest.approx(0.6, abs=0.005)
    assert mixed.tokens == pytest.approx(budget, rel=0.005)
    books = Counter(texts_of([path for path in mixed.files if path.parent.name == "books"]))
    assert set(books.values()) == {2, 3}
    assert len(books) == 300
    assert sum(len(t.split()) * n for t, n in books.items()) == mixed.sources["books"].tokens
    web = Counter(texts_of([path for path in mixed.files if path.parent.name == "web"]))
    assert set(web.values()) == {1}
    assert sum(web.values()) == mixed.sources["web"].rows
    capped = mix_sources(
        sources, tmp_path / "capped", weights={"web": 0.4, "books": 0.6}, tokens=budget,
        most_passes=1,
    )  # fmt: skip
    assert capped.sources["books"].used_up
    assert capped.sources["books"].tokens == tokens["books"]
    assert capped.tokens == pytest.approx(min(budget, sum(tokens.values())), rel=0.005)


def test_the_same_rows_for_any_files_workers_and_kinds(tmp_path: Path) -> None:
    texts = made(500, "w")
    options = {"weights": {"a": 1.0}, "tokens": 4000.0, "random_state": 7}
    one = mix_sources({"a": write(tmp_path, "one", texts)}, tmp_path / "o1", **options)
    seven = mix_sources(
        {"a": write(tmp_path, "seven", texts, 7)}, tmp_path / "o7", executor="processes",
        workers=2, **options,
    )  # fmt: skip
    assert texts_of(one.files) == texts_of(seven.files)
    pq.write_table(pa.table({"text": texts}), tmp_path / "a.parquet")
    columns = mix_sources({"a": tmp_path / "a.parquet"}, tmp_path / "op", **options)
    assert pq.read_table(columns.files[0])["text"].to_pylist() == texts_of(one.files)
    other = mix_sources({"a": tmp_path / "one"}, tmp_path / "o2", **options | {"random_state": 8})
    assert texts_of(other.files) != texts_of(one.files)
    before = [path.read_bytes() for path in seven.files]
    seven.files[2].unlink()
    again = mix_sources({"a": tmp_path / "seven"}, tmp_path / "o7", **options)
    assert [path.read_bytes() for path in again.files] == before


def test_files_and_sources_of_an_earlier_call_do_not_stay(tmp_path: Path) -> None:
    web, quiz = write(tmp_path, "web", made(90, "w"), 3), write(tmp_path, "quiz", made(20, "q"))
    weights = {"web": 1.0, "quiz": 1.0}
    mix_sources({"web": web, "quiz": quiz}, tmp_path / "out", weights=weights, tokens=200)
    (web / "1.jsonl").unlink()
    only = mix_sources({"web": web}, tmp_path / "out", weights={"web": 1}, tokens=200)
    there = [path for path in tmp_path.glob("out/*/*.jsonl") if path.parent.name != "work"]
    assert sorted(there) == sorted(only.files)
    assert sum(len(text.split()) for text in texts_of(there)) == only.tokens


def test_bad_input(tmp_path: Path) -> None:
    path = write(tmp_path, "in", made(9, "w"))
    (path / "b.jsonl").write_text('{"text": "x y"}\ncut')
    (path / "c.parquet").write_bytes(b"no")
    found = mix_sources({"a": path}, tmp_path / "out", weights={"a": 1}, tokens=50)
    assert list(found.failed) == ["c.parquet"]
    assert pq.read_table(tmp_path / "out" / "set_aside.parquet").num_rows == 2
    for weights, said in (
        ({}, "no weight for the source 'a'"),
        ({"a": 1, "aa": 2}, "no source. Sources: a. Did you mean 'a'"),
        ({"a": 0}, "`weight of a` must be in"),
    ):
        with pytest.raises(InputError, match=said):
            mix_sources({"a": path}, tmp_path / "out", weights=weights, tokens=50)
    with pytest.raises(InputError, match="`tokens` must be in"):
        mix_sources({"a": path}, tmp_path / "out", weights={"a": 1}, tokens=0)
    with pytest.raises(InputError, match="cannot be called"):
        mix_sources({"a/b": path}, tmp_path / "out", weights={"a/b": 1}, tokens=5)
