"""Which column is what, how rows are split, and what the errors say."""

import tarfile

import datasets
import numpy as np
import pandas as pd
import pytest

from thresher.core.errors import InputError
from thresher.core.loading import hub, load_dataset

TEXTS = [f"This is sentence number {i}" for i in range(40)]
LABELS = ["yes" if i % 2 else "no" for i in range(40)]


def frame(**columns):
    return pd.DataFrame({"text": TEXTS, "label": LABELS, **columns})


def columns(loaded):
    return loaded.dataset["label"][:], loaded.dataset["split"][:]


def test_every_guess_has_a_reason():
    loaded = load_dataset(frame(id=[f"k{i}" for i in range(40)]))
    assert set(loaded.choices) == {"label", "text", "row_id", "split"}
    assert loaded.choices["label"].value == "label"
    assert loaded.choices["text"].value == "text"
    assert list(loaded.dataset["row_id"])[:2] == ["k0", "k1"]
    assert all(choice.reason for choice in loaded.choices.values())


def test_the_longest_text_is_the_input_and_few_values_are_the_label():
    columns = {"a": ["x", "y"] * 20, "b": TEXTS, "c": [f"w{i}" for i in range(40)]}
    loaded = load_dataset(pd.DataFrame(columns))
    assert loaded.schema.inputs == ("b",)
    assert loaded.schema.label == "a"


def test_categories_beside_numbers_are_not_a_text():
    rng = np.random.default_rng(0)
    columns = {"age": rng.normal(size=40), "job": ["a", "b", "c", "d"] * 10, "y": [0, 1] * 20}
    loaded = load_dataset(pd.DataFrame(columns))
    assert loaded.schema.inputs == ("age",)
    assert "not used: job" in loaded.choices["features"].reason


def test_several_possible_labels_are_unclear():
    columns = {"text": TEXTS, "a": ["x", "y"] * 20, "b": ["p", "q"] * 20}
    with pytest.raises(
        InputError, match=r"could be the label \(a, b\).*`label`.*a \(large_string\)"
    ):
        load_dataset(pd.DataFrame(columns))
    assert load_dataset(pd.DataFrame(columns), label="b").schema.classes == ("p", "q")
    assert load_dataset(pd.DataFrame(columns), label="none").schema.label is None


def test_nothing_to_learn_from_is_unclear():
    with pytest.raises(InputError, match="No column is clearly an image, a text or numbers"):
        load_dataset(
            pd.DataFrame({"label": LABELS, "when": pd.date_range("2024-01-01", periods=40)})
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": "labl"}, r"label column 'labl' is not in the data.*Did you mean 'label'"),
        ({"text": "txt"}, "Did you mean 'text'"),
        ({"features": ["label"], "label": "label"}, "cannot be both label and features"),
        ({"text": "text", "image": "text"}, "one kind of input"),
        ({"row_id": "label"}, "not unique"),
        ({"where": {"labels": "yes"}}, "Did you mean 'label'"),
        ({"where": {"label": "maybe"}}, "It holds: 'no', 'yes'"),
        ({"test_fraction": 1.5}, r"`test_fraction` must be in \[0, 0.99\]"),
        ({"split": "label"}, "split column 'label' holds 'no', 'yes'"),
    ],
)
def test_errors_say_what_to_do(options, message):
    with pytest.raises(InputError, match=message):
        load_dataset(frame(), **options)


def test_rows_are_kept_where_a_column_holds_a_value():
    data = frame(set=["a", "b", "c", "c"] * 10)
    assert len(load_dataset(data, where={"set": "a"}).dataset) == 10
    assert len(load_dataset(data, where={"set": ["a", "c"]}).dataset) == 30
    assert (
        list(load_dataset(data, where={"set": "b"}, label="label").dataset["text"]) == TEXTS[1::4]
    )


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        ([3, 10] * 20, ("10", "3")),
        ([True, False] * 20, ("false", "true")),
        ([1.0, 2.0] * 20, ("1", "2")),
        (["3", 3, 3.0, "4"] * 10, ("3", "4")),
        ([" a", "a ", "b", "b"] * 10, ("a", "b")),
    ],
)
def test_labels_become_class_names(labels, classes):
    loaded = load_dataset(frame(label=pd.Series(labels, dtype=object)))
    assert loaded.schema.classes == classes
    assert set(loaded.dataset["label"]) == set(classes)


def test_mixed_label_types_are_reported():
    loaded = load_dataset(frame(label=pd.Series(["3", 3] * 20, dtype=object)))
    assert loaded.choices["type of label"].reason == "the column mixes int, str"


@pytest.mark.parametrize("values", [np.linspace(0, 1, 40), np.linspace(0, 1, 40).astype(str)])
def test_regression_is_refused(values):
    said = r"read as regression \(numbers with fractions.*one class a row.*thresher curate"
    with pytest.raises(InputError, match=said):
        load_dataset(frame(label=values))
    with pytest.raises(InputError, match="Thresher works on classes"):
        load_dataset(frame(label=values), task="classification")


def test_lists_of_labels_are_refused():
    rows = {"text": TEXTS, "label": [["a", "b"]] * 40}
    with pytest.raises(InputError, match=r"one class a row.*label init --task multi_label"):
        load_dataset(datasets.Dataset.from_dict(rows))


@pytest.mark.parametrize("missing", [None, "", " ", np.nan])
def test_missing_labels_are_set_aside_or_kept(missing):
    labels = pd.Series([missing, missing, *LABELS[2:]], dtype=object)
    loaded = load_dataset(frame(label=labels))
    found = {issue.detail for issue in loaded.set_aside}
    assert found == {"missing label (row 1)", "missing label (row 2)"}
    kept = load_dataset(frame(label=labels), keep_unlabeled=True).dataset
    assert list(kept["label"])[:2] == [None, None]
    assert list(kept["split"])[:2] == ["train", "train"]


def test_several_columns_are_one_text():
    rows = pd.DataFrame({"name": ["Ann", "Bob", None], "zip": [1, 2, 3], "a,b": ["x", "y", "z"]})
    loaded = load_dataset(rows, text="name, zip", label="none")
    assert loaded.schema.inputs == ("name + zip",)
    assert list(loaded.dataset["name + zip"]) == ["Ann | 1", "Bob | 2", " | 3"]
    assert loaded.given.table.column_names == ["name", "zip", "a,b"]
    assert load_dataset(rows, text="a,b", label="none").schema.inputs == ("a,b",)
    with pytest.raises(InputError, match="Did you mean 'name'"):
        load_dataset(rows, text="nam,zip", label="none")


def test_whole_numbers_that_pandas_wrote_beside_gaps_are_classes(tmp_path):
    frame(label=[None, *[i % 3 for i in range(39)]]).to_csv(tmp_path / "x.csv", index=False)
    assert "0.0" in (tmp_path / "x.csv").read_text()
    assert load_dataset(tmp_path / "x.csv").schema.classes == ("0", "1", "2")


def test_a_class_with_one_row_is_set_aside_or_kept():
    loaded = load_dataset(frame(label=["alone", *LABELS[1:]]))
    (issue,) = loaded.set_aside
    assert issue.detail == "a label with one row (alone) (row 1)"
    assert loaded.schema.classes == ("no", "yes")
    kept = load_dataset(frame(label=["alone", *LABELS[1:]]), keep_unlabeled=True)
    assert kept.schema.classes == ("alone", "no", "yes")


def test_without_need_of_a_label_an_unclear_one_is_none_and_splits_stay():
    table = frame(source=["a", "b"] * 20, kind=["x", "y"] * 20).drop(columns="label")
    table["split"] = ["train", "test"] * 20
    with pytest.raises(InputError, match="Several columns could be the label"):
        load_dataset(table)
    loaded = load_dataset(table, keep_unlabeled=True)
    assert loaded.schema.label is None
    assert set(loaded.dataset["split"]) == {"train", "test"}


def test_the_rows_as_they_came_are_kept_with_their_ids():
    table = frame(label=[" yes ", None, *LABELS[2:]])
    loaded = load_dataset(table)
    assert loaded.given.table["label"].to_pylist()[:2] == [" yes ", None]
    assert loaded.given.positions.tolist() == [0, *range(2, 40)]
    assert list(loaded.dataset["row_id"]) == loaded.given.row_ids[loaded.given.positions].tolist()


def test_the_split_does_not_depend_on_the_order():
    loaded, turned = load_dataset(frame()), load_dataset(frame()[::-1])
    splits = [
        dict(zip(d["row_id"], d["split"], strict=True)) for d in (loaded.dataset, turned.dataset)
    ]
    assert splits[0] == splits[1]
    test = [label for label, split in zip(*columns(loaded), strict=True) if split == "test"]
    assert (test.count("no"), test.count("yes")) == (4, 4)
    other = load_dataset(frame(), random_state=1).dataset
    with pytest.warns(DeprecationWarning, match="`seed` of load_dataset is now `random_state`"):
        assert load_dataset(frame(), seed=1).dataset["split"] == other["split"]
    assert list(other["split"]) != list(loaded.dataset["split"])
    assert "held out for test" in loaded.choices["split"].reason


def test_exact_copies_are_not_torn_apart_by_the_split():
    data = pd.concat([frame()] * 3)
    table = load_dataset(data).dataset
    by_text = dict(zip(table["text"], table["split"], strict=True))
    assert all(by_text[t] == s for t, s in zip(table["text"], table["split"], strict=True))


def test_no_test_rows_are_made_when_asked():
    assert set(load_dataset(frame(), test_fraction=0).dataset["split"]) == {"train"}


def test_a_split_column_is_used_and_others_are_mentioned():
    named = load_dataset(frame(split=["train", "train", "dev", "test"] * 10))
    assert set(named.dataset["split"]) == {"train", "validation", "test"}
    other = load_dataset(frame(split=["all"] * 40))
    assert other.choices["split column"].reason == "'split' holds 'all', no name of a split"


def test_without_test_rows_validation_is_the_test():
    loaded = load_dataset(frame(split=["train", "val"] * 20))
    assert set(loaded.dataset["split"]) == {"train", "test"}
    assert "validation split is the test split" in loaded.choices["split"].reason


def place_and_id(table):
    return set(zip(table["text"], table["split"], table["row_id"], strict=True))


def test_the_same_row_in_train_and_test_has_one_id_in_each():
    source = {"train": frame(), "test": frame()[:5]}
    table = load_dataset(source).dataset
    turned = load_dataset({"test": source["test"], "train": source["train"]}).dataset
    assert len(set(table["row_id"])) == 45
    assert place_and_id(table) == place_and_id(turned)


def test_the_fingerprint_follows_the_content():
    base = load_dataset(frame()).fingerprint
    assert base == load_dataset(datasets.Dataset.from_pandas(frame())).fingerprint
    assert base != load_dataset(frame()[::-1]).fingerprint
    assert base != load_dataset(frame(label=LABELS[::-1])).fingerprint


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("digit", "Did you mean 'digits'"),
        ("./nowhere/data.csv", "no folder 'nowhere'"),
        ("no/such/deep/path", "There is no file or folder"),
        ("*.nothing", "No file matches"),
        ({}, "empty mapping"),
        ({"trian": "x"}, "'trian' is not a known split"),
        (42, "got int"),
        ([], "got list"),
    ],
)
def test_sources_that_are_none(source, message):
    with pytest.raises(InputError, match=message):
        load_dataset(source)


def test_a_mistyped_file_gets_the_closest_name(tmp_path):
    (tmp_path / "reviews.csv").write_text("text,label\n")
    with pytest.raises(InputError, match=r"Did you mean '.*reviews\.csv'"):
        load_dataset(tmp_path / "review.csv")


def test_other_files_are_refused(tmp_path):
    (tmp_path / "a.xlsx").write_bytes(b"x")
    with pytest.raises(InputError, match="is not a Parquet, CSV"):
        load_dataset(tmp_path / "a.xlsx")


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("a.xlsx", "Save the sheet as CSV UTF-8"),
        ("a.ZIP", "Unpack it, and name the folder"),
        ("a.jpg", "name the folder that holds one folder for each class"),
        ("a.heic", "Images are loaded by folder"),
        ("a.docx", "Save its text as .txt"),
        ("a.npz", "It is a NumPy file. Hand over the arrays"),
        ("a.sqlite", "Export the table as CSV or Parquet"),
        ("a.xlsx", r"In Python: pandas.read_excel\('a.xlsx'\).to_parquet\('a.parquet'\)"),
        ("a.xls", "It is an old Excel workbook. Workbooks are not read"),
        ("a.ods", "It is an OpenDocument spreadsheet"),
        ("a.pkl", "open only one of your own. In Python: pandas.read_pickle"),
        ("a.feather", r"pandas.read_feather\('a.feather'\).to_parquet"),
        ("a.arrow", "It is an Arrow file. In Python"),
        ("a.hdf5", "It is an HDF5 file"),
        ("a.mat", "scipy.io.loadmat"),
    ],
)
def test_other_files_are_refused_with_what_to_do(tmp_path, name, advice):
    (tmp_path / name).write_bytes(b"\0x")
    with pytest.raises(InputError, match=advice):
        load_dataset(tmp_path / name)
    with pytest.raises(InputError, match=advice):
        load_dataset([tmp_path / name, tmp_path / name])


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (b"PK\x03\x04\x14\0\0", "a zip file, such as a workbook"),
        (b"\xd0\xcf\x11\xe0\0", "an old Office file"),
        (b"%PDF-1.4\n\xe2\xe3", "a PDF"),
        (b"PAR1\x15\0", "a Parquet file. Give it the ending .parquet"),
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.tsv", "a.unknown"])
def test_a_file_with_another_ending_is_known_by_how_it_begins(tmp_path, name, start, said):
    (tmp_path / name).write_bytes(start + bytes(100))
    with pytest.raises(InputError, match=said):
        load_dataset(tmp_path / name)


def test_a_table_may_begin_like_another_file(tmp_path):
    lines = ["PAR1,label", *(f"{place % 7}.5,{'ab'[place % 2]}" for place in range(40))]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    assert load_dataset(tmp_path / "a.csv").schema.inputs == ("PAR1",)


def test_a_tar_of_tables_is_refused_with_what_to_do(tmp_path):
    (tmp_path / "a.csv").write_text("x,label\n1,a\n")
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as file:
        file.add(tmp_path / "a.csv", arcname="deep/a.csv")
    with pytest.raises(InputError, match=r"holds 1 table \(csv\).*Unpack it"):
        load_dataset(tmp_path / "a.tar.gz")


@pytest.mark.parametrize("name", ["Nr", "Nr.", "lfd. Nr.", "No", "Numéro"])
def test_a_column_that_counts_and_is_called_so_is_no_number(tmp_path, name):
    rng = np.random.default_rng(0)
    columns = {"x": rng.normal(size=40), "z": rng.normal(size=40), "label": ["a", "b"] * 20}
    table = pd.DataFrame({name: range(1, 41), **columns})
    assert load_dataset(table).schema.inputs == ("x", "z")
    table[name] = rng.permutation(40) * 7
    assert load_dataset(table).schema.inputs == (name, "x", "z")


def test_a_hub_name_is_loaded_through_datasets(monkeypatch):
    asked = []

    def load(*arguments):
        asked.append(arguments)
        return datasets.DatasetDict({"train": datasets.Dataset.from_pandas(frame())})

    monkeypatch.setattr(datasets, "load_dataset", load)
    loaded = load_dataset("someone/reviews:small")
    assert asked == [("someone/reviews", "small")]
    assert loaded.origin == "hub:someone/reviews:small"


def test_without_a_network_the_error_says_how_to_download(monkeypatch):
    def load(*arguments):
        raise ConnectionError("no network")

    monkeypatch.setattr(datasets, "load_dataset", load)
    with pytest.raises(InputError, match="hf download --repo-type dataset someone/reviews"):
        load_dataset("someone/reviews")


def test_streams_are_refused():
    stream = datasets.Dataset.from_pandas(frame()).to_iterable_dataset()
    with pytest.raises(InputError, match="streamed"):
        hub.read_object(stream)
    with pytest.raises(InputError, match="streamed"):
        load_dataset(stream)
