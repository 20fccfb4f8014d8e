from __future__ import annotations

import datasets as hf
import numpy as np
import pyarrow as pa
import pytest

from thresher.core.errors import InputError
from thresher.core.manifest import SCHEMA, Manifest
from thresher.core.rows import with_letters

IDS = ["a", "b", "c", "d", "e"]
LABELS = ["cat", "dog", "cat", "dog", "cat"]


def dataset(labels=None, features=None):
    columns = {"row_id": IDS, "x": [[i, i + 1] for i in range(5)], "label": labels or LABELS}
    return hf.Dataset.from_dict(columns, features=features)


def manifest(**changes):
    options = {
        "reasons": [None, "near_duplicate", "label", None, "outlier"],
        "scores": [None, 0.05, 0.1, None, 0.4],
        "twins": [None, "d", None, None, None],
        "old_labels": LABELS,
        "new_labels": [None, None, "dog", None, None],
        "header": {"seed": 0},
    }
    return Manifest.from_columns(
        IDS, ["keep", "drop", "relabel", "keep", "review"], **(options | changes)
    )


def same_table(left, right):
    return left.data.table.combine_chunks().equals(
        right.data.table.combine_chunks(), check_metadata=True
    )


def test_apply_drops_and_relabels_and_undo_restores_every_byte():
    source = dataset()
    applied = manifest().apply(source, label="label")
    assert applied.dataset["row_id"][:] == ["a", "c", "d", "e"]
    assert applied.dataset["label"][:] == ["cat", "dog", "dog", "cat"]
    assert applied.removed["row_id"][:] == ["b"]
    assert applied.removed["label"][:] == ["dog"]
    assert same_table(manifest().undo(*parts(applied), label="label"), source)


def parts(applied):
    return applied.dataset, applied.removed


def test_apply_follows_row_ids_and_not_positions():
    shuffled = dataset().select([4, 2, 0, 1, 3])
    applied = manifest().apply(shuffled, label="label")
    assert applied.dataset["row_id"][:] == ["e", "c", "a", "d"]
    assert applied.dataset["label"][:] == ["cat", "dog", "cat", "dog"]
    assert same_table(manifest().undo(*parts(applied), label="label"), dataset())


def test_class_labels_and_integers_are_relabeled():
    features = hf.Features(
        {
            "row_id": hf.Value("string"),
            "x": hf.List(hf.Value("int64")),
            "label": hf.ClassLabel(names=["cat", "dog"]),
        }
    )
    source = dataset([0, 1, 0, 1, 0], features)
    applied = manifest().apply(source, label="label")
    assert applied.dataset["label"][:] == [0, 1, 1, 0]
    assert same_table(manifest().undo(*parts(applied), label="label"), source)
    numbers = manifest(old_labels=list("01010"), new_labels=[None, None, "7", None, None])
    assert numbers.apply(dataset([0, 1, 0, 1, 0]), label="label").dataset["label"][:] == [
        0,
        7,
        1,
        0,
    ]


def test_a_missing_label_is_given_and_taken_back():
    labels = ["cat", "dog", None, "dog", "cat"]
    source, given = dataset(labels), manifest(old_labels=labels)
    applied = given.apply(source, label="label")
    assert applied.dataset["label"][:][1] == "dog"
    assert same_table(given.undo(*parts(applied), label="label"), source)


def test_other_rows_are_named():
    with pytest.raises(InputError, match=r"1 row\(s\) of the manifest are missing \(b\)"):
        manifest().apply(dataset().select([0, 2, 3, 4]), label="label")
    with pytest.raises(InputError, match=r"not in the manifest \(e\)"):
        Manifest.keep_all(IDS[:4]).apply(dataset())
    twice = hf.concatenate_datasets([dataset(), dataset().select([0])])
    with pytest.raises(InputError, match="a occur more than once"):
        manifest().apply(twice, label="label")
    applied = manifest().apply(dataset(), label="label")
    with pytest.raises(InputError, match="missing"):
        manifest().apply(applied.dataset, label="label")


def test_changed_labels_and_a_missing_column_are_refused():
    with pytest.raises(InputError, match="Row c has the label 'dog'"):
        manifest().apply(dataset(["cat", "dog", "dog", "dog", "cat"]), label="label")
    with pytest.raises(InputError, match="name the label column"):
        manifest().apply(dataset())
    with pytest.raises(InputError, match="Did you mean 'label'"):
        manifest().apply(dataset(), label="lable")


def test_saved_bytes_are_the_same_and_load_again(tmp_path):
    manifest().save(tmp_path / "one")
    manifest().save(tmp_path / "two")
    for name in ("manifest.parquet", "manifest.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    loaded = Manifest.load(tmp_path / "one")
    assert loaded.table.equals(manifest().table)
    assert loaded.header == {"seed": 0}
    assert loaded.fingerprint == manifest().fingerprint


def test_damaged_files_are_named(tmp_path):
    with pytest.raises(InputError, match="no file"):
        Manifest.load(tmp_path)
    manifest().save(tmp_path / "m")
    (tmp_path / "m" / "manifest.parquet").write_bytes(b"broken")
    with pytest.raises(InputError, match="cannot be read as a manifest"):
        Manifest.load(tmp_path / "m")


def test_diff_names_the_rows_that_differ():
    other = Manifest.from_columns(
        [*IDS[:4], "f"],
        ["keep", "review", "relabel", "keep", "keep"],
        reasons=[None, "near_duplicate", "label", None, None],
        scores=[None] * 5,
        new_labels=[None, None, "dog", None, None],
    )
    rows = manifest().diff(other).to_pylist()
    assert [row["row_id"] for row in rows] == ["b", "e", "f"]
    assert (rows[0]["old_action"], rows[0]["new_action"]) == ("drop", "review")
    assert (rows[1]["old_action"], rows[1]["new_action"]) == ("review", None)
    assert manifest().diff(manifest()).num_rows == 0


def test_counts_and_reasons():
    assert manifest().counts() == {"keep": 2, "drop": 1, "relabel": 1, "review": 1}
    assert manifest().reasons()["drop"] == {"near_duplicate": 1}
    assert Manifest.keep_all([]).counts() == {"keep": 0, "drop": 0, "relabel": 0, "review": 0}


def test_all_rows_or_none_may_go():
    source = dataset()
    everything = Manifest.from_columns(
        IDS, ["drop"] * 5, reasons=["quality"] * 5, scores=np.zeros(5)
    )
    applied = everything.apply(source)
    assert (len(applied.dataset), len(applied.removed)) == (0, 5)
    assert same_table(everything.undo(*parts(applied)), source)
    nothing = Manifest.keep_all(IDS)
    assert same_table(nothing.undo(*parts(nothing.apply(source))), source)


def test_bad_tables_are_refused():
    with pytest.raises(InputError, match="An action is one of"):
        Manifest.from_columns(["a"], ["delete"], reasons=[None], scores=[None])
    with pytest.raises(InputError, match="exactly once"):
        Manifest.keep_all(["a", "a"])


def test_decisions_of_an_older_version_fit_todays_ids_whole_and_in_splits() -> None:
    old = ["2234567890123456", "9876543210123456", "1234567890123456"]
    new = with_letters(np.array(old, dtype=object)).tolist()
    assert set(new).isdisjoint(old)
    nothing = [None] * 3
    manifest = Manifest(
        pa.table(
            {
                "row_id": old,
                "action": ["keep", "drop", "keep"],
                "reason": ["", "duplicate", ""],
                "score": pa.array(nothing, pa.float32()),
                "twin": [None, old[0], None],
                "old_label": nothing,
                "new_label": nothing,
            }
        ).cast(SCHEMA)
    )
    rows = hf.Dataset.from_dict({"row_id": new, "place": [0, 1, 2]})
    whole = manifest.apply(rows)
    assert whole.dataset["place"][:] == [0, 2]
    assert manifest.undo(whole.dataset, whole.removed)["place"][:] == [0, 1, 2]
    splits = hf.DatasetDict(train=rows.select([1, 0]), test=rows.select([2]))
    done = manifest.apply(splits)
    assert {name: part["place"][:] for name, part in done.dataset.items()} == {
        "train": [0],
        "test": [2],
    }
    back = manifest.undo(done.dataset, done.removed)
    assert back["train"]["place"][:] == [0, 1]  # in the manifest's order
