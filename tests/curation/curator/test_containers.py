"""Rows of any kind in, the rows that stay as the same kind out."""

from __future__ import annotations

import subprocess
import sys

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from curation import Curator
from curation.containers.opening import open_rows
from thresher.core.classes import class_texts
from thresher.core.errors import InputError
from thresher.core.loading.load import load_dataset

N = 60
WORDS = [str(i) * 3 for i in range(12)]


def text(i: int) -> str:
    rng = np.random.default_rng(i)
    return " ".join(rng.choice(WORDS, 9))


TEXTS = [text(i if i != 7 else 3) for i in range(N)]  # row 7 is a copy of row 3
LABELS = [("a", "b")[i % 2] for i in range(N)]
KEPT = [i for i in range(N) if i != 7]


def frame() -> pd.DataFrame:
    made = pd.DataFrame({"text": TEXTS, "label": pd.Categorical(LABELS), "n": np.arange(N) // 100})
    made.index = pd.Index([f"k{i}" for i in range(N)], name="key")
    made["when"] = pd.Timestamp("2020-01-01")
    return made


def curator() -> Curator:
    return Curator(["exact_duplicate"])


def given(kind: str):
    if kind == "pandas":
        return frame()
    if kind == "arrow":
        return pa.table({"text": TEXTS, "label": pa.array(LABELS).dictionary_encode()})
    if kind == "records":
        return [{"text": t, "label": lab} for t, lab in zip(TEXTS, LABELS, strict=True)]
    return datasets.Dataset.from_dict({"text": TEXTS, "label": LABELS})


@pytest.mark.parametrize("kind", ["pandas", "arrow", "records", "dataset"])
def test_the_same_kind_comes_back(kind):
    data = given(kind)
    clean = curator().fit_transform(data, column="text", label="label")
    assert type(clean) is type(data)
    if kind == "pandas":
        pd.testing.assert_frame_equal(clean, data.iloc[KEPT])
        assert clean.index.tolist() == [f"k{i}" for i in KEPT]
    elif kind == "arrow":
        assert clean.equals(data.take(KEPT))
        assert clean.schema == data.schema
    elif kind == "records":
        assert clean == [data[i] for i in KEPT]
    else:
        assert clean["text"] == [TEXTS[i] for i in KEPT]


def test_all_kinds_decide_the_same():
    tables = []
    for kind in ("pandas", "arrow", "records", "dataset"):
        data = given(kind)
        data = data[["text", "label"]] if kind == "pandas" else data
        found = Curator().fit(data, column="text", label="label")
        tables.append(found.manifest_.table)
    assert all(table.equals(tables[0]) for table in tables[1:])


def test_defaults_are_those_of_the_command_line():
    assert Curator().label_action == "auto"


def swapped(seed: int = 0):
    """Two far clusters and three labels on the wrong side."""
    rng = np.random.default_rng(seed)
    codes = np.arange(80) % 2
    x = rng.normal(size=(80, 6)) + codes[:, None] * 8
    wrong = codes.copy()
    wrong[[4, 11, 30]] = 1 - wrong[[4, 11, 30]]
    return x, codes, wrong


@pytest.mark.parametrize(
    "labels",
    [
        lambda codes: codes,
        lambda codes: codes.astype(bool),
        lambda codes: codes * 2 - 1,
        lambda codes: np.array(["no", "yes"])[codes],
        lambda codes: pd.Series(codes, index=[f"r{i}" for i in range(80)]),
        lambda codes: pd.Series(pd.Categorical.from_codes(codes, ["no", "yes"])),
        lambda codes: pd.Series(codes, dtype="Int64"),
        lambda codes: codes.tolist(),
        lambda codes: codes.astype(float),
    ],
)
def test_arrays_with_labels_beside_them(labels):
    x, right, wrong = swapped()
    y = labels(wrong)
    model = Curator(["label"], label_action="relabel")
    rows, new = model.fit_resample(x, y)
    np.testing.assert_array_equal(rows, x)
    assert type(new) is type(y)
    assert class_texts(new).tolist() == class_texts(labels(right)).tolist()
    if hasattr(y, "index") and not isinstance(y, list):
        pd.testing.assert_index_equal(new.index, y.index)
        assert new.dtype == y.dtype
    np.testing.assert_array_equal(np.asarray(y), np.asarray(labels(wrong)))  # unchanged
    dropped = Curator(["label"], label_action="drop").fit(x, y)
    assert dropped.transform(x).shape == (77, 6)
    shuffled = np.random.default_rng(1).permutation(80)
    kept = ~np.isin(shuffled, [4, 11, 30])
    np.testing.assert_array_equal(dropped.transform(x[shuffled]), x[shuffled][kept])


@pytest.mark.parametrize("kind", ["pandas", "arrow", "records", "dataset"])
def test_relabeled_cells_change_and_no_others(kind):
    x, right, wrong = swapped()
    columns = {f"x{i}": x[:, i] for i in range(6)} | {"label": wrong.astype(np.int16)}
    data = pd.DataFrame(columns)
    if kind == "arrow":
        data = pa.table(columns)
    elif kind == "records":
        data = pd.DataFrame(columns).to_dict("records")
    elif kind == "dataset":
        data = datasets.Dataset.from_dict(columns)
    model = Curator(["label"], label_action="relabel")
    clean = model.fit_transform(data, column=[f"x{i}" for i in range(6)], label="label")
    frame = clean if kind == "pandas" else pd.DataFrame(list(clean) if kind == "records" else None)
    if kind == "arrow":
        frame = clean.to_pandas()
        assert clean.schema == data.schema
    if kind == "dataset":
        frame = clean.to_pandas()
    assert frame["label"].tolist() == right.tolist()
    np.testing.assert_array_equal(frame[[f"x{i}" for i in range(6)]], x)
    if kind == "records":
        assert data[4]["label"] == wrong[4]
    if kind == "pandas":
        assert frame["label"].dtype == np.int16


class Streamed:
    """A table of another library, known by Arrow's interchange protocol only."""

    def __init__(self, table: pa.Table) -> None:
        self.table, self.columns = table, table.column_names

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


def test_tables_of_other_libraries_come_back_as_arrow():
    views = pa.array(LABELS, pa.string_view()).dictionary_encode()
    table = pa.table({"text": pa.array(TEXTS, pa.string_view()), "label": views})
    clean = curator().fit_transform(Streamed(table), column="text", label="label")
    assert clean.schema == table.schema
    assert clean.to_pylist() == [table.to_pylist()[i] for i in KEPT]
    loaded = load_dataset(Streamed(table), text="text", label="label")
    assert loaded.schema.classes == ("a", "b")


@pytest.mark.parametrize("chunked", [False, True])
def test_labels_beside_the_rows_as_arrow(chunked):
    x, right, wrong = swapped()
    y = pa.array(wrong, pa.int8())
    y = pa.chunked_array([y[:30], y[30:]]) if chunked else y
    _, new = Curator(["label"], label_action="relabel").fit_resample(x, y)
    assert type(new) is type(y)
    assert new.type == pa.int8()
    assert new.to_pylist() == right.tolist()


def test_a_dataset_dict_keeps_its_splits():
    parts = {"train": range(40), "test": range(40, N)}
    whole = datasets.Dataset.from_dict({"text": TEXTS, "label": LABELS})
    splits = datasets.DatasetDict({name: whole.select(rows) for name, rows in parts.items()})
    clean = Curator(["exact_duplicate"]).fit_transform(splits, column="text", label="label")
    assert isinstance(clean, datasets.DatasetDict)
    assert {name: len(rows) for name, rows in clean.items()} == {"train": 39, "test": 20}


def test_texts_numbers_and_images_as_arrays():
    clean = curator().fit_transform(TEXTS)
    assert clean == [TEXTS[i] for i in KEPT]
    array = np.array(TEXTS, dtype=object)
    np.testing.assert_array_equal(curator().fit_transform(array), array[KEPT])
    series = pd.Series(TEXTS, index=range(100, 100 + N))
    pd.testing.assert_series_equal(curator().fit_transform(series), series.iloc[KEPT])
    numbers = np.arange(80).reshape(20, 4)
    numbers[9] = numbers[2]
    assert len(curator().fit_transform(numbers)) == 19
    images = np.random.default_rng(0).integers(0, 255, (12, 8, 8, 3)).astype(np.uint8)
    images[5] = images[1]
    np.testing.assert_array_equal(curator().fit_transform(images), np.delete(images, 5, axis=0))
    assert len(curator().fit_transform(images[..., 0])) == 11


def test_batches_of_arrays_are_one_fit():
    x, _, wrong = swapped()
    one = Curator(["exact_duplicate", "label"]).fit(x, wrong)
    two = Curator(["exact_duplicate", "label"])
    two.partial_fit(x[:50], wrong[:50]).partial_fit(x[50:], wrong[50:])
    assert two.manifest_.table.equals(one.manifest_.table)


def test_torch_datasets_of_pairs_and_mappings():
    torch = pytest.importorskip("torch")
    x, right, wrong = swapped()
    pairs = torch.utils.data.TensorDataset(torch.tensor(x), torch.tensor(wrong))
    dropped = Curator(["label"], label_action="drop").fit_transform(pairs)
    assert isinstance(dropped, torch.utils.data.Subset)
    assert len(dropped) == 77
    new = Curator(["label"], label_action="relabel").fit_transform(pairs)
    assert [int(item[1]) for item in new] == right.tolist()
    torch.testing.assert_close(new[3][0], pairs[3][0])
    loader = torch.utils.data.DataLoader(new, batch_size=16)
    assert sum(len(batch[0]) for batch in loader) == 80

    class Mappings(torch.utils.data.Dataset):
        def __len__(self):
            return N

        def __getitem__(self, row):
            return {"text": TEXTS[row], "label": LABELS[row]}

    clean = curator().fit_transform(Mappings(), column="text", label="label")
    assert [item["text"] for item in clean] == [TEXTS[i] for i in KEPT]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Curator().fit(3), "must be an array, a list or a column, got int"),
        (lambda: Curator().fit(None), "got NoneType"),
        (lambda: Curator().fit("path.csv"), "got str"),
        (lambda: Curator().fit({"a": [1, 2]}), "A mapping must be a DatasetDict"),
        (lambda: Curator().fit(np.zeros((3, 2, 2, 2))), "float64 of shape"),
        (
            lambda: Curator().fit(np.array([[1, np.nan]])),
            "infinity, the first at position 0",
        ),
        (lambda: Curator().fit(np.zeros((3, 2)), [1, 2]), "3 rows, but labels of shape"),
        (lambda: Curator().fit(frame(), LABELS, label="label"), "not both"),
        (lambda: Curator().fit_transform(given("arrow").to_reader()), "reader.read_all"),
        (lambda: curator().fit(TEXTS).transform(TEXTS[:5]), "not the one that the manifest"),
        (lambda: Curator().transform(TEXTS), "not fitted yet"),
    ],
)
def test_what_cannot_be_read_is_explained(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_nothing_heavy_is_imported_for_arrays():
    code = (
        "import sys, numpy as np; from curation.containers import open_rows; "
        "open_rows(np.zeros((3, 2))); print([m for m in ('torch', 'sklearn', 'polars', 'pandas') "
        "if m in sys.modules and m != 'pandas'])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_ids_do_not_depend_on_labels_beside_the_rows():
    x = np.arange(12.0).reshape(6, 2)
    plain, labeled = open_rows(x), open_rows(x, list("ababab"))
    assert plain.dataset["row_id"][:] == labeled.dataset["row_id"][:]


class TestLoading:
    @pytest.mark.parametrize(
        "label",
        [
            pd.Categorical(LABELS),
            pd.Categorical([1, 2] * 30),
            pd.cut(np.arange(N), 4),
            pd.Series([True, False] * 30),
            pd.Series(pd.Categorical([True, False] * 30)),
            pd.Series(LABELS, dtype="string[pyarrow]"),
        ],
        ids=str,
    )
    def test_categories_of_a_frame(self, label):
        loaded = load_dataset(pd.DataFrame({"text": TEXTS, "label": label}), label="label")
        assert len(loaded.schema.classes) in (2, 4)

    @pytest.mark.parametrize("kind", ["pandas", "arrow", "records"])
    def test_tables_in_memory_are_read_alike(self, kind):
        loaded = load_dataset(given(kind), text="text", label="label")
        assert loaded.schema.classes == ("a", "b")
        assert sorted(loaded.dataset["text"]) == sorted(TEXTS)

    def test_repeated_names_are_refused(self):
        twice = pd.DataFrame(np.zeros((3, 2)), columns=["a", "a"])
        with pytest.raises(InputError, match="several columns of the same name: 'a'"):
            load_dataset(twice)
        with pytest.raises(InputError, match="several columns of the same name: 'a'"):
            load_dataset(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]))


@pytest.mark.parametrize("rows", [{"one text", "another text"}, iter(["one text", "a b"])])
def test_rows_without_a_second_pass_are_refused(rows):
    with pytest.raises(InputError, match=r"no rows to go back to: use list\(data\)"):
        Curator().fit_transform(rows)


def test_a_category_beside_numbers_is_not_taken_for_the_text():
    frame = pd.DataFrame({"city": ["Bern", "Rome", "Oslo"] * 20, "age": range(60)})
    with pytest.raises(InputError, match=r"'city' \(category\), or 'age'\. Name them"):
        Curator().fit_transform(frame)
    assert len(Curator().fit_transform(frame, column=["age"])) == 60
    frame["text"] = [f"what they said about the {n}th of {n * n} things" for n in range(60)]
    assert Curator(["quality"]).fit(frame[["text", "age"]]).manifest_.counts()["keep"] == 60
