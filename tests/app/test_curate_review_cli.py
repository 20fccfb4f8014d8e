"""``thresher curate review`` writes what is to be looked at; ``apply --verdicts`` takes it back."""

from __future__ import annotations

import csv
import io
import json

import cv2
import datasets
import numpy as np
import pandas as pd
import pytest

from thresher.core.manifest import Manifest
from thresher.core.sheet_cells import escape_cell, unescape_cell

WORDS = ["pay", "card", "bill", "lost", "phone", "weather", "book", "table", "music", "song"]
FORMULAS = ["=1+1", "+49 30 12", "-2+3", "@SUM(A1)", "\tx", "'=1", "''-a", "\rx"]


def sheet(path):
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))


def save(path, rows, *, delimiter=",", bom=False):
    with open(path, "w", encoding="utf-8-sig" if bom else "utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def reviews(tmp_path):
    """Four pairs of equal texts with two labels, a copy, and near copies with two labels."""
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, 9)) for _ in range(60)]
    for at in range(4):
        texts[40 + at] = texts[at]
    texts[50], texts[51] = texts[5] + " now", texts[9]
    texts[0] = texts[40] = "=HYPERLINK(1) " + texts[0]
    stars = ["good" if at % 2 else "bad" for at in range(60)]
    for at in range(4):
        stars[40 + at] = "bad" if stars[at] == "good" else "good"
    stars[50] = "bad"
    path = tmp_path / "reviews.csv"
    rows = {"id": [f"k{at:03d}" for at in range(60)], "text": texts, "stars": stars}
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


@pytest.fixture
def run(curate, reviews, tmp_path):
    decisions = tmp_path / "m"
    options = ["--label", "stars", "--text", "text", "--manifest", decisions]
    assert curate("duplicates", reviews, *options)[0] == 0
    return decisions


def test_verdicts_come_back_through_a_spreadsheet(curate, reviews, run, tmp_path):
    out = tmp_path / "review.csv"
    code, found = curate("review", run, "--data", reviews, "--out", out, "--json")
    assert (code, found["rows"]) == (0, 9)
    rows = {row["row_id"]: row for row in sheet(out)}
    assert rows["k040"]["file"] == "reviews.csv"
    assert (rows["k040"]["line"], rows["k040"]["twin_line"]) == ("42", "2")
    assert rows["k040"]["content"].startswith("'=HYPERLINK(1) ")
    assert rows["k050"]["check"] == "near_duplicate"
    assert rows["k050"]["proposal"] == "drop this row, keep the twin"
    said = {"k040": "Accept", "k041": "REJECT ", "k042": "relabel", "k050": "keep other"}
    filled = [
        {"Extra": "x", "Row_ID": name, **{k.upper(): v for k, v in row.items() if k != "row_id"}}
        for name, row in reversed(rows.items())
    ]
    for row in filled:
        row["VERDICT"] = said.get(row["Row_ID"], "")
        row["LABEL"] = "bad" if row["Row_ID"] == "k042" else ""
        row["NOTE"] = "surely" if row["Row_ID"] == "k040" else ""
        row["Row_ID"] = row["Row_ID"].upper()
    save(tmp_path / "filled.csv", filled, delimiter=";", bom=True)
    clean = tmp_path / "clean.csv"
    options = ["--verdicts", tmp_path / "filled.csv", "--out", clean, "--by", "ann", "--json"]
    code, done = curate("apply", run, reviews, *options)
    assert code == 0, done
    assert done["verdicts"] == 4
    left = pd.read_csv(clean, index_col="id")
    assert not {"k040", "k005", "k051"} & set(left.index)
    assert {"k041", "k042", "k050", "k000"} <= set(left.index)
    manifest = Manifest.load(tmp_path / "clean.csv.manifest")
    actions = dict(zip(manifest.row_ids.tolist(), manifest.actions.tolist(), strict=True))
    assert (actions["k041"], actions["k050"], actions["k043"]) == ("keep", "keep", "review")
    (told,) = manifest.header["verdicts"]
    assert (told["by"], told["file"]) == ("ann", "filled.csv")
    assert told["at"].endswith("+00:00")
    assert told["rows"]["k040"]["note"] == "surely"
    assert told["rows"]["k042"] == {"verdict": "relabel", "label": "bad", "line": 4}
    assert left.loc["k042", "stars"] == "bad"
    options = [tmp_path / "clean.csv.manifest", clean, "--out", tmp_path / "back.csv"]
    assert curate("undo", *options)[0] == 0
    assert (tmp_path / "back.csv").read_bytes() == reviews.read_bytes()
    again = tmp_path / "again.csv"
    options = [tmp_path / "clean.csv.manifest", "--data", reviews, "--out", again, "--json"]
    code, found = curate("review", *options)
    assert found["rows"] == 9 - 4


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"k040": ("yes", "")}, "'yes' is no verdict"),
        ({"k040": ("acept", "")}, "Did you mean 'accept'"),
        ({"k040": ("relabel", "")}, "needs the new label"),
        ({"k040": ("", "good")}, "has no verdict"),
        ({"k040": ("accept", "good")}, "there is a new label, 'good'"),
        ({"k040": ("relabel", "goood")}, "Did you mean 'good'"),
        ({"k000": ("keep_other", ""), "k040": ("reject", "")}, "contradict each other"),
        ({"k000": ("accept", ""), "k040": ("accept", "")}, "drop two rows of equal content"),
        ({"nobody": ("accept", "")}, "'nobody' is not in the manifest"),
        ({}, "holds no verdict"),
    ],
)
def test_wrong_lines_are_named_and_nothing_is_applied(
    curate, reviews, run, tmp_path, changes, says
):
    out = tmp_path / "review.csv"
    assert curate("review", run, "--data", reviews, "--out", out)[0] == 0
    rows = sheet(out)
    for name, (verdict, label) in changes.items():
        for row in rows:
            if row["row_id"] == name:
                row["verdict"], row["label"] = verdict, label
        if name == "nobody":
            rows.append({**rows[0], "row_id": name, "verdict": verdict})
    save(out, rows)
    clean = tmp_path / "clean.csv"
    code, error = curate("apply", run, reviews, "--verdicts", out, "--out", clean)
    assert code == 2
    assert says in error.replace("\n", " ")
    assert "line" in error.lower() or not changes
    assert not clean.exists()
    assert not (tmp_path / "clean.csv.manifest").exists()


def test_verdicts_that_agree_about_a_pair_are_taken(curate, reviews, run, tmp_path):
    path = tmp_path / "said.csv"
    save(
        path, [{"row_id": "k000", "verdict": "accept"}, {"row_id": "k040", "verdict": "keep_other"}]
    )
    options = ["--verdicts", path, "--out", tmp_path / "c.csv"]
    assert curate("apply", run, reviews, *options)[0] == 0
    left = set(pd.read_csv(tmp_path / "c.csv")["id"])
    assert "k040" in left
    assert "k000" not in left


def test_two_verdicts_about_one_row_are_a_conflict(curate, reviews, run, tmp_path):
    lines = [{"row_id": "k040", "verdict": "accept"}, {"row_id": "k040", "verdict": "reject"}]
    path = tmp_path / "said.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    options = ["--verdicts", path, "--out", tmp_path / "c.csv"]
    code, error = curate("apply", run, reviews, *options)
    assert (code, "lines 1 and 2: row k040" in error) == (2, True)
    path.write_text("".join(json.dumps({**lines[0], "n": n}) + "\n" for n in range(2)))
    assert curate("apply", run, reviews, *options)[0] == 0


def test_a_run_is_reviewed_without_naming_the_data(curate, reviews, tmp_path):
    clean = tmp_path / "clean.csv"
    assert curate(reviews, "--label", "stars", "--text", "text", "--out", clean)[0] == 0
    out = tmp_path / "review.jsonl"
    code, found = curate("review", tmp_path / "clean.csv.run", "--out", out, "--all", "--json")
    assert code == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(rows) == found["rows"] > 9
    copy = next(row for row in rows if row["row_id"] == "k051")
    assert copy["proposal"] == "drop this row, keep the twin"
    assert rows[0]["check"] in ("conflict", "leakage")
    copy["verdict"] = "reject"
    out.write_text("".join(json.dumps(row) + "\n" for row in rows))
    second = tmp_path / "second.csv"
    options = ["--verdicts", out, "--out", second]
    assert curate("apply", tmp_path / "clean.csv.run", reviews, *options)[0] == 0
    assert "k051" in set(pd.read_csv(second)["id"]) - set(pd.read_csv(clean)["id"])


def test_pictures_without_a_file_are_written_beside_the_sheet(curate, tmp_path):
    rng = np.random.default_rng(0)
    pixels = [
        cv2.resize(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8), (32, 32)) for _ in "ab" * 9
    ]
    files = [cv2.imencode(".png", each)[1].tobytes() for each in [*pixels, pixels[0]]]
    rows = {"image": [{"bytes": each, "path": None} for each in files], "label": [0, 1] * 9 + [1]}
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])}
    )
    datasets.Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "p.parquet")
    options = ["--label", "label", "--exact", "--manifest", tmp_path / "m"]
    assert curate("duplicates", tmp_path / "p.parquet", *options)[0] == 0
    options = ["--data", tmp_path / "p.parquet", "--out", tmp_path / "r.csv"]
    assert curate("review", tmp_path / "m", *options)[0] == 0
    lines = sheet(tmp_path / "r.csv")
    assert len(lines) == 2
    for line in lines:
        assert cv2.imread(line["content"]).shape == (32, 32, 3)
        assert cv2.imread(line["twin_content"]).shape == (32, 32, 3)


@pytest.mark.parametrize("text", [*FORMULAS, "-1", "-1.5", "it's", "", "'", "a=b", "''"])
def test_formulas_are_escaped_and_come_back_exactly(text):
    made = escape_cell(text)
    assert unescape_cell(made) == text
    assert made[:1] not in tuple("=+@\t\r")
    assert made == text or text in FORMULAS


def test_missing_findings_and_options_without_a_use_are_explained(curate, reviews, run, tmp_path):
    code, error = curate("review", run, "--out", tmp_path / "r.csv")
    assert (code, "--data" in error) == (2, True)
    code, error = curate("review", tmp_path / "none", "--out", tmp_path / "r.csv")
    assert (code, "There is no folder" in error) == (2, True)
    code, error = curate("review", run, "--data", reviews, "--out", tmp_path / "r.xlsx")
    assert (code, ".csv or .jsonl" in error or ".csv, .jsonl" in error) == (2, True)
    code, error = curate("apply", run, reviews, "--out", tmp_path / "c.csv", "--by", "ann")
    assert (code, "--verdicts" in error) == (2, True)
    (run / "issues.parquet").unlink()
    code, error = curate("review", run, "--data", reviews, "--out", tmp_path / "r.csv")
    assert (code, "holds no findings" in error) == (2, True)


def test_differences_are_shown_with_their_place_and_as_they_are_called(curate, tmp_path):
    ids = [f"[/r{at}]" for at in range(12)]
    pd.DataFrame({"id": ids, "text": [f"text number {at}" for at in range(12)]}).to_csv(
        tmp_path / "x.csv", index=False
    )
    options = ["--text", "text", "--exact", "--manifest", tmp_path / "one"]
    assert curate("duplicates", tmp_path / "x.csv", *options)[0] == 0
    actions = ["drop" if name == "[/r5]" else "keep" for name in ids]
    nothing = [None] * 12
    Manifest.from_columns(ids, actions, reasons=nothing, scores=nothing).save(tmp_path / "two")
    code, shown = curate("diff", tmp_path / "one", tmp_path / "two")
    assert code == 0
    assert "[/r5] (x.csv:7)" in shown


def test_clean_data_never_replace_the_decisions(curate, reviews, run, tmp_path):
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    code, error = curate("apply", run, reviews, "--out", run)
    assert (code, "would overwrite the decisions" in error.replace("\n", " ")) == (2, True)
    assert curate("apply", run, reviews, "--out", tmp_path / "c.csv")[0] == 0
    code, error = curate("undo", run, tmp_path / "c.csv", "--out", run)
    assert (code, "would overwrite the decisions" in error.replace("\n", " ")) == (2, True)
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before


def test_ids_that_begin_like_escaped_formulas_come_back_from_json_lines(curate, tmp_path):
    ids = ["'=1", "=1", " a", "a", *"bcdefgh"]
    texts = ["one text here", "one text here", "two texts here", "two texts here", *"bcdefgh"]
    data, sheet = tmp_path / "d.jsonl", tmp_path / "s.jsonl"
    data.write_text(
        "".join(
            json.dumps({"row_id": name, "text": text}) + "\n"
            for name, text in zip(ids, texts, strict=True)
        )
    )
    assert curate("duplicates", data, "--text", "text", "--manifest", tmp_path / "m")[0] == 0
    options = ["--data", data, "--out", sheet, "--all"]
    assert curate("review", tmp_path / "m", *options)[0] == 0
    lines = [json.loads(line) for line in sheet.read_text().splitlines()]
    assert {line["row_id"] for line in lines} == {"=1", "a"}
    lines += [{"row_id": "'=1", "verdict": "reject"}, {"row_id": " a", "verdict": "drop"}]
    lines[0]["verdict"] = lines[1]["verdict"] = "reject"
    sheet.write_text("".join(json.dumps(line) + "\n" for line in lines))
    options = ["--verdicts", sheet, "--out", tmp_path / "c.jsonl"]
    assert curate("apply", tmp_path / "m", data, *options)[0] == 0
    left = [json.loads(line)["row_id"] for line in (tmp_path / "c.jsonl").read_text().splitlines()]
    assert left == ["'=1", "=1", "a", *"bcdefgh"]


def test_a_folder_without_decisions_says_what_to_name(curate, reviews, tmp_path):
    (tmp_path / "run").mkdir()
    for words in (["apply", tmp_path / "run", reviews], ["review", tmp_path / "run"]):
        code, error = curate(*words, "--out", tmp_path / "x.csv")
        assert (code, "holds no decisions" in error) == (2, True)
