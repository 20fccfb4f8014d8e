"""Packed files: read by what they begin with, kept as far as they go, and never a full disk."""

import bz2
import gzip
import io
import json
import lzma
import tarfile

import pyarrow as pa
import pytest

from thresher.core.errors import InputError
from thresher.core.loading import load_dataset
from thresher.core.loading.compression import MOST_TIMES

ROWS = [{"text": f"sample sentence {i} of topic {i % 3}", "label": "ab"[i % 2]} for i in range(200)]
CSV = ("text,label\n" + "".join(f"{row['text']},{row['label']}\n" for row in ROWS)).encode()
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
PACK = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda data: pa.compress(data, codec="zstd", asbytes=True),
}


@pytest.mark.parametrize("kind", PACK)
@pytest.mark.parametrize(("suffix", "data"), [("csv", CSV), ("jsonl", LINES), ("tsv", None)])
def test_packed_tables_are_read(tmp_path, kind, suffix, data):
    content = CSV.replace(b",", b"\t") if data is None else data
    path = tmp_path / f"d.{suffix}.{kind}"
    path.write_bytes(PACK[kind](content))
    loaded = load_dataset(path)
    assert list(loaded.dataset["text"]) == [row["text"] for row in ROWS]
    assert loaded.choices["packed"].value == kind


def test_what_a_file_begins_with_decides_and_not_its_name(tmp_path):
    (tmp_path / "d.csv").write_bytes(gzip.compress(CSV))
    (tmp_path / "e.csv.gz").write_bytes(CSV)
    for name in ("d.csv", "e.csv.gz"):
        assert len(load_dataset(tmp_path / name).dataset) == 200


def test_a_cut_file_is_kept_as_far_as_it_goes_and_the_cut_is_named(tmp_path):
    (tmp_path / "d.jsonl.gz").write_bytes(gzip.compress(LINES * 50)[:-2000])
    loaded = load_dataset(tmp_path / "d.jsonl.gz", keep_unlabeled=True)
    assert len(loaded.dataset) > 1000
    assert any((issue.detail or "").startswith("damaged after") for issue in loaded.set_aside)


def bomb(path, megabytes):
    with gzip.open(path, "wb", compresslevel=9) as file:
        file.write(b"text,label\n")
        for _ in range(megabytes):
            file.write(b"a" * (2**20 - 3) + b",b\n")


@pytest.mark.parametrize("name", ["d.csv.gz", "d.tar.gz"])
def test_a_file_made_to_fill_memory_is_refused_with_the_option_named(tmp_path, name):
    path = tmp_path / name
    bomb(path, 300)
    assert path.stat().st_size * MOST_TIMES < 300 * 2**20
    with pytest.raises(InputError, match="--max-unpacked"):
        load_dataset(path)
    with pytest.raises(InputError, match="unpacks to more than 1,073,742"):
        load_dataset(path, max_unpacked=0.001)


def test_one_odd_member_costs_its_row_and_no_other(tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        for name, data in [
            *((f"t{i}.txt", f"text number {i}".encode()) for i in range(20)),
            ("caf\udce9.txt", b"latin name"),
            ("deep.json", b"[" * 100_000),
            ("half.json", b'{"a": "\\ud83d"}'),
            ("odd.cls", "²".encode()),
        ]:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    loaded = load_dataset(tmp_path / "x.tar", text="text", label="none", test_fraction=0)
    found = {issue.row_id: issue.detail for issue in loaded.set_aside}
    assert found["x.tar/caf\\udce9"] == "caf\\udce9.txt: a member name that is not UTF-8"
    assert found["x.tar/deep"] == "deep.json: broken JSON (nested too deep)"
    assert found["x.tar/half"] == "half.json: half a character (a lone surrogate)"
    assert len(loaded.dataset) == 20
