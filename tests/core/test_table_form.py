"""Files of delimited text as people have them: other delimiters, headers with gaps or none."""

import itertools

import pytest

from thresher.core.errors import InputError
from thresher.core.loading import load_dataset
from thresher.core.loading.table_form import TableForm, find_layout

WORDS = ["amber", "basil", "cedar", "delta", "ember", "fjord", "grove", "haven", "inlet", "jolly"]
TEXTS = [
    " ".join(words) for words in itertools.islice(itertools.permutations(WORDS, 7), 0, 4000, 97)
]


def layout(text, **said):
    return find_layout(text.encode(), TableForm(**said))


def lines(*records, delimiter=","):
    return "".join(delimiter.join(map(str, record)) + "\n" for record in records)


def write(folder, text, name="d.csv"):
    (folder / name).write_text(text)
    return folder / name


@pytest.mark.parametrize(
    ("records", "delimiter"),
    [
        (
            [("text", "label"), *((f"{t}, so; he said", "ab"[i % 2]) for i, t in enumerate(TEXTS))],
            "\t",
        ),
        ([("a", "b"), *((f"{i},5", f"{i},25") for i in range(30))], ";"),
        ([("x", "y", "z"), *((i, f"{t}, yes", "q") for i, t in enumerate(TEXTS))], "|"),
        ([("ham", f"{t}, or so") for t in TEXTS], "\t"),
        ([(f"{i},5", f"{i},25") for i in range(30)], ";"),
        ([("text", "label"), *((t, i) for i, t in enumerate(TEXTS))], ","),
        ([("text",), *((t,) for t in TEXTS)], ","),
    ],
)
def test_the_delimiter_is_the_one_that_cuts_all_lines_alike(records, delimiter):
    found = layout(lines(*records, delimiter=delimiter))
    assert found.delimiter == delimiter
    assert len(found.names) == len(records[0])
    assert ("delimiter" in found.choices) == (delimiter != ",")


def test_a_delimiter_in_quotes_does_not_count():
    found = layout('a,b\n"x;y;z",1\n"p;q;r",2\n')
    assert (found.delimiter, found.names) == (",", ("a", "b"))


@pytest.mark.parametrize(
    ("said", "meant"), [("tab", "\t"), ("\\t", "\t"), (";", ";"), ("semicolon", ";"), (" ", " ")]
)
def test_a_given_delimiter_holds(said, meant):
    found = layout(f"a{meant}b,c\n1{meant}2,3\n", delimiter=said)
    assert (found.delimiter, found.names) == (meant, ("a", "b,c"))
    assert found.choices["delimiter"].reason == "given"


@pytest.mark.parametrize("said", ["", ";;", '"', "\n", "ü", "none"])
def test_what_is_no_delimiter_is_refused(said):
    with pytest.raises(InputError, match="`delimiter` is one character"):
        TableForm(delimiter=said)


WITHOUT = {
    "numbers and texts": [(i % 2 + 1, t) for i, t in enumerate(TEXTS)],
    "repeated values": [(2, "?", "?", f"0.{i}", 2) for i in range(10, 40)],
    "numbers alone": [(i * 7 % 11, f"{i}.5", -i) for i in range(30)],
    "categories that come again": [("ham" if i % 3 else "spam", t) for i, t in enumerate(TEXTS)],
    "flowers": [(5.1, 3.5, 1.4, 0.2 + i / 100, f"Iris-{'sv'[i % 2]}") for i in range(30)],
    "pairs of sentences": list(itertools.pairwise(TEXTS)),
    "dates": [(f"2024-01-{i:02}", f"user{i}", i) for i in range(1, 29)],
    "people": [(39 + i, "State-gov", 77516 + i, "Bachelors", "<=50K") for i in range(20)],
}
WITH = {
    "usual": [("text", "label"), *zip(TEXTS, WORDS, strict=False)],
    "numbers": [("a", "b"), *((i, i * 2) for i in range(20))],
    "texts alone": [("Tweet",), *((t,) for t in TEXTS)],
    "empty names": [("v1", "v2", "", ""), *(("ham", t, "", "") for t in TEXTS)],
    "years": [("country", 2019, 2020, 2021), *((w, i, i, i) for i, w in enumerate(WORDS))],
    "years alone": [(2019, 2020, 2021), *((i, i + 3, i + 4) for i in range(20))],
    "numbered columns": [("", 0, 1), *((i, i * 3 % 7, t) for i, t in enumerate(TEXTS))],
    "questions": [
        ("Timestamp", "How satisfied are you with our service?", "What could we do better here?"),
        *((f"2024/01/{i:02} 10:11:12", t, t[::-1]) for i, t in enumerate(TEXTS[:20], 1)),
    ],
    "gaps below": [("name", "age"), *((w, "" if i % 2 else i) for i, w in enumerate(WORDS))],
    "one line below": [("name", "city"), ("Ann", "Oslo")],
    "names alone": [("name", "city")],
    "header again": [("t", "k"), *((t, i) for i, t in enumerate(TEXTS)), ("t", "k"), ("t", "k")],
}


@pytest.mark.parametrize("name", WITHOUT)
def test_a_first_line_of_values_is_no_header(name):
    found = layout(lines(*WITHOUT[name]))
    assert not found.header
    assert found.names == tuple(f"column_{i + 1}" for i in range(len(WITHOUT[name][0])))
    assert found.titles == ()
    assert found.choices["header"].value == "none"
    given = layout(lines(*WITHOUT[name]), header=True)
    assert given.header
    assert given.choices["header"].reason == "given"


@pytest.mark.parametrize("name", WITH)
def test_a_first_line_of_names_is_a_header(name):
    found = layout(lines(*WITH[name]))
    assert found.header
    assert "header" not in found.choices
    assert found.titles == tuple(map(str, WITH[name][0]))
    assert not layout(lines(*WITH[name]), header=False).header


def test_columns_without_a_name_or_with_the_same_get_their_own():
    found = layout("a,,a, ,column_2\n" + "x,1,y,2,z\n" * 3)
    assert found.names == ("a", "column_2_2", "a_2", "column_4", "column_2")
    assert found.titles == ("a", "", "a", " ", "column_2")
    assert found.choices["column names"].value == "column_2_2, a_2, column_4"


def test_no_row_is_taken_for_a_header_and_lines_are_counted_from_the_first(tmp_path):
    records = [(i % 2 + 1, t) for i, t in enumerate(TEXTS)]
    broken = lines(*records[:5]) + "1,2,3,4\n" + lines((1, ""), *records[5:])
    loaded = load_dataset(write(tmp_path, broken))
    assert list(loaded.dataset["column_2"]) == TEXTS
    assert loaded.schema.label == "column_1"
    assert {issue.detail for issue in loaded.set_aside} == {
        "broken line (4 columns, not 2)",
        "missing text (d.csv, row 7)",
    }
    assert any(issue.row_id == "d.csv:6" for issue in loaded.set_aside)
    assert loaded.given.titles == ()
    said = load_dataset(write(tmp_path, broken), header=True)
    assert said.schema.inputs == (TEXTS[0],)
    assert said.choices["header"].reason == "given"


def test_markers_of_missing_values_are_missing_and_stay_in_the_file(tmp_path):
    rows = [("a", "b", "label"), *((f"{i}.5", i, "xy"[i % 2]) for i in range(40))]
    rows[3], rows[5], rows[7] = ("?", 2, "x"), (" ? ", 4, "y"), ("1", "-", "?")
    path = write(tmp_path, lines(*rows))
    loaded = load_dataset(path, na=["?", "-"])
    assert loaded.schema.inputs == ("a", "b")
    assert sorted(issue.detail for issue in loaded.set_aside) == [
        "missing value in 'a' (d.csv, row 4)",
        "missing value in 'a' (d.csv, row 6)",
        "missing value in 'b' (d.csv, row 8)",
    ]
    assert loaded.schema.classes == ("x", "y")
    assert loaded.given.table["a"].to_pylist()[2:5:2] == ["?", " ? "]
    assert loaded.choices["missing values"].value == "'?', '-'"
    with pytest.raises(InputError, match=r"`na` must be a list, got '\?' \(str\)"):
        load_dataset(path, na="?")
    with pytest.raises(InputError, match="`na` is a list of texts"):
        load_dataset(path, na=[9])
