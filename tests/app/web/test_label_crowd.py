"""Eight people at a page whose server is killed: the benchmark of it, in small."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("uvicorn", reason="needs thresher[web]")

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "active_learning_page_crowd.py"


def test_no_label_is_lost_and_no_row_is_with_two_people(tmp_path: Path) -> None:
    out = tmp_path / "crowd.json"
    command = [sys.executable, str(SCRIPT), "--rows", "1000", "--labels", "250", "--out", str(out)]
    subprocess.run([*command, "--kill-every", "2", "--sleep-after", "60"], check=True)
    found = json.loads(out.read_text())
    assert found["labels"] >= 250
    assert found["kills"] >= 1
    assert found["sleeps"] >= 1
    assert found["lost"] == found["leased_twice"] == 0
    assert found["wrong_label"] == found["twice_in_time"] == 0
    assert found["answers_in_file"] >= found["labels"]
