"""The guide to active learning runs as it stands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from active_learning import query
from active_learning.adapters.row_files import read_rows, write_rows
from thresher.app.cli.commands import app

PAGE = Path(__file__).resolve().parents[2] / "docs" / "active_learning.md"
TEXT = PAGE.read_text(encoding="utf-8")
IMAGES = {"image-7": 0.5, "image-9": 0.5, "image-8": 0.4}


def check_query(names: dict[str, Any]) -> None:
    assert len(set(names["first"].row_ids.tolist())) == len(names["first"].reasons) == 10
    curves = names["curves"]
    assert curves.labels_to_match("random")["auto"] <= 80
    assert Path("/tmp/curves.svg").read_text(encoding="utf-8").startswith("<svg")


def check_instances(names: dict[str, Any]) -> None:
    found = query(strategy="uncertainty", uncertainty=names["doubt"], row_ids=list(IMAGES), n=3)
    # Means of the two most doubtful boxes; 0.5 without a box.
    assert dict(zip(found.row_ids.tolist(), found.scores.round(6).tolist(), strict=True)) == IMAGES


def check_session(names: dict[str, Any]) -> None:
    report = names["report"]
    assert report.labeled == 59  # of 60, one was given back
    assert report.accuracy.low <= report.accuracy.value <= report.accuracy.high


def check_desk(names: dict[str, Any]) -> None:
    assert names["row"].row_id in names["ids"]
    assert names["desk"].progress().labeled == 0  # what was answered was taken back


def check_controls(names: dict[str, Any]) -> None:
    assert names["found"].scores_are == "probability"
    assert names["found"].accuracy.low < names["found"].accuracy.high


BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
CHECKS: list[Callable[[dict[str, Any]], None]] = [
    check_query,
    check_instances,
    check_session,
    check_desk,
    check_controls,
]
# These go on with the names of the block before.
GOES_ON = {check_desk}


@pytest.mark.parametrize(("place", "check"), list(enumerate(CHECKS)))
def test_python_does_what_the_page_says(
    place: int, check: Callable[[dict[str, Any]], None]
) -> None:
    assert len(BLOCKS) == len(CHECKS)
    names: dict[str, Any] = {}
    for block in BLOCKS[place - (check in GOES_ON) : place + 1]:
        exec(compile(block, str(PAGE), "exec"), names)
    check(names)


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
