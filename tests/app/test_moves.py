"""A run that was copied to another machine goes on, and says what is different."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from thresher.app.moves import changes, describe_machine, join_machines, told_machine
from thresher.app.pipeline import run
from thresher.app.settings import resolve
from thresher.core.progress import Silent, reporting

SMALL = {
    "device": "cpu",
    "data": {"limit": 300},
    "augment": {"policy": "none"},
    "teacher": {"width": 8, "epochs": 1},
    "student": {"width": 8, "epochs": 1},
    "quantize": {"method": "ptq", "calibration_rows": 50},
    "gate": {"max_accuracy_drop": 1.0, "min_agreement": 0.0},
}
ONE = {"processor": "x86_64 (AVX2)", "threads": "2", "torch": "2.13.0"}


def test_changes_are_named_with_both_values() -> None:
    assert changes(ONE, ONE) == ""
    told = changes(ONE, {"processor": "x86_64 (AVX2)", "threads": "4", "numpy": "2.4"})
    assert told == "threads: 2 there, 4 here; torch: 2.13.0 there, none here; " \
        "numpy: none there, 2.4 here"  # fmt: skip


def test_machines_are_kept_in_the_order_of_use(tmp_path: Path) -> None:
    marker = tmp_path / "run.json"
    other = ONE | {"threads": "4"}
    assert join_machines(marker, ONE) == [ONE]
    assert join_machines(marker, ONE) == [ONE]
    assert join_machines(marker, other) == [ONE, other]
    assert join_machines(marker, ONE) == [ONE, other, ONE]
    assert told_machine([ONE]).reason == "all of the run was computed here"
    assert "threads: 2 there, 4 here" in told_machine([ONE, other]).reason


def test_a_marker_of_an_earlier_version_is_taken(tmp_path: Path) -> None:
    marker = tmp_path / "run.json"
    marker.write_text(json.dumps({"format": 1, "thresher": "0.0.1"}))
    assert join_machines(marker, ONE) == [ONE]
    marker.write_text("half a li")
    assert join_machines(marker, ONE) == [ONE]


@pytest.mark.train
def test_a_machine_is_told_by_what_last_bits_depend_on() -> None:
    found = describe_machine(device="cpu", threads="3")
    assert found["threads"] == "3"
    assert {"processor", "device", "python", "thresher", "numpy", "torch"} <= found.keys()


class Listener(Silent):
    """Keeps what a run says."""

    def __init__(self) -> None:
        self.told = ""

    def message(self, text: str) -> None:
        self.told += text + "\n"


def choices(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((folder / "config.toml").read_text())["choices"]
    return found


@pytest.mark.train
def test_a_run_goes_on_on_a_machine_with_other_processors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("thresher.core.choice.available_cpus", lambda: 1)
    run("digits", out=tmp_path / "there", settings=resolve(values=SMALL))
    assert choices(tmp_path / "there")["machine"].endswith("(all of the run was computed here)")
    threads = choices(tmp_path / "there")["threads"]
    assert threads.startswith("1 (")
    assert "`threads` sets it" in threads
    assert "`precision` sets it" in choices(tmp_path / "there")["teacher: precision"]

    here = shutil.copytree(tmp_path / "there", tmp_path / "here")
    monkeypatch.setattr("thresher.core.choice.available_cpus", lambda: 2)
    (here / "models" / "student" / "stage.json").unlink()  # it was stopped before its end
    listener = Listener()
    with reporting(listener):
        run("digits", out=here, settings=resolve(values=SMALL))
    told = listener.told
    assert "on another machine before (threads: 1 there, 2 here)" in told
    assert "teacher: done before, reused" in told
    assert "student: done before" not in told
    assert "threads: 1 there, 2 here" in choices(here)["machine"]
    for name in ("metrics.json", "manifest/decisions/manifest.parquet"):
        assert (here / name).read_bytes() == (tmp_path / "there" / name).read_bytes(), name
