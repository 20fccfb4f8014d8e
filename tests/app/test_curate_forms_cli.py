"""Files of delimited text with other delimiters, markers and headers come back as they came."""

from __future__ import annotations

import numpy as np
import pytest

WORDS = ["pay", "card", "bill", "lost", "phone", "weather", "book", "table", "music", "song"]


def rows_of_text(*, delimiter, first=None):
    """Sixty lines, the eleventh a copy of the fourth; `first` is the header."""
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, 9)) for _ in range(60)]
    labels = [["ham", "spam", "?"][i % 3] for i in range(60)]
    texts[10], labels[10] = texts[3], labels[3]
    lines = [[label, text, "", ""] for label, text in zip(labels, texts, strict=True)]
    return [delimiter.join(line) for line in ([first] if first else []) + lines]


@pytest.mark.parametrize(
    ("delimiter", "first"),
    [(",", ["v1", "v2", "", ""]), ("\t", None), (";", ["kind", "said", "x", "x"])],
)
def test_what_is_written_has_the_form_of_what_was_read(curate, tmp_path, delimiter, first):
    lines = rows_of_text(delimiter=delimiter, first=first)
    data, clean, decisions = tmp_path / "d.csv", tmp_path / "clean.csv", tmp_path / "m"
    data.write_text("\n".join(lines) + "\n")
    options = ["--na", "?", "--clean", clean, "--manifest", decisions]
    code, found = curate("duplicates", data, *options, "--json")
    assert code == 0, found
    assert found["decisions"]["drop"] == 1
    header = int(first is not None)
    copies = (lines[3 + header], lines[10 + header])
    left = [line for line in lines if line not in copies]
    written = clean.read_text().splitlines()
    assert [line for line in written if line not in copies] == left
    assert sum(line in copies for line in written) == 1
    again, back = tmp_path / "again.csv", tmp_path / "back.csv"
    assert curate("apply", decisions, data, "--out", again)[0] == 0
    assert again.read_bytes() == clean.read_bytes()
    assert curate("undo", decisions, again, "--out", back)[0] == 0
    assert back.read_bytes() == data.read_bytes()


def test_what_the_user_says_of_the_form_holds_in_a_whole_run(curate, tmp_path):
    lines = rows_of_text(delimiter="|")
    data, clean = tmp_path / "d.csv", tmp_path / "clean.csv"
    data.write_text("\n".join(lines) + "\n")
    said = ["--delimiter", "|", "--no-header", "--text", "column_2", "--label", "column_1"]
    code, shown = curate(data, *said, "--na", "?", "--out", clean)
    assert code == 0, shown
    assert len(clean.read_text().splitlines()) == 59
    assert "|" in clean.read_text()
    code, message = curate(data, "--delimiter", "::", "--out", tmp_path / "c.csv")
    assert code == 2
    assert "`delimiter` is one character" in message
