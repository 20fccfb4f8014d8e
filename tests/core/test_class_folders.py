"""Folders of images keep their classes apart and give them back, whatever they are called."""

from __future__ import annotations

import io
import os
import random
import socket
from pathlib import Path

import datasets
import numpy as np
import pytest
from PIL import Image

from thresher.core import load_dataset
from thresher.core.errors import InputError
from thresher.core.loading.class_folders import class_folders
from thresher.core.writing import write_dataset

HOSTILE = [
    "a/b", "a_b", "..", "_", ".", "x.", "x", " x", "Cat", "cat", "CAT", "con", "NUL.txt", "a\\b",
    "é" * 300, "é" * 301, "train", "test", "cat.png", ".hidden", "__MACOSX", "Thumbs.db", "a:b",
    "a?b", "line\nbreak", "%2F", "-rf", "~", "$HOME", "汉字", "e\u0301", "\u00e9",
]  # fmt: skip


def png(seed: int) -> dict[str, object]:
    stream = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 255, (12, 12, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(stream, "png")
    return {"bytes": stream.getvalue(), "path": f"{seed}.png"}


def images(labels: list[str], **columns: list[str]) -> datasets.Dataset:
    features = {"image": datasets.Image(decode=False), "label": datasets.Value("string")}
    features |= dict.fromkeys(columns, datasets.Value("string"))
    data = {"image": [png(i) for i in range(len(labels))], "label": labels, **columns}
    return datasets.Dataset.from_dict(data, features=datasets.Features(features))


def test_no_two_classes_share_a_folder_in_capitals_or_not() -> None:
    for in_splits in (False, True):
        folders = class_folders(HOSTILE, in_splits=in_splits)
        assert sorted(folders) == sorted(HOSTILE)
        assert len({folder.casefold() for folder in folders.values()}) == len(HOSTILE)
        assert all(len(os.fsencode(folder)) <= 255 for folder in folders.values())
        assert all(folder not in (".", "..") and "/" not in folder for folder in folders.values())
        shuffled = random.Random(0).sample(HOSTILE, len(HOSTILE))
        assert class_folders(shuffled, in_splits=in_splits) == folders
    assert class_folders(["cat", "dog", "a_b"], in_splits=False) == {
        name: name for name in ("cat", "dog", "a_b")
    }
    assert class_folders(["test"], in_splits=True) == {"test": "test"}
    assert class_folders(["test"], in_splits=False) != {"test": "test"}


def test_a_folder_that_looks_like_ours_is_not_taken_twice() -> None:
    (ours,) = class_folders(["a/b"], in_splits=False).values()
    folders = class_folders(["a/b", ours], in_splits=False)
    assert folders[ours] == ours
    assert folders["a/b"] != ours


@pytest.mark.parametrize("in_splits", [False, True])
def test_classes_come_back(tmp_path: Path, in_splits: bool) -> None:
    # Spaces around a name and another Unicode form of it are the same class to every reader.
    labels = sorted(set(HOSTILE) - {" x", "e\u0301"}) * 2
    columns = {"split": ["train", "test"] * (len(labels) // 2)} if in_splits else {}
    write_dataset(images(labels, **columns), tmp_path / "out", format="imagefolder", label="label")
    again = load_dataset(tmp_path / "out")
    assert len(again.dataset) == len(labels)
    found = {
        row["image"]["bytes"]: again.schema.classes[row["label"]]
        if isinstance(row["label"], int)
        else row["label"]
        for row in again.dataset.cast_column("image", datasets.Image(decode=False))
    }
    assert found == {png(i)["bytes"]: label for i, label in enumerate(labels)}


def test_a_damaged_table_of_names_is_named(tmp_path: Path) -> None:
    write_dataset(images(["a/b", "c"]), tmp_path / "out", format="imagefolder", label="label")
    for text in ("{", "[]", '{"a": 3}'):
        (tmp_path / "out" / ".classes.json").write_text(text)
        with pytest.raises(InputError, match=r"\.classes\.json"):
            load_dataset(tmp_path / "out")


def test_a_class_of_vehicles_may_be_called_train(tmp_path: Path) -> None:
    for number, place in enumerate(("train/1", "train/2", "car/1", "bus/1", "bus/2", "car/2")):
        file = tmp_path / f"{place}.png"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(png(number)["bytes"])  # type: ignore[arg-type]
    assert sorted(load_dataset(tmp_path).schema.classes) == ["bus", "car", "train"]


def test_what_is_no_file_is_set_aside_and_never_waited_for(tmp_path: Path) -> None:
    for number in range(8):
        file = tmp_path / "ab"[number % 2] / f"{number}.png"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(png(number)["bytes"])  # type: ignore[arg-type]
    os.mkfifo(tmp_path / "a" / "pipe.png")
    (tmp_path / "a" / "zero.png").symlink_to("/dev/zero")
    (tmp_path / "a" / "null.png").symlink_to("/dev/null")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "b" / "socket.png"))
        loaded = load_dataset(tmp_path)
    with open(tmp_path / "b" / "huge.png", "wb") as stream:
        stream.truncate(2**40)
    again = load_dataset(tmp_path)
    (tmp_path / "b" / "huge.png").unlink()
    assert len(loaded.dataset) == len(again.dataset) == 8
    aside = {issue.row_id: issue.detail for issue in again.set_aside}
    assert aside == {
        "a/pipe.png": "a folder, pipe, socket or device, not a file",
        "a/zero.png": "a folder, pipe, socket or device, not a file",
        "a/null.png": "a folder, pipe, socket or device, not a file",
        "b/socket.png": "a folder, pipe, socket or device, not a file",
        "b/huge.png": "larger than 512 MiB",
    }


def test_linked_class_folders_count_as_folders_of_images(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for start, name in enumerate(("cat", "dog")):
        (tmp_path / "store" / name).mkdir(parents=True)
        for number in range(3):
            (tmp_path / "store" / name / f"{number}.png").write_bytes(
                png(number + 10 * start)["bytes"]  # type: ignore[arg-type]
            )
        (tmp_path / "photos" / name).symlink_to(tmp_path / "store" / name)
    (tmp_path / "photos" / "notes.csv").write_text("a,b\n1,2\n")
    assert sorted(load_dataset(tmp_path / "photos").schema.classes) == ["cat", "dog"]
