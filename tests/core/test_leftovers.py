"""What a killed process left half written goes; what a living one writes stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from thresher.core.files import atomic_path, write_text
from thresher.core.leftovers import holds_nothing, sweep_below

# Writes half of its file, or moves the old folder away, says so, and waits to be killed.
WRITER = """
import sys, time
from pathlib import Path
from thresher.core import files
from thresher.core.leftovers import move_away
target, how = Path(sys.argv[1]), sys.argv[2]
def wait():
    print("now", flush=True)
    time.sleep(600)
if how == "moved":
    move = files.move_away
    files.move_away = lambda *given: (move(*given), wait())
with files.atomic_path(target) as temporary:
    if how == "half":
        temporary.write_text("half")
        wait()
    temporary.mkdir()
"""


def test_a_folder_holds_nothing_before_anything_was_written(tmp_path: Path) -> None:
    assert holds_nothing(tmp_path)
    assert holds_nothing(tmp_path / "none")
    kill(start_writer(tmp_path / "a.csv", "half"))
    (tmp_path / ".lock").touch()
    assert holds_nothing(tmp_path)
    (tmp_path / ".mine").touch()
    assert not holds_nothing(tmp_path)
    assert not holds_nothing(tmp_path / ".mine")


def start_writer(target: Path, how: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(target), how], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "now\n"
    return process


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_the_next_write_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    kill(start_writer(tmp_path / "a.csv", "half"))
    assert len(os.listdir(tmp_path)) == 1
    write_text(tmp_path / "a.csv", "whole")
    assert os.listdir(tmp_path) == ["a.csv"]
    assert (tmp_path / "a.csv").read_text() == "whole"


def test_a_living_process_is_left_alone(tmp_path: Path) -> None:
    process = start_writer(tmp_path / "deep" / "a.csv", "half")
    write_text(tmp_path / "deep" / "a.csv", "mine")
    assert sweep_below(tmp_path) == 0
    assert len(os.listdir(tmp_path / "deep")) == 2
    kill(process)
    assert sweep_below(tmp_path) == 1
    assert os.listdir(tmp_path / "deep") == ["a.csv"]


def test_an_old_folder_that_was_moved_away_comes_back(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "old").touch()
    kill(start_writer(tmp_path / "set", "moved"))
    assert not (tmp_path / "set").exists()
    assert sweep_below(tmp_path) == 1
    assert os.listdir(tmp_path) == ["set"]
    assert os.listdir(tmp_path / "set") == ["old"]


def test_an_old_folder_stays_when_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "old").touch()

    def refuse(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="no space"), atomic_path(tmp_path / "set") as temporary:
        temporary.mkdir()
    assert os.listdir(tmp_path) == ["set"]
    assert os.listdir(tmp_path / "set") == ["old"]


def test_other_hidden_folders_stay(tmp_path: Path) -> None:
    for name in (".a.csv.backup00", ".git", ".writing"):
        (tmp_path / name).mkdir()
    (tmp_path / ".b.writing").touch()
    write_text(tmp_path / "a.csv", "x")
    assert sweep_below(tmp_path) == 0
    assert sorted(os.listdir(tmp_path)) == [
        ".a.csv.backup00",
        ".b.writing",
        ".git",
        ".writing",
        "a.csv",
    ]


def test_names_of_any_length_and_kind_can_be_written(tmp_path: Path) -> None:
    for name in ("a" * 255, "ä" * 127, "[x]*?.csv", "-rf"):
        write_text(tmp_path / name, name)
        write_text(tmp_path / name, name)
        assert (tmp_path / name).read_text() == name
    assert len(os.listdir(tmp_path)) == 4
