"""The student of a run: as narrow as the accuracy that it may lose allows."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from thresher.app import train
from thresher.app.result import RunResult
from thresher.app.savings import warnings
from thresher.core.interval import paired_drop
from training import load_exported

SHORT: dict[str, Any] = {
    "threads": 1,
    "reference": False,
    "teacher": {"epochs": 6, "width": 128},
    "quantize": {"method": "ptq"},
    "gate": {"max_accuracy_drop": None},
}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(900, 6))
    label = np.where(x[:, 0] * x[:, 1] + 0.5 * x[:, 2] > 0, "yes", "no")
    path = tmp_path_factory.mktemp("data") / "rows.csv"
    split = ["train"] * 700 + ["test"] * 200
    rows = pd.DataFrame(x, columns=list("abcdef")).assign(label=label, split=split)
    rows.assign(id=np.arange(900)).to_csv(path, index=False)
    return path


def student_of(result: RunResult) -> dict[str, Any]:
    return next(stage for stage in result.stages if stage["name"] == "student")


def run(table: Path, folder: Path, **student: Any) -> RunResult:
    return train(table, out=folder, settings={**SHORT, "student": {"epochs": 2, **student}})


@pytest.fixture(scope="module")
def strict(table: Path, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """A run whose students, trained for two epochs, lose more than nothing."""
    return run(table, tmp_path_factory.mktemp("runs") / "r", max_drop=0.0)


def test_where_all_students_lose_too_much_the_teacher_is_taken(strict: RunResult) -> None:
    found = student_of(strict)
    sizes = found["summary"]["sizes"]
    assert [one["width"] for one in sizes] == [32, 64]
    assert sizes[0]["low"] < sizes[0]["drop"] < sizes[0]["high"]
    assert found["summary"]["width"] == 128
    assert "the teacher itself is the student" in strict.choices["student: width"]
    lines = {line.stage: line for line in strict.lines}
    assert lines["student"].note.startswith("the teacher itself")
    assert lines["student"].accuracy == lines["teacher"].accuracy
    assert lines["int8"].accuracy == pytest.approx(lines["teacher"].accuracy, abs=0.02)
    assert lines["int8"].megabytes < 0.5 * lines["teacher"].megabytes
    assert not (strict.folder / "models" / "student" / "tried").exists()
    assert load_exported(strict.folder / "models" / "onnx" / "int8").quantization


def test_more_that_may_be_lost_makes_it_narrow(strict: RunResult, table: Path) -> None:
    result = run(table, strict.folder.with_name("copy"), max_drop=0.6)
    found = student_of(result)
    assert found["summary"]["width"] == 32
    assert [one["width"] for one in found["summary"]["sizes"]] == [32]
    assert "within the 60 points of `student.max_drop`" in result.choices["student: width"]
    narrow = student_of(run(table, result.folder, width=8))  # asked for, so not judged
    assert narrow["summary"]["width"] == 8
    assert "sizes" not in narrow["summary"]


def test_a_stopped_run_goes_on_with_the_widths_that_it_has(
    strict: RunResult, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from thresher.app.steps import student

    taught: list[int] = []
    distil = student.distill

    def distill(model: Any, *args: Any, **options: Any) -> Any:
        taught.append(model.spec.width)
        if len(taught) == 2:
            raise KeyboardInterrupt
        return distil(model, *args, **options)

    monkeypatch.setattr(student, "distill", distill)
    with pytest.raises(KeyboardInterrupt):
        run(table, tmp_path / "r", max_drop=0.0)
    again = run(table, tmp_path / "r", max_drop=0.0)
    assert taught == [32, 64, 64]
    assert again.metrics == strict.metrics


def test_without_a_teacher_to_fall_back_on_the_best_student_is_taken() -> None:
    from thresher.app.steps.student import choose
    from training.recipes.sizes import Tried

    def tried(width: int, drop: float) -> Tried:
        plan: Any = SimpleNamespace(width=width, vocabulary=None)
        return Tried(plan, plan, drop, drop - 0.01, drop + 0.01, drop, 300)

    small, large = tried(16, 0.08), tried(32, 0.05)
    found, why = choose([small, large], max_drop=0.01, may_fall_back=False)
    assert found is large
    assert "width 16 loses 8.0 points of accuracy (7.0 to 9.0)" in why
    assert why.endswith("none is within the 1 point of `student.max_drop`, as the mean of both; "
                        "the best is taken")  # fmt: skip
    assert choose([small, large], max_drop=0.01, may_fall_back=True)[0] is None
    assert choose([small, large], max_drop=0.05, may_fall_back=True)[0] is large


def test_a_student_that_lost_more_than_few_rows_could_tell_is_told_of() -> None:
    """32 validation rows let 15 points pass, and 300 test rows do not."""
    size = {"width": 16, "drop": 0.0, "low": -0.09, "high": 0.09, "rows": 32}
    student = {
        "sizes": [size], "width": 16, "max_drop": 0.01, "validation_accuracy": 0.8,
        "validation_rows": 32, "accuracy": 0.75, "low": 0.7, "high": 0.8,
    }  # fmt: skip
    ids = [f"r{at}" for at in range(300)]

    def told(wrong: int) -> tuple[str, ...]:
        verified = {
            "teacher": {"rows": 300, "wrong": ids[:30]},
            "student": {"rows": 300, "wrong": ids[:wrong]},
        }
        return warnings(
            {
                "student": SimpleNamespace(summary=student),
                "verify": SimpleNamespace(value=verified),
            }  # type: ignore[arg-type]
        )

    (text,) = told(75)
    drop, low, high = paired_drop(np.arange(300) >= 30, np.arange(300) >= 75)
    assert (
        f"loses 15.0 points to the teacher on the 300 test rows (95 % interval {100 * low:.1f} "
        in text
    )
    assert drop == 0.15
    assert low > 0.01
    assert f"{100 * high:.1f}), and `student.max_drop` allows 1." in text
    assert "on 32 validation rows, where it lost 0.0 (-9.0 to 9.0)" in text
    assert told(32) == ()
