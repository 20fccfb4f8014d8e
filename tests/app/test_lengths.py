"""How long a run trains: found out where no number of epochs is asked for, and told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from thresher.app import train
from thresher.app.result import RunResult
from thresher.core.errors import InputError

SHORT: dict[str, Any] = {
    "threads": 1,
    "reference": False,
    "student": {"epochs": 1, "width": 8},
    "quantize": {"method": "ptq"},
    "gate": {"max_accuracy_drop": None},
}


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows of which one in four has a wrong label."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1300, 8))
    label = (x[:, 0] + x[:, 1] > 0) ^ (rng.random(1300) < 0.25)
    path = tmp_path_factory.mktemp("data") / "rows.csv"
    split = ["train"] * 700 + ["validation"] * 300 + ["test"] * 300
    rows = pd.DataFrame(x, columns=[f"c{at}" for at in range(8)])
    rows.assign(label=label, split=split, id=np.arange(1300)).to_csv(path, index=False)
    return path


def run(path: Path, folder: Path, **teacher: Any) -> RunResult:
    return train(path, out=folder, settings={**SHORT, "teacher": teacher})


def teacher_of(result: RunResult) -> dict[str, Any]:
    return next(stage for stage in result.stages if stage["name"] == "teacher")


@pytest.fixture(scope="module")
def found(noisy: Path, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return run(noisy, tmp_path_factory.mktemp("runs") / "r", max_epochs=32)


def test_a_run_finds_out_how_long_and_all_that_was_tried_counts(found: RunResult) -> None:
    teacher = teacher_of(found)
    tried = teacher["summary"]["lengths"]
    assert [one["epochs"] for one in tried] == [2, 4]
    assert tried[1]["high"] < 0.01
    assert found.choices["teacher: epochs"].startswith("2 (of at most 32; points of the true")
    assert teacher["summary"]["rows_seen"] == 6 * 700
    assert teacher["cost"]["extra"]["rows_seen"] == 6 * 700
    assert len(teacher["summary"]["history"]) == 2
    assert not (found.folder / "models" / "teacher" / "lengths").exists()


def test_epochs_that_are_asked_for_are_kept(found: RunResult, noisy: Path, tmp_path: Path) -> None:
    asked = run(noisy, tmp_path / "r", epochs=2)
    teacher = teacher_of(asked)
    assert teacher["summary"]["rows_seen"] == 2 * 700
    assert "lengths" not in teacher["summary"]
    assert asked.choices["teacher: epochs"] == "2 (asked for)"
    # It is the model that was found.
    assert teacher["summary"]["accuracy"] == teacher_of(found)["summary"]["accuracy"]
    short = teacher_of(run(noisy, tmp_path / "r", max_epochs=3))  # too few to try lengths
    assert short["summary"]["rows_seen"] == 3 * 700
    with pytest.raises(InputError, match="max_epochs"):
        run(noisy, tmp_path / "r", max_epochs=0)


def test_too_few_validation_rows_are_the_reason_why_nothing_shorter_was_tried(
    noisy: Path, tmp_path: Path
) -> None:
    rows = pd.read_csv(noisy)
    held = rows.index[rows.split == "validation"]
    path = tmp_path / "few.csv"
    rows.drop(held[40:]).to_csv(path, index=False)
    result = run(path, tmp_path / "r", max_epochs=8)
    said = result.choices["teacher: epochs"]
    assert said == "8 (`max_epochs`; 40 validation rows are too few to try shorter ones)"
    assert "lengths" not in teacher_of(result)["summary"]


def test_a_stopped_run_goes_on_with_the_lengths_that_it_has(
    found: RunResult, noisy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from thresher.app.steps import teacher

    trained: list[int] = []
    learn = teacher.fit

    def fit(model: Any, *args: Any, **options: Any) -> Any:
        trained.append(options["epochs"])
        if len(trained) == 2:
            raise KeyboardInterrupt
        return learn(model, *args, **options)

    monkeypatch.setattr(teacher, "fit", fit)
    with pytest.raises(KeyboardInterrupt):
        run(noisy, tmp_path / "r", max_epochs=32)
    again = run(noisy, tmp_path / "r", max_epochs=32)
    assert trained == [2, 4, 4]
    assert again.metrics == found.metrics


def test_a_pretrained_teacher_keeps_to_the_most_epochs_too() -> None:
    from thresher.app.settings import TeacherSettings
    from thresher.app.steps.pretrained import plan_pretrained

    usual, _ = plan_pretrained(TeacherSettings(), rows=1000)
    fewer, choices = plan_pretrained(TeacherSettings(max_epochs=3), rows=1000)
    assert (usual["epochs"], fewer["epochs"], choices["epochs"].value) == (50, 3, "3")
    assert plan_pretrained(TeacherSettings(max_epochs=60), rows=1000)[0] == usual
    asked, _ = plan_pretrained(TeacherSettings(epochs=9, max_epochs=3), rows=1000)
    assert asked["epochs"] == 9
