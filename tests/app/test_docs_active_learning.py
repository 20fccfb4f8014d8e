"""The guide to active learning runs as it stands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from active_learning.row_files import read_rows, write_rows
from thresher.app.cli.commands import app

PAGE = Path(__file__).resolve().parents[2] / "docs" / "active_learning.md"
TEXT = PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("block", re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL))
def test_python_runs(block: str) -> None:
    exec(compile(block, str(PAGE), "exec"), {})


def test_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = np.array(["fine", "great", "poor", "slow", "nice", "food", "room", "staff"])
    rng = np.random.default_rng(0)
    rows = [{"review": " ".join(rng.choice(words, 6))} for _ in range(80)]
    write_rows("reviews.csv", rows, columns=["review"])
    shown = re.findall(r"^thresher (label .*)$", TEXT, re.MULTILINE)
    assert [line.split()[1] for line in shown] == ["init", "next", "tell", "status", "export"]
    for line in shown:
        result = CliRunner().invoke(app, shlex.split(line))
        assert result.exit_code == 0, (line, result.exception)
        if " next " in line:
            batch = [row | {"label": "good"} for _, row in read_rows("batch.csv", needed=())]
            write_rows("batch.csv", batch, columns=list(batch[0]))
    assert (tmp_path / "labels.parquet").exists()
