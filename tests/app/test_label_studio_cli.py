"""`thresher label sync`: a folder and a Label Studio project, from the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("httpx", reason="needs thresher[labelstudio]")

import httpx
from typer.testing import CliRunner, Result

from thresher.app.cli.commands import app
from thresher.core.errors import InputError, MissingExtraError, ThresherError

sys.path.insert(0, str(Path(__file__).parents[1] / "active_learning/adapters/label_studio"))

from fake_label_studio import TOKEN, URL, FakeLabelStudio

RNG = np.random.default_rng(0)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeLabelStudio:
    found = FakeLabelStudio()
    made = httpx.Client
    transport = httpx.MockTransport(found.handle)
    monkeypatch.setattr(httpx, "Client", lambda **_: made(transport=transport))
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", TOKEN)
    return found


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["label", *map(str, arguments)])


def call(*arguments: str | Path) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.exception
    return json.loads(result.stdout)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lines = [f"r{k},{x:.4f},{y:.4f}" for k, (x, y) in enumerate(RNG.normal(size=(30, 2)))]
    (tmp_path / "pool.csv").write_text("\n".join(["key,x,y", *lines]))
    call("init", tmp_path / "pool.csv", "--row-id", "key", "--features", "x,y", "--classes",
         "low,high", "--out", tmp_path / "my labels")  # fmt: skip
    return tmp_path / "my labels"


def annotate(fake: FakeLabelStudio, task: int, name: str) -> None:
    item = {"from_name": "label", "to_name": "numbers", "type": "choices"}
    fake._annotate(task, {"completed_by": 1, "lead_time": 2.0,
                          "result": [{**item, "value": {"choices": [name]}}]})  # fmt: skip


def test_rows_go_out_and_answers_come_back(fake: FakeLabelStudio, folder: Path) -> None:
    found = call("sync", folder, "-n", "4", "--url", URL)
    assert (found["new"], found["waiting"]) == (0, 4)
    (project,) = fake.projects.values()
    assert project["title"] == "my labels"
    assert found["address"] == f"{URL}/projects/{project['id']}/data"
    assert [task["data"]["row_id"] for task in fake.tasks.values()] == found["handed_out"]
    first = next(iter(fake.tasks.values()))
    assert set(first["data"]["numbers"]) == {"x", "y"}
    for task in fake.tasks:
        annotate(fake, task, "low")
    result = run("sync", folder, "-n", "2")
    assert result.exit_code == 0
    assert "4 new answers, 2 rows handed out, 2 wait at http://label-studio.test" in result.stdout
    status = call("status", folder)
    assert (status["labeled"], status["annotators"]) == (4, {"ann@example.com": 4})
    call("export", folder, folder.parent / "answers.jsonl", "--answers")
    lines = (folder.parent / "answers.jsonl").read_text().splitlines()
    assert {json.loads(line)["seconds"] for line in lines} == {2.0}


def test_what_cannot_be_used_ends_the_command_with_a_reason(
    fake: FakeLabelStudio, folder: Path
) -> None:
    call("sync", folder, "-n", "2", "--url", URL)
    annotate(fake, next(iter(fake.tasks)), "neither")
    result = run("sync", folder, "-n", "2")
    assert isinstance(result.exception, ThresherError)
    assert "1 answer cannot be used and was left out" in str(result.exception)
    assert "must be one of 'low', 'high', got 'neither'" in result.stdout


def test_images_are_stored_there(fake: FakeLabelStudio, tmp_path: Path) -> None:
    (tmp_path / "pool" / "x").mkdir(parents=True)
    for k in range(4):
        image = RNG.integers(0, 255, size=(8 + k, 10, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / "pool" / "x" / f"{k}.png"), image)
    call(
        "init", tmp_path / "pool", "--classes", "a,b", "--out", tmp_path / "lab", "--task", "boxes"
    )
    call("sync", tmp_path / "lab", "-n", "3", "--url", URL)
    for task in fake.tasks.values():
        assert task["data"]["image"].startswith("/data/upload/1/")
        assert task["data"]["width"] == 10
    stored = [cv2.imdecode(np.frombuffer(data, np.uint8), 1) for _, data in fake.files.values()]
    heights = [task["data"]["height"] for task in fake.tasks.values()]
    assert [image.shape[0] for image in stored] == heights


def test_mistakes_are_named(
    fake: FakeLabelStudio, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "must be at least 0" in str(run("sync", folder, "-n", "-1").exception)
    found = run("sync", folder, "--listen", "127.0.0.1:9").exception
    assert "`listen` needs `watch`" in str(found)
    assert "'new', 'relabel', 'mixed'" in str(run("sync", folder, "--mode", "old").exception)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "")
    found = run("sync", folder).exception
    assert isinstance(found, InputError)
    assert "LABEL_STUDIO_API_KEY" in str(found)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", TOKEN)
    monkeypatch.setitem(sys.modules, "httpx", None)
    found = run("sync", folder).exception
    assert isinstance(found, MissingExtraError)
    assert "pip install 'thresher[labelstudio]'" in str(found)
