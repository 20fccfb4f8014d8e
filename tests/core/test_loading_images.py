"""Image folders and image columns: what loads, and what is set aside by which name."""

import io
import os

import cv2
import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from thresher.core.errors import InputError
from thresher.core.loading import load_dataset


def encoded(seed=0, kind="JPEG", side=16):
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def folder_of(root, names):
    for seed, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(seed, "PNG" if name.endswith("png") else "JPEG"))
    return root


def reasons(loaded):
    return {issue.row_id: issue.detail for issue in loaded.set_aside}


CLASSES = [f"{name}/{i}.jpg" for name in ("cat", "dog") for i in range(10)]


def test_a_folder_of_classes(tmp_path):
    loaded = load_dataset(folder_of(tmp_path, CLASSES))
    table = loaded.dataset
    assert list(table["row_id"]) == sorted(CLASSES)
    assert list(table["label"]) == ["cat"] * 10 + ["dog"] * 10
    assert list(table["split"]).count("test") == 4
    assert loaded.schema.classes == ("cat", "dog")
    assert (loaded.schema.modality, loaded.schema.inputs) == ("image", ("image",))
    assert table[3]["image"]["bytes"] == (tmp_path / "cat/3.jpg").read_bytes()
    assert len(loaded.set_aside) == 0


@pytest.mark.parametrize(("train", "test"), [("train", "test"), ("Training", "val")])
def test_a_folder_of_splits(tmp_path, train, test):
    names = [f"{train}/{name}" for name in CLASSES] + [f"{test}/{name}" for name in CLASSES[::3]]
    table = load_dataset(folder_of(tmp_path, names)).dataset
    splits = dict(zip(table["row_id"], table["split"], strict=True))
    assert splits == {name: "train" if name.startswith(train) else "test" for name in names}


def test_validation_stays_beside_test(tmp_path):
    names = [f"{split}/{name}" for split in ("train", "valid", "test") for name in CLASSES]
    table = load_dataset(folder_of(tmp_path, names)).dataset
    assert set(table["split"]) == {"train", "validation", "test"}


def test_deeper_folders_belong_to_the_first(tmp_path):
    table = load_dataset(folder_of(tmp_path, [*CLASSES, "cat/kittens/a.jpg"])).dataset
    assert dict(zip(table["row_id"], table["label"], strict=True))["cat/kittens/a.jpg"] == "cat"


def test_ten_kinds_of_bad_file_are_all_named(tmp_path):
    root = folder_of(tmp_path, CLASSES)
    whole = encoded(1)
    expected = {
        "cat/zero.jpg": "zero bytes",
        "cat/cut.jpg": "truncated",
        "cat/cut.png": "truncated",
        "cat/note.txt": "not an image",
        "cat/page.jpg": "not an image",
        "dog/gone.jpg": "missing file",
        "dog/folder.jpg": "a folder, not an image",
        "dog/loop": "symbolic link loop",
        "loose.jpg": "missing label",
        "bird/only.jpg": "a label with one row",
    }
    (root / "cat/zero.jpg").write_bytes(b"")
    (root / "cat/cut.jpg").write_bytes(whole[: len(whole) // 2])
    png = encoded(1, "PNG")
    (root / "cat/cut.png").write_bytes(png[: len(png) // 2])
    (root / "cat/note.txt").write_text("remember the milk")
    (root / "cat/page.jpg").write_text("<html>404</html>")
    (root / "dog/gone.jpg").symlink_to(root / "nowhere.jpg")
    (root / "dog/folder.jpg").mkdir()
    (root / "dog/loop").symlink_to(root / "dog")
    (root / "loose.jpg").write_bytes(whole)
    (root / "bird").mkdir()
    (root / "bird/only.jpg").write_bytes(encoded(99))
    loaded = load_dataset(root)
    found = reasons(loaded)
    assert set(found) == set(expected)
    assert all(found[name].startswith(reason) for name, reason in expected.items())
    assert sorted(loaded.dataset["row_id"]) == sorted(CLASSES)
    assert loaded.schema.classes == ("cat", "dog")
    assert loaded.set_aside.counts() == {"quality": 10}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_named(tmp_path):
    root = folder_of(tmp_path, CLASSES)
    (root / "cat/0.jpg").chmod(0)
    assert reasons(load_dataset(root)) == {"cat/0.jpg": "unreadable file (permission denied)"}


def test_files_outside_the_splits_are_named(tmp_path):
    names = [*(f"train/{name}" for name in CLASSES), "extra/cat/0.jpg", "test/cat/1.jpg"]
    loaded = load_dataset(folder_of(tmp_path, names))
    assert reasons(loaded) == {"extra/cat/0.jpg": "outside the split folders"}


def test_only_bad_files_count_their_reasons(tmp_path):
    for name in ("a/1.jpg", "a/2.jpg", "b/3.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"" if name < "b" else b"no picture")
    with pytest.raises(InputError, match=r"3 set aside \(zero bytes: 2, not an image: 1\)"):
        load_dataset(tmp_path)


def test_an_empty_folder(tmp_path):
    with pytest.raises(InputError, match="There are no rows"):
        load_dataset(tmp_path)


FILES = [encoded(i) for i in range(20)]
LABELS = [i % 2 for i in range(20)]


def test_a_binary_column_is_found_and_checked(tmp_path):
    files = [*FILES[:18], b"bad", None]
    table = pa.table({"jpeg": files, "label": LABELS, "other": ["x"] * 20})
    pq.write_table(table, tmp_path / "t.parquet")
    loaded = load_dataset(tmp_path / "t.parquet")
    assert loaded.schema.inputs == ("jpeg",)
    assert sorted(reasons(loaded).values()) == [
        "missing image (t.parquet, row 20)",
        "not an image (t.parquet, row 19)",
    ]
    assert [cell["bytes"] for cell in loaded.dataset["jpeg"]] == FILES[:18]
    assert isinstance(loaded.dataset.features["jpeg"], datasets.Image)


def test_the_image_feature_of_datasets_with_bytes_and_paths(tmp_path):
    (tmp_path / "a.jpg").write_bytes(FILES[0])
    cells = [{"bytes": None, "path": str(tmp_path / "a.jpg")}]
    cells += [{"bytes": data, "path": None} for data in FILES[1:]]
    cells += [{"bytes": None, "path": str(tmp_path / "gone.jpg")}]
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])}
    )
    rows = {"image": cells, "label": [*LABELS, 0]}
    loaded = load_dataset(datasets.Dataset.from_dict(rows, features=features))
    assert [cell["bytes"] for cell in loaded.dataset["image"]] == FILES
    assert list(loaded.dataset["label"])[:2] == ["cat", "dog"]
    assert list(reasons(loaded).values()) == ["missing file (row 21)"]


def test_a_column_of_paths_starts_from_the_file(tmp_path):
    folder_of(tmp_path, [f"pictures/{i}.jpg" for i in range(10)])
    lines = [f"pictures/{i}.jpg,{'cat' if i % 2 else 'dog'}" for i in range(10)]
    (tmp_path / "list.csv").write_text("\n".join(["file,label", *lines, "pictures/x.jpg,cat"]))
    loaded = load_dataset(tmp_path / "list.csv")
    assert loaded.schema.inputs == ("file",)
    assert loaded.dataset[4]["file"]["bytes"] == (tmp_path / "pictures/4.jpg").read_bytes()
    assert list(reasons(loaded).values()) == ["missing file (list.csv, row 12)"]


def test_two_image_columns_are_unclear():
    rows = {"a": FILES, "b": FILES, "label": LABELS}
    with pytest.raises(InputError, match=r"Several columns hold images \(a, b\).*`image`"):
        load_dataset(datasets.Dataset.from_dict(rows))
    assert load_dataset(datasets.Dataset.from_dict(rows), image="b").schema.inputs == ("b",)


def test_digits_are_scikit_learns():
    from sklearn.datasets import load_digits

    loaded = load_dataset("digits")
    table, bunch = loaded.dataset, load_digits()
    assert list(table["label"]) == bunch.target.astype(str).tolist()
    image = cv2.imdecode(np.frombuffer(table[7]["image"]["bytes"], np.uint8), 0)
    np.testing.assert_array_equal(image, np.rint(bunch.images[7] * 255 / 16))
    test = np.array(table["split"]) == "test"
    counts = np.bincount(bunch.target[test]) / np.bincount(bunch.target)
    assert np.abs(counts - 0.2).max() < 0.005
    assert list(table["row_id"])[:2] == ["digits-0000", "digits-0001"]
    assert loaded.fingerprint == load_dataset("digits", random_state=5).fingerprint
