"""Columns of odd Arrow types: none stops a file, and each is written back as it came."""

import datetime
import decimal

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from thresher.core.loading import load_dataset
from thresher.core.usual_types import (
    as_stored,
    described_schema,
    stored_schema,
    to_usual,
    usual_type,
    without_categories,
)
from thresher.core.writing import write_dataset

N = 24


def named(i):
    return f"v{i % 3}"


def extension(kind, values, storage):
    return pa.ExtensionArray.from_storage(kind, pa.array(values, storage))


def columns():
    pairs = [[("k", i), ("l", None)] if i % 5 else None for i in range(N)]
    words = pa.array([named(i) for i in range(N)])
    lists = [[i, None] if i % 5 else None for i in range(N)]
    amounts = [decimal.Decimal(i) / 4 for i in range(N)]
    return {
        "map": pa.array(pairs, pa.map_(pa.string(), pa.int64())),
        "uuid": extension(pa.uuid(), [bytes([i]) * 16 for i in range(N)], pa.binary(16)),
        "json": extension(pa.json_(), ['{"a": 1}'] * N, pa.string()),
        "bool8": extension(pa.bool8(), [i % 2 for i in range(N)], pa.int8()),
        "tensor": pa.FixedShapeTensorArray.from_numpy_ndarray(np.arange(N * 4.0).reshape(N, 2, 2)),
        "period": pa.array(pd.Series(pd.period_range("2020-01", periods=N, freq="M"))),
        "interval": pa.array(pd.Series(pd.interval_range(0, N))),
        "category": pa.array(pd.Series(pd.Categorical([named(i) for i in range(N)]))),
        "codes": pa.array([i % 3 for i in range(N)]).dictionary_encode(),
        "list of categories": pa.ListArray.from_arrays(range(N + 1), words.dictionary_encode()),
        "small decimal": pa.array(amounts, pa.decimal32(7, 2)),
        "decimal": pa.array(amounts, pa.decimal128(20, 3)),
        "large decimal": pa.array(amounts, pa.decimal256(50, 3)),
        "struct": pa.array(
            [{"a": i, "m": pairs[i]} for i in range(N)],
            pa.struct([("a", pa.int64()), ("m", pa.map_(pa.string(), pa.int64()))]),
        ),
        "list view": pa.array(lists, pa.list_view(pa.int64())),
        "large list view": pa.array(lists, pa.large_list_view(pa.int64())),
        "large list": pa.array(lists, pa.large_list(pa.int64())),
        "text view": pa.array([f"x{i}" for i in range(N)], pa.string_view()),
        "bytes view": pa.array([b"x"] * N, pa.binary_view()),
        "large text": pa.array([f"x{i}" for i in range(N)], pa.large_string()),
        "bytes": pa.array([b"\xff"] * N),
        "few bytes": pa.array([b"ab"] * N, pa.binary(2)),
        "nothing": pa.nulls(N),
        "lists of nothing": pa.array([[None]] * N, pa.list_(pa.null())),
        "duration": pa.array([datetime.timedelta(seconds=i) for i in range(N)], pa.duration("ns")),
        "nanoseconds": pa.array(range(N), pa.timestamp("ns")),
        "zone": pa.array(range(N), pa.timestamp("us", tz="Europe/Berlin")),
        "time": pa.array(range(N), pa.time64("ns")),
        "half": pa.array(np.arange(N, dtype=np.float16)),
        "unsigned": pa.array([2**64 - 1 - i for i in range(N)], pa.uint64()),
    }


def table():
    base = {"text": [f"sample sentence number {i}" for i in range(N)], "label": ["a", "b"] * 12}
    return pa.table({**{name: pa.array(values) for name, values in base.items()}, **columns()})


def written_to_parquet():
    """Return the columns that this version of pyarrow writes; new ones write all."""
    whole, names = table(), []
    for name in whole.column_names:
        try:
            pq.write_table(whole.select([name]), pa.BufferOutputStream())
        except pa.ArrowNotImplementedError:
            assert int(pa.__version__.split(".")[0]) < 26, name
        else:
            names.append(name)
    return names


def test_no_column_stops_a_file_and_all_come_back_as_they_came(tmp_path):
    pq.write_table(table().select(written_to_parquet()), tmp_path / "in.parquet")
    stored = pq.ParquetFile(tmp_path / "in.parquet").read()
    loaded = load_dataset(tmp_path / "in.parquet", text="text", label="label", test_fraction=0)
    assert len(loaded.dataset) == N
    given = loaded.given
    features = datasets.Features.from_arrow_schema(given.table.schema)
    rows = datasets.Dataset(given.table.slice(3, 7), info=datasets.DatasetInfo(features=features))
    write_dataset(rows, tmp_path / "out.parquet", stored=given.parts[0].stored)
    written = pq.ParquetFile(tmp_path / "out.parquet").read()
    assert written.schema.equals(stored.schema)
    for name in stored.column_names:
        assert written[name].to_pylist() == stored[name].to_pylist()[3:10], name


@pytest.mark.parametrize("name", columns())
def test_each_type_survives_the_way_to_a_usual_one_and_back(name):
    column = pa.chunked_array([columns()[name].slice(2, 9), columns()[name].slice(20)])
    usual = to_usual(column)
    assert usual.type == usual_type(column.type)
    datasets.Features.from_arrow_schema(pa.schema([("x", usual.type)]))
    wanted = stored_schema(pa.schema([("x", usual.type)]), pa.schema([("x", column.type)]))
    back = as_stored(pa.table({"x": usual}), wanted)["x"]
    assert back.type == column.type
    assert back.to_pylist() == column.to_pylist()


@pytest.mark.parametrize("values", [["b", "c", "a", "z"], [3, 1, 2, 9], [True, False]])
def test_categories_keep_their_order_over_chunks_and_new_ones_follow(values):
    whole = pa.array(values)
    one = pa.DictionaryArray.from_arrays(pa.array([1, 0, None], pa.int8()), whole)
    other = pa.DictionaryArray.from_arrays(pa.array([0], pa.int8()), whole[1:2])
    column = pa.chunked_array([one, other])
    known = described_schema(pa.table({"x": column}))
    usual = to_usual(column)
    back = as_stored(pa.table({"x": usual}), stored_schema(pa.schema([("x", usual.type)]), known))
    assert back["x"].to_pylist() == column.to_pylist()
    assert {tuple(chunk.dictionary.to_pylist()) for chunk in back["x"].chunks} == {tuple(values)}
    plain = without_categories(back.schema)
    assert plain.equals(pa.schema([("x", column.type)]), check_metadata=True)
    if values[0] == "b":
        more = pa.table({"x": pa.array(["new", "a"])})
        coded = as_stored(more, known)["x"].chunk(0)
        assert coded.to_pylist() == ["new", "a"]
        assert coded.dictionary.to_pylist() == [*values, "new"]


def test_what_no_file_holds_becomes_text():
    union = pa.UnionArray.from_sparse(
        pa.array([0, 1, 0], pa.int8()), [pa.array([1, 2, 3]), pa.array(["a", "b", "c"])]
    )
    assert to_usual(pa.chunked_array([union])).to_pylist() == ["1", "b", "3"]
    months = pa.array([(1, 2, 3), None], pa.month_day_nano_interval())
    assert to_usual(pa.chunked_array([months])).to_pylist() == ["[1, 2, 3]", None]
    ends = pa.RunEndEncodedArray.from_arrays([2, 3], ["a", "b"])
    assert to_usual(pa.chunked_array([ends])).to_pylist() == ["a", "a", "b"]
    frame = pd.DataFrame({"text": ["one text", "two texts"] * 9, "label": ["a", "b"] * 9})
    frame["when"] = pd.period_range("2020-01", periods=18, freq="M")
    assert len(load_dataset(frame).dataset) == 18
