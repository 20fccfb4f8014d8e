"""A first line ``sep=;`` says the delimiter, is no row, and comes back."""

from __future__ import annotations

import pytest

from active_learning.adapters.row_files import read_rows
from thresher.core.errors import InputError
from thresher.core.loading import load_dataset
from thresher.core.loading.sep_line import delimiter_in, without_sep_line

TEXTS = [f"song number {at}, and the words, of it" for at in range(30)]
TEXTS[10] = TEXTS[3]


def content(delimiter, *, header=True, first=None, end="\n"):
    lines = [f"sep={delimiter}" if first is None else first]
    lines += [delimiter.join(("text", "stars"))] if header else []
    cells = [f'"{text}"' if delimiter == "," else text for text in TEXTS]
    lines += [f"{cell}{delimiter}{at % 7}" for at, cell in enumerate(cells)]
    return "".join(line + end for line in lines)


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|", "^"])
@pytest.mark.parametrize(("header", "end"), [(True, "\n"), (False, "\r\n")])
def test_it_is_written_back(curate, tmp_path, delimiter, header, end):
    data, clean, decisions = tmp_path / "d.csv", tmp_path / "clean.csv", tmp_path / "m"
    data.write_bytes(content(delimiter, header=header, end=end).encode())
    options = ["--exact", "--manifest", decisions, "--text", "text" if header else "column_1"]
    code, found = curate("duplicates", data, *options, "--clean", clean, "--json")
    assert (code, found["decisions"]["drop"]) == (0, 1), found
    lines = data.read_bytes().splitlines(keepends=True)
    written = clean.read_bytes().splitlines(keepends=True)
    del lines[11 + header]  # the copy of the row with the number 3
    assert written == lines
    again, back = tmp_path / "again.csv", tmp_path / "back.csv"
    assert curate("apply", decisions, data, "--out", again)[0] == 0
    assert again.read_bytes() == clean.read_bytes()
    assert curate("undo", decisions, again, "--out", back)[0] == 0
    assert back.read_bytes() == data.read_bytes()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("name", ["d.csv", "d.tsv", "d.txt"])
def test_it_holds_against_the_suffix_in_any_encoding_and_counts_as_a_line(tmp_path, name, encoding):
    text = content(";").replace(f"{TEXTS[5]};", f"{TEXTS[5]};1;")
    (tmp_path / name).write_bytes(text.encode(encoding))
    loaded = load_dataset(tmp_path / name, text="text", label="stars", keep_unlabeled=True)
    assert loaded.given.table.column_names == ["text", "stars"]
    assert loaded.given.table["text"].to_pylist() == [t for at, t in enumerate(TEXTS) if at != 5]
    assert [issue.row_id for issue in loaded.set_aside] == [f"{name}:8"]
    assert any(line.startswith("delimiter: ';'") for line in loaded.role_lines)


def test_what_the_user_says_comes_before_it(tmp_path):
    (tmp_path / "d.csv").write_text(content("|", first='"sep=;"'))
    loaded = load_dataset(tmp_path / "d.csv", text="text", delimiter="|", keep_unlabeled=True)
    assert loaded.given.table["text"].to_pylist() == TEXTS


@pytest.mark.parametrize(
    "line", ["sep=", "sep=;;", "sep=ä", 'sep="', "separator;text", "text;sep=;"]
)
def test_other_first_lines_are_rows(line):
    data = f"{line}\na;b\n".encode()
    assert without_sep_line(data) == (data, None)


@pytest.mark.parametrize("line", ["sep=;", "SEP=;", '"sep=;"'])
def test_all_spellings_are_known(line):
    data, found = without_sep_line(f"{line}\r\na;b\r\n".encode())
    assert (data, found, delimiter_in(found)) == (b"\r\na;b\r\n", line, ";")


def test_answers_saved_by_a_spreadsheet_are_read(tmp_path):
    path = tmp_path / "batch.csv"
    path.write_text("sep=;\nrow_id;label\nr1;a, b\nr2;c\n")
    assert read_rows(path, needed=("row_id", "label")) == [
        (3, {"row_id": "r1", "label": "a, b"}),
        (4, {"row_id": "r2", "label": "c"}),
    ]
    path.write_text("sep=;\nrow_id;label\nr1;a;b\n")
    with pytest.raises(InputError, match="line 3: 3 cells"):
        read_rows(path, needed=("row_id",))


def test_empty_lines_before_the_header_hide_no_header(tmp_path):
    lines = content(";").splitlines(keepends=True)[1:]
    (tmp_path / "d.csv").write_text("\n\n" + "".join([*lines[:3], "a;b;c\n", *lines[3:]]))
    loaded = load_dataset(tmp_path / "d.csv", text="text", label="stars", keep_unlabeled=True)
    assert loaded.given.table["text"].to_pylist() == TEXTS
    assert [issue.row_id for issue in loaded.set_aside] == ["d.csv:6"]
