"""The page on images with boxes: its Python prints what it says, its commands are commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from thresher.app.cli.commands import app

PAGE = (Path(__file__).parents[2] / "docs" / "detection.md").read_text(encoding="utf-8")


def test_the_python_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(block, "detection.md", "exec"), names)
        said = re.findall(r"print\(.*\)  # (.*)", block)
        shown = capsys.readouterr().out
        for line in said:
            assert line in shown


def test_options_of_the_page_are_those_of_the_command() -> None:
    shown = CliRunner().invoke(app, ["curate", "boxes", "--help"]).output
    block = PAGE.split("```")[1]
    for option in {*re.findall(r"--[a-z-]+", block), "--no-looks", "--objects"}:
        assert option in shown
