"""Errors, atomic files, fingerprints, choices, randomness, progress and the ledger."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from thresher.core.choice import available_cpus, choose_device, choose_threads
from thresher.core.errors import (
    InputError,
    MissingExtraError,
    check_choice,
    check_column,
    check_number,
    require,
)
from thresher.core.files import atomic_path, read_json, write_json
from thresher.core.fingerprint import fingerprint, row_keys
from thresher.core.ledger import CostLedger
from thresher.core.progress import message, reporting, track
from thresher.core.randomness import check_random_state


def test_a_wrong_choice_lists_what_is_allowed_and_the_closest() -> None:
    with pytest.raises(InputError, match=r"'mean', 'median', got 'medain'\. Did you mean 'median'"):
        check_choice("how", "medain", ["mean", "median"])


@pytest.mark.parametrize("value", [-0.1, 1.3, float("nan")])
def test_a_number_outside_its_range_is_refused(value: float) -> None:
    with pytest.raises(InputError, match=r"`threshold` must be in \[0, 1\]"):
        check_number("threshold", value, low=0, high=1)


def test_a_missing_column_names_the_columns() -> None:
    with pytest.raises(InputError, match=r"Columns: text, label\. Did you mean 'label'"):
        check_column("lable", ["text", "label"])


def test_a_missing_extra_prints_the_install_line() -> None:
    with pytest.raises(MissingExtraError, match=r"pip install 'thresher\[st\]'"):
        require("no_such_module", extra="st")


def test_an_atomic_write_leaves_the_old_file_when_the_block_fails(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"old": 1})

    def fail() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="full"):
        fail()
    assert read_json(path) == {"old": 1}
    assert os.listdir(tmp_path) == ["a.json"]


def test_an_atomic_folder_replaces_the_old_folder_whole(tmp_path: Path) -> None:
    for name in ("one", "two"):
        with atomic_path(tmp_path / "folder") as temporary:
            temporary.mkdir()
            (temporary / name).touch()
    assert os.listdir(tmp_path / "folder") == ["two"]
    assert os.listdir(tmp_path) == ["folder"]


def test_damaged_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(InputError, match=r"a\.json is not valid JSON"):
        read_json(tmp_path / "a.json")


def test_fingerprints_differ_where_values_do() -> None:
    values = [
        {"a": 1, "b": 2},
        {"a": 1, "b": 3},
        [1, 2],
        "12",
        b"12",
        np.array([1, 2]),
        np.array([1.0, 2.0]),
        np.array([[1, 2]]),
        np.array(["a", "b"]),
        np.array(["a", "b"], dtype=object),
    ]
    assert len({fingerprint(value) for value in values}) == len(values)
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint("ab", "c") != fingerprint("a", "bc")


def test_row_keys_are_stable_and_distinct() -> None:
    keys = row_keys(np.array(["a", "b", "a"]))
    assert keys.dtype == np.uint64
    assert keys[0] == keys[2] != keys[1]
    assert len(row_keys(np.array([], dtype=str))) == 0


@pytest.mark.train
def test_the_device_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto").value == "cpu"
    assert "CUDA" in choose_device("auto").reason
    with pytest.raises(InputError, match="Use 'cpu' or 'auto'"):
        choose_device("cuda")


@pytest.mark.parametrize(
    ("said", "threads"), [("3", "3"), ("2,4", "2"), ("", None), ("0", None), ("many", None)]
)
def test_threads_are_those_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, said: str, threads: str | None
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", said)
    assert choose_threads("auto").value == (threads or str(available_cpus()))
    assert ("OMP_NUM_THREADS" in choose_threads("auto").reason) is (threads is not None)
    assert choose_threads(5).value == "5"


def test_random_state_leaves_the_global_state_alone() -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = check_random_state(3).integers(100, size=5)
    assert (first == check_random_state(3).integers(100, size=5)).all()
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002
    with pytest.raises(InputError, match="got str"):
        check_random_state("3")  # type: ignore[arg-type]


def test_progress_goes_to_the_reporter_of_the_block() -> None:
    class Listener:
        def __init__(self) -> None:
            self.events: list[tuple[str, object]] = []

        def start(self, description: str, total: int | None) -> int:
            self.events.append((description, total))
            return 0

        def advance(self, task: int, steps: int) -> None:
            self.events.append((f"advance {task}", steps))

        def stop(self, task: int) -> None:
            self.events.append(("stop", task))

        def message(self, text: str) -> None:
            self.events.append(("message", text))

    listener = Listener()
    with reporting(listener):
        assert list(track([1, 2], description="count")) == [1, 2]
        message("done")
    message("nobody hears this")
    assert listener.events == [
        ("count", 2),
        ("advance 0", 1),
        ("advance 0", 1),
        ("stop", 0),
        ("message", "done"),
    ]


def test_the_ledger_records_stages_that_fail_and_survives_a_cut_line(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    ledger = CostLedger(path)
    with ledger.stage("first", rows=10) as cost:
        cost.rows_out = 7
    with pytest.raises(RuntimeError), ledger.stage("second"):
        raise RuntimeError
    with open(path, "a") as file:
        file.write('{"stage": "thi')
    stages = CostLedger.load(path).stages
    assert [stage.stage for stage in stages] == ["first", "second"]
    assert (stages[0].rows_in, stages[0].rows_out) == (10, 7)
    assert stages[0].wall_s >= 0
    assert stages[0].peak_mb > 1
    assert stages[1].extra == {"error": "RuntimeError"}


def test_a_ledger_damaged_in_the_middle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_text("nonsense\n" + json.dumps({"stage": "a"}) + "\n")
    with pytest.raises(InputError, match="line 1"):
        CostLedger.load(path)
