"""Stages are reused, done again when something changed, and go on after a crash."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from thresher.app.console import Lines
from thresher.app.settings import resolve
from thresher.app.stages import Done, Notes, RunFolder, code_version, open_run
from thresher.core.errors import InputError
from thresher.core.locking import alone_in
from thresher.core.progress import Silent, message_about, reporting


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


def test_a_new_run_whose_data_are_refused_leaves_no_folder(tmp_path: Path) -> None:
    def refused(run: RunFolder) -> None:
        def work(_: Path, __: Notes) -> None:
            raise InputError("There is no file 'mistyped.csv'.")

        run.stage("load", work, load=lambda folder: folder)

    with pytest.raises(InputError, match="mistyped"), open_run(tmp_path / "r", resolve()) as run:
        refused(run)
    assert not (tmp_path / "r").exists()
    with open_run(tmp_path / "r", resolve()) as run:
        count(run)
    with pytest.raises(InputError, match="mistyped"), open_run(tmp_path / "r", resolve()) as run:
        refused(run)
    assert (tmp_path / "r" / "count" / "checkpoint").exists()  # what was done before stays


def test_what_a_stage_trains_is_said_in_its_lines(tmp_path: Path) -> None:
    told: list[str] = []

    class Listen(Silent):
        def message(self, text: str) -> None:
            told.append(text)

    def work(folder: Path, _: Notes) -> None:
        message_about("epoch 1/15")
        (folder / "done").write_text("1")

    with reporting(Listen()), open_run(tmp_path / "r", resolve()) as run:
        run.stage("label trial", work, load=lambda folder: folder)
    assert "label trial: epoch 1/15" in told


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


def test_a_run_that_was_killed_before_it_wrote_anything_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    (folder / ".run.json.0a1b.writing").mkdir(parents=True)
    (folder / ".lock").touch()
    with open_run(folder, resolve()) as run:
        assert count(run).value == 3
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / ".lock").touch()
    (tmp_path / "other" / "mine").touch()
    with pytest.raises(InputError, match="not a run"), open_run(tmp_path / "other", resolve()):
        pass


def test_a_run_that_has_written_nothing_yet_is_told_of(tmp_path: Path) -> None:
    with (
        alone_in(tmp_path, instead="another"),
        pytest.raises(InputError, match="Another process is working"),
        open_run(tmp_path, resolve()),
    ):
        pass


def test_the_code_is_part_of_the_key() -> None:
    assert code_version("thresher/core") != code_version("curation")


@pytest.mark.parametrize("damage", ["cut", "flipped", "gone"])
def test_a_stage_whose_files_were_damaged_is_done_again(
    tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_run(tmp_path / "r", resolve()) as run:
        assert count(run).value == 3
    file = tmp_path / "r" / "count" / "checkpoint"
    if damage == "gone":
        file.unlink()
    else:
        file.write_text("" if damage == "cut" else "7")
    with reporting(Lines()), open_run(tmp_path / "r", resolve()) as run:
        done = count(run)
        assert (done.value, done.summary) == (3, {"started_at": 0})
    assert "checkpoint changed since or went; the stage is done again" in capsys.readouterr().err
    kept = tmp_path / "r" / "count.changed" / "checkpoint"
    assert kept.exists() == (damage != "gone")
    with open_run(tmp_path / "r", resolve()) as run:
        assert count(run).value == 3
    assert len((tmp_path / "r" / "ledger.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    "record", ["", "[]", "{}", '{"key": 3}', "no cost", "no files", "files without size"]
)
def test_a_damaged_record_of_a_stage_is_no_finished_stage(tmp_path: Path, record: str) -> None:
    with open_run(tmp_path / "r", resolve()) as run:
        count(run)
    file = tmp_path / "r" / "count" / "stage.json"
    whole = json.loads(file.read_text())
    if record.startswith("no "):
        del whole[record[3:]]
        record = json.dumps(whole)
    elif record.startswith("files"):
        record = json.dumps(whole | {"files": {"checkpoint": {}}})
    file.write_text(record)
    with open_run(tmp_path / "r", resolve()) as run:
        assert count(run).value == 3
    assert json.loads(file.read_text())["files"].keys() == {"checkpoint"}
