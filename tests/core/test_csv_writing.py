"""CSV files read back equal, and texts have quotes only where they need them."""

from __future__ import annotations

import csv
import datetime

import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest

from thresher.core.csv_writing import write_csv
from thresher.core.errors import InputError

TEXTS = ["plain", "", None, 'a "quote"', "a,comma", "a;semicolon", "two\nlines", " blank ", "é\t😀"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_what_is_written_reads_back_equal(tmp_path, delimiter):
    table = pa.table(
        {
            "text": TEXTS,
            f"a{delimiter}b": pa.array(TEXTS, pa.large_string()),
            "number": [0.1, None, 1e-9, float("inf"), -2.5, 1e300, 3.0, 0.0, 7.0],
            "whole": [1, None, -3, 2**62, 5, 6, 7, 8, 9],
            "flag": [True, False, None] * 3,
            "day": [datetime.date(2020, 1, day) for day in range(1, 10)],
        }
    )
    write_csv(table, tmp_path / "x.csv", delimiter=delimiter)
    back = pa_csv.read_csv(
        tmp_path / "x.csv",
        parse_options=pa_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            column_types=table.schema,
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    assert back.to_pydict() == table.to_pydict()
    with open(tmp_path / "x.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter=delimiter))
    assert [row[0] for row in rows[1:]] == [text or "" for text in TEXTS]


def test_quotes_only_where_needed_and_no_row_is_an_empty_line(tmp_path):
    write_csv(pa.table({"text": ["a b", "c,d", None, ""]}), tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text() == 'text\na b\n"c,d"\n""\n""\n'
    write_csv(pa.table({"a": pa.array([], pa.string())}), tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text() == "a\n"


def test_lists_and_bytes_are_refused(tmp_path):
    for values in ([[1]], [b"x"]):
        with pytest.raises(InputError, match=r"Use \.parquet"):
            write_csv(pa.table({"a": values}), tmp_path / "x.csv")
