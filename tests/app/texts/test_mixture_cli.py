"""``thresher curate mixture``: what it prints and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from thresher.app.cli.commands import app
from thresher.core.errors import InputError


def test_sources_are_mixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text("".join(f"one two three {at}\n" for at in range(500)))
    Path("b.csv").write_text("text\n" + "".join(f"four five {at}\n" for at in range(100)))
    words = ["curate", "mixture", "web=0.5=a.txt", "code=0.5=b.csv", "--out", "m"]
    result = CliRunner().invoke(app, [*words, "--tokens", "1000"])
    assert result.exit_code == 0, result.output
    assert "of 1,000 words" in result.stdout
    assert "1.67 passes" in result.stdout
    assert "set aside" not in result.stdout
    Path("c.jsonl").write_text('{"text": "six"}\n{"te')
    result = CliRunner().invoke(app, [*words, "more=1=c.jsonl", "--tokens", "10"])
    assert "set aside: c.jsonl:2: broken JSON" in result.stdout
    result = CliRunner().invoke(app, [*words, "--tokens", "1000", "--most-passes", "1", "--json"])
    found = json.loads(result.stdout)
    assert found["sources"]["code"]["tokens"] == 300
    assert found["sources"]["code"]["used_up"]
    assert found["tokens"] == pytest.approx(1000, abs=10)
    for wrong, said in (("web=a.txt", "NAME=WEIGHT=FILES"), ("code=0.4=a.txt", "two weights")):
        result = CliRunner().invoke(app, [*words, wrong, "--tokens", "9"])
        assert isinstance(result.exception, InputError)
        assert said in str(result.exception)
