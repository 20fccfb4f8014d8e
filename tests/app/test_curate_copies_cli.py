"""``thresher curate duplicates`` and ``leakage``: which copy stays, crops, text benchmarks."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pandas as pd
import pytest

WORDS = np.array([a + b for a in ("ba", "do", "ki", "lu", "me") for b in ("ra", "ti", "so", "nel")])


def sentences(count, *, words=20, seed=0):
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, words)) for _ in range(count)]


def photograph(rng, side=96):
    layers = [rng.normal(0, 30, (size, size, 3)) for size in (4, 8, 16, 32)]
    smooth = sum(cv2.resize(one, (side, side), interpolation=cv2.INTER_CUBIC) for one in layers)
    return (smooth + 128).clip(0, 255).astype(np.uint8)


def save(folder, name, pixels):
    path = folder / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())


@pytest.mark.parametrize(
    ("keep", "kept"), [("first", 0), ("length", 20), ("column:score", 21), ("column:none", 20)]
)
def test_the_copy_that_stays_is_the_one_asked_for(curate, tmp_path, keep, kept):
    texts = sentences(20)
    texts += [texts[0] + " more", texts[0]]
    rows = pd.DataFrame({"text": texts, "score": [*range(1, 21), 20.5, 99], "none": [0] * 22})
    rows.loc[20, "none"] = 1
    rows.to_csv(tmp_path / "rows.csv", index=False)
    clean = tmp_path / "clean.csv"
    options = ["--text", "text", "--label", "none", "--keep", keep, "--clean", clean, "--json"]
    code, found = curate("duplicates", tmp_path / "rows.csv", *options)
    assert (code, found["clean"]["kept"]) == (0, 20)
    left = set(pd.read_csv(clean)["score"])
    assert {0, 20, 21} & {rows.index[rows.score == score][0] for score in left} == {kept}


def test_of_equal_rows_the_one_asked_for_stays_too(curate, tmp_path):
    texts = sentences(10)
    rows = pd.DataFrame({"text": [*texts, texts[3]], "score": [*range(10), 50]})
    rows.to_csv(tmp_path / "rows.csv", index=False)
    clean = tmp_path / "clean.csv"
    options = ["--text", "text", "--exact", "--keep", "column:score", "--clean", clean]
    assert curate("duplicates", tmp_path / "rows.csv", *options)[0] == 0
    assert sorted(pd.read_csv(clean)["score"]) == [0, 1, 2, 4, 5, 6, 7, 8, 9, 50]


def test_a_column_that_copies_are_chosen_by_may_differ_between_them(curate, tmp_path):
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.normal(size=(30, 3)).round(3), columns=list("abc"))
    rows["kind"], rows["score"] = "x", rng.random(30)
    rows.loc[29, ["a", "b", "c"]] = rows.loc[3, ["a", "b", "c"]]
    rows.loc[29, "score"] = 2.0
    rows.to_csv(tmp_path / "t.csv", index=False)
    options = ["--features", "a,b,c", "--keep", "column:score", "--json", "--exact"]
    code, found = curate("duplicates", tmp_path / "t.csv", *options)
    assert (code, found["found"]["exact_duplicate"]) == (0, 1)
    code, error = curate("duplicates", tmp_path / "t.csv", "--keep", "column:score")
    assert (code, "one of those that rows are compared by" in error) == (2, True)
    code, error = curate("duplicates", tmp_path / "t.csv", "--keep", "length")
    assert (code, "is for data of kind 'text'" in error) == (2, True)


def test_crops_and_mirror_images_are_found_and_the_largest_stays(curate, tmp_path):
    rng = np.random.default_rng(0)
    photos = [photograph(rng) for _ in range(14)]
    edited = [photos[0][:72, :80], photos[1][:, ::-1], np.rot90(photos[2]).copy()]
    large = cv2.resize(photos[3], (200, 200), interpolation=cv2.INTER_CUBIC)
    for name, pixels in enumerate([*photos, *edited, large]):
        save(tmp_path / "photos", f"{name:02}", pixels)
    options = ["--crops", "--keep", "resolution", "--clean", tmp_path / "clean", "--json"]
    code, found = curate("duplicates", tmp_path / "photos", *options)
    assert (code, found["found"]["near_duplicate"]) == (0, 3)
    assert "looks of each image" in found["methods"]["near_duplicate"]
    left = {path.stem for path in (tmp_path / "clean").rglob("*.png")}
    assert {"03", "14"} & left == set()
    assert {"00", "17"} < left
    code, found = curate("duplicates", tmp_path / "photos", "--turns", "--json")
    assert (code, found["found"]["near_duplicate"]) == (0, 4)


def test_leaks_between_splits_may_be_crops(curate, tmp_path):
    rng = np.random.default_rng(1)
    photos = [photograph(rng) for _ in range(16)]
    for name, pixels in enumerate(photos):
        split = "train" if name < 12 else "test"
        save(tmp_path / "photos" / split / "abcd"[name % 4], f"{name:02}", pixels)
    save(tmp_path / "photos" / "train" / "a", "crop", photos[13][10:84, 6:80])
    code, found = curate("leakage", tmp_path / "photos", "--crops", "--json")
    assert (code, found["found"]["leakage"], found["decisions"]["drop"]) == (0, 1, 1)
    code, error = curate("duplicates", tmp_path / "photos", "--crops", "--exact")
    assert (code, "no crops" in error) == (2, True)


def write_texts(path, texts, name="text"):
    path.write_text("".join(json.dumps({name: text}) + "\n" for text in texts))
    return path


def test_training_texts_that_hold_a_benchmark_are_dropped(curate, tmp_path):
    train, questions = sentences(40, words=60), sentences(8, words=30, seed=1)
    train[3] = f"{train[3]} {questions[2]} {train[4]}"
    half = questions[5].split()
    train[7] += " " + " ".join(half[:21])
    train[8] += " " + " ".join(half[9:])
    data = write_texts(tmp_path / "train.jsonl", train)
    bench = write_texts(tmp_path / "bench.jsonl", ["", *questions], "question")
    out, clean = tmp_path / "found.csv", tmp_path / "clean.jsonl"
    options = ["--benchmark", bench, "--threshold", "0.8", "--out", out, "--clean", clean]
    code, found = curate("leakage", data, *options, "--json")
    assert (code, found["clean"]["kept"], found["clean"]["dropped"]) == (0, 37, 3)
    assert found["measured"]["benchmark"] == {
        "texts": 9, "contaminated": 2, "words": 13, "share": 0.8}  # fmt: skip
    rows = pd.read_csv(out)
    assert set(rows["row_id"][rows["row"].isna()]) == {"benchmark:4", "benchmark:7"}
    assert rows.set_index("row")["twin"].dropna()[[4, 8, 9]].tolist() == [
        "benchmark:4", "benchmark:7", "benchmark:7"]  # fmt: skip
    code, again = curate("leakage", clean, *options[:4], "--json")
    assert (code, again["measured"]["benchmark"]["contaminated"]) == (0, 0)
    code, error = curate("leakage", data, "--words", "5")
    assert (code, "go with --benchmark" in error) == (2, True)
    code, error = curate("leakage", data, "--benchmark", bench, "--crops")
    assert (code, "compares words" in error) == (2, True)


@pytest.mark.parametrize("given", ["option", "setting"])
def test_all_checks_together_take_the_copy_that_stays(curate, tmp_path, given):
    texts = sentences(20)
    rows = pd.DataFrame({"text": [*texts, texts[0] + " more", texts[0]], "score": range(22)})
    rows.to_csv(tmp_path / "rows.csv", index=False)
    clean, keep = tmp_path / "clean.csv", "column:score"
    asked = ["--keep", keep] if given == "option" else ["--set", f"find.keep={keep}"]
    code, _ = curate("all", tmp_path / "rows.csv", "--text", "text", *asked, "--out", clean)
    assert code == 0
    assert sorted(pd.read_csv(clean)["score"]) == [*range(1, 20), 21]
    code, error = curate("all", tmp_path / "rows.csv", "--keep", "best", "--out", clean)
    assert (code, "find.keep" in error, "medoid" in error) == (2, True, True)


def test_all_checks_together_may_differ_in_the_column_that_chooses(curate, tmp_path):
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.normal(size=(30, 3)).round(3), columns=list("abc"))
    rows["score"] = np.arange(30)
    rows.loc[29, ["a", "b", "c"]] = rows.loc[3, ["a", "b", "c"]]
    rows.to_csv(tmp_path / "t.csv", index=False)
    clean = tmp_path / "clean.csv"
    asked = ["--features", "a,b,c", "--keep", "column:score", "--out", clean]
    assert curate("all", tmp_path / "t.csv", *asked)[0] == 0
    left = set(pd.read_csv(clean)["score"])
    assert (3 in left, 29 in left) == (False, True)


def test_all_checks_together_find_crops(curate, tmp_path):
    rng = np.random.default_rng(0)
    photos = [photograph(rng) for _ in range(14)]
    for name, pixels in enumerate([*photos, photos[0][:72, :80], photos[1][:, ::-1]]):
        save(tmp_path / "photos", f"{name:02}", pixels)
    clean = tmp_path / "clean"
    asked = ["--crops", "--keep", "resolution", "--out", clean, "--json"]
    code, _ = curate("all", tmp_path / "photos", *asked)
    assert code == 0
    run = json.loads((clean / "result.json").read_text())
    found = next(stage for stage in run["stages"] if stage["name"] == "find")["summary"]["checks"]
    assert found["near_duplicate"]["count"] == 2
    assert "looks of each image" in found["near_duplicate"]["method"]
    pd.DataFrame({"text": sentences(20)}).to_csv(tmp_path / "rows.csv", index=False)
    code, error = curate("all", tmp_path / "rows.csv", "--turns", "--out", tmp_path / "texts")
    assert (code, "looks at images" in error) == (2, True)
