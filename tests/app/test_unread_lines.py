"""Lines that are no rows, and byte order marks: in clean data, and back with undo."""

from __future__ import annotations

from pathlib import Path

import pytest

from thresher.app import curate, curate_apply, curate_duplicates, curate_quality, curate_undo
from thresher.core import load_dataset
from thresher.core.manifest import Manifest

MARK = b"\xef\xbb\xbf"
CSV = [
    b"text,label",
    b"a red car,p",
    b"a blue boat,q",
    b"broken,one,two",
    b"a red car,p",
    b'unclosed,"q',
    b"bad \xff byte,q",
    b"another ship,q",
    b",p",
    b"last,one,more",
]
LINES = [
    b'{"text": "broken first',
    b'{"text": "a red car"}',
    b'{"text": "broken',
    b'{"text": "a red car"}',
    b"[3]",
    b'{"text": "bad \xff byte"}',
    '{"text": "caf\u00e9 cr\u00e8me br\u00fbl\u00e9e"}'.encode(),
    '{"text": "\u00e0 la carte"}'.encode(),
    '{"text": "d\u00e9j\u00e0 vu"}'.encode(),
]


def file_of(path: Path, lines: list[bytes], *, mark: bytes = b"", end: bytes = b"\n") -> Path:
    path.write_bytes(mark + b"".join(line + end for line in lines))
    return path


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("mark", [MARK, b""])
def test_csv_loses_no_line_and_no_mark(mark: bytes, end: bytes, tmp_path: Path) -> None:
    data = file_of(tmp_path / "in.csv", CSV, mark=mark, end=end)
    clean, back = tmp_path / "clean.csv", tmp_path / "back.csv"
    curate_duplicates(data, exact=True, manifest=tmp_path / "decided", clean=clean)
    # The second car goes; so does the open quote, which could hide rows from here on.
    stay = [CSV[at] for at in (0, 1, 2, 3, 6, 7, 8, 9)]
    assert clean.read_bytes() == mark + b"".join(line + end for line in stay)
    curate_undo(tmp_path / "decided", clean, out=back)
    assert back.read_bytes() == data.read_bytes()
    # The same by the manifest alone.
    curate_apply(tmp_path / "decided", data, out=tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == clean.read_bytes()


def test_lines_go_where_quality_is_asked_about_and_come_back(tmp_path: Path) -> None:
    data = file_of(tmp_path / "in.csv", CSV, mark=MARK)
    clean, back = tmp_path / "clean.csv", tmp_path / "back.csv"
    curate_quality(data, manifest=tmp_path / "decided", clean=clean)
    kept = clean.read_bytes().splitlines()
    assert kept[0] == MARK + CSV[0]
    assert set(kept[1:]) <= {CSV[at] for at in (1, 2, 4, 7)}
    curate_undo(tmp_path / "decided", clean, out=back)
    assert back.read_bytes() == data.read_bytes()


@pytest.mark.parametrize("mark", [MARK, b""])
def test_json_lines(mark: bytes, tmp_path: Path) -> None:
    data = file_of(tmp_path / "in.jsonl", LINES, mark=mark)
    clean, back = tmp_path / "clean.jsonl", tmp_path / "back.jsonl"
    curate_duplicates(data, exact=True, manifest=tmp_path / "decided", clean=clean)
    stay = [LINES[at] for at in (1, 2, 4, 5, 6, 7, 8)]
    assert clean.read_bytes() == mark + b"".join(line + b"\n" for line in stay)
    curate_undo(tmp_path / "decided", clean, out=back)
    assert back.read_bytes() == data.read_bytes()


def test_entries_of_a_list_and_other_formats(tmp_path: Path) -> None:
    data = tmp_path / "in.json"
    data.write_text('[\n{"text": "a"},\n17,\n{"text": "a"},\n"x",\n{"text": "b"}\n]\n')
    for suffix in ("json", "jsonl", "csv", "parquet"):
        clean = tmp_path / f"clean.{suffix}"
        curate_duplicates(data, exact=True, manifest=tmp_path / "decided", clean=clean)
        curate_undo(tmp_path / "decided", clean, out=tmp_path / "back.json")
        as_lines = '{"text": "a"}\n17\n{"text": "a"}\n"x"\n{"text": "b"}\n'
        expected = as_lines if suffix == "jsonl" else data.read_text()
        assert (tmp_path / "back.json").read_text() == expected
    stays = '{"text": "a"}\n17\n"x"\n{"text": "b"}\n'
    assert (tmp_path / "clean.jsonl").read_text() == stays
    assert (tmp_path / "clean.csv").read_text() == "text\na\nb\n"


def test_splits_keep_their_own_lines(tmp_path: Path) -> None:
    train = file_of(tmp_path / "train.csv", [b"text", b"a", b"b,c", b"a", b"d"], mark=MARK)
    test = file_of(tmp_path / "test.csv", [b"text", b"e", b"f", b"g,h"], mark=MARK)
    clean = tmp_path / "clean.csv"
    sources = {"train": str(train), "test": str(test)}
    curate_duplicates(sources, exact=True, manifest=tmp_path / "decided", clean=clean)
    written = {name: (tmp_path / f"clean-{name}.csv").read_bytes() for name in sources}
    assert written == {"train": MARK + b"text\na\nb,c\nd\n", "test": MARK + b"text\ne\nf\ng,h\n"}
    curate_undo(tmp_path / "decided", clean, out=tmp_path / "back.csv")
    for name, path in (("train", train), ("test", test)):
        assert (tmp_path / f"back-{name}.csv").read_bytes() == path.read_bytes()


def test_a_chosen_part_takes_no_line_that_is_no_row(tmp_path: Path) -> None:
    lines = [b"text,part", b"a,x", b"1,2,3", b"b,y", b"a,x"]
    data = file_of(tmp_path / "in.csv", lines)
    clean = tmp_path / "clean.csv"
    curate_duplicates(data, exact=True, where={"part": "x"}, clean=clean)
    assert clean.read_bytes() == b"text,part\na,x\n"


def test_a_whole_run_brings_lines_back(tmp_path: Path) -> None:
    data = file_of(tmp_path / "in.csv", CSV, mark=MARK)
    done = curate(data, out=tmp_path / "all.csv")
    assert done.clean is not None
    assert (tmp_path / "all.csv").read_bytes().startswith(MARK + b"text,label\n")
    assert b"one" not in (tmp_path / "all.csv").read_bytes()
    curate_undo(tmp_path / "all.csv.run", tmp_path / "all.csv", out=tmp_path / "back.csv")
    assert (tmp_path / "back.csv").read_bytes() == data.read_bytes()


def test_the_header_of_a_manifest_says_what_becomes_of_lines(tmp_path: Path) -> None:
    data = file_of(tmp_path / "in.csv", CSV)
    curate_duplicates(data, exact=True, manifest=tmp_path / "decided")
    assert Manifest.load(tmp_path / "decided").header["unreadable_lines"] == "keep"
    curate_quality(data, manifest=tmp_path / "asked")
    assert Manifest.load(tmp_path / "asked").header["unreadable_lines"] == "drop"
    whole = file_of(tmp_path / "whole.csv", CSV[:3])
    curate_duplicates(whole, exact=True, manifest=tmp_path / "fine")
    assert "unreadable_lines" not in Manifest.load(tmp_path / "fine").header
    loaded = load_dataset(str(whole), test_fraction=0, keep_unlabeled=True)
    assert loaded.given is not None
    assert loaded.given.parts[0].broken is None
