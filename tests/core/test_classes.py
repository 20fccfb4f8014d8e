"""Which labels are one class, and what is said about it."""

from __future__ import annotations

import datetime
import decimal
import unicodedata

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from thresher.core.class_columns import arrow_class_names
from thresher.core.classes import (
    class_codes,
    class_text,
    class_texts,
    label_texts,
    read_spellings,
    same_class,
)
from thresher.core.errors import InputError
from thresher.core.loading.load import load_dataset
from thresher.core.manifest import Manifest

NFC, NFD = unicodedata.normalize("NFC", "café"), unicodedata.normalize("NFD", "café")


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("a", "a"),
        (NFD, NFC),
        (" a\u00a0", "a"),
        (1, "1"),
        (np.int8(1), "1"),
        (1.0, "1"),
        (np.float32(0.1), "0.1"),
        (-1, "-1"),
        (True, "true"),
        (np.bool_(False), "false"),
        (b"cat", "cat"),
        (decimal.Decimal("1.00"), "1"),
        (decimal.Decimal("1.50"), "1.50"),
        (datetime.date(2020, 1, 2), "2020-01-02"),
        (datetime.datetime(2020, 1, 2, 3), "2020-01-02 03:00:00"),
        (pd.Interval(0, 1), "(0, 1]"),
        ("nan", "nan"),
        ("None", "None"),
        ("NA", "NA"),
        (None, ""),
        (float("nan"), ""),
    ],
)
def test_text_of_one_label(label, text):
    assert class_text(label) == text


@pytest.mark.parametrize(
    ("labels", "names", "spelled"),
    [
        ([NFC, NFD], [NFC, NFC], 2),
        (["a", "a "], ["a", "a"], 2),
        ([1, "1", 1.0], ["1", "1", "1"], 3),
        (["1", "1.0"], ["1", "1"], 2),
        (["true", "True", "TRUE"], ["true"] * 3, 3),
        ([True, "True", "1", 0, "false"], ["true", "true", "true", "false", "false"], 3),
        ([b"a", "a"], ["a", "a"], 2),
    ],
)
def test_several_spellings_are_one_class_and_a_word_is_said(labels, names, spelled):
    with pytest.warns(UserWarning, match=f"{spelled} spellings were read as one class"):
        assert class_texts(labels).tolist() == names


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["US", "us"], ["US", "us"]),
        (["True", "False"], ["True", "False"]),
        (["01", "1"], ["01", "1"]),
        (["1.0", "1.5", "beta"], ["1.0", "1.5", "beta"]),
        (["1.0", "2.0"], ["1", "2"]),
        ([1, 1.0, np.nan], ["1", "1", ""]),
        (["-1", "0", "1"], ["-1", "0", "1"]),
        (["yes", "1"], ["yes", "1"]),
        (["nan", None, "None"], ["nan", "", "None"]),
        (pd.Series([True, None], dtype="boolean"), ["true", ""]),
        (pd.Series([1, None], dtype="Int64"), ["1", ""]),
        (pd.Series(pd.cut([0, 1, 2, 3], 2)), ["(-0.003, 1.5]"] * 2 + ["(1.5, 3.0]"] * 2),
        (np.array(["2020-01-01"], dtype="M8[ns]"), ["2020-01-01 00:00:00"]),
    ],
)
def test_other_classes_stay_apart_and_keep_their_spelling(labels, names):
    assert class_texts(labels).tolist() == names


def test_the_note_shows_what_cannot_be_seen():
    note = read_spellings([NFC, NFD]).note()
    assert note == f"2 spellings were read as one class, {NFC!r}: 'caf\\xe9', 'cafe\\u0301'"
    many = read_spellings([text for name in "abcde" for text in (name, f"{name} ")]).note()
    assert many.endswith("; and 2 classes more")


def test_minus_one_is_missing_only_beside_codes():
    def read(values):
        return label_texts(values, rows=len(values)).tolist()

    assert read(np.array([-1, 0, 1])) == ["-1", "0", "1"]
    assert read([-1, 1]) == ["-1", "1"]
    assert read(np.array([-2, -1, 0, 1, 2])) == ["-2", "-1", "0", "1", "2"]
    assert read(np.array([-1, 0, 1, 2])) == ["", "0", "1", "2"]
    assert read(np.array([-1.0, 0, 3])) == ["", "0", "3"]
    assert read([-1, None, 2]) == ["-1", "", "2"]
    assert read(np.ma.array([-1, 5, 2], mask=[0, 1, 0])) == ["-1", "", "2"]
    assert read(["-1", "0", "2"]) == ["-1", "0", "2"]


def test_codes_by_text_then_by_spelling():
    names = np.array(["1", "", "true", NFC], dtype=object)
    assert class_codes(names, ["1.0", NFD, "True"]).tolist() == [0, -1, 2, 1]
    assert class_codes(np.array(["1", "0", "true"]), [False, True]).tolist() == [1, 0, 1]
    versions = class_codes(np.array(["1", "1.0"], dtype=object), ["1.0", "1"])
    assert versions.tolist() == [1, 0]
    with pytest.raises(InputError, match=r"not in `classes`: cta\. Did you mean 'cat'"):
        class_codes(np.array(["cta"]), ["cat", "dog"])
    with pytest.raises(InputError, match="'a' is given twice"):
        class_codes(names, ["a", "a "])
    assert same_class("True", True)
    assert same_class(None, float("nan"))
    assert not same_class("a", None)


def test_lists_and_odd_bytes_are_refused():
    with pytest.raises(InputError, match="must be one class, got"):
        class_texts([["a"], ["b", "c"]])
    with pytest.raises(InputError, match="bytes that are no UTF-8"):
        class_texts([b"\xff"])


@pytest.mark.parametrize(
    ("column", "names"),
    [
        (pa.array(["a", None, " a", "nan"]), ["a", None, "a", "nan"]),
        (pa.array(["a", None]).dictionary_encode(), ["a", None]),
        (pa.array(["a", None], pa.string_view()), ["a", None]),
        (pa.array(["a", None], pa.large_string()), ["a", None]),
        (pa.array([b"a", None]), ["a", None]),
        (pa.array([1.0, float("nan"), None]), ["1", None, None]),
        (pa.array([True, None]), ["true", None]),
        (pa.array([decimal.Decimal("2.0")]), ["2"]),
        (pa.array([datetime.date(2020, 1, 2)]), ["2020-01-02"]),
        (pa.array([datetime.datetime(2020, 1, 2)]), ["2020-01-02 00:00:00"]),
        (pa.array(pd.Series(pd.cut([0, 3], 2))), ["(-0.003, 1.5]", "(1.5, 3.0]"]),
        (pa.array(pd.Series([pd.Interval(0, 1)])), ["(0, 1]"]),
        (pa.RunEndEncodedArray.from_arrays([2, 3], ["a", "b"]), ["a", "a", "b"]),
        (pa.nulls(2), [None, None]),
        (pa.array([], pa.string()), []),
    ],
    ids=lambda value: str(getattr(value, "type", "")),
)
def test_arrow_columns(column, names):
    found, _ = arrow_class_names(pa.chunked_array([column]), name="label")
    assert found.to_pylist() == names


@pytest.mark.parametrize("column", [pa.array([["a"]]), pa.array([{"a": 1}])])
def test_arrow_columns_that_hold_no_class(column):
    with pytest.raises(InputError, match="'label' holds"):
        arrow_class_names(pa.chunked_array([column]), name="label")


def test_loading_says_which_spellings_are_one_class(tmp_path):
    texts = [f"sentence number {i} of many" for i in range(12)]
    labels = [NFC, NFD, "bar", "bar "] * 3
    file = tmp_path / "a.csv"
    pd.DataFrame({"text": texts, "label": labels}).to_csv(file, index=False)
    loaded = load_dataset(str(file))
    assert loaded.schema.classes == ("bar", NFC)
    assert "2 spellings were read as one class" in loaded.choices["classes"].reason


def test_words_for_nothing_stay_classes(tmp_path):
    file = tmp_path / "a.csv"
    rows = [f"sentence number {i},{('nan', 'None', 'NA')[i % 3]}" for i in range(12)]
    file.write_text("text,label\n" + "\n".join([*rows, "no label here,", "nor here, "]) + "\n")
    loaded = load_dataset(str(file))
    assert loaded.schema.classes == ("NA", "None", "nan")
    assert [issue.detail.partition(" (")[0] for issue in loaded.set_aside] == ["missing label"] * 2


def relabel(dataset, old, new):
    ids = [str(i) for i in range(len(dataset))]
    dataset = dataset.add_column("row_id", ids)
    actions = ["relabel" if name else "keep" for name in new]
    manifest = Manifest.from_columns(
        ids, actions, reasons=["label"] * len(ids), scores=[0.1] * len(ids),
        old_labels=old, new_labels=new,
    )  # fmt: skip
    applied = manifest.apply(dataset, label="y").dataset
    back = manifest.undo(applied, dataset.select([]), label="y")
    return applied["y"][:], back["y"][:]


@pytest.mark.parametrize(
    ("values", "old", "new", "wanted"),
    [
        ([" a", "b", "b"], ["a", "b", "b"], ["b", None, None], ["b", "b", "b"]),
        ([True, False], ["true", "false"], ["false", None], [False, False]),
        ([1.0, 2.0, None], ["1", "2", None], ["2", None, None], [2.0, 2.0, None]),
        ([1, 2], ["1", "2"], ["2", None], [2, 2]),
        (["True", "False", "false"], ["true", "false", "false"], ["false", None, None],
         ["false", "False", "false"]),
        ([NFD, NFC, "x"], [NFC, NFC, "x"], [None, None, NFC], [NFD, NFC, NFC]),
        ([1, 2], ["1", "2"], [None, "3"], [1, 3]),
    ],
)  # fmt: skip
def test_written_labels_are_the_columns_own(values, old, new, wanted):
    written, back = relabel(datasets.Dataset.from_dict({"y": values}), old, new)
    assert written == wanted
    assert [type(value) for value in written] == [type(value) for value in values]
    assert all(map(same_class, back, values))


def test_a_label_that_a_column_cannot_hold_is_refused():
    with pytest.raises(InputError, match="'c' cannot be written into a column of type int64"):
        relabel(datasets.Dataset.from_dict({"y": [1, 2]}), ["1", "2"], ["c", None])


@pytest.mark.parametrize("wanted", [True, "true", "True", ["TRUE", "other"]])
def test_rows_are_kept_by_a_class_in_any_spelling(wanted):
    rows = [{"text": f"sentence {i} of many", "ok": i % 2 == 0} for i in range(12)]
    if isinstance(wanted, list):
        with pytest.raises(InputError, match="No row has 'ok' equal to 'other'"):
            load_dataset(rows, where={"ok": wanted})
        return
    loaded = load_dataset(rows, label="none", where={"ok": wanted})
    assert len(loaded.dataset) == 6
    whole = load_dataset([row | {"ok": 1.0} for row in rows], label="none", where={"ok": 1})
    assert len(whole.dataset) == 12
