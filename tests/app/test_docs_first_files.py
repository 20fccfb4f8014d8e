"""The guide to first files runs as it stands: one command each, the roles it says, nothing lost."""

from __future__ import annotations

import csv
import json
import re
import runpy
import shlex
import sys
from pathlib import Path

import datasets
import pytest

from thresher.app.cli import main

HERE = Path(__file__).resolve()
PAGE = HERE.parents[2] / "docs/first_files.md"
MAKER = HERE.parents[1] / "first_files.py"
BLOCKS = re.findall(r"```console\n\$ (.*?)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    runpy.run_path(str(MAKER))["write_all"](folder)
    return folder


def run(command, monkeypatch):
    monkeypatch.setattr(sys, "argv", shlex.split(command))
    with pytest.raises(SystemExit) as leaving:
        main()
    assert not leaving.value.code, command


def cells(path, delimiter, encoding="utf-8", **form):
    with open(path, encoding=encoding, newline="") as file:
        return [row for row in csv.reader(file, delimiter=delimiter, **form) if row]


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_page_has_a_command_for_every_file():
    assert [command.split()[2 if "duplicates" not in command else 3] for command, _ in BLOCKS] == [
        *("SMSSpamCollection", "spam.csv", "titanic.csv", "alpaca_data.json", "chat.jsonl"),
        *("photos", "reviews", "iris.data", "emotions.jsonl"),
    ]


@pytest.mark.parametrize(("command", "said"), BLOCKS, ids=[b[0].split()[-1] for b in BLOCKS])
def test_every_command_says_what_the_page_says(files, monkeypatch, capsys, command, said):
    monkeypatch.chdir(files)
    run(command, monkeypatch)
    shown = capsys.readouterr().err
    for line in said.strip().splitlines():
        assert f"{line}\n" in shown


def test_nothing_is_lost(files, monkeypatch, capsys):
    monkeypatch.chdir(files)
    for command, _ in BLOCKS:
        run(command, monkeypatch)
    capsys.readouterr()
    given = cells(files / "SMSSpamCollection", "\t", quoting=csv.QUOTE_NONE)
    clean = cells(files / "messages.csv", "\t")
    assert len(clean) == len(given) - 1
    assert sum(row not in clean for row in given) == 0  # the copy's twin stays
    for name, clean_name, encoding in (
        ("spam.csv", "spam-clean.csv", "latin-1"),
        ("titanic.csv", "titanic-clean.csv", "utf-8"),
    ):
        assert cells(files / clean_name, ",") == cells(files / name, ",", encoding)
    assert cells(files / "iris.csv", ",") == cells(files / "iris.data", ",")
    assert lines(files / "alpaca.jsonl") == json.loads((files / "alpaca_data.json").read_text())
    for name in ("chat", "emotions"):
        assert lines(files / f"{name}-clean.jsonl") == lines(files / f"{name}.jsonl")
    photos = datasets.load_from_disk(str(files / "photos-clean"))
    assert (len(photos), photos["breed"][:2]) == (20, ["pug", "beagle"])
    given, clean = (datasets.load_from_disk(str(files / n)) for n in ("reviews", "reviews-clean"))
    assert clean["train"].features == given["train"].features
    assert {split: clean[split].to_dict() for split in clean} == {
        split: given[split].to_dict() for split in given
    }
