"""Delimited text cut into records: what Python's writer wrote, and one bad line at a time."""

import csv
import io
import random

import pytest

from thresher.core.loading import load_dataset
from thresher.core.loading.csv_records import cut_records, first_record

BODY = [f"{'ab'[i % 2]},text number {i} here" for i in range(200)]


def details(loaded):
    return {issue.row_id: issue.detail for issue in loaded.set_aside}


def load(tmp_path, lines, name="d.csv", **options):
    (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")
    return load_dataset(tmp_path / name, **options)


@pytest.mark.parametrize("seed", range(5))
def test_whatever_a_writer_quotes_is_one_record_each(seed):
    rng = random.Random(seed)
    for _ in range(200):
        ending = rng.choice(["\n", "\r\n"])
        letters = 'ab ,;\t|"\nx' + ("\r" if ending == "\r\n" else "")
        delimiter, columns = rng.choice(",;\t|"), rng.randint(1, 4)
        cell = lambda: "".join(rng.choices(letters, k=rng.randint(columns < 2, 6)))  # noqa: B023,E731
        rows = [[cell() for _ in range(columns)] for _ in range(rng.randint(1, 8))]
        text = io.StringIO(newline="")
        quoting = rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
        csv.writer(text, quoting=quoting, delimiter=delimiter, lineterminator=ending).writerows(
            rows
        )
        records = cut_records(text.getvalue().encode(), delimiter=delimiter)
        read = csv.reader(io.StringIO(records.data.decode(), newline=""), delimiter=delimiter)
        assert list(read) == rows
        assert len(records.lines) == len(rows)
        assert not records.bad
        assert first_record(text.getvalue().encode(), delimiter=delimiter) == rows[0]


def test_a_stray_quote_costs_one_row_wherever_it_stands(tmp_path):
    for place in (0, 100, 199):
        body = list(BODY)
        body.insert(place, '"a,one stray quote')
        loaded = load(tmp_path, ["label,text", *body])
        assert details(loaded) == {f"d.csv:{place + 2}": "broken line (a quote that is not closed)"}
        assert list(loaded.given.table["text"].to_pylist()) == [line[2:] for line in BODY]


def test_two_stray_quotes_cost_two_rows_and_quoted_cells_between_them_stay(tmp_path):
    body = list(BODY)
    body[150] = 'b,"quoted, with ""quotes"" in it"'
    body[80] = 'b,"another stray quote'
    body[20] = '"a,one stray quote'
    loaded = load(tmp_path, ["label,text", *body])
    assert sorted(details(loaded)) == ["d.csv:22", "d.csv:82"]
    assert len(loaded.dataset) == 198
    assert 'quoted, with "quotes" in it' in loaded.dataset["text"][:]


def test_rows_that_quotes_hold_together_by_the_rule_are_told(tmp_path):
    body = list(BODY)
    body[20] = 'a,"one stray quote'
    body[80] = 'b,another stray quote"'
    loaded = load(tmp_path, ["label,text", *body])
    assert len(loaded.dataset) == 140
    assert "22 to 82 (61 lines)" in loaded.choices["long rows"].reason
    body[5] = 'b,a 5" disk'  # this file follows no rule of quoting, so the lines are rows
    loaded = load(tmp_path, ["label,text", *body])
    assert details(loaded) == {"d.csv:22": "broken line (a quote that is not closed)"}
    assert len(loaded.dataset) == 199


def test_a_cell_that_holds_lines_like_rows_is_left_alone(tmp_path):
    code = "x,y\n" + "\n".join(f"{i},{i}" for i in range(30))
    lines = ["label,text", *BODY[:50], f'a,"{code}"', *BODY[50:]]
    loaded = load(tmp_path, lines)
    assert code in loaded.dataset["text"][:]
    assert len(loaded.dataset) == 201


def test_quotes_in_a_file_of_tabs_are_characters_where_nothing_closes_them(tmp_path):
    body = [line.replace(",", "\t", 1) for line in BODY]
    body[10] = 'b\t"Are you there? he said'
    body[12] = 'a\t"Yes", she said "of course"'
    body[30] = 'b\tno way"'
    loaded = load(tmp_path, ["label\ttext", *body], "d.tsv")
    assert loaded.dataset["text"][10] == '"Are you there? he said'
    assert loaded.dataset["text"][30] == 'no way"'
    assert len(loaded.dataset) == 200
    assert "line 12" in loaded.choices["quotes"].reason


def test_lines_are_counted_as_an_editor_counts_them(tmp_path):
    body = [*BODY[:10], "", 'a,"over\nthree\nlines"', "", *BODY[10:20], "b,too,many", *BODY[20:]]
    body.append(",no label and")
    loaded = load(tmp_path, ["label,text", *body])
    text = (tmp_path / "d.csv").read_text().split("\n")
    broken, missing = sorted(loaded.set_aside, key=lambda issue: ":" not in issue.row_id)
    assert broken.row_id == f"d.csv:{text.index('b,too,many') + 1}"
    assert missing.detail == f"missing label (d.csv, row {text.index(',no label and') + 1})"


def test_zero_bytes_and_half_characters_cost_their_row(tmp_path):
    body = list(BODY)
    body[7] += "\0"
    data = "\n".join(["label,text", *body]).encode().replace(b"number 9 ", b"n\xffmber 9 ")
    (tmp_path / "d.csv").write_bytes(data)
    loaded = load_dataset(tmp_path / "d.csv")
    assert details(loaded) == {"d.csv:9": "NUL bytes", "d.csv:11": "not UTF-8"}
    assert len(loaded.dataset) == 198


def test_a_bad_line_inside_a_quoted_cell_costs_the_whole_row(tmp_path):
    body = [*BODY[:10], 'a,"first\nsec\udcffond\nthird"', *BODY[10:]]
    data = "\n".join(["label,text", *body]).encode(errors="surrogateescape")
    (tmp_path / "d.csv").write_bytes(data)
    loaded = load_dataset(tmp_path / "d.csv")
    assert details(loaded) == {"d.csv:12": "not UTF-8"}
    assert list(loaded.dataset["text"]) == [line[2:] for line in BODY]


def test_a_field_of_any_length_is_read(tmp_path):
    long = "word " * 600_000
    loaded = load(tmp_path, ["label,text", *BODY, f"a,{long}end", f'b,"{long},"'])
    assert loaded.dataset["text"][200] == f"{long}end"
    assert loaded.dataset["text"][201] == f"{long},"


def test_returns_alone_end_lines_or_stay_in_their_cell(tmp_path):
    (tmp_path / "mac.csv").write_bytes("\r".join(["label,text", *BODY]).encode())
    assert list(load_dataset(tmp_path / "mac.csv").dataset["text"]) == [x[2:] for x in BODY]
    loaded = load(tmp_path, ["label,text", *BODY, "a,first\rsecond"])
    assert loaded.dataset["text"][200] == "first\rsecond"


def test_a_header_that_is_no_line_refuses_the_file(tmp_path):
    from thresher.core.errors import InputError

    with pytest.raises(InputError, match="names the columns"):
        load(tmp_path, ['label,"text', *BODY], header=True)


def test_a_cell_of_a_file_of_tabs_that_goes_on_behind_its_quote_keeps_its_quotes(tmp_path):
    said = ['"Hi" he said', '"whole"', 'x "y" z', '"a ""b"" c"', '"Hi" and "ho" now'] * 10
    path = tmp_path / "d.tsv"
    path.write_text("".join(f"{'ab'[i % 2]}\t{text}\n" for i, text in enumerate(said)))
    loaded = load_dataset(path, header=False, label="column_1", text="column_2", test_fraction=0)
    read = ['"Hi" he said', "whole", 'x "y" z', 'a "b" c', '"Hi" and "ho" now']
    assert list(loaded.dataset["column_2"]) == read * 10
    assert "20 lines" in loaded.choices["quotes"].value


def test_what_was_found_out_and_left_out_is_told(tmp_path):
    from thresher.core.progress import Silent, reporting

    class Heard(Silent):
        said: list[str] = []  # noqa: RUF012

        def message(self, text):
            self.said.append(text)

    body = [line.replace("text", "отзыв") for line in BODY]
    body[20] = '"a,one stray quote'
    body[5] = "a,"
    data = "\n".join(["label,text", *body]).encode("cp1251")
    (tmp_path / "d.csv").write_bytes(data)
    with reporting(Heard()):
        load_dataset(tmp_path / "d.csv", encoding="cp1251")
    assert Heard.said[0] == "encoding: cp1251 (given; what is written is UTF-8)"
    assert Heard.said[1] == "not read: d.csv:22: broken line (a quote that is not closed)"
    assert Heard.said[2] == "set aside: missing text (d.csv, row 7)"
