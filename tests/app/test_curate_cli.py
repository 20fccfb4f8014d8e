"""``thresher curate``: each command alone on a file, and all together; decisions and back."""

from __future__ import annotations

import shlex
import shutil

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

WORDS = ["pay", "card", "bill", "lost", "phone", "weather", "book", "table", "music", "song"]


@pytest.fixture
def call(curate):
    return curate


@pytest.fixture
def reviews(tmp_path):
    """A CSV file as people have them: copies, near copies, a conflict, an empty text, no label."""
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, 9)) for _ in range(60)]
    texts[10], texts[20], texts[30], texts[50] = texts[4], texts[5] + " now", "", texts[3]
    stars = [f"{i % 3}" for i in range(60)]
    stars[40] = None
    path = tmp_path / "reviews.csv"
    pd.DataFrame({"text": texts, "stars": stars, "note": [f"n{i}, é" for i in range(60)]}).to_csv(
        path, index=False
    )
    return path


def same_rows(first, second):
    one, two = (pd.read_csv(path, keep_default_na=False, dtype=str) for path in (first, second))
    return one.equals(two)


def test_duplicates_are_found_decided_dropped_and_put_back(call, reviews, tmp_path):
    out, decisions, clean = tmp_path / "found.jsonl", tmp_path / "m", tmp_path / "clean.csv"
    options = ["--label", "stars", "--out", out, "--manifest", decisions, "--clean", clean]
    code, found = call("duplicates", reviews, *options, "--json")
    assert code == 0
    assert found["found"] == {
        "exact_duplicate": 2,
        "near_duplicate": 1,
        "conflict": 2,
        "quality": 1,
    }
    assert found["measured"]["search"]["exact"]
    assert (found["decisions"]["drop"], found["decisions"]["review"]) == (2, 3)
    assert found["clean"]["kept"] == 58
    assert len(out.read_text().splitlines()) == 6
    kept = pd.read_csv(clean, keep_default_na=False, dtype=str)
    assert list(kept.columns) == ["text", "stars", "note"]
    assert len(kept) == 58
    again = tmp_path / "again.csv"
    assert call("apply", decisions, reviews, "--out", again)[0] == 0
    assert again.read_bytes() == clean.read_bytes()
    code, back = call("undo", decisions, again, "--out", tmp_path / "back.csv", "--json")
    assert (code, back["rows"]) == (0, 60)
    assert same_rows(reviews, tmp_path / "back.csv")


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl", ".tar", ""])
def test_relabeled_rows_go_out_in_any_format_and_back(call, reviews, tmp_path, suffix):
    rows = pd.read_csv(reviews, keep_default_na=False, dtype=str)
    telling = np.array(["awful broken refund", "fine usual decent", "great lovely happy"])
    rows["text"] += " " + pd.Series(telling[np.arange(60) % 3])
    rows.loc[[5, 25, 50], "stars"] = ["0", "2", "1"]
    rows.to_csv(reviews, index=False)
    decisions, clean = tmp_path / "m", tmp_path / f"clean{suffix}"
    options = ["--label", "stars", "--manifest", decisions, "--clean", clean, "--action", "relabel"]
    code, found = call("labels", reviews, *options, "--method", "knn", "--json")
    assert code == 0
    assert found["clean"]["relabeled"] == found["decisions"]["relabel"] > 0
    assert found["measured"]["wrong_labels"]["share"] > 0
    assert call("undo", decisions, clean, "--out", tmp_path / "back.csv")[0] == 0
    assert same_rows(reviews, tmp_path / "back.csv")


@pytest.mark.parametrize("command", [["quality"], ["duplicates"], ["all"]])
def test_rows_are_called_as_the_user_calls_them(call, reviews, tmp_path, command):
    table = pd.read_csv(reviews, keep_default_na=False, dtype=str)
    table.insert(0, "code", [f"X-{place:03d}" for place in range(len(table))])
    table.to_csv(reviews, index=False)
    options = ["--row-id", "code", "--label", "stars"]
    decisions, clean = tmp_path / "m", tmp_path / "clean.csv"
    if command == ["all"]:
        code, _ = call(*command, reviews, *options, "--out", tmp_path / "m")
        found = pd.read_csv(tmp_path / "m" / "findings.csv", dtype=str)
        assert code == 0
    else:
        written = ["--out", tmp_path / "found.csv", "--manifest", decisions, "--clean", clean]
        code, _ = call(*command, reviews, *options, *written)
        found = pd.read_csv(tmp_path / "found.csv", dtype=str)
        assert code == 0
        again = tmp_path / "again.csv"
        assert call("apply", decisions, reviews, "--out", again)[0] == 0  # knows the column
        assert again.read_bytes() == clean.read_bytes()
    assert len(found)
    assert found["row_id"].str.fullmatch(r"X-\d{3}").all()


def test_a_clean_file_differs_in_its_rows_alone(call, reviews, tmp_path):
    source = tmp_path / "semicolons.csv"
    plain = reviews.read_text().replace(", é", " é").replace('"', "")
    lines = [line.replace(",", ";") for line in plain.splitlines()]
    source.write_text("\n".join([*lines[:20], lines[5], *lines[20:]]) + "\n")
    clean = tmp_path / "clean.csv"
    options = ["--exact", "--label", "stars", "--clean", clean, "--manifest", tmp_path / "m"]
    assert call("duplicates", source, *options)[0] == 0
    left = clean.read_text().splitlines()
    assert set(left) < set(lines) | {""}
    assert len(left) == 60
    assert call("undo", tmp_path / "m", clean, "--out", tmp_path / "back.csv")[0] == 0
    assert (tmp_path / "back.csv").read_text() == source.read_text()


def test_records_of_several_columns_are_compared_as_one_text(call, tmp_path):
    rows = pd.DataFrame(
        {
            "name": [f"Person number {i} {WORDS[i % 10]}" for i in range(40)],
            "street": [f"{WORDS[i % 7]} street {i}" for i in range(40)],
            "kind": ["a", "b"] * 20,
            "other": ["c", "d", "e", "f"] * 10,
        }
    )
    rows.loc[40] = [rows.name[3], rows.street[3] + "a", "a", "c"]
    rows.loc[41] = [rows.name[3], "elsewhere and far away 99", "a", "c"]
    rows.to_csv(tmp_path / "records.csv", index=False)
    decisions, clean = tmp_path / "m", tmp_path / "clean.csv"
    options = ["--text", "name,street", "--manifest", decisions, "--clean", clean, "--json"]
    code, found = call("duplicates", tmp_path / "records.csv", *options)
    assert code == 0
    assert found["found"]["near_duplicate"] == 1
    assert list(pd.read_csv(clean).columns) == list(rows.columns)
    assert call("apply", decisions, tmp_path / "records.csv", "--out", tmp_path / "c.csv")[0] == 0


def test_the_way_back_is_printed_as_a_command_that_works(call, reviews, tmp_path):
    clean, decisions = tmp_path / "it's clean.csv", tmp_path / "m"
    asked = ("duplicates", reviews, "--label", "stars", "--clean", clean)
    said = call(*asked, "--manifest", decisions)[1]
    line = next(one for one in said.splitlines() if one.startswith("as it was: "))
    program, group, *words = shlex.split(line.removeprefix("as it was: "))
    assert (program, group, words[-2:]) == ("thresher", "curate", ["--out", "FILE"])
    back = tmp_path / "back.csv"
    assert call(*words[:-1], back)[0] == 0
    assert back.read_bytes() == reviews.read_bytes()
    clean.unlink()
    shutil.rmtree(tmp_path / "it's clean.csv.undo")
    assert "--manifest" in call(*asked)[1].splitlines()[-1]


def test_undo_refuses_what_it_cannot_know(call, reviews, tmp_path):
    first, second, clean = tmp_path / "a", tmp_path / "b", tmp_path / "clean.csv"
    call("duplicates", reviews, "--manifest", first, "--clean", clean)
    call("duplicates", reviews, "--exact", "--manifest", second)
    code, error = call("undo", second, clean, "--out", tmp_path / "x.csv")
    assert (code, "another manifest" in error) == (2, True)
    with open(clean, "a") as file:
        file.write("one more,1,n\n")
    code, error = call("undo", first, clean, "--out", tmp_path / "x.csv")
    assert (code, "was changed since" in error) == (2, True)
    code, error = call("undo", first, reviews, "--out", tmp_path / "x.csv")
    assert (code, "reviews.csv.undo" in error) == (2, True)
    code, error = call("apply", first, clean, "--out", tmp_path / "x.csv")
    assert (code, "not the one that the manifest was made for" in error) == (2, True)
    code, shown = call("diff", first, second, "--json")
    assert (code, shown["differences"]) == (0, 1)
    assert shown["rows"][0]["old_reason"] == "near_duplicate"


def test_leaks_need_splits_and_name_them(call, tmp_path, reviews):
    code, error = call("leakage", reviews)
    assert (code, "train=a.csv,test=b.csv" in error) == (2, True)
    rows = pd.read_csv(reviews)
    rows[:40].to_csv(tmp_path / "train.csv", index=False)
    rows.iloc[[4, *range(45, 60)]].to_csv(tmp_path / "test.csv", index=False)
    pair = f"train={tmp_path / 'train.csv'},test={tmp_path / 'test.csv'}"
    code, found = call("leakage", pair, "--label", "stars", "--json")
    assert code == 0, found
    assert found["found"]["leakage"] == 3
    assert found["decisions"]["drop"] == 3


def test_vectors_and_probabilities_of_ones_own(call, reviews, tmp_path):
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(60, 4))
    vectors[50] = vectors[51] * 2
    np.save(tmp_path / "v.npy", vectors)
    code, found = call("duplicates", reviews, "--embeddings", tmp_path / "v.npy", "--json")
    assert code == 0
    assert found["found"]["near_duplicate"] >= 1
    assert "vectors of your own" in found["methods"]["near_duplicate"]
    probs = np.full((60, 3), 0.05)
    given = [int(star) if star == star else 0 for star in pd.read_csv(reviews)["stars"]]
    probs[np.arange(60), given] = 0.9
    probs[:12] = np.roll(probs[:12], 1, axis=1)
    np.savez(tmp_path / "p.npz", pred_probs=probs[:, ::-1], classes=np.array(["2", "1", "0"]))
    options = ["--label", "stars", "--pred-probs", tmp_path / "p.npz", "--json"]
    code, found = call("labels", reviews, *options)
    assert (code, found["found"]["label"]) == (0, 12)
    np.save(tmp_path / "short.npy", probs[:7])
    code, error = call(
        "labels", reviews, "--label", "stars", "--pred-probs", tmp_path / "short.npy"
    )
    assert (code, "7 rows, but the data has 60" in error) == (2, True)
    code, error = call("duplicates", reviews, "--embeddings", reviews)
    assert (code, "cannot be read as .npy" in error) == (2, True)


def test_annotators_are_evidence_for_wrong_labels(call, tmp_path):
    rng = np.random.default_rng(0)
    truth = np.arange(90) % 3
    given = truth.copy()
    given[:9] = (given[:9] + 1) % 3
    texts = [" ".join(rng.choice(WORDS, 12)) for _ in range(90)]
    rows = pd.DataFrame({"row_id": [f"r{i}" for i in range(90)], "text": texts, "stars": given})
    rows["stars"] = "s" + rows["stars"].astype(str)
    rows.to_csv(tmp_path / "rows.csv", index=False)
    answers = pd.DataFrame(
        [
            {"row_id": f"r{i}", "annotator": who, "label": f"s{truth[i]}"}
            for i in range(90)
            for who in ("ann", "bob", "cy")
        ]
    )
    answers.to_csv(tmp_path / "answers.csv", index=False)
    options = ["--label", "stars", "--text", "text"]
    given_answers = [*options, "--annotations", tmp_path / "answers.csv"]
    code, found = call("labels", tmp_path / "rows.csv", *given_answers, "--json")
    assert (code, found["found"]["label"]) == (0, 9)
    answers.drop(columns="annotator").to_csv(tmp_path / "lost.csv", index=False)
    code, error = call(
        "labels", tmp_path / "rows.csv", *options, "--annotations", tmp_path / "lost.csv"
    )
    assert (code, "no column 'annotator'" in error) == (2, True)
    answers.assign(row_id="x").to_csv(tmp_path / "other.csv", index=False)
    code, error = call(
        "labels", tmp_path / "rows.csv", *options, "--annotations", tmp_path / "other.csv"
    )
    assert (code, "not in the data: x" in error) == (2, True)


def test_core_sets_have_the_size_that_was_asked_for(call, reviews, tmp_path):
    clean = tmp_path / "small.parquet"
    code, found = call("coreset", reviews, "--share", "0.5", "--label", "stars", "--clean", clean,
                       "--json")  # fmt: skip
    assert code == 0
    assert found["found"]["coreset"] == 29
    assert pq.read_metadata(clean).num_rows == 31  # the row without a text is left alone
    assert call("coreset", reviews)[0] == 2


def test_outliers_and_quality_of_tables(call, tmp_path):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(80, 3))
    values[7] = 40
    table = pa.table({name: values[:, at] for at, name in enumerate("abc")})
    pq.write_table(table, tmp_path / "t.parquet")
    code, found = call("outliers", tmp_path / "t.parquet", "--json")
    assert code == 0
    assert list(found["found"]) == ["outlier"]
    assert found["decisions"]["drop"] == 0
    code, shown = call("quality", tmp_path / "t.parquet")
    assert code == 0
    assert "quality issues" in shown


def test_one_command_cleans_one_file(call, reviews, tmp_path):
    clean = tmp_path / "clean.csv"
    code, found = call(reviews, "--label", "stars", "--out", clean, "--json")
    assert code == 0
    assert found["clean"]["dropped"] >= 3
    kept = pd.read_csv(clean, keep_default_na=False, dtype=str)
    assert list(kept.columns) == ["text", "stars", "note"]
    assert "" in set(kept["stars"])
    assert "" not in set(kept["text"])
    assert (tmp_path / "clean.csv.run" / "report.html").is_file()
    before = clean.read_bytes()
    assert call("all", reviews, "--label", "stars", "--out", clean)[0] == 0
    assert clean.read_bytes() == before


def test_an_image_folder_becomes_a_clean_image_folder(call, tmp_path):
    import cv2

    rng = np.random.default_rng(0)
    for number in range(24):
        image = cv2.resize(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8), (32, 32))
        file = tmp_path / "photos" / ("cat" if number % 2 else "dog") / f"{number}.PNG"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(cv2.imencode(".png", image)[1].tobytes())
    (tmp_path / "photos" / "cat" / "copy.PNG").write_bytes(file.read_bytes())
    (tmp_path / "photos" / "cat" / "broken.png").write_bytes(b"no image")
    clean, decisions = tmp_path / "clean", tmp_path / "m"
    code, found = call("duplicates", tmp_path / "photos", "--clean", clean, "--manifest", decisions,
                       "--json")  # fmt: skip
    assert code == 0
    assert found["set_aside"] == 1
    names = {path.relative_to(clean).as_posix() for path in clean.rglob("*.PNG")}
    assert names == {f"{'cat' if n % 2 else 'dog'}/{n}.PNG" for n in range(24)}
    code, error = call("apply", decisions, tmp_path / "photos", "--out", tmp_path / "photos")
    assert (code, "overwrite the data" in error) == (2, True)
    assert call("undo", decisions, clean, "--out", tmp_path / "back")[0] == 0
    assert len(list((tmp_path / "back").rglob("*.PNG"))) == 25
    shards = tmp_path / "shards"
    options = ["--out", shards, "--format", "webdataset"]
    assert call("apply", decisions, tmp_path / "photos", *options)[0] == 0
    assert (shards / "shards-000000.tar").is_file()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["duplicates", "FILE", "--out", "x.txt"], ".parquet, .csv or .jsonl"),
        (["duplicates", "FILE", "--keep", "last"], "`keep` must be one of"),
        (["duplicates", "FILE", "--threshold", "2"], "`threshold`"),
        (["duplicates", "FILE", "--out", "FILE"], "overwrite the data themselves"),
        (["duplicates", "FILE", "--clean", "FILE"], "overwrite the data themselves"),
        (["FILE", "--out", "FILE"], "overwrite the data themselves"),
        (["duplicates", "FILE", "--manifest", "FOLDER"], "not empty"),
        (["report", "FILE"], "--out report.html"),
        (["labels", "FILE", "--label", "none"], "needs a label column"),
        (["labels", "FILE", "--label", "star"], "Did you mean 'stars'"),
        (["FILE", "--out", "clean.xls"], "ends in '.xls'"),
        (["apply", "nowhere", "FILE", "--out", "x.csv"], "nowhere"),
        (["quality", "nothing.csv"], "nothing.csv"),
    ],
)
def test_mistakes_are_explained(call, reviews, arguments, says):
    named = {"FILE": reviews, "FOLDER": reviews.parent}
    before = reviews.read_bytes()
    code, error = call(*(named.get(item, item) for item in arguments))
    assert code == 2
    assert reviews.read_bytes() == before
    assert says in error.strip().splitlines()[-1]


def test_every_command_has_an_example(call):
    code, shown = call("--help")
    assert code == 0
    for command in ("all", "duplicates", "leakage", "labels", "outliers", "quality", "coreset",
                    "report", "apply", "undo", "diff"):  # fmt: skip
        assert command in shown
        assert "Example: thresher curate" in call(command, "--help")[1]
