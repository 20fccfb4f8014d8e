"""Sequences of benchmarks: whose they are, templates, short items, the kept folder, the filter."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.contamination.index import BenchmarkIndex, build_index
from curation.contamination.matches import find_matches, held
from thresher.core.errors import InputError
from thresher.core.word_hashes import hash_words


def words(*numbers: int) -> str:
    return " ".join(f"w{number}" for number in numbers)


def test_items_are_found_by_their_sequences(tmp_path: Path) -> None:
    items = {"a": [words(*range(6)), words(*range(2, 8)), "w1 w2", ""], "b": {"x": words(50, 51)}}
    built = build_index(items, n=4, whole=2)
    built.save(tmp_path / "kept")
    for index in (built, BenchmarkIndex.load(tmp_path / "kept")):
        assert index.key == built.key
        assert index.items["item"].to_pylist() == ["0", "1", "2", "3", "x"]
        assert index.sizes.tolist() == [3, 3, 1, 0, 1]
        assert index.lengths == [2, 4]
        texts = ["no " + words(*range(2, 7)), words(50), "x " + words(50, 51) + " y"]
        found = find_matches(index, hash_words(texts))
        assert found.rows.tolist() == [0, 0, 2]
        assert (found.places.tolist(), found.sizes.tolist()) == ([1, 2, 8], [4, 4, 2])
        row, item, share = held(index, found.rows, found.grams)
        assert (row.tolist(), item.tolist()) == ([0, 0, 2], [0, 1, 4])
        assert share == pytest.approx([1 / 3, 2 / 3, 1])


def test_items_of_few_words_count_only_as_whole_texts() -> None:
    index = build_index({"a": ["w1 w2", "w5 w6 w7"]}, n=4, whole=3)
    found = find_matches(index, hash_words(["w1 W2!", "w1 w2 w3", "w0 w5 w6 w7", "w5 w6"]))
    assert found.rows.tolist() == [0, 2]


def test_what_many_items_share_is_template_unless_they_are_equal() -> None:
    header = words(*range(100, 106))
    items = [f"{header} {words(at, at + 1000, at + 2000, at + 3000)}" for at in range(30)]
    index = build_index({"a": items, "b": [words(*range(5))] * 30}, n=4, most_items=20)
    assert index.sizes.tolist() == [4] * 30 + [2] * 30  # three of the seven are the header's
    assert build_index({"a": items}, n=4, most_items=None).sizes.tolist() == [7] * 30
    assert len(find_matches(index, hash_words([header])).rows) == 0


def test_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no item with a word"):
        build_index({"a": ["", "..."]})
    with pytest.raises(InputError, match="There is no file"):
        BenchmarkIndex.load(tmp_path)
    build_index({"a": ["one"]}).save(tmp_path / "kept")
    (tmp_path / "kept" / "grams.npy").write_bytes(b"cut")
    with pytest.raises(InputError, match="no whole index"):
        BenchmarkIndex.load(tmp_path / "kept")
