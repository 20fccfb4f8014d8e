"""profile, gate and predict on a model that a user exported."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pandas as pd
import pytest
import torch
from sklearn.datasets import load_wine
from typer.testing import CliRunner

from thresher.app.budget import read_budget
from thresher.app.cli.commands import app
from thresher.app.settings import DataSettings
from thresher.app.steps.samples import read_parts
from thresher.core.errors import GateError, InputError
from thresher.core.loading import load_dataset
from training import compact_model, export

COLUMNS = load_wine().feature_names
CLASSES = ["barolo", "grignolino", "barbera"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two files of one network, and labeled rows."""
    folder = tmp_path_factory.mktemp("models")
    wine = load_wine()
    for name, width in (("model", 8), ("baseline", 8)):
        torch.manual_seed(0)
        model = compact_model("mlp", num_classes=3, input_shape=(13,), width=width)
        how = {"kind": "features", "columns": COLUMNS}
        export(model, folder / name, classes=CLASSES, preprocessing=how)
    with (folder / "test.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*COLUMNS, "wine"])
        rows = zip(wine.data.tolist(), wine.target, strict=True)
        writer.writerows([*row, CLASSES[code]] for row, code in rows)
    return folder


def call(*arguments: object) -> tuple[int, str, BaseException | None]:
    done = CliRunner().invoke(app, list(map(str, arguments)))
    return done.exit_code, done.stdout, done.exception


def budget(folder: Path, limits: str, **names: str) -> Path:
    given = {"model": "model", "baseline": "baseline", "data": "test.csv", "label": "wine"} | names
    lines = [f'{name} = "{value}"' for name, value in given.items() if value]
    path = folder / "budget.toml"
    path.write_text("\n".join([*lines, "[limits]", limits]))
    return path


def test_profile_shows_every_thread_count_and_batch(folder: Path) -> None:
    code, out, _ = call("profile", folder / "model", "--batch", 2, "--seconds", 0.01, "--json")
    assert code == 0
    (found,) = json.loads(out)
    assert list(found["latency"]) == ["2"]
    code, out, _ = call("profile", folder / "model", "--seconds", 0.01)
    assert code == 0
    assert "parameters" in out


def test_a_budget_that_holds(folder: Path) -> None:
    path = budget(folder, "max_bytes = 100000\nmax_accuracy_drop = 0.1\nmin_agreement = 1.0")
    code, out, _ = call("gate", path, "--json")
    assert code == 0
    found = {check["name"]: check for check in json.loads(out)}
    assert found["min_agreement"]["value"] == 1
    assert found["max_accuracy_drop"]["value"] == 0


def test_a_missed_limit_leaves_with_three(folder: Path) -> None:
    code, out, error = call("gate", budget(folder, "max_bytes = 10\nmin_accuracy = 0.0"))
    assert code
    assert isinstance(error, GateError)
    assert error.exit_code == 3
    assert "missed" in out
    assert "met" in out


def test_the_ratio_of_equal_models_holds(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thresher.app.budget.SECONDS", 0.1)
    assert call("gate", budget(folder, "max_latency_ratio = 1.5"))[0] == 0


@pytest.mark.parametrize(
    ("limits", "names", "text"),
    [
        ("max_byte = 1", {}, "max_bytes"),
        ("", {}, "empty"),
        ("max_latency_ratio = 1.1", {"baseline": ""}, "baseline"),
        ("min_accuracy = 0.5", {"data": ""}, "data"),
        ("max_bytes = 'a'", {}, "limits.max_bytes"),
        ("max_bytes = 1\n[more]\na = 1", {}, "more"),
    ],
)
def test_a_budget_that_cannot_be_checked_is_refused(
    folder: Path, limits: str, names: dict[str, str], text: str
) -> None:
    with pytest.raises(InputError, match=text):
        read_budget(budget(folder, limits, **names))


def test_predictions_of_a_file(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "predicted.csv"
    code, text, _ = call("predict", folder / "model", folder / "test.csv", "--out", out)
    assert code == 0
    assert "178 rows" in text
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 178
    assert {row["label"] for row in rows} <= set(CLASSES)
    assert all(1 / 3 <= float(row["probability"]) <= 1 for row in rows)


def test_rows_without_a_key_are_named_by_file_and_line(folder: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(folder / "test.csv")
    lines = (folder / "test.csv").read_text().splitlines()
    bad = ",".join(["oops"] * len(frame.columns))
    (tmp_path / "new.csv").write_text("\n".join([lines[0], lines[1], bad, *lines[2:5]]))
    out = tmp_path / "out.csv"
    assert call("predict", folder / "model", tmp_path / "new.csv", "--out", out)[0] == 0
    found = pd.read_csv(out)
    assert found["file"].tolist() == ["new.csv"] * 4
    assert found["line"].tolist() == [2, 4, 5, 6]
    frame.head(4).assign(id=["a", "b", "c", "d"]).to_csv(tmp_path / "keyed.csv", index=False)
    assert call("predict", folder / "model", tmp_path / "keyed.csv", "--out", out)[0] == 0
    keyed = pd.read_csv(out)
    assert keyed.columns.tolist() == ["row_id", "label", "probability"]
    assert keyed["row_id"].tolist() == ["a", "b", "c", "d"]
    assert keyed["probability"].tolist() == found["probability"].tolist()


def test_rows_of_another_kind_are_refused(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "texts.csv"
    path.write_text("text\nhello there\nwho is it\n")
    _, _, error = call("predict", folder / "model", path, "--out", tmp_path / "out.csv")
    assert isinstance(error, InputError)


def test_a_model_of_several_columns_of_text_reads_new_rows_from_the_same(tmp_path: Path) -> None:
    columns = {
        "title": [f"title {i}" for i in range(20)],
        "body": [f"body of number {i}" for i in range(20)],
        "note": [f"a note {i} on it" for i in range(20)],
        "label": ["a", "b"] * 10,
    }
    frame = pd.DataFrame(columns)
    frame[["title", "body", "label"]].to_csv(tmp_path / "train.csv", index=False)
    frame[["note", "body", "title"]].to_csv(tmp_path / "new.csv", index=False)
    loaded = load_dataset(tmp_path / "train.csv")
    parts = read_parts(loaded, settings=DataSettings(), device="cpu")
    how = parts.preprocessing
    assert how["text"] == "title,body"
    model = compact_model(
        "hashed_embedding",
        num_classes=2,
        input_shape=parts.everything.input_shape,
        vocabulary=how["tokenizer"]["vocabulary"],
    )
    export(model, tmp_path / "m", classes=parts.classes, preprocessing=how)
    said = []
    for text in ((), ("--text", "title,body"), ("--text", "note")):
        out = tmp_path / "out.csv"
        assert call("predict", tmp_path / "m", tmp_path / "new.csv", "--out", out, *text)[0] == 0
        said.append(pd.read_csv(out)["probability"].tolist())
    assert said[0] == said[1]
    assert said[0] != said[2]
