"""The guide to labels from and for other tools runs as it stands."""

from __future__ import annotations

import json
import re
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from typer.testing import CliRunner

from active_learning.adapters.row_files import read_rows, write_rows
from thresher.app.cli.commands import app

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "labeling_formats.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^thresher (label .*)$", TEXT, re.MULTILINE)


def run(line: str) -> Any:
    result = CliRunner().invoke(app, shlex.split(line))
    assert result.exit_code == 0, (line, result.exception)
    return result


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    words = np.array(["fine", "great", "poor", "slow", "nice", "food", "room", "staff"])
    rng = np.random.default_rng(0)
    rows = [{"review": " ".join(rng.choice(words, 6))} for _ in range(80)]
    write_rows("reviews.csv", rows, columns=["review"])
    run("label init reviews.csv --text review --classes good,bad --out labeling")
    return tmp_path


def fill_batch() -> None:
    rows = [row | {"label": "good"} for _, row in read_rows("batch.csv", needed=())]
    write_rows("batch.csv", rows, columns=list(rows[0]))


def annotate_tasks() -> None:
    """Do what Prodigy does with tasks."""
    tasks = [json.loads(line) for line in Path("tasks.jsonl").read_text().splitlines()]
    done = {"answer": "accept", "accept": ["bad"], "_annotator_id": "my_dataset-ann"}
    lines = [json.dumps(task | done | {"_timestamp": 1796040000}) for task in tasks]
    Path("annotated.jsonl").write_text("\n".join(lines))


def test_the_commands_run(folder: Path) -> None:
    ran = []
    for line in COMMANDS:
        if line.startswith("label argilla"):
            continue
        shown = run(line).stdout
        ran.append(line.split()[1])
        if "--out batch.csv" in line:
            fill_batch()
        if "--out tasks.jsonl" in line:
            annotate_tasks()
        if " tell " in line:
            name = "prodigy" if "annotated" in line else "csv"
            assert f"Read as {name}: 6 new, 0 known already, 0 without a label" in shown
    assert ran == ["next", "tell", "export", "export", "next", "tell", "export", "export"]
    assert len(read_rows("answers.parquet", needed=("row_id", "kind"))) == 6
    assert len(read_rows("all.jsonl", needed=("row_id", "answer", "_input_hash"))) == 12
    rows = datasets.load_dataset("dataset", cache_dir=str(folder / "cache"))["train"]
    counts = np.bincount(rows["label"])
    assert counts.tolist() == [6, 6]
    assert {each["annotator"] for row in rows for each in row["answers"]} == {"annotator 1"}


@pytest.mark.skipif(
    not getattr(find_spec("argilla"), "origin", None),
    reason="needs Argilla's SDK: pip install 'thresher[argilla]'",
)
def test_the_command_for_argilla_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "active_learning" / "adapters" / "argilla"))
    from fake_argilla import KEY, serving

    (line,) = [line for line in COMMANDS if line.startswith("label argilla")]
    monkeypatch.setenv("ARGILLA_API_KEY", KEY)
    with serving() as fake:
        shown = run(line.replace("URL", fake.url)).stdout
        assert "0 new answers, 3 rows handed out, 3 wait in reviews" in shown
        sys.modules.pop("fake_argilla")


def test_the_python_runs() -> None:
    (block,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(block, "labeling_formats.md", "exec"), names)
    assert (names["again"].new, names["again"].repeated, names["rows"]) == (0, 4, 4)
