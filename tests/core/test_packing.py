"""Packed files and their line ends: written as their names say, and as they came."""

import bz2
import gzip
import lzma
from pathlib import Path

import datasets
import pyarrow as pa
import pytest

from thresher.core.loading import load_dataset
from thresher.core.packing import data_suffix, name_parts, with_stem
from thresher.core.split_writing import split_paths, write_splits
from thresher.core.writing import write_dataset

UNPACK = {
    "gz": gzip.decompress,
    "bz2": bz2.decompress,
    "xz": lzma.decompress,
    "zst": lambda data: pa.input_stream(pa.py_buffer(data), compression="zstd").read(),
}
ROWS = datasets.Dataset.from_dict(
    {"text": ["one, two", "three", 'four "5"'], "label": ["a", "b", "a"]}
)


def test_names():
    assert name_parts("a/clean.v1.CSV.gz") == ("clean.v1", ".csv", ".gz")
    assert name_parts("clean.jsonl") == ("clean", ".jsonl", "")
    assert name_parts("clean") == ("clean", "", "")
    assert data_suffix("x.tsv.zst") == ".tsv"
    assert with_stem(Path("d/clean.csv.gz"), "other") == Path("d/other.csv.gz")
    assert split_paths("d/c.csv.gz", ["train"]) == {"train": Path("d/c-train.csv.gz")}


@pytest.mark.parametrize("packing", UNPACK)
@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
def test_a_packed_file_holds_what_the_plain_one_does(tmp_path, suffix, packing):
    write_dataset(ROWS, tmp_path / f"a.{suffix}")
    write_dataset(ROWS, tmp_path / f"a.{suffix}.{packing}")
    packed = (tmp_path / f"a.{suffix}.{packing}").read_bytes()
    assert UNPACK[packing](packed) == (tmp_path / f"a.{suffix}").read_bytes()
    write_dataset(ROWS, tmp_path / f"b.{suffix}.{packing}")
    assert (tmp_path / f"b.{suffix}.{packing}").read_bytes() == packed
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [f"a.{suffix}", f"a.{suffix}.{packing}", f"b.{suffix}.{packing}"]
    )


def test_line_ends_and_tabs(tmp_path):
    write_dataset(ROWS, tmp_path / "a.csv", line_end="\r\n")
    assert (tmp_path / "a.csv").read_bytes().split(b"\r\n")[:3] == [
        b"text,label",
        b'"one, two",a',
        b"three,b",
    ]
    write_dataset(ROWS, tmp_path / "a.tsv")
    assert (tmp_path / "a.tsv").read_text().splitlines()[1] == "one, two\ta"
    loaded = load_dataset(tmp_path / "a.csv", keep_unlabeled=True, test_fraction=0)
    assert loaded.given.parts[0].line_end == "\r\n"
    assert list(loaded.dataset["text"]) == list(ROWS["text"])
    places = write_splits({"train": ROWS, "test": ROWS}, tmp_path / "s.csv.gz", line_end="\r\n")
    assert gzip.decompress(places["test"].read_bytes()) == (tmp_path / "a.csv").read_bytes()


def test_json_lines_come_back_as_they_came(tmp_path):
    import json

    from curation import Curator
    from thresher.app.cleaning import apply_manifest, cover_all_rows

    lines = [
        '{"label": "a", "text": "caf\\u00e9 number one", "n": 1, "x": 1.0, "big": 1e400}',
        '{"text":"second text here","label":"b","n":"2"}',
        '{"label": "a", "text": "third text of these", "extra": {"z": [1, null], "a": {}}}',
        '{"text":"second text here","label":"b","n":"2"}',
        '{"label": "b", "text": "fourth text of these", "n": null}',
    ]
    (tmp_path / "in.jsonl").write_bytes("\r\n".join(lines).encode())
    loaded = load_dataset(
        tmp_path / "in.jsonl", text="text", label="label", keep_unlabeled=True, test_fraction=0
    )
    curator = Curator(["exact_duplicate"]).fit(loaded.dataset, column="text", label="label")
    manifest = cover_all_rows(curator.manifest_, loaded, action="drop")
    apply_manifest(manifest, loaded, tmp_path / "out.jsonl.gz")
    written = gzip.decompress((tmp_path / "out.jsonl.gz").read_bytes()).decode()
    assert written.split("\n")[:-1] == [line + "\r" for line in (*lines[:3],)] + [lines[4]]
    assert json.loads(written.split("\n")[1])["n"] == "2"
