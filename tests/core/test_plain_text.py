"""Text files whose suffix says nothing: tables where lines are cut alike, else one text a line."""

import numpy as np
import pytest

from thresher.core.errors import InputError
from thresher.core.loading import load_dataset

WORDS = ["amber", "basil", "cedar", "delta", "ember", "fjord", "grove", "haven", "inlet", "jolly"]
RNG = np.random.default_rng(0)
PROSE = [", ".join(" ".join(RNG.choice(WORDS, 5)) for _ in range(1 + i % 3)) for i in range(30)]


def read(path, **options):
    return load_dataset(path, keep_unlabeled=True, test_fraction=0, **options)


@pytest.mark.parametrize("name", ["corpus.txt", "corpus", "messages.data"])
def test_lines_of_prose_are_a_text_each(tmp_path, name):
    lines = [*PROSE[:10], "", '"Quoted" and so on', *PROSE[10:]]
    (tmp_path / name).write_text("\r\n".join(lines) + "\r\n")
    loaded = read(tmp_path / name)
    assert list(loaded.dataset["text"]) == [line for line in lines if line]
    assert loaded.given.parts[0].numbers.tolist() == [*range(1, 11), *range(12, 33)]
    assert str(loaded.choices["lines"]).startswith("one text each")


@pytest.mark.parametrize("delimiter", ["\t", ";", "|"])
def test_lines_that_a_delimiter_cuts_alike_are_a_table(tmp_path, delimiter):
    rows = [f"{'ab'[i % 2]}{delimiter}{text}" for i, text in enumerate(PROSE)]
    (tmp_path / "corpus").write_text("\n".join(rows))
    loaded = read(tmp_path / "corpus")
    assert list(loaded.dataset["column_2"]) == PROSE
    assert loaded.schema.classes == ("a", "b")


def test_commas_cut_where_every_line_has_as_many(tmp_path):
    rows = [f"{i}.5,{i % 7},{'xy'[i % 2]}" for i in range(30)]
    (tmp_path / "flowers.data").write_text("\n".join(rows) + "\n\n")
    loaded = read(tmp_path / "flowers.data")
    assert loaded.schema.inputs == ("column_1", "column_2")
    assert loaded.schema.classes == ("x", "y")


def test_a_delimiter_that_is_said_cuts(tmp_path):
    (tmp_path / "corpus.txt").write_text("\n".join(PROSE[::3]))
    loaded = read(tmp_path / "corpus.txt", delimiter="space", header=False, text="column_1")
    assert list(loaded.dataset["column_1"]) == [text.split()[0] for text in PROSE[::3]]
    assert len(loaded.given.table.column_names) == 5


def test_splits_of_text_files_are_named_by_the_user(tmp_path):
    for name, part in (("adult.data", PROSE[:20]), ("adult.test", PROSE[20:])):
        (tmp_path / name).write_text("\n".join(part))
    loaded = read({"train": tmp_path / "adult.data", "test": tmp_path / "adult.test"})
    assert list(loaded.dataset["split"]) == ["train"] * 20 + ["test"] * 10


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("book.xlsx", b"PK\x03\x04"),
        ("paper", b"%PDF-1.7"),
        ("program", b"\x7fELF" + b"\0" * 40),
        ("bytes.data", b"a,b\n\0\0\0"),
        ("nothing", b""),
        ("page.html", b"<p>Hello</p>"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match="is not a Parquet, CSV"):
        read(tmp_path / name)


def test_text_files_beside_images_are_no_tables(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "README.txt").write_text("\n".join(PROSE))
    with pytest.raises(InputError, match="No usable row"):
        read(tmp_path)
