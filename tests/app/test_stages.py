"""Stages are reused, done again when something changed, and go on after a crash."""

from __future__ import annotations

from pathlib import Path

import pytest

from thresher.app.settings import resolve
from thresher.app.stages import Done, Notes, RunFolder, code_version, open_run
from thresher.core.errors import InputError


def count(run: RunFolder, *, name: str = "count", to: int = 3, crash: bool = False) -> Done[int]:
    def work(folder: Path, notes: Notes) -> None:
        done = folder / "checkpoint"
        start = int(done.read_text()) if done.exists() else 0
        notes.summary = {"started_at": start}
        for value in range(start, to):
            done.write_text(str(value + 1))
            if crash and value == 1:
                raise RuntimeError("killed")

    def load(folder: Path) -> int:
        return int((folder / "checkpoint").read_text())

    return run.stage(name, work, load=load, settings=[to])


def test_a_finished_stage_is_reused_until_its_settings_change(tmp_path: Path) -> None:
    for to, started in ((3, 0), (3, 0), (5, 0)):
        with open_run(tmp_path / "r", resolve()) as run:
            done = count(run, to=to)
            assert done.value == to
            assert done.summary == {"started_at": started}
    lines = (tmp_path / "r" / "ledger.jsonl").read_text().splitlines()
    assert len(lines) == 2  # the second run reused the first one's work


def test_a_crashed_stage_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), open_run(tmp_path / "r", resolve()) as run:
        count(run, crash=True)
    with open_run(tmp_path / "r", resolve()) as run:
        done = count(run)
    assert done.summary == {"started_at": 2}
    assert done.value == 3


def test_another_seed_is_another_key(tmp_path: Path) -> None:
    keys = set()
    for seed in (0, 1):
        with open_run(tmp_path / "r", resolve(values={"seed": seed})) as run:
            keys.add(count(run).key)
    assert len(keys) == 2


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with (
        pytest.raises(InputError, match="not a run of Thresher"),
        open_run(tmp_path, resolve()),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    with (
        pytest.raises(InputError, match="is a file"),
        open_run(tmp_path / "thesis.txt", resolve()),
    ):
        pass


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    with (
        open_run(tmp_path / "r", resolve()),
        pytest.raises(InputError, match="Another process"),
        open_run(tmp_path / "r", resolve()),
    ):
        pass


def test_the_code_is_part_of_the_key() -> None:
    assert code_version("thresher/core") != code_version("curation")
