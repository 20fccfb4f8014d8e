"""Labels that a budget buys are looked through for wrong ones; those of other rows count nowhere."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow.parquet as pq
import pytest

from curation import find_label_issues
from thresher.app import run
from thresher.app.pipeline import plan
from thresher.app.result import RunResult
from thresher.app.settings import resolve, settings_of
from thresher.app.stages import open_run
from thresher.app.steps import bought
from thresher.app.steps.head_trial import gains_of_heads
from thresher.app.steps.label_trial import ROWS_OF_NETWORK, judge_gains
from thresher.app.steps.load import load_rows
from thresher.app.steps.material import Material
from thresher.core.fingerprint import row_keys
from thresher.core.manifest import Manifest

CLASSES, WIDTH, SPREAD = 6, 48, 0.25
TRAIN, VALIDATION, TEST = 400, 60, 60
BUDGET = 120
SHORT = {"epochs": 2, "width": 8}


@cache
def clouds(rows: int, *, wrong: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Overlapping clouds of points: vectors, labels with so many wrong ones, and right labels."""
    rng = np.random.default_rng(7)
    centers = rng.normal(size=(CLASSES, WIDTH))
    centers *= 2 / np.linalg.norm(centers, axis=1, keepdims=True)
    right = rng.integers(CLASSES, size=rows)
    vectors = (centers[right] + SPREAD * rng.normal(size=(rows, WIDTH))).astype(np.float32)
    other = (right + rng.integers(1, CLASSES, rows)) % CLASSES
    return vectors, np.where(rng.random(rows) < wrong, other, right), right


def rows_of(codes: np.ndarray) -> datasets.Dataset:
    """Return rows with ids, a third of a thousand to train on, under these training labels."""
    vectors, _, right = clouds(TRAIN + VALIDATION + TEST, wrong=0.0)
    labels = np.concatenate([codes, right[TRAIN:]])
    columns: dict[str, Any] = {f"x{at}": vectors[:, at] for at in range(WIDTH)}
    columns |= {"label": [f"class {code}" for code in labels.tolist()]}
    columns |= {"split": ["train"] * TRAIN + ["validation"] * VALIDATION + ["test"] * TEST}
    columns |= {"row_id": [f"r{at:04}" for at in range(len(labels))]}
    return datasets.Dataset.from_dict(columns)


def given(wrong: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the training labels with so many wrong ones, and the right ones."""
    _, codes, right = clouds(TRAIN + VALIDATION + TEST, wrong=wrong)
    return codes[:TRAIN], right[:TRAIN]


def trained(codes: np.ndarray, out: Path, *, labels: str = "auto") -> RunResult:
    settings = {
        "seed": 1,
        "threads": 1,
        "teacher": SHORT,
        "student": SHORT,
        "reference": False,
        "label": {"budget": BUDGET},
        "decide": {"labels": labels},
    }
    return run(rows_of(codes), out=out, settings=settings)


def decisions(out: Path) -> Manifest:
    return Manifest.load(out / "bought" / "decisions")


def chosen(out: Path) -> np.ndarray:
    ids = pq.read_table(out / "labels" / "chosen.parquet")["row_id"].to_pylist()
    return np.array([int(name[1:]) for name in ids])


def test_wrong_labels_among_the_bought_are_dropped_and_stay_paid_for(tmp_path: Path) -> None:
    codes, right = given(0.25)
    done = trained(codes, tmp_path / "r")
    manifest = decisions(tmp_path / "r")
    at = chosen(tmp_path / "r")
    assert [int(name[1:]) for name in manifest.row_ids.tolist()] == sorted(at.tolist())
    dropped = np.array([int(n[1:]) for n in manifest.row_ids[manifest.actions == "drop"].tolist()])
    wrong = codes != right
    assert wrong[dropped].mean() > 0.9
    assert len(dropped) > 0.5 * wrong[at].sum()
    assert done.metrics["bought"] == {
        "labels": BUDGET,
        "flagged": len(dropped),
        "dropped": len(dropped),
        "relabeled": 0,
    }
    lines = {line.stage: line for line in done.lines}
    assert lines["labels"].labels == BUDGET
    assert lines["labels kept"].labels == BUDGET - len(dropped)
    assert lines["teacher"].labels == lines["student"].labels == BUDGET + VALIDATION
    assert lines["teacher"].rows == BUDGET - len(dropped)
    # Without their labels these rows stay where answers of the teacher are learned.
    assert lines["student"].rows == lines["curated"].rows
    said = done.choices["bought labels: label decision"]
    assert said.startswith("drop (in a trial without them a linear head")
    page = done.report.read_text(encoding="utf-8") if done.report else ""
    assert f"Wrong labels among those that were bought: {len(dropped)}" in page
    named = [stage["name"] for stage in done.stages]
    asked = resolve(values={"label": {"budget": BUDGET}, "reference": False})
    assert [*named, "report"] == plan(asked)


def test_right_labels_stay(tmp_path: Path) -> None:
    done = trained(given(0.0)[0], tmp_path / "r")
    assert (decisions(tmp_path / "r").actions != "drop").all()
    assert done.metrics["bought"]["dropped"] == 0
    lines = {line.stage: line for line in done.lines}
    assert "labels kept" not in lines
    assert lines["teacher"].rows == BUDGET
    assert done.choices["bought labels: label decision"].startswith("review (")


@pytest.mark.parametrize("labels", ["auto", "drop"])
def test_labels_that_are_not_bought_change_nothing(labels: str, tmp_path: Path) -> None:
    codes, _ = given(0.25)
    trained(codes, tmp_path / "one", labels=labels)
    at = chosen(tmp_path / "one")
    other = np.random.default_rng(5).integers(CLASSES, size=TRAIN)
    other[at] = codes[at]
    assert (other != codes).sum() > 150
    trained(other, tmp_path / "two", labels=labels)
    assert (chosen(tmp_path / "two") == at).all()
    files = ["bought/decisions/manifest.parquet", "labels/chosen.parquet"]
    files += [f"models/onnx/{name}/model.onnx" for name in ("int8", "student", "teacher")]
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    dropped = decisions(tmp_path / "one").counts()["drop"]
    assert dropped > 10
    of_all = Manifest.load(tmp_path / "one" / "manifest" / "decisions").reasons()
    assert "label" not in of_all["drop"]


def test_a_run_that_was_stopped_in_this_stage_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    codes, _ = given(0.25)
    whole = trained(codes, tmp_path / "whole")
    with monkeypatch.context() as patched:

        def stop(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        patched.setattr(bought, "decide", stop)
        with pytest.raises(KeyboardInterrupt):
            trained(codes, tmp_path / "stopped")
    assert not (tmp_path / "stopped" / "bought" / "decisions").exists()
    capfd.readouterr()
    again = trained(codes, tmp_path / "stopped")
    assert "label: done before, reused" in capfd.readouterr().err
    assert again.metrics == whole.metrics
    assert decisions(tmp_path / "stopped").fingerprint == decisions(tmp_path / "whole").fingerprint


def test_what_is_asked_for_is_done_without_a_trial(tmp_path: Path) -> None:
    codes, right = given(0.25)
    looked_at = trained(codes, tmp_path / "r", labels="review")
    assert looked_at.metrics["bought"]["dropped"] == 0
    assert looked_at.metrics["bought"]["flagged"] > 10
    changed = trained(codes, tmp_path / "r", labels="relabel")
    manifest = decisions(tmp_path / "r")
    assert changed.metrics["bought"]["relabeled"] == manifest.counts()["relabel"] > 10
    rows = [row for row in manifest.table.to_pylist() if row["action"] == "relabel"]
    truth = [f"class {right[int(row['row_id'][1:])]}" for row in rows]
    assert np.mean([row["new_label"] == name for row, name in zip(rows, truth, strict=True)]) > 0.8
    nothing = trained(codes, tmp_path / "r", labels="none")
    assert "bought" not in nothing.metrics
    asked = resolve(values={"label": {"budget": 9}, "decide": {"labels": "none"}})
    assert "bought labels" not in plan(asked)


def test_labels_that_were_changed_are_those_that_are_learned(tmp_path: Path) -> None:
    codes, _ = given(0.25)
    trained(codes, tmp_path / "r", labels="relabel")
    manifest = decisions(tmp_path / "r")
    with open_run(tmp_path / "r2", settings_of({"threads": 1})) as folder:
        loaded = load_rows(folder, rows_of(codes))
        material = Material(loaded, folder.settings.data, "cpu", 1, "auto")

        class Judged:
            value = manifest

        material.judged = Judged()  # type: ignore[assignment]
        table = manifest.table.to_pylist()
        changed = {row["row_id"]: row["new_label"] for row in table if row["action"] == "relabel"}
        ids, names = material.parts.row_ids, np.array(material.parts.classes)
        told = dict(zip(ids.tolist(), names[material.parts.codes].tolist(), strict=True))
        expected = {f"r{at:04}": f"class {code}" for at, code in enumerate(codes.tolist())}
        train = set(ids[material.parts.train].tolist())
        assert {row: told[row] for row in train} == {**expected, **changed}
        assert len(changed) > 10


def test_few_labels_are_left_alone(tmp_path: Path) -> None:
    done = run(
        rows_of(given(0.25)[0]),
        out=tmp_path / "r",
        settings={"teacher": SHORT, "student": SHORT, "reference": False, "label": {"budget": 12}},
    )
    assert done.metrics["bought"]["dropped"] == 0
    assert "too few rows or flags for a trial" in done.choices["bought labels: label decision"] or (
        done.metrics["bought"]["flagged"] == 0
    )


def heads(vectors: np.ndarray, codes: np.ndarray, ids: np.ndarray) -> np.ndarray:
    return gains_of_heads(vectors, codes, keys=row_keys(ids), method="auto", seed=0)


def test_heads_gain_without_wrong_labels_and_not_without_right_ones() -> None:
    ids = np.arange(150).astype(str)
    assert len(ids) < ROWS_OF_NETWORK
    vectors, codes, right = (part[:150] for part in clouds(600, wrong=0.25))
    found = find_label_issues(codes, embeddings=vectors)
    assert (codes != right)[found.flagged].mean() > 0.9
    assert judge_gains(heads(vectors, codes, ids), before="weak").value == "drop"
    assert judge_gains(heads(vectors, right, ids), before="weak").value == "review"


def test_the_trial_of_heads_does_not_depend_on_the_order_of_the_rows() -> None:
    vectors, codes, _ = (part[:150] for part in clouds(600, wrong=0.25))
    ids = np.arange(150).astype(str)
    order = np.random.default_rng(1).permutation(150)
    first, second = heads(vectors, codes, ids), heads(vectors[order], codes[order], ids[order])
    np.testing.assert_array_equal(first[order], second)
    assert first.any()
