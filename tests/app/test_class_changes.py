"""Classes that cleaning thins out are counted, and said where the clean data are."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from thresher.app.class_changes import ClassChange, class_changes, thinned_classes
from thresher.app.cleaning import apply_manifest
from thresher.core.loading import load_dataset
from thresher.core.manifest import Manifest
from thresher.core.rows import with_letters

NAMES = ["amber", "basil", "cedar", "delta", "ember", "fjord", "grove", "haven", "inlet", "jolly"]


def mails():
    """Forty texts of one class, each its own, and three of another, which are the same."""
    texts = [f"{NAMES[i % 10]} {NAMES[i // 4]} came by at {i * 37} and left" for i in range(40)]
    return pd.DataFrame(
        {"text": texts + ["payment refused"] * 3, "label": ["ok"] * 40 + ["fraud"] * 3}
    )


def test_a_rare_class_that_is_nearly_gone_is_named(curate, tmp_path):
    data = tmp_path / "mails.csv"
    mails().to_csv(data, index=False)
    options = ["--label", "label", "--exact", "--clean", tmp_path / "clean.csv"]
    code, found = curate("duplicates", data, *options, "--json")
    assert code == 0
    assert found["clean"]["thinned"] == [{"name": "fraud", "before": 3, "after": 1}]
    code, shown = curate("duplicates", data, *options)
    assert "\nLOOK AT THE CLASSES: 'fraud' keeps 1 of 3 rows\n" in shown
    assert pd.read_csv(tmp_path / "clean.csv")["label"].value_counts().to_dict() == {
        "ok": 40,
        "fraud": 1,
    }


def test_changes_follow_the_decisions_of_training_rows():
    rows = mails().assign(split=["train"] * 42 + ["test"], key=[f"m{at}" for at in range(43)])
    loaded = load_dataset(rows, label="label", row_id="key", keep_unlabeled=True)
    table = Manifest.keep_all(loaded.row_ids).table
    frame = table.to_pandas().set_index("row_id")
    frame.loc[["m0", "m1", "m42"], "action"] = "drop"
    frame.loc[["m2", "m41"], ["action", "new_label"]] = ["relabel", "fraud"]
    frame.loc["m40", ["action", "new_label"]] = ["relabel", "ok"]
    decided = pa.Table.from_pandas(frame.reset_index()[::-1], table.schema, preserve_index=False)
    # Of "ok" two go, one leaves and one comes; the dropped test row counts in neither.
    assert class_changes(loaded, Manifest(decided)) == [
        ClassChange("fraud", 2, 2),
        ClassChange("ok", 40, 38),
    ]


def test_decisions_with_ids_of_an_older_version_are_counted(tmp_path):
    older = np.array([f"{1000 + at}567890123456" for at in range(43)], dtype=object)
    data = tmp_path / "mails.csv"
    mails().assign(id=with_letters(older)).to_csv(data, index=False)
    loaded = load_dataset(data, label="label", row_id="id", keep_unlabeled=True, test_fraction=0)
    assert set(loaded.row_ids).isdisjoint(older)
    actions = ["keep"] * 40 + ["drop", "drop", "keep"]
    nothing = [None] * 43
    manifest = Manifest.from_columns(older, actions, reasons=nothing, scores=nothing)
    clean = apply_manifest(manifest, loaded, tmp_path / "clean.csv")
    assert clean.thinned == (ClassChange("fraud", 3, 1),)


@pytest.mark.parametrize(
    ("counts", "named"),
    [
        ([(100, 98), (3, 1)], ["b"]),
        ([(100, 98), (2, 1)], ["b"]),
        ([(100, 98), (4, 3)], []),
        ([(100, 98), (1, 0)], []),
        ([(100, 50), (10, 4)], []),
        ([(100, 0), (10, 0)], []),
        ([(100, 90), (10, 0), (8, 4)], ["b", "c"]),
    ],
)
def test_a_class_is_thinned_out_where_the_others_are_not(counts, named):
    changes = [ClassChange(name, *both) for name, both in zip("abc", counts, strict=False)]
    assert [change.name for change in thinned_classes(changes)] == named
    assert thinned_classes([]) == []
