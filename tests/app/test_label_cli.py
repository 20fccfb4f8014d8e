"""The labeling commands: the whole loop from a user's file, and what it says to mistakes."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from thresher.app.cli.commands import app
from thresher.app.label_folder import LabelFolder
from thresher.core.errors import ThresherError

RNG = np.random.default_rng(0)
KIND = RNG.integers(2, size=60)
POINTS = np.array([[-2.0, 0], [2, 0]])[KIND] + RNG.normal(size=(60, 2))
TRUTH = {f"r{k}": ("low", "high")[kind] for k, kind in enumerate(KIND)}


def call(*arguments: str | Path) -> Any:
    """Run `thresher label …` with --json; return what it printed."""
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.exception
    return json.loads(result.stdout)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["label", *map(str, arguments)])


def error_of(*arguments: str | Path) -> str:
    found = run(*arguments).exception
    assert isinstance(found, ThresherError), found
    return str(found)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    lines = [f"r{k},{x:.4f},{y:.4f},{k % 3 + 1}" for k, (x, y) in enumerate(POINTS)]
    (tmp_path / "pool.csv").write_text("\n".join(["key,x,y,price", *lines]))
    return tmp_path / "pool.csv"


@pytest.fixture
def folder(table: Path) -> Path:
    out = table.parent / "lab"
    call("init", table, "--row-id", "key", "--features", "x,y", "--classes", "low,high",
         "--out", out, "--audit", "0.5")  # fmt: skip
    return out


def fill(path: Path, **changes: str) -> list[str]:
    """Fill the column `label` with the truth, or with what `changes` says; return the row ids."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["label"] = changes.get(row["row_id"], TRUTH[row["row_id"]])
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return [row["row_id"] for row in rows]


def test_the_whole_loop(folder: Path) -> None:
    for number in range(2):
        path = folder.parent / f"b{number}.csv"
        batch = call("next", folder, "-n", "12", "--annotator", "ann", "--out", path)
        assert batch["batch"] == number + 1
        assert fill(path) == batch["rows"]
        assert call("tell", folder, path)["new"] == 12
        assert call("tell", folder, path) == {
            "format": "csv", "new": 0, "repeated": 12, "empty": 0, "conflicts": [],
        }  # fmt: skip
    found = call("status", folder, "--target", "0.8")
    assert (found["labeled"], found["pool"], found["open_leases"]) == (24, 60, 0)
    path = folder.parent / "unnamed.csv"
    call("next", folder, "-n", "3", "--out", path)
    fill(path)
    assert call("tell", folder, path, "--annotator", "bo")["new"] == 3
    assert call("status", folder)["open_leases"] == 0
    assert 0 <= found["accuracy"]["low"] <= found["accuracy"]["value"] <= 1
    assert found["advice"]["reasons"]
    assert "go on" in run("status", folder).stdout or "stop" in run("status", folder).stdout
    for name in ("labels.csv", "labels.jsonl", "labels.parquet"):
        assert call("export", folder, folder.parent / name)["rows"] == 27
    labels = pq.read_table(folder.parent / "labels.parquet").to_pylist()
    assert {row["row_id"]: row["label"] for row in labels}.items() <= TRUTH.items()
    with open(folder.parent / "labels.csv", newline="") as file:
        written = list(csv.DictReader(file))
    assert list(written[0]) == ["row_id", "label", "agreement", "x", "y"]
    held = {row["row_id"]: (float(row["x"]), float(row["y"])) for row in written}
    assert held == {row: pytest.approx(POINTS[int(row[1:])], abs=1e-4) for row in held}


def test_control_questions_of_a_file_make_probabilities(folder: Path) -> None:
    path, out, gold = (folder.parent / name for name in ("b.csv", "labels.csv", "gold.csv"))
    rows = call("next", folder, "-n", "20", "--annotator", "ann", "--out", path)["rows"]
    fill(path)
    call("tell", folder, path)
    lines = ["row_id,label", *(f"{row},{TRUTH[row]}" for row in rows[:12])]
    gold.write_text("\n".join(lines))
    assert call("export", folder, out, "--gold", gold)["rows"] == 20
    with open(out) as file:
        said = {row["row_id"]: float(row["probability"]) for row in csv.DictReader(file)}
    assert {said[row] for row in rows[:12]} == {1.0}
    assert all(0.8 < said[row] < 1 for row in rows[12:])
    # One probability for each row says little where few questions were asked: so does the interval.
    shown = run("export", folder, out, "--gold", gold)
    gold.write_text("\n".join([*lines, "r999,low"]))
    more = run("export", folder, out, "--gold", gold)
    with LabelFolder(folder).open() as session:
        sure = session.labels(gold={row: TRUTH[row] for row in rows[:12]}).accuracy
    assert sure is not None
    of_labels = f"{100 * sure.value:.0f} % are right ({100 * sure.low:.0f} to {100 * sure.high:.0f}"
    assert "control questions: 12 used; of the other labels" in shown.output
    assert of_labels in " ".join(shown.output.split())
    assert "1 without an answer left out, such as 'r999'" in " ".join(more.output.split())
    other = {"low": "high", "high": "low"}[TRUTH[rows[0]]]
    gold.write_text("\n".join([*lines, f"{rows[0]},{other}"]))
    assert "line or row 14" in error_of("export", folder, out, "--gold", gold)
    gold.write_text("\n".join([*lines, f"{rows[15]},"]))
    assert "no label for the row" in error_of("export", folder, out, "--gold", gold)


def test_the_batch_says_what_to_look_at_and_why(folder: Path) -> None:
    path = folder.parent / "b.jsonl"
    call("next", folder, "-n", "3", "--out", path)
    row = json.loads(path.read_text().splitlines()[0])
    assert set(row) >= {"row_id", "x", "y", "suggestion", "reason", "label"}
    place = int(row["row_id"][1:])
    assert row["x"] == pytest.approx(POINTS[place, 0], abs=1e-4)


def test_other_formats_go_out_and_come_back(folder: Path) -> None:
    path = folder.parent / "b.jsonl"
    batch = call("next", folder, "-n", "6", "--annotator", "ann", "--out", path,
                 "--format", "prodigy")  # fmt: skip
    tasks = [json.loads(line) for line in path.read_text().splitlines()]
    assert tasks[0]["text"].startswith("x: ")  # its columns as lines of one text
    done = [
        task | {"answer": "accept", "accept": [TRUTH[task["row_id"]]], "_annotator_id": "data-ann"}
        for task in tasks
    ]
    path.write_text("".join(json.dumps(each) + "\n" for each in done))
    assert "Read as prodigy: 6 new, 0 known already" in run("tell", folder, path).stdout
    assert call("tell", folder, path)["format"] == "prodigy"
    assert "no column 'label'" in error_of("tell", folder, path, "--format", "jsonl")
    for name, form in (("p.jsonl", "prodigy"), ("a.parquet", "parquet"), ("a.tsv", "csv")):
        out = folder.parent / name
        assert call("export", folder, out, "--answers", "--format", form)["rows"] == 6
        assert call("tell", folder, out) == {
            "format": form, "new": 0, "repeated": 6, "empty": 0, "conflicts": [],
        }  # fmt: skip
    written = [json.loads(line) for line in (folder.parent / "p.jsonl").read_text().splitlines()]
    assert {each["row_id"]: each["text"] for each in written} == {
        each["row_id"]: each["text"] for each in tasks
    }
    assert [each["row_id"] for each in written] == batch["rows"]
    assert "Did you mean 'prodigy'" in error_of("next", folder, "--format", "prodigi")
    assert "not as parquet" in error_of("next", folder, "--format", "parquet")
    assert call("next", folder, "-n", "1", "--format", "jsonl")["file"].endswith(".jsonl")


def test_a_dataset_for_the_hub_is_a_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    path, out = folder.parent / "b.csv", folder.parent / "dataset"
    rows = call("next", folder, "-n", "9", "--annotator", "ann", "--out", path)["rows"]
    fill(path)
    call("tell", folder, path)
    found = call("export", folder, out, "--format", "huggingface", "--anonymous")
    assert found == {"file": str(out), "rows": 9, "pushed": None}
    part = datasets.load_dataset(str(out), cache_dir=str(folder.parent / "cache"))["train"]
    assert part.column_names[:4] == ["row_id", "x", "y", "label"]
    name = part.features["label"].int2str
    assert {row["row_id"]: name(row["label"]) for row in part} == {row: TRUTH[row] for row in rows}
    assert part[0]["answers"][0]["annotator"] == "annotator 1"
    assert "leave --answers out" in error_of(
        "export", folder, out, "--format", "huggingface", "--answers"
    )
    assert "--format huggingface" in error_of("export", folder, path, "--push", "me/labels")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    text = error_of("export", folder, out, "--format", "huggingface", "--push", "me/labels")
    assert "did not take 'me/labels'" in text
    assert "hf auth login" in text


def test_conflicts_are_shown_and_left(folder: Path) -> None:
    path = folder.parent / "b.csv"
    row = call("next", folder, "-n", "1", "--annotator", "ann", "--out", path)["rows"][0]
    fill(path)
    call("tell", folder, path)
    other = {"low": "high", "high": "low"}[TRUTH[row]]
    fill(path, **{row: other})
    result = run("tell", folder, path)
    assert result.exit_code == 1
    assert f"{row}: {TRUTH[row]} recorded, {other} in the file (ann)" in result.stdout
    assert "--overwrite" in str(result.exception)
    assert call("tell", folder, path, "--overwrite")["new"] == 1
    call("tell", folder, "--set", f"{row}=undo", "--annotator", "ann")
    assert call("export", folder, folder.parent / "a.csv", "--answers")["rows"] == 0
    assert call("export", folder, folder.parent / "a.csv", "--history")["rows"] == 3


def test_known_labels_count_and_dropped_rows_are_never_asked(table: Path, tmp_path: Path) -> None:
    from thresher.core.manifest import Manifest

    ids = [f"r{k}" for k in range(60)]
    actions = ["drop" if k >= 40 else "keep" for k in range(60)]
    decided = Manifest.from_columns(ids, actions, reasons=["" for _ in ids], scores=np.ones(60))
    decided.save(tmp_path / "m")
    lines = table.read_text().splitlines()
    labels = ["label", *(TRUTH[f"r{k}"] if k < 10 else "" for k in range(60))]
    table.write_text(
        "\n".join(f"{line},{label}" for line, label in zip(lines, labels, strict=True))
    )
    out = tmp_path / "lab"
    found = call("init", table, "--row-id", "key", "--features", "x,y", "--label", "label",
                 "--out", out, "--manifest", tmp_path / "m", "--cost", "price")  # fmt: skip
    assert found["known_labels"] == 10
    assert found["classes"] == ["high", "low"]
    assert "30 rows available, 31 asked" in error_of("next", out, "-n", "31")
    assert call("status", out)["cost"] == sum(k % 3 + 1 for k in range(10))


def test_images_are_written_beside_the_batch(tmp_path: Path) -> None:
    for k in range(6):
        (tmp_path / "pool" / "x").mkdir(parents=True, exist_ok=True)
        picture = RNG.integers(0, 255, size=(8, 8, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / "pool" / "x" / f"{k}.png"), picture)
    call("init", tmp_path / "pool", "--classes", "a,b", "--out", tmp_path / "lab")
    call("next", tmp_path / "lab", "-n", "2", "--out", tmp_path / "b.csv")
    with open(tmp_path / "b.csv", newline="") as file:
        paths = [Path(row["image"]) for row in csv.DictReader(file)]
    assert len(paths) == 2
    assert all(cv2.imread(str(path)).shape == (8, 8, 3) for path in paths)


@pytest.mark.parametrize(
    ("task", "cell", "label"),
    [
        ("multi_label", "low; high", ["low", "high"]),
        ("regression", "2.5", 2.5),
        ("spans", '[{"start": 0, "end": 3, "label": "low"}]',
         [{"start": 0, "end": 3, "label": "low"}]),
    ],
)  # fmt: skip
def test_other_tasks_go_round(table: Path, task: str, cell: str, label: Any) -> None:
    out, path = table.parent / "lab", table.parent / "b.csv"
    classes = [] if task == "regression" else ["--classes", "low,high"]
    call("init", table, "--row-id", "key", "--features", "x,y", "--task", task, "--out", out,
         *classes)  # fmt: skip
    rows = call("next", out, "-n", "4", "--out", path)["rows"]
    fill(path, **dict.fromkeys(rows, cell))
    assert call("tell", out, path)["new"] == 4
    call("next", out, "-n", "4", "--out", path)
    call("export", out, table.parent / "l.jsonl")
    lines = (table.parent / "l.jsonl").read_text().splitlines()
    assert [json.loads(line)["label"] for line in lines] == [label] * 4


def test_simulate(table: Path, tmp_path: Path) -> None:
    lines = table.read_text().splitlines()
    labels = ["label", *TRUTH.values()]
    table.write_text(
        "\n".join(f"{line},{label}" for line, label in zip(lines, labels, strict=True))
    )
    given = [table, "--features", "x,y", "--label", "label", "--budgets", "4,8,16", "--seeds", "2"]
    found = call("simulate", *given, "--out", tmp_path / "curves")
    assert {row["strategy"] for row in found["rows"]} == {"auto", "random"}
    assert (tmp_path / "curves" / "curves.svg").read_text().startswith("<svg")
    assert "labels" in run("simulate", *given).stdout
    assert "Did you mean 'margin'" in error_of("simulate", *given, "--strategies", "margn")
    assert "whole numbers" in error_of("simulate", *given[:-4], "--budgets", "4,x")


def test_mistakes_are_named(folder: Path, table: Path, tmp_path: Path) -> None:
    path = tmp_path / "b.csv"
    assert "holds no labeling session" in error_of("next", tmp_path)
    assert "60 rows available, 61 asked" in error_of("next", folder, "-n", "61")
    written = error_of("next", folder, "--out", tmp_path / "b.xlsx")
    assert "must end in" in written
    assert "read" not in written  # there is no workbook yet
    assert "'new', 'relabel', 'mixed'" in error_of("next", folder, "--mode", "old")
    assert "holds a labeling session already" in error_of(
        "init", table, "--features", "x,y", "--classes", "a,b", "--out", folder
    )
    new = tmp_path / "new"
    assert "--classes" in error_of("init", table, "--features", "x,y", "--out", new)
    assert "two or more" in error_of(
        "init", table, "--features", "x,y", "--out", new, "--classes", "a"
    )
    assert "Did you mean 'margin'" in error_of(
        "init", table, "--features", "x,y", "--out", new, "--classes", "a,b", "--strategy", "margn"
    )
    assert not new.exists()
    for text, says in (
        ("row_id,label\nr1,low\nr77,low\n", "line 3: The row id 'r77' is not in the pool"),
        ("row_id,label\nr1,lo\n", "line 2: the label must be one of 'low', 'high', got 'lo'"),
        ("row,label\nr1,low\n", "no column 'row_id'"),
    ):
        path.write_text(text)
        assert says in error_of("tell", folder, path)
    assert call("status", folder)["answers"] == 0
    assert "FILE" in error_of("tell", folder)


def test_a_killed_tell_goes_on(folder: Path) -> None:
    path = folder.parent / "b.csv"
    rows = call("next", folder, "-n", "60", "--annotator", "ann", "--out", path)["rows"]
    fill(path)
    command = [sys.executable, "-m", "thresher", "label", "tell", str(folder), str(path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    time.sleep(0.8)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    found = call("tell", folder, path)
    assert found["new"] + found["repeated"] == len(rows) == 60
    assert call("status", folder)["labeled"] == 60
    with LabelFolder(folder).open() as session:
        assert session.replay() == []


@pytest.mark.parametrize(
    ("task", "label", "classes"),
    [("multi_label", ["a", "b"], ["a", "b"]), ("regression", 2.5, []), ("regression", 7, [])],
)
def test_labels_that_are_sets_or_numbers_count_as_answers(tmp_path, task, label, classes):
    rows = [
        {"key": f"r{k}", "x": x, "y": y, "label": label if k % 2 else None}
        for k, (x, y) in enumerate(POINTS)
    ]
    (tmp_path / "pool.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = call("init", tmp_path / "pool.jsonl", "--row-id", "key", "--features", "x,y",
                 "--label", "label", "--task", task, "--out", tmp_path / "lab")  # fmt: skip
    assert (found["classes"], found["known_labels"], found["rows"]) == (classes, 30, 60)
    with LabelFolder(tmp_path / "lab").open() as session:
        assert set(session.labels().row_ids.tolist()) == {f"r{k}" for k in range(1, 60, 2)}


def test_missing_classes_are_told_before_anything_is_read(tmp_path: Path) -> None:
    wrong = error_of("init", tmp_path / "nowhere.csv", "--out", tmp_path / "lab")
    assert "--classes yes,no" in wrong
    assert "--label" in wrong
    assert "nowhere.csv" in error_of(
        "init", tmp_path / "nowhere.csv", "--task", "regression", "--out", tmp_path / "lab"
    )


def test_an_unknown_format_of_an_export_names_all_that_there_are(folder: Path) -> None:
    wrong = error_of("export", folder, folder / "labels.xlsx", "--format", "xlsx")
    assert "'huggingface'" in wrong
    assert "'label-studio'" in wrong


def test_the_start_names_the_page_and_the_file(table: Path) -> None:
    out = table.parent / "my labels"
    said = run("init", table, "--row-id", "key", "--features", "x,y", "--classes", "low,high",
               "--out", out).stdout  # fmt: skip
    assert f"thresher serve-labels '{out}' --annotator YOU" in said
    assert f"thresher label next '{out}' -n 20" in said
