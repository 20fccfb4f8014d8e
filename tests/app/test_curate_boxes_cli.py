"""``thresher curate boxes`` on files as users have them."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.csv as csv
import pytest
from PIL import Image
from typer.testing import CliRunner

from thresher.app.cli.commands import app
from thresher.core import Manifest, load_detection_set
from thresher.core.errors import InputError

CONTENT = {
    "images": [{"id": at, "file_name": f"{at}.jpg", "width": 100, "height": 80} for at in (1, 2)],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 10, 20, 20], "own": "kept"},
        {"id": 2, "image_id": 1, "category_id": 1, "bbox": [10, 10, 20, 20]},
        {"id": 3, "image_id": 2, "category_id": 1, "bbox": [90, 10, 30, 20]},
        {"id": 4, "image_id": 9, "category_id": 1, "bbox": [1, 1, 2, 2]},
    ],
    "categories": [{"id": 1, "name": "cat"}, {"id": 5, "name": "dog"}],
}
RESULTS = [{"image_id": 1, "category_id": 5, "bbox": [10, 10, 20, 20], "score": 0.99}] * 3


def run(*words: object) -> str:
    done = CliRunner().invoke(app, ["curate", "boxes", *map(str, words)])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "set.json").write_text(json.dumps(CONTENT))
    return tmp_path / "set.json"


def test_findings_decisions_and_a_clean_set(path: Path, tmp_path: Path) -> None:
    said = run(
        path, "--out", tmp_path / "f.csv", "--manifest", tmp_path / "m", "--clean", tmp_path / "c"
    )
    assert "2 images, 3 boxes of 2 classes" in said
    assert "set.json line 1: annotation 4 is of an image that is not listed" in said
    assert "equal boxes or images: 1\n  1#2  0.000  equal to the box 1#1" in said
    assert "the box reaches beyond the image; better: 90 10 100 30" in said
    assert "decided: 0 images and 1 box to drop, 1 to look at" in said
    rows = {row["row_id"]: row for row in csv.read_csv(tmp_path / "f.csv").to_pylist()}
    assert rows["1#2"]["action"] == "drop"
    assert (rows["2#3"]["action"], rows["2#3"]["class"], rows["2#3"]["x2"]) == (
        "review",
        "cat",
        120,
    )
    assert rows["2#3"]["file"] == "2.jpg"
    assert len(Manifest.load(tmp_path / "m")) == 2 + 3
    clean = (tmp_path / "c" / "set.json").read_text()
    second = ", " + json.dumps(CONTENT["annotations"][1])
    assert clean == path.read_text().replace(second, "")


def test_json_and_other_formats(path: Path, tmp_path: Path) -> None:
    found = json.loads(run(path, "--json", "--clean", tmp_path / "voc", "--clean-format", "voc"))
    assert (found["images"], found["boxes"], found["found"]) == (
        2,
        3,
        {"exact_duplicate": 1, "quality": 1},
    )
    assert found["boxes_to_drop"] == 1
    assert len(load_detection_set(tmp_path / "voc").boxes) == 2


def test_predictions_add_findings(path: Path, tmp_path: Path) -> None:
    (tmp_path / "said.json").write_text(json.dumps(RESULTS))
    run(path, "--predictions", tmp_path / "said.json", "--out", tmp_path / "f.jsonl")
    assert (tmp_path / "f.jsonl").read_text().count("\n") >= 2


def test_outlines_are_looked_at_when_asked(path: Path) -> None:
    content = json.loads(path.read_text())
    content["annotations"][2]["segmentation"] = [[1, 2, 3, 4]]
    path.write_text(json.dumps(content))
    assert "unreadable outline" not in run(path)
    assert "2#3  0.000  unreadable outline: " in run(path, "--outlines")


def test_images_to_look_at_go_to_label_studio(path: Path, tmp_path: Path) -> None:
    for at in (1, 2):
        Image.new("RGB", (100, 80)).save(tmp_path / f"{at}.jpg")
    said = run(path, "--no-looks", "--label-studio", tmp_path / "tasks.json")
    assert f"Label Studio must serve {tmp_path}" in said
    (task,) = json.loads((tmp_path / "tasks.json").read_text())
    assert task["data"]["row_id"] == "2"
    assert task["data"]["note"] == ("#3 the box reaches beyond the image (better: 90 10 100 30)")
    assert (tmp_path / "tasks.xml").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--out", "f.html"], "file of findings"),
        (["--clean-format", "voc"], "name its folder"),
        (["--clean", "."], "must be a new or empty folder"),
        (["--format", "cocoo"], "Did you mean 'coco'"),
        (["--predictions", "nothing.json"], "cannot be read"),
        (["--images", "nowhere"], "must be a folder"),
        (["--label-studio", "tasks.json"], "no image with something to look at has a file"),
    ],
)
def test_what_cannot_be_done_is_said_at_once(
    path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.chdir(path.parent)
    done = CliRunner().invoke(app, ["curate", "boxes", str(path), *words])
    assert isinstance(done.exception, InputError)
    assert said in str(done.exception)


def test_a_truncated_file(path: Path) -> None:
    path.write_text(path.read_text()[:400])
    done = CliRunner().invoke(app, ["curate", "boxes", str(path)])
    assert isinstance(done.exception, InputError)
    assert "cut off" in str(done.exception)
