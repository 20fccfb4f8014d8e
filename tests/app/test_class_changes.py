"""Classes that cleaning thins out are counted, and said where the clean data are."""

import pandas as pd
import pytest

from thresher.app.class_changes import ClassChange, class_changes, thinned_classes
from thresher.core.loading import load_dataset
from thresher.core.manifest import Manifest

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
    rows = mails().assign(split=["train"] * 42 + ["test"])
    loaded = load_dataset(rows, label="label", keep_unlabeled=True)
    ids = loaded.row_ids
    manifest = Manifest.keep_all(ids)
    assert class_changes(loaded, manifest) == [
        ClassChange("fraud", 2, 2),
        ClassChange("ok", 40, 40),
    ]


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
