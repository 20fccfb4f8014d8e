import functools
import gzip
import io
import tarfile

import cv2
import datasets
import numpy as np
import pytest
from PIL import Image

from augment import Augmenter, BatchLoader, DecodedRows, augment_stream, policies, read_tar
from thresher.core.errors import InputError
from thresher.core.loading import load_dataset

AUG = Augmenter(policies.trivial_augment(pad=2, flip=True), random_state=3)


def records(pictures, n=20):
    return [{"row_id": f"r{i}", "image": image, "label": i} for i, image in enumerate(pictures(n))]


def by_id(stream):
    return {one["row_id"]: np.asarray(one["image"]) for one in stream}


def test_sharding_order_and_block_size_change_nothing(pictures):
    rows = records(pictures)
    wanted = {one["row_id"]: AUG(one["image"], row_id=one["row_id"], epoch=2) for one in rows}
    streams = [
        augment_stream(rows, AUG, epoch=2),
        augment_stream(rows[::-1], AUG, epoch=2, batch_size=3),
        [*augment_stream(rows[::2], AUG, epoch=2), *augment_stream(iter(rows[1::2]), AUG, epoch=2)],
    ]
    for stream in streams:
        found = by_id(stream)
        assert found.keys() == wanted.keys()
        assert all(np.array_equal(found[row], wanted[row]) for row in wanted)
    (first, *_) = augment_stream(rows, AUG)
    assert first["label"] == 0
    assert rows[0]["image"] is not first["image"]


def test_mixed_sizes_and_kinds_come_back_in_kind(pictures):
    small, large = pictures(2), pictures(2, side=40)
    rows = [
        {"row_id": 1, "image": small[0]},
        {"row_id": 2, "image": Image.fromarray(large[0])},
        {"row_id": 3, "image": large[1]},
        {"row_id": 4, "image": small[1]},
    ]
    found = list(augment_stream(rows, AUG))
    assert [type(one["image"]) for one in found] == [type(one["image"]) for one in rows]
    for one, row in zip(found, rows, strict=True):
        alone = AUG(row["image"], row_id=row["row_id"])
        assert np.array_equal(np.asarray(one["image"]), np.asarray(alone))


def test_hugging_face_streams_pass_through(pictures):
    rows = records(pictures, 8)
    columns = {
        "row_id": [row["row_id"] for row in rows],
        "image": [Image.fromarray(row["image"]) for row in rows],
    }
    stream = datasets.Dataset.from_dict(columns).to_iterable_dataset(num_shards=2)
    found = by_id(augment_stream(stream.shuffle(seed=1, buffer_size=3), AUG))
    for row in rows:
        assert np.array_equal(found[row["row_id"]], AUG(row["image"], row_id=row["row_id"]))


def write_tar(path, images, first):
    with tarfile.open(path, "w") as tar:
        for number, image in enumerate(images, first):
            png = cv2.imencode(".png", image[..., ::-1])[1].tobytes()
            for extension, content in (("png", png), ("cls", str(number).encode())):
                info = tarfile.TarInfo(f"train/{number:04d}.{extension}")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))


def test_webdataset_shards_pass_through(pictures, tmp_path):
    images = pictures(10)
    write_tar(tmp_path / "all.tar", images, 0)
    write_tar(tmp_path / "b.tar", images[6:], 6)
    write_tar(tmp_path / "a.tar", images[:6], 0)
    whole = list(augment_stream(read_tar(tmp_path / "all.tar"), AUG, row_id="__key__"))
    shards = read_tar([tmp_path / "b.tar", tmp_path / "a.tar"])
    parts = {one["__key__"]: one for one in augment_stream(shards, AUG, row_id="__key__")}
    assert [one["cls"] for one in whole] == [str(number).encode() for number in range(10)]
    for number, one in enumerate(whole):
        assert one["__key__"] == f"train/{number:04d}"
        assert np.array_equal(one["image"], AUG(images[number], row_id=one["__key__"]))
        assert np.array_equal(one["image"], parts[one["__key__"]]["image"])


def test_bad_streams_are_named(pictures, tmp_path):
    rows = records(pictures, 2)
    with pytest.raises(InputError, match="no field 'id'"):
        list(augment_stream(rows, AUG, row_id="id"))
    with pytest.raises(InputError, match="no field"):
        list(augment_stream([3], AUG))
    with pytest.raises(InputError, match="batch_size"):
        list(augment_stream(rows, AUG, batch_size=0))
    (tmp_path / "bad.tar").write_bytes(b"no tar")
    for name in ("bad.tar", "none.tar"):
        with pytest.raises(InputError, match=name):
            list(read_tar(tmp_path / name))
    with tarfile.open(tmp_path / "broken.tar", "w") as tar:
        info = tarfile.TarInfo("a.png")
        info.size = 3
        tar.addfile(info, io.BytesIO(b"abc"))
    with pytest.raises(InputError, match=r"a\.png"):
        list(read_tar(tmp_path / "broken.tar"))


# A function that a spawned process can import: the row id, as a number, is every pixel's level.
LEVEL = functools.partial(np.full, (8, 8, 3), dtype=np.uint8)


def test_worker_processes_give_the_same_bits_and_go_on():
    rows = DecodedRows([str(number) for number in range(40)], LEVEL, size=(8, 8, 3))
    loaders = [
        BatchLoader(rows, np.arange(40), augmenter=AUG, batch_size=7, workers=workers)
        for workers in (0, 2)
    ]
    next(iter(loaders[0]))
    loaders[1].load_state_dict(loaders[0].state_dict())
    for mine, theirs in zip(loaders[0], loaders[1], strict=True):
        assert np.array_equal(mine.images, theirs.images)
        assert np.array_equal(mine.positions, theirs.positions)
    assert loaders[0].state_dict() == loaders[1].state_dict()


def test_what_cannot_be_sent_is_refused():
    rows = DecodedRows(["1", "2"], lambda row: LEVEL(row), size=(8, 8, 3))
    with pytest.raises(InputError, match="lambda"):
        list(BatchLoader(rows, [1, 2], workers=1))


def test_names_that_are_not_utf_8_and_damage(tmp_path):
    import io
    import tarfile

    with tarfile.open(tmp_path / "n.tar", "w") as tar:
        for name in ("a.cls", "caf\udce9.cls", "z.\udce9"):
            info = tarfile.TarInfo(name)
            info.size = 1
            tar.addfile(info, io.BytesIO(b"1"))
    keys = [record["__key__"] for record in read_tar(tmp_path / "n.tar")]
    assert keys == ["a", "caf\\udce9", "z"]
    packed = gzip.compress((tmp_path / "n.tar").read_bytes())
    for cut in (packed[:60], packed[:40] + b"\xff" * 20 + packed[60:]):
        (tmp_path / "n.tar.gz").write_bytes(cut)
        with pytest.raises(InputError, match=r"n\.tar\.gz cannot be read"):
            list(read_tar(tmp_path / "n.tar.gz"))


def test_names_are_read_as_by_the_loader(tmp_path):
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    stored = {kind: io.BytesIO() for kind in ("png", "gif")}
    for kind, file in stored.items():
        Image.fromarray(image).save(file, kind)
    members = {
        "./in/a.png": stored["png"].getvalue(),
        "in/a.cls": b"1",
        "in/._a.png": b"left by macOS",
        "__MACOSX/in/a.png": b"left by macOS",
        "in/b.GIF": stored["gif"].getvalue(),
        "in/b.cls": b"0",
    }
    with tarfile.open(tmp_path / "n.tar", "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    found = list(read_tar(tmp_path / "n.tar"))
    assert [(one["__key__"], sorted(one)) for one in found] == [
        ("in/a", ["__key__", "cls", "image"]),
        ("in/b", ["__key__", "cls", "image"]),
    ]
    assert np.array_equal(found[0]["image"], image)
    loaded = load_dataset(tmp_path / "n.tar", keep_unlabeled=True, test_fraction=0).dataset
    assert loaded["key"] == [one["__key__"] for one in found]
