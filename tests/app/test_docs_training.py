"""The guide to training runs as it stands: its commands, and then its Python."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sklearn.datasets import load_digits

from thresher.app.cli import main

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "training.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    digits = load_digits(as_frame=True)
    digits.data.assign(digit=digits.target).to_csv("digits.csv", index=False)
    Path("budget.toml").write_text(blocks("toml")[0])
    return tmp_path


@pytest.mark.slow
def test_every_command_runs(folder, monkeypatch, capsys):
    for line in blocks("console")[0].strip().splitlines():
        monkeypatch.setattr(sys, "argv", shlex.split(line))
        code: object = 0
        try:
            main()
        except SystemExit as leaving:
            code = leaving.code or 0
        assert code == 0, (line, capsys.readouterr())
    assert len(pd.read_csv("predicted.csv")) == len(load_digits().target)


def test_every_block_runs_and_what_it_makes_is_of_use(folder):
    names: dict[str, Any] = {}
    exec(compile("\n".join(blocks("python")), "docs/training.md", "exec"), names)
    test = names["test"]
    made = [names["teacher"], names["student"], names["model"], names["result"].load()]
    assert min(names["evaluate"](model, test).accuracy for model in made) > 0.85
    assert names["result"].chosen.costs.size_bytes <= 60_000
    early = names["load_exits"]("exits").predict(test.inputs.numpy()).argmax(1)
    assert (early == test.targets.numpy()).mean() > 0.85
