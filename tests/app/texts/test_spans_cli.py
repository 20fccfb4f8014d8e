"""``thresher curate spans``: what it prints, writes and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from thresher.app.cli.commands import app

NOTICE = " ".join(f"word{at}" for at in range(30))


def test_later_copies_are_cut_and_texts_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text(f"id,text\n1,first {NOTICE}\n2,nothing\n3,{NOTICE}\n")
    Path("b.jsonl").write_text(json.dumps({"text": f"{NOTICE} at length " + "x " * 40}) + "\n{")
    words = ["curate", "spans", "a.csv", "b.jsonl", "--words", "20", "--out", "out"]
    result = CliRunner().invoke(app, [*words, "--action", "cut"])
    assert result.exit_code == 0, result.output
    assert "4 texts" in result.stdout
    assert "3 repeated spans in 2 texts" in result.stdout  # the last repeats itself too
    assert "1 row could not be read" in result.stdout
    assert "set aside: b.jsonl:2: broken JSON" in result.stdout
    assert Path("out/clean/a.csv").read_text() == f"id,text\n1,first {NOTICE}\n2,nothing\n3,\n"
    result = CliRunner().invoke(app, [*words, "--action", "drop", "--json"])
    assert json.loads(result.stdout)["texts"] == 2
    assert Path("out/clean/a.csv").read_text() == f"id,text\n1,first {NOTICE}\n2,nothing\n"
