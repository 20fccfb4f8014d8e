"""Splits stay splits: files, saved datasets and image folders of train and test, there and back."""

from __future__ import annotations

import cv2
import datasets
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from thresher.app import curate_duplicates
from thresher.core import load_dataset, with_row_ids
from thresher.core.errors import InputError
from thresher.core.manifest import Manifest

WORDS = ["pay", "card", "bill", "lost", "phone", "weather", "book", "table", "music", "song"]
COPIES = {10: 4, 31: 2, 35: 31}  # within train, across, and within test


def texts():
    rng = np.random.default_rng(0)
    found = [" ".join(rng.choice(WORDS, 9)) for _ in range(40)]
    for copy, of in COPIES.items():
        found[copy] = found[of]
    return found


@pytest.fixture
def files(tmp_path):
    """Train and test as on a contest's page: the test rows have no label."""
    rows = pd.DataFrame({"id": [f"r{i}" for i in range(40)], "text": texts()})
    rows[:30].assign(kind=[f"{i % 2}" for i in range(30)]).to_csv(tmp_path / "a.csv", index=False)
    rows[30:].to_csv(tmp_path / "b.csv", index=False)
    return f"train={tmp_path / 'a.csv'},test={tmp_path / 'b.csv'}"


@pytest.fixture
def saved(tmp_path):
    features = datasets.Features(
        {"text": datasets.Value("large_string"), "kind": datasets.ClassLabel(names=["no", "yes"])}
    )
    columns = {"text": texts(), "kind": [i % 2 for i in range(40)]}
    whole = datasets.Dataset.from_dict(columns, features=features)
    both = datasets.DatasetDict(train=whole.select(range(30)), dev=whole.select(range(30, 40)))
    with pytest.MonkeyPatch.context() as quiet:
        quiet.setenv("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
        both.save_to_disk(str(tmp_path / "both"))
    return both, tmp_path / "both"


def read(path):
    return pd.read_csv(path, keep_default_na=False, dtype=str)


def test_every_file_gets_a_clean_file_of_its_own(curate, files, tmp_path):
    clean, decisions = tmp_path / "u.csv", tmp_path / "m"
    options = ["--label", "none", "--clean", clean, "--manifest", decisions]
    code, found = curate("duplicates", files, *options, "--json")
    assert code == 0
    assert found["clean"]["split_rows"] == {"train": 28, "test": 10}
    assert not clean.exists()
    train = read(tmp_path / "u-train.csv")
    assert set(read(tmp_path / "a.csv")["id"]) - set(train["id"]) in ({"r10", "r2"}, {"r4", "r2"})
    assert list(train.columns) == ["id", "text", "kind"]
    assert (tmp_path / "u-test.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert curate("undo", decisions, clean, "--out", tmp_path / "back.csv")[0] == 0
    for name, source in (("train", "a"), ("test", "b")):
        back = tmp_path / f"back-{name}.csv"
        assert back.read_bytes() == (tmp_path / f"{source}.csv").read_bytes()
    code, shown = curate("apply", decisions, files, "--out", tmp_path / "again.csv")
    assert "again-train.csv (28 rows)" in shown.replace("\n", "")
    assert (tmp_path / "again-train.csv").read_bytes() == (tmp_path / "u-train.csv").read_bytes()


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl", ".tar", ""])
def test_splits_go_out_in_any_format_and_back(curate, files, tmp_path, suffix):
    clean, decisions = tmp_path / f"u{suffix}", tmp_path / "m"
    options = ["--label", "none", "--clean", clean, "--manifest", decisions]
    assert curate("leakage", files, *options)[0] == 0
    assert curate("undo", decisions, clean, "--out", tmp_path / "back.csv")[0] == 0
    for name, source in (("train", "a"), ("test", "b")):
        assert read(tmp_path / f"back-{name}.csv").equals(read(tmp_path / f"{source}.csv"))


def test_test_rows_without_a_label_stay(curate, files, tmp_path):
    code, found = curate(files, "--label", "kind", "--out", tmp_path / "c.csv", "--json")
    assert code == 0
    assert found["metrics"]["rows"] == {"test": 10, "train": 30}
    assert len(read(tmp_path / "c-test.csv")) == 10
    assert curate("undo", tmp_path / "c.csv.run", tmp_path / "c.csv", "--out",
                  tmp_path / "back.csv")[0] == 0  # fmt: skip
    assert (tmp_path / "back-train.csv").read_bytes() == (tmp_path / "a.csv").read_bytes()


def test_a_saved_dict_stays_one_with_its_keys_and_features(curate, saved, tmp_path):
    both, source = saved
    clean, decisions = tmp_path / "clean", tmp_path / "m"
    options = ["--label", "kind", "--clean", clean, "--manifest", decisions]
    assert curate("duplicates", source, *options)[0] == 0
    found = datasets.load_from_disk(str(clean))
    assert list(found) == ["train", "dev"]
    assert len(found["train"]) < 30
    assert len(found["dev"]) == 10
    assert found["train"].features == both["train"].features
    assert curate("undo", decisions, clean, "--out", tmp_path / "back")[0] == 0
    back = datasets.load_from_disk(str(tmp_path / "back"))
    assert all(back[name].to_dict() == both[name].to_dict() for name in both)


def test_a_run_in_a_folder_hands_over_what_came(curate, saved, files, tmp_path):
    _, source = saved
    code, shown = curate(source, "--label", "kind", "--out", tmp_path / "run")
    assert code == 0
    assert f"{tmp_path / 'run' / 'clean' / 'train'} (" in shown
    assert list(datasets.load_from_disk(str(tmp_path / "run" / "clean"))) == ["train", "dev"]
    findings = read(tmp_path / "run" / "findings.csv")
    assert {"row_id", "file", "line", "action"} <= set(findings.columns)
    assert curate(files, "--label", "none", "--out", tmp_path / "second", "--json")[0] == 0
    assert len(read(tmp_path / "second" / "clean-test.csv")) == 10
    named = read(tmp_path / "second" / "findings.csv")
    leak = named[(named["check"] == "leakage") & (named["row_id"] == "r2")].iloc[0]
    assert (leak["file"], leak["line"]) == ("a.csv", "4")
    assert leak["twin_file"] == "b.csv"


def test_a_column_of_splits_stays_a_column(curate, tmp_path):
    rows = pd.DataFrame({"text": texts(), "split": ["train"] * 30 + ["val"] * 10})
    rows.to_csv(tmp_path / "x.csv", index=False)
    assert curate("duplicates", tmp_path / "x.csv", "--clean", tmp_path / "u.csv")[0] == 0
    assert read(tmp_path / "u.csv")["split"].value_counts().to_dict() == {"train": 28, "val": 10}


def test_image_folders_keep_their_splits(curate, tmp_path):
    rng = np.random.default_rng(0)
    for number in range(24):
        image = cv2.resize(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8), (32, 32))
        split = "val" if number > 17 else "train"
        file = tmp_path / "photos" / split / ("cat" if number % 2 else "dog") / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(cv2.imencode(".png", image)[1].tobytes())
    copy = tmp_path / "photos" / "train" / "cat" / "copy.png"
    copy.write_bytes((copy.parent / "1.png").read_bytes())
    named = {path.relative_to(tmp_path / "photos") for path in tmp_path.rglob("*.png")}
    clean, decisions = tmp_path / "clean", tmp_path / "m"
    options = ["--clean", clean, "--manifest", decisions]
    assert curate("duplicates", tmp_path / "photos", *options)[0] == 0
    kept = {path.relative_to(clean) for path in clean.rglob("*.png")}
    assert len(named - kept) == 1
    assert kept < named
    apart = f"train={tmp_path / 'photos' / 'train'},test={tmp_path / 'photos' / 'val'}"
    options = ["--clean", tmp_path / "two", "--manifest", tmp_path / "m2", "--format"]
    assert curate("duplicates", apart, *options, "imagefolder")[0] == 0
    assert len(list((tmp_path / "two" / "train").rglob("*.png"))) == 18
    assert len(list((tmp_path / "two" / "test").rglob("*.png"))) == 6
    assert curate("undo", tmp_path / "m2", tmp_path / "two", "--out", tmp_path / "b2")[0] == 0
    assert len(list((tmp_path / "b2" / "train").rglob("*.png"))) == 19


def test_splits_of_different_types_keep_theirs(curate, tmp_path):
    rows = pd.DataFrame({"text": texts(), "n": range(40)})
    rows[:30].astype({"n": "int32"}).to_parquet(tmp_path / "train.parquet")
    rows[30:].astype({"n": "int64"}).to_parquet(tmp_path / "test.parquet")
    pattern = str(tmp_path / "*.parquet")
    assert curate("duplicates", pattern, "--clean", tmp_path / "c" / "u.parquet")[0] == 0
    for name, kind in (("train", "int32"), ("test", "int64")):
        assert str(pq.read_schema(tmp_path / "c" / f"u-{name}.parquet").field("n").type) == kind


def test_the_data_are_never_written_over(curate, tmp_path):
    for name in ("x-train.csv", "x-test.csv"):
        pd.DataFrame({"text": texts()}).to_csv(tmp_path / name, index=False)
    pairs = f"train={tmp_path / 'x-train.csv'},test={tmp_path / 'x-test.csv'}"
    for data in (pairs, tmp_path / "x-*.csv", tmp_path):
        before = (tmp_path / "x-test.csv").read_bytes()
        code, error = curate("duplicates", data, "--clean", tmp_path / "x.csv")
        assert (code, "overwrite the data" in error) == (2, True)
        assert (tmp_path / "x-test.csv").read_bytes() == before


def test_a_manifest_is_applied_to_a_dict_and_undone(saved):
    both, _ = saved
    known = with_row_ids(both)
    loaded = load_dataset(both, label="kind")
    ids = [row_id for rows in known.values() for row_id in rows["row_id"]]
    assert ids == list(loaded.dataset["row_id"])
    actions = ["drop" if at in (3, 35) else "relabel" if at == 5 else "keep" for at in range(40)]
    names = [loaded.schema.classes[at % 2] for at in range(40)]
    manifest = Manifest.from_columns(
        ids,
        actions,
        reasons=[None if action == "keep" else "label" for action in actions],
        scores=[None] * 40,
        old_labels=names,
        new_labels=["no" if action == "relabel" else None for action in actions],
    )
    applied = manifest.apply(known, label="kind")
    assert isinstance(applied.dataset, datasets.DatasetDict)
    assert {name: len(rows) for name, rows in applied.dataset.items()} == {"train": 29, "dev": 9}
    assert {name: len(rows) for name, rows in applied.removed.items()} == {"train": 1, "dev": 1}
    assert applied.dataset["train"][4]["kind"] == 0
    assert applied.dataset["train"].features == known["train"].features
    back = manifest.undo(applied.dataset, applied.removed, label="kind")
    assert all(back[name].to_dict() == known[name].to_dict() for name in known)
    with pytest.raises(InputError, match="missing"):
        manifest.apply(datasets.DatasetDict(train=known["train"]), label="kind")
    with pytest.raises(InputError, match="in the same ones"):
        manifest.undo(applied.dataset, applied.removed["train"], label="kind")


def test_the_page_of_a_run_links_pictures_and_tells_nothing_of_training(
    curate, tmp_path, monkeypatch
):
    rng = np.random.default_rng(0)
    folder = tmp_path / "photos" / "a <i>& b"
    folder.mkdir(parents=True)
    for number in range(12):
        image = cv2.resize(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8), (200, 200))
        (folder / f"{number}.png").write_bytes(cv2.imencode(".png", image)[1].tobytes())
    (folder / "copy 1.png").write_bytes((folder / "3.png").read_bytes())
    monkeypatch.chdir(tmp_path)
    code, shown = curate("photos", "--out", tmp_path / "run")
    assert code == 0
    one = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert curate("report", tmp_path / "photos", "--out", tmp_path / "one.html")[0] == 0
    two = (tmp_path / "one.html").read_text(encoding="utf-8")
    for page in (one, two):
        assert f'<a href="{(folder / "copy 1.png").resolve().as_uri()}"><img' in page
        assert "a &lt;i&gt;&amp; b/copy 1.png" in page
        assert "<i>&" not in page
        assert "width:160px" in page
        assert page.index("Exact duplicates: 1</h3>") < page.index("Near duplicates: 0</h3>")
        assert page.index("What was found") < page.index("What was decided")
    for text in (one, shown):
        assert "FLOP" not in text
        assert "GPU" not in text
        assert "seen in training" not in text


def test_splits_that_are_no_more_leave_no_clean_file(tmp_path):
    rows = pd.DataFrame({"text": texts()})
    rows[:30].to_csv(tmp_path / "a.csv", index=False)
    rows[30:].to_csv(tmp_path / "b.csv", index=False)
    both = {"train": str(tmp_path / "a.csv"), "test": str(tmp_path / "b.csv")}
    clean = tmp_path / "clean.csv"

    def written():
        return sorted(path.name for path in tmp_path.glob("clean*"))

    curate_duplicates(both, exact=True, clean=clean)
    assert written() == ["clean-test.csv", "clean-train.csv", "clean.csv.undo"]
    curate_duplicates(both["train"], exact=True, clean=clean)
    assert written() == ["clean.csv", "clean.csv.undo"]
    curate_duplicates(both, exact=True, clean=clean)
    assert written() == ["clean-test.csv", "clean-train.csv", "clean.csv.undo"]
    # What somebody has changed since stays.
    (tmp_path / "clean-test.csv").write_text("text\nmine\n")
    curate_duplicates(both["train"], exact=True, clean=clean)
    assert (tmp_path / "clean-test.csv").read_text() == "text\nmine\n"
