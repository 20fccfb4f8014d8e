"""Bought labels are looked through for wrong ones; those of other rows count nowhere."""

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
from thresher.app.modeling import choose_rows
from thresher.app.pipeline import clean_rows, plan
from thresher.app.result import RunResult
from thresher.app.savings import warnings
from thresher.app.settings import resolve, settings_of
from thresher.app.stages import Done, open_run
from thresher.app.steps import bought
from thresher.app.steps.head_trial import gains_of_heads
from thresher.app.steps.label_trial import judge_gains, takes_heads
from thresher.app.steps.load import load_rows
from thresher.app.steps.material import Material
from thresher.core.fingerprint import row_keys
from thresher.core.ledger import StageCost
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
    """Return rows with ids under these training labels; the others have the right ones."""
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


def judged(
    codes: np.ndarray, out: Path, *, labels: str = "auto", budget: int = BUDGET
) -> Done[Manifest]:
    """Go as far as the stage at hand, and train nothing."""
    settings = {"seed": 1, "threads": 1, "label": {"budget": budget}, "decide": {"labels": labels}}
    with open_run(out, settings_of(settings)) as folder:
        material = choose_rows(folder, *[load_rows(folder, rows_of(codes))] * 2)
        assert material.judged is not None
        return material.judged


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """A whole run on labels of which a quarter is wrong."""
    return trained(given(0.25)[0], tmp_path_factory.mktemp("whole") / "r")


def test_wrong_labels_among_the_bought_are_dropped_and_stay_paid_for(whole: RunResult) -> None:
    codes, right = given(0.25)
    done, manifest, at = whole, decisions(whole.folder), chosen(whole.folder)
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
    done = judged(given(0.0)[0], tmp_path / "r")
    assert (done.value.actions != "drop").all()
    assert done.summary["dropped"] == done.summary["changed"] == 0
    assert done.choices["label decision"].value == "review"


def test_labels_that_are_not_bought_change_nothing(whole: RunResult, tmp_path: Path) -> None:
    codes, _ = given(0.25)
    at = chosen(whole.folder)
    other = np.random.default_rng(5).integers(CLASSES, size=TRAIN)
    other[at] = codes[at]
    assert (other != codes).sum() > 150
    trained(other, tmp_path / "other")
    files = ["bought/decisions/manifest.parquet", "labels/chosen.parquet"]
    files += [f"models/onnx/{name}/model.onnx" for name in ("int8", "student", "teacher")]
    for name in files:
        assert (whole.folder / name).read_bytes() == (tmp_path / "other" / name).read_bytes()
    assert decisions(whole.folder).counts()["drop"] > 10
    of_all = Manifest.load(whole.folder / "manifest" / "decisions").reasons()
    assert "label" not in of_all.get("drop", {})


def test_labels_that_are_not_bought_draw_no_validation_rows_and_drop_no_outliers(
    tmp_path: Path,
) -> None:
    vectors, codes, _ = clouds(TRAIN, wrong=0.0)
    vectors = vectors.copy()
    vectors[:20] *= 1.5
    settings: dict[str, Any] = {"seed": 1, "threads": 1, "label": {"budget": BUDGET}}
    settings |= {"data": {"label": "label", "row_id": "row_id"}, "decide": {"outliers": "drop"}}

    def chosen_with(codes: np.ndarray, name: str) -> tuple[Manifest, Material]:
        columns: dict[str, Any] = {f"x{at}": vectors[:, at] for at in range(WIDTH)}
        columns |= {"label": [f"class {code}" for code in codes.tolist()]}
        columns |= {"split": np.where(np.arange(TRAIN) % 5, "train", "test").tolist()}
        columns |= {"row_id": [f"r{at:04}" for at in range(TRAIN)]}
        rows = datasets.Dataset.from_dict(columns)
        with open_run(tmp_path / name, settings_of(settings)) as folder:
            loaded = load_rows(folder, rows)
            material = choose_rows(folder, loaded, clean_rows(folder, loaded, trains=True))
            manifest = Manifest.load(tmp_path / name / "manifest" / "decisions")
            assert len(material.parts.validation) > 25
            return manifest, material

    manifest, material = chosen_with(codes, "one")
    assert manifest.counts()["drop"] >= 5
    known = np.concatenate([material.paid_at, material.parts.validation, material.parts.test])
    other = np.random.default_rng(5).integers(CLASSES, size=TRAIN)
    told = [int(name[1:]) for name in material.parts.row_ids[known].tolist()]
    other[told] = codes[told]
    assert (other != codes).sum() > 100
    manifest_again, again = chosen_with(other, "two")
    dropped, dropped_again = (each.actions == "drop" for each in (manifest, manifest_again))
    assert dropped_again.tolist() == dropped.tolist()
    for part in ("validation", "test"):
        at, at_again = getattr(material.parts, part), getattr(again.parts, part)
        assert material.parts.row_ids[at].tolist() == again.parts.row_ids[at_again].tolist()
    bought, bought_again = (each.parts.row_ids[each.paid_at] for each in (material, again))
    assert bought.tolist() == bought_again.tolist()


def test_dropped_labels_do_not_excuse_test_rows_of_another_kind(
    whole: RunResult, tmp_path: Path
) -> None:
    found = {"validation_accuracy": 0.9, "validation_rows": 600}
    found |= {"accuracy": 0.7, "low": 0.68, "high": 0.72}

    def done(name: str, summary: dict[str, Any]) -> Done[None]:
        cost = StageCost(**whole.stages[0]["cost"])
        return Done(name, "", tmp_path, cost, summary, {}, lambda _: None)

    bought = {"labels": 100, "changed": 30, "kept": 70}
    stages = {"student": done("student", found), "bought labels": done("bought labels", bought)}
    stages |= {"load": done("load", {"splits": {"train": 900}})}
    stages |= {"decide": done("decide", {"counts": []})}
    assert "the test rows are of another kind" in " ".join(warnings(stages))


def test_a_run_that_was_stopped_in_this_stage_goes_on(
    whole: RunResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes, _ = given(0.25)
    out = tmp_path / "stopped"
    with monkeypatch.context() as patched:

        def stop(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        patched.setattr(bought, "decide", stop)
        with pytest.raises(KeyboardInterrupt):
            trained(codes, out)
    assert not (out / "bought" / "decisions").exists()
    before = (out / "labels" / "stage.json").stat().st_mtime_ns
    again = trained(codes, out)
    assert (out / "labels" / "stage.json").stat().st_mtime_ns == before
    assert again.metrics == whole.metrics
    assert decisions(out).fingerprint == decisions(whole.folder).fingerprint


def test_what_is_asked_for_is_done_without_a_trial(tmp_path: Path) -> None:
    codes, right = given(0.25)
    dropped = judged(codes, tmp_path / "r", labels="drop")
    assert dropped.summary["dropped"] == dropped.summary["flagged"] > 10
    assert str(dropped.choices["label decision"]) == "drop (asked for)"
    looked_at = judged(codes, tmp_path / "r", labels="review")
    assert looked_at.summary["changed"] == 0
    assert looked_at.summary["flagged"] == dropped.summary["flagged"]
    changed = judged(codes, tmp_path / "r", labels="relabel")
    rows = [row for row in changed.value.table.to_pylist() if row["action"] == "relabel"]
    assert changed.summary["relabeled"] == len(rows) > 10
    truth = [f"class {right[int(row['row_id'][1:])]}" for row in rows]
    assert np.mean([row["new_label"] == name for row, name in zip(rows, truth, strict=True)]) > 0.8


def test_nothing_is_looked_for_where_that_is_asked_for() -> None:
    asked: dict[str, Any] = {"label": {"budget": 9}}
    assert "bought labels" in plan(resolve(values=asked))
    assert "bought labels" not in plan(resolve(values={**asked, "decide": {"labels": "none"}}))
    assert "bought labels" not in plan(resolve(values={**asked, "curate": False}))
    assert "bought labels" not in plan(resolve(values={}))


def test_labels_that_were_changed_are_those_that_are_learned(tmp_path: Path) -> None:
    codes, _ = given(0.25)
    settings = {"seed": 1, "threads": 1, "label": {"budget": BUDGET}}
    asked = settings_of({**settings, "decide": {"labels": "relabel"}})
    with open_run(tmp_path / "r", asked) as folder:
        loaded = load_rows(folder, rows_of(codes))
        material = choose_rows(folder, loaded, loaded)
    assert material.judged is not None
    table = material.judged.value.table.to_pylist()
    changed = {row["row_id"]: row["new_label"] for row in table if row["action"] == "relabel"}
    assert len(changed) > 10
    parts = material.parts
    ids, names = parts.row_ids[material.train_at], np.array(parts.classes)
    told = dict(zip(ids.tolist(), names[parts.codes[material.train_at]].tolist(), strict=True))
    bought_at = chosen(tmp_path / "r").tolist()
    assert told == {f"r{at:04}": f"class {codes[at]}" for at in bought_at} | changed


def test_few_labels_are_left_alone(tmp_path: Path) -> None:
    done = judged(given(0.25)[0], tmp_path / "r", budget=50)
    assert done.summary["dropped"] == 0
    assert done.choices["label decision"].reason.endswith("too few rows or flags for a trial")


def heads(vectors: np.ndarray, codes: np.ndarray, ids: np.ndarray) -> np.ndarray:
    return gains_of_heads(vectors, codes, keys=row_keys(ids), method="auto", seed=0)


def test_heads_gain_without_wrong_labels_and_not_without_right_ones() -> None:
    ids = np.arange(150).astype(str)
    assert takes_heads(len(ids), WIDTH)
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


@pytest.mark.parametrize(
    ("rows", "columns", "heads"),
    [
        (199, 2, True),
        (200, 2, False),
        # 500 of 750 rows are learned from.
        (750, 500, True),
        (751, 500, False),
        (999, 4096, True),
        (1000, 4096, False),
    ],
)
def test_heads_try_what_they_can_learn_by_heart(rows: int, columns: int, heads: bool) -> None:
    assert takes_heads(rows, columns) is heads
