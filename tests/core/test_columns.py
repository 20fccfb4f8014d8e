"""Columns read straight from Arrow equal what the dataset itself returns."""

import datasets
import numpy as np
import pyarrow as pa
import pytest

from thresher.core import columns
from thresher.core.columns import (
    read_column,
    read_features,
    read_labels,
    read_row_ids,
    read_splits,
    read_texts,
    take_rows,
)
from thresher.core.errors import InputError
from thresher.core.schema import Schema


@pytest.fixture
def table():
    names = {
        "row_id": [f"r{i}" for i in range(6)],
        "split": ["train", "train", "test", "train", "test", "validation"],
        "text": ["a", None, "c", "d", "é", ""],
        "label": ["x", "y", "x", None, "z", "y"],
        "a": [1, 2, 3, 4, 5, 6],
        "b": [0.5, None, 2.5, 3.5, 4.5, 5.5],
        "v": [[float(i), -float(i)] for i in range(6)],
    }
    return datasets.Dataset.from_dict(names)


SCHEMA = Schema("text", ("text",), "label", ("x", "y", "z"))


@pytest.mark.parametrize("order", [[4, 1, 1, 0], [0, 2, 5], [], [3]])
def test_selected_rows_read_in_their_order(table, order):
    selected = table.select(order)
    assert read_column(selected, "a").to_pylist() == list(selected["a"])
    assert read_row_ids(selected).tolist() == list(selected["row_id"])
    assert read_splits(selected).tolist() == list(selected["split"])


def test_labels_are_positions_in_the_classes(table):
    assert read_labels(table, SCHEMA).tolist() == [0, 1, 0, -1, 2, 1]
    assert read_labels(table.select([4, 3]), SCHEMA).dtype == np.int64


def test_class_label_features_give_their_names():
    features = datasets.Features({"label": datasets.ClassLabel(names=["cat", "dog"])})
    table = datasets.Dataset.from_dict({"label": [1, 0, -1, None]}, features=features)
    schema = Schema("text", ("text",), "label", ("cat", "dog"))
    assert read_labels(table, schema).tolist() == [1, 0, -1, -1]


def test_texts_and_features(table):
    assert read_texts(table, "text") == ["a", "", "c", "d", "é", ""]
    matrix = read_features(table, ["a", "b", "v"])
    assert matrix.dtype == np.float32
    assert matrix.shape == (6, 4)
    np.testing.assert_array_equal(matrix[2], [3, 2.5, 2, -2])
    assert np.isnan(matrix[1, 1])


def test_fixed_size_lists_and_slices_of_them():
    kind = pa.list_(pa.float32(), 3)
    values = np.arange(30, dtype=np.float32).reshape(10, 3)
    array = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), type=kind)
    table = datasets.Dataset(pa.table({"v": pa.chunked_array([array[:4], array[4:]])}))
    np.testing.assert_array_equal(read_features(table, ["v"]), values)
    np.testing.assert_array_equal(read_features(table.select([7, 2]), ["v"]), values[[7, 2]])


def test_lists_of_different_lengths_are_refused():
    table = datasets.Dataset.from_dict({"v": [[1.0], [1.0, 2.0]]})
    with pytest.raises(InputError, match="different lengths \\(1 to 2\\)"):
        read_features(table, ["v"])


@pytest.mark.parametrize("order", [[5, 0, 0], [1, 3, 4], []])
def test_take_rows_equals_select(table, order):
    table = table.select([5, 4, 3, 2, 1, 0])
    taken, expected = take_rows(table, np.array(order, int)), table.select(order)
    assert taken._indices is None
    assert taken.features == expected.features
    assert taken.to_dict() == expected.to_dict()


def test_take_rows_takes_masks(table):
    mask = np.array([True, False, False, True, False, False])
    assert take_rows(table, mask)["row_id"][:] == ["r0", "r3"]


def test_wide_columns_go_through_64_bit_offsets(monkeypatch):
    monkeypatch.setattr(columns, "OFFSET_LIMIT", 64)
    image = pa.StructArray.from_arrays(
        [pa.array([b"%d" % i * 20 for i in range(9)]), pa.array([str(i) for i in range(9)])],
        ["bytes", "path"],
    )
    column = pa.chunked_array([image[:5], image[5:]])
    positions = np.array([8, 0, 3, 3, 7])
    taken = columns.take_column(column, positions)
    assert taken.type == column.type
    assert taken.num_chunks > 1
    assert taken.to_pylist() == [column.to_pylist()[i] for i in positions]


def test_positions_outside_the_rows_are_refused(table):
    with pytest.raises(InputError, match=r"\[0, 6\)"):
        take_rows(table, np.array([6]))


def test_errors_name_what_is_there(table):
    with pytest.raises(InputError, match="Did you mean 'label'"):
        read_column(table, "labl")
    with pytest.raises(InputError, match="holds string, not numbers"):
        read_features(table, ["text"])
    with pytest.raises(InputError, match="with_row_ids"):
        read_row_ids(table.remove_columns("row_id"))
