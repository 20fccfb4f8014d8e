"""Titles above the header: no columns, no rows, and back in the clean file."""

import pytest

from thresher.core.errors import InputError
from thresher.core.loading import load_dataset
from thresher.core.loading.table_form import TableForm
from thresher.core.loading.title_lines import without_titles

ROWS = 30


def lines(delimiter=";", *, above=()):
    cells = [("No", "town", "revenue", "pleased"), *(row(at) for at in range(ROWS))]
    cells.append(("Sum", "", "9000,50", ""))
    return [*above, *(delimiter.join(each) for each in cells)]


def row(at):
    return f"R-{at}", "Rome" if at % 2 else "Oslo", f"{at * 7},25", "yes" if at % 3 else "no"


TITLES = {
    "one": ["Report 2023"],
    "padded": ["Report 2023;;;"],
    "several, one with a comma": ["Source: Office, Rome", "", "as of 1.2.2023", ";;;"],
    "quoted": ['"Report; of ""2023"""'],
}


@pytest.mark.parametrize("above", TITLES.values(), ids=TITLES)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_titles_are_no_header_and_come_back_to_the_byte(curate, tmp_path, above, end):
    written = lines(above=above)
    written.insert(len(above) + 12, written[len(above) + 5].replace("R-4", "R-99"))
    text = "".join(line + end for line in written)
    data = tmp_path / "report.csv"
    data.write_bytes(text.encode("utf-8-sig"))
    loaded = load_dataset(data, label="pleased", keep_unlabeled=True, test_fraction=0)
    assert loaded.given.table.column_names == ["No", "town", "revenue", "pleased"]
    assert loaded.given.table.num_rows == ROWS + 2
    where = "line 1" if len(above) == 1 else f"lines 1 to {len(above)}"
    assert any(line.startswith(f"above the header: {where} (") for line in loaded.role_lines)
    clean, decisions, back = (tmp_path / name for name in ("clean.csv", "m", "back.csv"))
    options = ["--label", "pleased", "--exact", "--manifest", decisions, "--clean", clean]
    code, found = curate("duplicates", data, *options, "--json")
    assert (code, found["decisions"]["drop"]) == (0, 1), found
    del written[len(above) + 12]
    assert clean.read_bytes().decode("utf-8-sig") == "".join(line + end for line in written)
    assert curate("undo", decisions, clean, "--out", back)[0] == 0
    assert back.read_bytes() == data.read_bytes()


def test_lines_keep_their_numbers(tmp_path):
    (tmp_path / "d.csv").write_text("\n".join([*lines(above=["Report", ""]), "a;b"]))
    loaded = load_dataset(tmp_path / "d.csv", label="pleased", keep_unlabeled=True)
    assert [issue.row_id for issue in loaded.set_aside] == [f"d.csv:{ROWS + 5}"]


def test_what_the_user_says_of_the_header_holds(tmp_path):
    (tmp_path / "d.csv").write_text("\n".join(lines(above=["Report;;;"])))
    with pytest.raises(InputError, match="'pleased' is not in the data"):
        load_dataset(tmp_path / "d.csv", label="pleased", header=True, keep_unlabeled=True)


@pytest.mark.parametrize(
    "text",
    [
        "City\nParis, France\nRome, Italy\nOslo, Norway\nBern, Switzerland\n",
        "text\nwell, then\nno, never\nyes, ever\nso, so\nlo, and\n",
        "name,,\nada,1,2\nbob,3,4\ncyd,5,6\ndan,7,8\n",
        ",a,b\n0,1,2\n1,3,4\n2,5,6\n3,7,8\n",
        "note,,\nlong,text,label\na,b,c\n",
        "a\nb\nc\nd\ne\n",
        "\n\ntext,label\na b,1\nc d,0\ne f,1\ng h,0\n",
        '"open\ntext,label\na b,1\nc d,0\ne f,1\ng h,0\n',
        "",
    ],
)
def test_where_nothing_is_plain_the_first_line_is_no_title(text):
    assert without_titles(text.encode(), TableForm()) == (text.encode(), None)
