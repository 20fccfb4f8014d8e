"""Every command that reads a table takes what a user says of its form, and names that option."""

from __future__ import annotations

import csv
import gzip
import json

import numpy as np
import pandas as pd
import PIL.Image
import pytest
from typer.testing import CliRunner

from thresher.app.cli.commands import app
from thresher.core.errors import FormError, InputError

WORDS = ["pay", "card", "bill", "lost", "phone", "weather", "book", "table", "music", "song"]


def sentences(n, words, seed=0):
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, words)) + f" {seed}{at}" for at in range(n)]


def call(*words):
    return CliRunner().invoke(app, list(map(str, words)))


def test_both_sides_of_a_match_are_read_as_was_said_of_each(curate, tmp_path):
    left, right, out = tmp_path / "a.csv", tmp_path / "b.csv", tmp_path / "pairs.csv"
    names = [f"{text} größe" for text in sentences(80, 4)]
    left.write_bytes("\n".join(f"k{i};{name}" for i, name in enumerate(names)).encode("cp850"))
    lines = [f"k{i}|{name}" for i, name in enumerate(names)]
    right.write_bytes("\n".join([*lines, "k99|NIX"]).encode("mac_roman"))
    asked = ["match", left, right, "--text", "column_2", "--row-id", "column_1", "--no-header"]
    code, error = curate(*asked)
    assert (code, "Say it with --encoding." in error) == (2, True)
    code, error = curate(*asked, "--encoding", "cp850", "--right-encoding", "utf-7")
    assert code == 2
    code, error = curate(*asked, "--encoding", "cp850", "--right-delimiter", "::")
    assert (code, "one character" in error) == (2, True)
    said = ["--encoding", "cp850", "--delimiter", ";", "--right-encoding", "mac_roman"]
    said += ["--right-delimiter", "|", "--right-na", "NIX"]
    code, found = curate(*asked, *said, "--out", out, "--json")
    assert (code, found["left"], found["right"]) == (0, 80, 80)
    pairs = pd.read_csv(out)
    assert (pairs["left_id"] == pairs["right_id"]).mean() > 0.95
    assert pairs["left_text"].str.contains("größe").all()
    assert pairs["right_text"].str.contains("größe").all()


def test_a_side_that_needs_an_option_names_its_own(curate, tmp_path):
    left, right = tmp_path / "a.csv", tmp_path / "b.csv"
    names = [f"{text} größe" for text in sentences(40, 4)]
    left.write_text("\n".join(["name", *names]))
    right.write_bytes("\n".join(["name", *names]).encode("cp850"))
    code, error = curate("match", left, right, "--text", "name")
    assert (code, "Say it with --right-encoding." in error) == (2, True)
    with gzip.open(tmp_path / "b.csv.gz", "wt") as file:
        file.write("name\n" + "\n".join(names))
    packed = [tmp_path / "b.csv.gz", "--text", "name", "--right-max-unpacked", "1e-6"]
    code, error = curate("match", left, *packed)
    assert (code, "unpacked with --right-max-unpacked." in error) == (2, True)


def test_a_benchmark_is_read_as_was_said_of_it_alone(curate, tmp_path):
    train, questions = sentences(30, 40), sentences(6, 20, seed=1)
    train[3] = f"{questions[2]} 好 {train[4]}"
    data, bench = tmp_path / "train.csv", tmp_path / "bench.txt"
    data.write_text("text\n" + "\n".join(train))
    lines = [f"{at}|{text} 好" for at, text in enumerate(questions)] + ["7|NIX"]
    bench.write_bytes("\n".join(lines).encode("gb18030"))
    asked = ["leakage", data, "--benchmark", bench, "--benchmark-text", "column_2", "--json"]
    code, error = curate(*asked)
    assert (code, "Say it with --benchmark-encoding." in error) == (2, True)
    said = ["--benchmark-encoding", "gb18030", "--benchmark-delimiter", "|"]
    said += ["--no-benchmark-header", "--benchmark-na", "NIX"]
    code, found = curate(*asked, *said)
    assert code == 0, found
    assert found["decisions"]["drop"] == 1
    assert found["measured"]["benchmark"]["contaminated"] == 1
    code, error = curate("leakage", data, *said)
    assert (code, "go with --benchmark" in error) == (2, True)


def test_annotations_are_read_as_was_said_of_them_alone(curate, tmp_path):
    truth = np.arange(60) % 2
    given = truth.copy()
    given[:6] = 1 - given[:6]
    classes = np.array(["größe", "no"])
    rows = pd.DataFrame({"row_id": [f"r{i}" for i in range(60)], "text": sentences(60, 12)})
    rows["stars"] = classes[given]
    rows.to_csv(tmp_path / "rows.csv", index=False)
    lines = [f"r{i}|{who}|{classes[truth[i]]}" for i in range(60) for who in ("ann", "bob", "cy")]
    lines += [f"r{i}|{who}|NIX" for i in range(60) for who in ("dee", "eve", "flo", "gus")]
    answers = tmp_path / "answers.csv"
    answers.write_bytes("\n".join(["row_id|annotator|label", *lines]).encode("cp850"))
    asked = ["labels", tmp_path / "rows.csv", "--label", "stars", "--text", "text", "--json"]
    code, error = curate(*asked, "--annotations", answers)
    assert (code, "Say it with --annotations-encoding." in error) == (2, True)
    said = ["--annotations-encoding", "cp850", "--annotations-delimiter", "|"]
    said += ["--annotations-na", "NIX"]
    code, found = curate(*asked, "--annotations", answers, *said)
    assert code == 0, found
    assert found["found"]["label"] == 6
    code, error = curate(*asked, *said)
    assert (code, "go with --annotations" in error) == (2, True)


@pytest.mark.parametrize(
    "command",
    ["preview", *(pytest.param(name, marks=pytest.mark.train) for name in ("audit", "choose"))],
)
def test_augmentation_reads_a_table_of_pictures_as_was_said(tmp_path, command):
    rng = np.random.default_rng(0)
    lines = []
    for at in range(24):
        PIL.Image.fromarray(rng.integers(0, 255, (16, 16, 3), np.uint8)).save(
            tmp_path / f"größe {at}.png"
        )
        lines.append(f"größe {at}.png|{['NIX', 'left', 'right'][at % 3]}")
    table = tmp_path / "pictures.csv"
    table.write_bytes("\n".join(lines).encode("cp850"))
    asked = ["augment", command, table, "--image", "column_1", "--label", "column_2"]
    asked += ["--size", 16, "--json"]
    asked += ["--out", tmp_path / "out.html"] if command == "preview" else []
    with pytest.raises(FormError, match="--encoding"):
        raise call(*asked).exception
    done = call(*asked, "--encoding", "cp850", "--delimiter", "|", "--no-header", "--na", "NIX")
    assert done.exit_code == 0, done.output
    if command != "choose":
        assert json.loads(done.stdout)["rows"] == {"preview": 6, "audit": 16}[command]


def test_a_budget_says_how_its_rows_are_read(tmp_path):
    torch = pytest.importorskip("torch")
    from thresher.app.budget import measure_budget, read_budget
    from training import compact_model, export

    torch.manual_seed(0)
    model = compact_model("mlp", num_classes=2, input_shape=(3,), width=4)
    how = {"kind": "features", "columns": ["column_1", "column_2", "column_3"]}
    export(model, tmp_path / "model", classes=["größe", "no"], preprocessing=how)
    rng = np.random.default_rng(0)
    with (tmp_path / "test.csv").open("w", encoding="cp850", newline="") as file:
        for at, row in enumerate(rng.normal(size=(30, 3)).round(3).tolist()):
            csv.writer(file, delimiter="|").writerow([*row, ["größe", "no", "NIX"][at % 3]])
    lines = ['model = "model"', 'data = "test.csv"', 'label = "column_4"']
    said = ['encoding = "cp850"', 'delimiter = "|"', "header = false", 'na = ["NIX"]']
    limits = ["[limits]", "min_accuracy = 0.0"]
    budget = tmp_path / "budget.toml"
    budget.write_text("\n".join([*lines, *limits]))
    with pytest.raises(InputError, match="Say it with `encoding` in the budget"):
        measure_budget(read_budget(budget))
    budget.write_text("\n".join([*lines, *said, *limits]))
    accuracy, low, high = measure_budget(read_budget(budget))["accuracy"]
    assert low <= accuracy <= high
    assert accuracy * 20 == pytest.approx(round(accuracy * 20))  # the rows with a label
