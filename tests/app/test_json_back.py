"""A JSON file of objects is cleaned, applied and taken back as one, with every cell as it was."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest

from thresher.app.cleaning import apply_manifest
from thresher.app.given import given_rows
from thresher.app.undoing import undo_manifest
from thresher.core.loading import load_dataset
from thresher.core.manifest import Manifest

WORDS = ["pay", "card", "bill", "lost", "phone", "weather", "book", "table", "music", "song"]


def objects(n=40):
    """Rows with nested cells, numbers beyond float64 and absent keys; the eleventh is a copy."""
    rng = np.random.default_rng(0)
    rows = [
        {
            "text": " ".join(rng.choice(WORDS, 9)) + " größe",
            "key": 2**60 + at,
            "tags": ["a", None, {"b": at % 2 == 0}],
            **({"note": None} if at % 3 else {}),
        }
        for at in range(n)
    ]
    rows[10]["text"] = rows[3]["text"]
    return rows


@pytest.mark.parametrize("name", ["d.json", "d.json.gz"])
def test_a_list_comes_back_as_a_list(curate, tmp_path, name):
    rows = objects()
    data, clean, decisions = tmp_path / "d.json", tmp_path / "clean.json", tmp_path / "m"
    data.write_text(json.dumps(rows, indent=2))
    options = ["--text", "text", "--manifest", decisions]
    code, found = curate("duplicates", data, *options, "--clean", clean, "--json")
    assert (code, found["decisions"]["drop"]) == (0, 1), found
    written = json.loads(clean.read_text())
    dropped = [at for at in (3, 10) if rows[at] not in written]
    assert len(dropped) == 1
    assert written == [row for at, row in enumerate(rows) if at not in dropped]
    assert [list(row) for row in written[:3]] == [list(row) for row in rows[:3]]
    again, back = tmp_path / "again.json", tmp_path / f"back-{name}"
    assert curate("apply", decisions, data, "--out", again)[0] == 0
    assert again.read_bytes() == clean.read_bytes()
    assert curate("undo", decisions, again, "--out", back)[0] == 0
    text = gzip.decompress(back.read_bytes()) if name.endswith(".gz") else back.read_bytes()
    returned = json.loads(text)
    assert returned == rows
    assert list(map(list, returned)) == list(map(list, rows))


def test_json_lines_under_the_name_json_stay_lines(curate, tmp_path):
    data, clean, decisions = tmp_path / "d.json", tmp_path / "clean.json", tmp_path / "m"
    lines = [json.dumps(row) for row in objects()]
    data.write_text("\n".join(lines) + "\n")
    options = ["--text", "text", "--manifest", decisions]
    assert curate("duplicates", data, *options, "--clean", clean)[0] == 0
    written = clean.read_text().splitlines()
    assert len(written) == 39
    assert set(written) <= set(lines)
    back = tmp_path / "back.json"
    assert curate("undo", decisions, clean, "--out", back)[0] == 0
    assert back.read_text().splitlines() == lines


def test_new_labels_stand_in_the_list_and_go_back(curate, tmp_path):
    rng = np.random.default_rng(0)
    topics = [["pay", "card", "bill", "bank"], ["song", "music", "drum", "tune"]]
    rows = [
        {"text": " ".join(rng.choice(topics[at % 2], 8)) + f" {at}", "label": "ab"[at % 2], "x": at}
        for at in range(80)
    ]
    rows[5]["label"] = "a"
    data, clean, decisions = tmp_path / "d.json", tmp_path / "clean.json", tmp_path / "m"
    data.write_text(json.dumps(rows))
    options = ["--label", "label", "--action", "relabel", "--manifest", decisions]
    code, found = curate("labels", data, *options, "--clean", clean, "--json")
    assert (code, found["decisions"]["relabel"]) == (0, 1), found
    assert json.loads(clean.read_text()) == [
        {**row, "label": "b"} if row["x"] == 5 else row for row in rows
    ]
    back = tmp_path / "back.json"
    assert curate("undo", decisions, clean, "--out", back)[0] == 0
    assert json.loads(back.read_text()) == rows


@pytest.mark.parametrize("left", [0, 1])
def test_of_hardly_any_rows_a_list_is_left_that_can_be_read(tmp_path, left):
    rows = [{"text": f"song number {at}", "x": at} for at in range(3)]
    data, clean, back = (tmp_path / name for name in ("d.json", "clean.json", "back.json"))
    data.write_text("\n".join(map(json.dumps, rows)))
    loaded = load_dataset(data, text="text", keep_unlabeled=True)
    ids = given_rows(loaded).row_ids.tolist()
    actions = ["keep"] * left + ["drop"] * (3 - left)
    manifest = Manifest.from_columns(ids, actions, reasons=["quality"] * 3, scores=[0.0] * 3)
    apply_manifest(manifest, loaded, clean)
    assert json.loads(clean.read_text()) == rows[:left]
    assert undo_manifest(manifest, clean, back) == 3
    assert json.loads(back.read_text()) == rows
