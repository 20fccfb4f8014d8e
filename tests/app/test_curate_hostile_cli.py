"""``thresher curate`` on data and targets as they should not be: clear, early, nothing lost."""

from __future__ import annotations

import json
import os
import sys

import cv2
import numpy as np
import pytest

from thresher.app.cli import main


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)

    def run(line):
        monkeypatch.setattr(sys, "argv", ["thresher", "curate", *line.split()])
        try:
            main()
            code = 0
        except SystemExit as leaving:
            code = int(leaving.code or 0)
        shown = capsys.readouterr()
        return code, shown.err if code else shown.out

    return run


def write_rows(path, texts, labels):
    lines = [json.dumps({"text": t, "label": y}) for t, y in zip(texts, labels, strict=True)]
    path.write_text("\n".join(lines) + "\n")


def test_rows_that_are_all_equal_say_nothing_of_labels(call, tmp_path):
    write_rows(tmp_path / "equal.jsonl", ["the same words"] * 40, list("ab") * 20)
    code, shown = call("labels equal.jsonl --json")
    found = json.loads(shown)
    assert code == 0
    assert found["found"]["label"] == found["decisions"]["drop"] == 0
    assert "all rows are equal" in found["methods"]["label"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("coreset rows.jsonl --share 0", "`--share` must be in (0, 1]"),
        ("duplicates rows.jsonl --clean clean.xlsx", "Clean data go into .csv"),
        ("duplicates rows.jsonl --clean clean --format zip", "`--format` must be one of"),
        ("duplicates rows.jsonl --clean rows.jsonl/clean.csv", "takes no files"),
        ("duplicates rows.jsonl --manifest rows.jsonl/decisions", "takes no files"),
        ("shards vectors.npz --work work", "save the vectors alone"),
    ],
)
def test_what_cannot_be_done_is_said_before_any_search(call, tmp_path, options, says):
    write_rows(tmp_path / "rows.jsonl", ["one text", "two texts"], "ab")
    np.savez(tmp_path / "vectors.npz", embeddings=np.eye(3))
    code, shown = call(options)
    assert code == 2
    assert says in shown


def test_nested_json_lines_stay_json_lines(call, tmp_path):
    rows = [{"text": f"words {'xyz'[i]} {i}", "meta": {"tags": ["a", "b"], "n": i}} for i in (0, 1)]
    lines = [json.dumps(row) for row in (*rows, rows[0])]
    (tmp_path / "nested.jsonl").write_text("\n".join(lines))
    assert call("duplicates nested.jsonl --exact --clean clean.jsonl")[0] == 0
    left = [json.loads(line) for line in (tmp_path / "clean.jsonl").read_text().splitlines()]
    assert sorted(left, key=lambda row: row["meta"]["n"]) == rows


def test_an_image_with_a_name_that_is_no_text_is_set_aside_by_name(call, tmp_path):
    folder = tmp_path / "photos" / "cat"
    folder.mkdir(parents=True)
    image = cv2.imencode(".png", np.arange(3072, dtype=np.uint8).reshape(32, 32, 3))[1].tobytes()
    (folder / "good.png").write_bytes(image)
    try:
        with open(os.path.join(os.fsencode(folder), b"bad\xff.png"), "wb") as file:
            file.write(image)
    except OSError:
        pytest.skip("this file system takes no such names")
    code, shown = call("quality photos")
    assert code == 0
    assert "not UTF-8" in shown
    assert "udcff" in shown


def test_quality_tells_of_the_data_as_a_whole(call, tmp_path):
    rng = np.random.default_rng(0)
    words = np.array(["pay", "card", "bill", "lost", "phone", "music"])
    texts = [" ".join(rng.choice(words, 4 + 20 * (i >= 150))) for i in range(300)]
    write_rows(tmp_path / "rows.jsonl", texts, ["a"] * 150 + ["b"] * 150)
    code, shown = call("quality rows.jsonl --label label")
    assert code == 0
    assert "all rows, sorted:" in shown
    assert "all rows, shortcut:" in shown
