"""Tar files in the WebDataset layout: read, written, and read although they are damaged."""

from __future__ import annotations

import gzip
import io
import json
import tarfile

import datasets
import numpy as np
import pytest

from thresher.core import tar_writing
from thresher.core.content import content_hashes
from thresher.core.errors import InputError
from thresher.core.loading import load_dataset
from thresher.core.loading.parts import Source
from thresher.core.loading.tar import open_tar, tar_members
from thresher.core.writing import write_dataset


def png(value, side=8):
    import cv2

    rng = np.random.default_rng(value)
    return cv2.imencode(".png", rng.integers(0, 256, (side, side, 3), np.uint8))[1].tobytes()


def make_tar(path, members):
    with tarfile.open(path, "w") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def samples(n=6):
    return [
        member
        for i in range(n)
        for member in [(f"a/img{i}.png", png(i)), (f"a/img{i}.cls", str(i % 2).encode())]
    ]


def reasons(loaded):
    return {issue.row_id: issue.detail for issue in loaded.set_aside}


def test_members_of_one_key_are_one_row(tmp_path):
    make_tar(
        tmp_path / "x.tar",
        [
            *samples(),
            ("b.c.txt", b"second part of the suffix"),
            ("t.txt", "grün".encode()),
            ("t.json", json.dumps({"stars": 3, "label": "good", "key": "no"}).encode()),
            ("._hidden.png", b"x"),
        ],
    )
    rows = load_dataset(tmp_path / "x.tar", test_fraction=0, image="image", label="none").dataset
    assert list(rows["row_id"]) == [f"a/img{i}" for i in range(6)]
    assert [image["bytes"] for image in rows["image"]] == [png(i) for i in range(6)]
    plain = load_dataset(tmp_path / "x.tar", test_fraction=0, text="text", label="none").dataset
    assert list(plain["row_id"]) == ["t"]
    assert (list(plain["text"]), list(plain["stars"])) == (["grün"], [3])
    assert list(plain["label"]) == ["good"]
    second = load_dataset(tmp_path / "x.tar", test_fraction=0, text="c", label="none").dataset
    assert list(second["row_id"]) == ["b"]


def test_class_numbers_are_labels(tmp_path):
    make_tar(tmp_path / "x.tar", samples())
    loaded = load_dataset(tmp_path / "x.tar", test_fraction=0)
    assert loaded.schema.modality == "image"
    assert loaded.schema.label == "label"
    assert list(loaded.dataset["label"]) == ["0", "1"] * 3


def test_damage_is_named_and_the_rest_is_read(tmp_path):
    path = tmp_path / "x.tar"
    make_tar(path, [*samples(8), ("late.png", b"no image"), ("late.cls", b"1")])
    whole = path.read_bytes()
    with tarfile.open(path) as tar:
        second = tar.getmembers()[2]
    torn = bytearray(whole)
    torn[second.offset : second.offset + 100] = b"\xff" * 100
    path.write_bytes(bytes(torn))
    loaded = load_dataset(path, test_fraction=0, label="label")
    named = reasons(loaded)
    assert list(loaded.dataset["row_id"]) == ["a/img0", *(f"a/img{i}" for i in range(2, 8))]
    assert "no part of a member" in named["x.tar"]
    assert "missing image" in named["a/img1"]
    assert "late" in named

    path.write_bytes(whole[: second.offset_data + 20])
    cut = load_dataset(path, test_fraction=0, image="image", label="none")
    assert list(cut.dataset["row_id"]) == ["a/img0"]
    assert "cut short" in reasons(cut)["x.tar/a/img1"]

    path.write_bytes(gzip.compress(whole)[:-900])
    packed = load_dataset(path, test_fraction=0, image="image", label="none")
    assert len(packed.dataset) >= 1
    assert "damaged after" in reasons(packed)["x.tar"]


def test_what_is_no_tar_file_is_set_aside(tmp_path):
    make_tar(tmp_path / "good.tar", samples())
    (tmp_path / "bad.tar").write_bytes(b"\x07no tar file at all" * 100)
    (tmp_path / "empty.tar").write_bytes(b"")
    make_tar(
        tmp_path / "odd.tar",
        [("README", b"x"), ("j.json", b"{"), ("k.txt", b"\xff"), ("n.png", b""), ("n.png", b"")],
    )
    loaded = load_dataset(tmp_path, test_fraction=0, image="image", label="label")
    assert len(loaded.dataset) == 6
    named = reasons(loaded)
    assert {"bad.tar", "empty.tar", "odd.tar/README", "odd.tar/j", "odd.tar/k"} <= set(named)
    assert "a second value for 'image'" in named["odd.tar/n"]
    with pytest.raises(InputError, match="No usable row"):
        load_dataset(tmp_path / "bad.tar", image="image")


def test_shards_hold_every_row_once_and_their_bytes_repeat(tmp_path, monkeypatch):
    monkeypatch.setattr(tar_writing, "SHARD_ROWS", 4)
    rows = datasets.Dataset.from_dict(
        {
            "row_id": [f"r/{i}.x" for i in range(10)],
            "text": [f"text {i}" for i in range(10)],
            "label": [i % 2 for i in range(10)],
            "value": [i / 3 if i else None for i in range(10)],
            "blob": [bytes([i]) for i in range(10)],
        },
        features=datasets.Features(
            row_id=datasets.Value("string"),
            text=datasets.Value("string"),
            label=datasets.ClassLabel(names=["cat", "dog"]),
            value=datasets.Value("float64"),
            blob=datasets.Value("binary"),
        ),
    )
    folder = write_dataset(rows, tmp_path / "out", format="webdataset")
    names = sorted(path.name for path in folder.iterdir())
    assert names == [f"out-{i:06d}.tar" for i in range(3)]
    back = load_dataset(folder, test_fraction=0, text="text").dataset
    assert list(back["row_id"]) == list(rows["row_id"])
    assert list(back["label"]) == ["cat", "dog"] * 5
    assert list(back["value"]) == list(rows["value"])
    assert list(back["blob"]) == list(rows["blob"])
    again = write_dataset(rows, tmp_path / "again", format="webdataset")
    for number in range(3):
        first, second = folder / names[number], again / f"again-{number:06d}.tar"
        assert first.read_bytes() == second.read_bytes()


def test_no_rows_make_an_empty_shard(tmp_path):
    rows = datasets.Dataset.from_dict({"text": ["a"]}).select([])
    folder = write_dataset(rows, tmp_path / "out", format="webdataset")
    assert [path.name for path in folder.iterdir()] == ["out-000000.tar"]
    with pytest.raises(InputError, match="cannot be a suffix"):
        write_dataset(datasets.Dataset.from_dict({"a.b": [b"x"]}), tmp_path / "o.tar")


def images(n=12):
    return datasets.Dataset.from_dict(
        {
            "row_id": [f"r{i}" for i in range(n)],
            "image": [{"bytes": png(i), "path": None} for i in range(n)],
            "label": ["cat" if i % 2 else "dog" for i in range(n)],
        },
        features=datasets.Features(
            row_id=datasets.Value("string"),
            image=datasets.Image(decode=False),
            label=datasets.Value("string"),
        ),
    )


def texts(n=12):
    return datasets.Dataset.from_dict(
        {
            "row_id": [f"r{i}" for i in range(n)],
            "text": [f"this is the text number {i}" for i in range(n)],
            "label": ["cat" if i % 2 else "dog" for i in range(n)],
        }
    )


SUFFIX = {"parquet": ".parquet", "csv": ".csv", "jsonl": ".jsonl", "tar": ".tar"}
IMAGE_FORMATS = ("directory", "parquet", "imagefolder", "tar", "webdataset")
TEXT_FORMATS = ("directory", "parquet", "csv", "jsonl", "tar", "webdataset")
PAIRS = [
    (rows, one, other)
    for rows, formats in ((images, IMAGE_FORMATS), (texts, TEXT_FORMATS))
    for one in ("memory", *formats)
    for other in formats
]


@pytest.mark.parametrize(("rows", "one", "other"), PAIRS)
def test_every_format_in_goes_out_to_every_other(rows, one, other, tmp_path):
    source = given = rows()
    if one != "memory":
        source = write_dataset(given, tmp_path / f"in{SUFFIX.get(one, '')}", format=one)
    loaded = load_dataset(source, test_fraction=0)
    out = write_dataset(loaded.dataset, tmp_path / f"out{SUFFIX.get(other, '')}", format=other)
    back = load_dataset(out, test_fraction=0)
    column = given.column_names[1]
    expected = set(zip(content_hashes(given, column), given["label"], strict=True))
    found = set(zip(content_hashes(back.dataset, column), back.dataset["label"], strict=True))
    assert found == expected
    assert len(back.dataset) == len(given)
    assert not len(back.set_aside)


def all_members(path):
    """What `tarfile` alone reads, as names and contents."""
    with tarfile.open(path) as tar:
        return [(m.name, tar.extractfile(m).read()) for m in tar if m.isfile()]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_headers_of_every_form_are_read_as_by_tarfile(tmp_path, form):
    names = ["a.txt", "folder/b.txt", f"{'x' * 99}", f"{'y' * 100}", f"deep/{'z' * 90}/name.txt",
             "ünï.txt", "empty.txt", "e" * 60 + "/" + "f" * 60]  # fmt: skip
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w", format=form) as tar:
        for number, name in enumerate(names):
            info = tarfile.TarInfo(name)
            data = b"" if name == "empty.txt" else bytes([number]) * (511 + number)
            info.size = len(data)
            if number == 4 and form == tarfile.PAX_FORMAT:
                info.pax_headers = {"comment": "one more header"}
            tar.addfile(info, io.BytesIO(data))
            if number == 2:
                for kind in (tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.FIFOTYPE):
                    other = tarfile.TarInfo(f"other{kind.decode()}")
                    other.type, other.linkname = kind, "a.txt"
                    tar.addfile(other)
    source = Source(origin="a")
    with open_tar(path, "a", source) as file:
        assert list(tar_members(file, "a", source)) == all_members(path)
    assert source.bad == []


def test_a_header_that_is_damaged_anywhere_is_never_taken_for_another(tmp_path):
    make_tar(tmp_path / "whole.tar", [(f"{at}.txt", bytes([65 + at]) * 700) for at in range(4)])
    whole = (tmp_path / "whole.tar").read_bytes()
    start = 2 * (512 + 1024)
    for place in (0, 60, 99, 124, 130, 148, 150, 156, 257, 345, 400):
        damaged = bytearray(whole)
        damaged[start + place] ^= 0x55
        path = tmp_path / f"{place}.tar"
        path.write_bytes(damaged)
        source = Source(origin="a")
        with open_tar(path, "a", source) as file:
            found = list(tar_members(file, "a", source))
        assert [name for name, _ in found] == ["0.txt", "1.txt", "3.txt"], place
        assert len(source.bad) == 1
