"""The guide to decontamination runs as it stands."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from thresher.app.cli.commands import app

PAGE = Path(__file__).resolve().parents[3] / "docs" / "decontamination.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_python_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for block in blocks("python"):
        exec(compile(block, "decontamination.md", "exec"), {})


def test_the_commands_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    item = "name the metal that is liquid at room temperature and was once used in thermometers"
    Path("crawl").mkdir()
    Path("crawl/a.jsonl").write_text(json.dumps({"text": f"He said: {item}."}) + "\n")
    many = " ".join(f"word{at}" for at in range(60))
    Path("crawl/b.jsonl").write_text(json.dumps({"text": f"Again: {many}"}) + "\n")
    Path("crawl/a.txt").write_text(f"{many}\n")
    Path("quiz.jsonl").write_text(json.dumps({"question": item}) + "\n")
    Path("exam.csv").write_text("question\nhow many legs do spiders have that live in the north\n")
    for line in "".join(blocks("console")).splitlines():
        words = shlex.split(line)
        assert words[0] == "thresher"
        result = CliRunner().invoke(app, words[1:])
        assert result.exit_code == 0, result.output
    assert Path("found/clean/a.jsonl").read_text() == ""
    assert json.loads(Path("repeated/clean/b.jsonl").read_text())["text"] == "Again: "
