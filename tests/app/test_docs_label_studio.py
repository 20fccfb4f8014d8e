"""The commands of the page on Label Studio run, here and with the real server."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("httpx", reason="needs thresher[labelstudio]")

import httpx
from typer.testing import CliRunner

from active_learning.adapters.row_files import write_rows
from thresher.app.cli.commands import app

sys.path.insert(0, str(Path(__file__).parents[1] / "active_learning/adapters/label_studio"))

from fake_label_studio import TOKEN, URL, FakeLabelStudio
from label_studio_server import real_url  # noqa: F401 -- a fixture
from people_of_label_studio import Place

PAGE = Path(__file__).resolve().parents[2] / "docs" / "label_studio.md"
TEXT = PAGE.read_text(encoding="utf-8")
COMMANDS = re.findall(r"^thresher (label .*)$", TEXT, re.MULTILINE)
ENDLESS = ("--watch", "ml-backend")


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.label_studio)])
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Give a server; requests to that of the page go to it."""
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", TOKEN)
    fake = FakeLabelStudio() if request.param == "fake" else None
    url = URL if fake else request.getfixturevalue("real_url")
    if fake:
        made, transport = httpx.Client, httpx.MockTransport(fake.handle)
        monkeypatch.setattr(httpx, "Client", lambda **_: made(transport=transport))
    with httpx.Client(timeout=120) as http:
        yield Place(url, http, fake)


def test_commands_run(server: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = np.array(["fine", "great", "poor", "slow", "nice", "food", "room", "staff"])
    rng = np.random.default_rng(0)
    rows = [{"review": " ".join(rng.choice(words, 6))} for _ in range(200)]
    write_rows("reviews.csv", rows, columns=["review"])
    assert {line.split()[1] for line in COMMANDS} >= {"init", "sync", "status"}
    rows_of_files: list[str] = []
    for line in COMMANDS:
        if any(word in line for word in ENDLESS):
            continue  # tested in test_al_label_studio_webhook.py and test_ml_backend.py
        words_of = shlex.split(line.replace("http://localhost:8080", server.url))
        if words_of[1] == "tell":
            rows_of_files = label_by_file(server)
        result = CliRunner().invoke(app, words_of)
        assert result.exit_code == 0, (line, result.exception)
        if words_of[1] == "sync":
            label_all(server, int(result.stdout.split("/projects/")[1].split("/")[0]))
    assert "50 new answers" in sync_again(tmp_path, server)
    answers = json.loads((tmp_path / "answers.json").read_text(encoding="utf-8"))
    said = {task["data"]["row_id"]: task["annotations"][0] for task in answers}
    assert [said[row]["was_cancelled"] for row in rows_of_files] == [True] + [False] * 19
    assert {said[row]["annotator"] for row in rows_of_files} == {"ann@example.com"}


def label_by_file(server: Place) -> list[str]:
    """Paste the configuration, import, label, skip the first, export."""
    config = Path("batch.xml").read_text(encoding="utf-8")
    made = server.call("POST", "/api/projects", json={"title": "abc", "label_config": config})
    tasks = json.loads(Path("batch.json").read_text(encoding="utf-8"))
    server.call("POST", f"/api/projects/{made['id']}/import", json=tasks)
    label_all(server, made["id"])
    first = server.tasks(made["id"])[0]["annotations"][0]
    server.call("PATCH", f"/api/annotations/{first['id']}", json={"was_cancelled": True})
    if server.fake:
        of_project = [t for t in server.fake.tasks.values() if t["project"] == made["id"]]
        exported = json.dumps(of_project).encode()
    else:
        path = f"{server.url}/api/projects/{made['id']}/export?exportType=JSON"
        exported = server.http.get(path, headers={"Authorization": f"Token {TOKEN}"}).content
    Path("project-1.json").write_bytes(exported)
    return [task["data"]["row_id"] for task in tasks]


def sync_again(folder: Path, server: Place) -> str:
    result = CliRunner().invoke(app, ["label", "sync", str(folder / "labeling"), "-n", "50"])
    assert result.exit_code == 0, result.exception
    return result.stdout


def label_all(server: Place, project: int) -> None:
    item: dict[str, Any] = {"from_name": "label", "to_name": "text", "type": "choices"}
    for task in server.tasks(project):
        if not task["annotations"]:
            label = "good" if "great" in task["data"]["text"] else "bad"
            result = [{**item, "value": {"choices": [label]}}]
            server.call("POST", f"/api/tasks/{task['id']}/annotations",
                        json={"result": result, "lead_time": 1.0})  # fmt: skip
