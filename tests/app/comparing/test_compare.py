"""`thresher compare`: two exported models, and labels where they disagree."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from lifecycle import Shadow
from thresher.app import compare
from thresher.app.cli.commands import app
from thresher.core.errors import InputError
from training import compact_model, export

N = 3000
CLASSES = ["low", "high"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models with thresholds at 0.1 and 0; "high" is above 0."""
    folder = tmp_path_factory.mktemp("models")
    for name, bias in (("old", -0.1), ("new", 0.0)):
        model = compact_model("mlp", num_classes=2, input_shape=(1,), width=2)
        layers = [each for each in model.modules() if isinstance(each, torch.nn.Linear)]
        with torch.no_grad():
            for layer in layers:
                layer.weight.zero_()
                layer.bias.zero_()
            layers[0].weight[:2, 0] = torch.tensor([1.0, -1.0])
            for layer in layers[1:-1]:
                layer.weight[:2, :2] = torch.eye(2)
            layers[-1].weight[1, :2] = torch.tensor([1.0, -1.0])
            layers[-1].bias[1] = bias
        model.eval()
        how = {"kind": "features", "columns": ["x"]}
        export(model, folder / name, classes=CLASSES, preprocessing=how)
    x = np.sort(np.random.default_rng(0).uniform(-0.5, 0.5, N))
    with (folder / "rows.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([["row_id", "x"], *([f"r{k}", f"{v:.6f}"] for k, v in enumerate(x))])
    return folder


def truth(folder: Path) -> dict[str, str]:
    with (folder / "rows.csv").open() as file:
        return {r["row_id"]: CLASSES[float(r["x"]) > 0] for r in csv.DictReader(file)}


def fill(path: Path, labels: dict[str, str], n: int | None = None) -> list[str]:
    with path.open() as file:
        rows = list(csv.DictReader(file))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        for row in rows[:n]:
            writer.writerow(row | {"label": labels[row["row_id"]]})
    return [row["row_id"] for row in rows]


def call(folder: Path, *more: object) -> tuple[int, str]:
    words = ["compare", folder / "old", folder / "new", "--data", folder / "rows.csv", *more]
    done = CliRunner().invoke(app, list(map(str, words)))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout


def test_labels_of_disagreements_prove_the_better_model(folder: Path, tmp_path: Path) -> None:
    code, said = call(folder, "--out", tmp_path, "--json", "--rows-needed", 0.02)
    first = json.loads(said)
    assert code == 0
    assert first["verdict"] == "not yet known"
    assert first["difference"] == 0
    with (folder / "rows.csv").open() as file:
        between = sum(0 < float(row["x"]) <= 0.1 for row in csv.DictReader(file))
    assert first["waiting"] == first["disagreements"] == between > 200
    assert first["labels_needed"] < first["rows_needed"] / 5
    right = truth(folder)
    with (tmp_path / "to_label.csv").open() as file, (folder / "rows.csv").open() as given:
        numbers = {row["row_id"]: row["x"] for row in csv.DictReader(given)}
        for row in csv.DictReader(file):
            assert list(row) == ["row_id", "old", "new", "x", "label"]
            assert float(row["x"]) == float(numbers[row["row_id"]])
    order = fill(tmp_path / "to_label.csv", right, 20)
    assert order != sorted(order, key=lambda row: int(row[1:]))
    _, said = call(folder, "--out", tmp_path, "--json")
    assert json.loads(said)["labels"] == 20
    fill(tmp_path / "to_label.csv", right)
    _, said = call(folder, "--out", tmp_path, "--json")
    found = json.loads(said)
    assert found["verdict"] == "promote"
    assert found["difference"] == pytest.approx(found["disagreements"] / N, abs=1e-12)
    assert found["lower"] > 0
    # The same as rows that came one by one, in the order of the folder, to a shadow.
    shadow = Shadow()
    with (tmp_path / "answers.csv").open() as file:
        for row in csv.DictReader(file):
            shadow.saw(row["row_id"], old=row["old"], new=row["new"])
    for row in shadow.wanted():
        shadow.label(row, right[row])
    assert (shadow.result().lower, shadow.result().upper) == (found["lower"], found["upper"])
    assert "promote: the new model's accuracy is +" in call(folder, "--out", tmp_path)[1]


def test_worse_equal_and_what_nobody_can_tell(folder: Path, tmp_path: Path) -> None:
    rows = {"data": folder / "rows.csv"}
    for name, label, worth in (("worse", "low", 0.0), ("unknown", "?", 0.0), ("equal", "-", 0.05)):
        out = tmp_path / name
        compare(folder / "old", folder / "new", out=out, worth=worth, **rows)
        fill(out / "to_label.csv", dict.fromkeys(truth(folder), label))
        found = compare(folder / "old", folder / "new", out=out, worth=worth, **rows)
        assert found.verdict == {"unknown": "worse"}.get(name, name)
        assert found.waiting == 0


def test_what_contradicts_is_refused(folder: Path, tmp_path: Path) -> None:
    def again(**more: object) -> None:
        given = {"data": folder / "rows.csv", "out": tmp_path / "out"} | more
        compare(folder / "old", folder / "new", **given)  # type: ignore[arg-type]

    again()
    with pytest.raises(InputError, match="was begun with the rules"):
        again(alpha=0.1)
    with pytest.raises(InputError, match="other models or other rows"):
        compare(folder / "new", folder / "old", data=folder / "rows.csv", out=tmp_path / "out")
    with pytest.raises(InputError, match="There is no file"):
        again(labels=[tmp_path / "none.csv"])
    row = fill(tmp_path / "out" / "to_label.csv", dict.fromkeys(truth(folder), ""))[0]
    labels = tmp_path / "labels.csv"
    for text, match in (
        (f"{row},hihg", "Did you mean 'high'"),
        ("r0,high", "on which the models agree"),
        ("r99999,high", "no model was asked about"),
    ):
        labels.write_text(f"row_id,label\n{text}\n")
        with pytest.raises(InputError, match=match):
            again(labels=[labels])
    labels.write_text(f'row_id,label\n{row},"high\nr0,high\n')
    with pytest.raises(InputError, match=r"labels\.csv, line 2: .*quote .*nothing was read"):
        again(labels=[labels])
    labels.write_text(f"row_id;label\n{row};high\n")  # as a spreadsheet saves it in Europe
    again(labels=[labels])
    labels.write_text(f"row_id,label\n{row},low\n")
    with pytest.raises(InputError, match="The first label has counted"):
        again(labels=[labels])
    with pytest.raises(InputError, match="cannot differ by"):
        compare(
            folder / "old", folder / "new", data=folder / "rows.csv", out=tmp_path / "out"
        ).needed(0.5)


def test_a_killed_call_loses_nothing(folder: Path, tmp_path: Path) -> None:
    given = {"data": folder / "rows.csv", "out": tmp_path}
    compare(folder / "old", folder / "new", **given)
    fill(tmp_path / "to_label.csv", truth(folder))
    program = (
        "import os, signal, thresher.app.comparing.comparison as c\n"
        "def die(*_): os.kill(os.getpid(), signal.SIGKILL)\n"
        "c._show = die\n"
        f"c.compare({str(folder / 'old')!r}, {str(folder / 'new')!r}, "
        f"data={str(folder / 'rows.csv')!r}, out={str(tmp_path)!r})\n"
    )
    done = subprocess.run([sys.executable, "-c", program], env=os.environ, check=False)
    assert done.returncode == -signal.SIGKILL
    (tmp_path / "to_label.csv").unlink()
    assert compare(folder / "old", folder / "new", **given).verdict == "promote"
