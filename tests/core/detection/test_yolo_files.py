from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from thresher.core import load_detection_set, write_detection_set
from thresher.core.errors import InputError

LINES = (
    "0 0.5 0.5  0.25 0.50\n\n1 .1 0.1 0.2 0.2\r\n"
    "2 0.1 0.1 0.9 0.1 0.9 0.5\n 1 0.5 0.5 0.1 0.1 0.875"
)
YAML = (
    "path: {root}\ntrain: images/train\nval: [images/val]\nnames:\n  0: cat\n  1: a dog\n  2: x\n"
)


def picture(path: Path, *, size: tuple[int, int] = (40, 20), turned: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", size, "red")
    exif = image.getexif()
    exif[0x0112] = turned
    image.save(path, exif=exif)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "set"
    for split in ("train", "val"):
        picture(root / "images" / split / "a.jpg")
        picture(root / "images" / split / "empty.jpg")
        picture(root / "images" / split / "background.jpg")
        (root / "labels" / split).mkdir(parents=True)
        (root / "labels" / split / "a.txt").write_bytes(LINES.encode())
        (root / "labels" / split / "empty.txt").write_bytes(b"")
    (root / "data.yaml").write_text(YAML.format(root=root))
    return root


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()
    }


@pytest.mark.parametrize("named", ["data.yaml", ""])
def test_lines_are_boxes_in_pixels(root: Path, named: str) -> None:
    found = load_detection_set(root / named)
    assert found.row_ids.tolist() == [f"{split}/{name}" for split in ("train", "val")
                                      for name in ("a", "background", "empty")]  # fmt: skip
    assert found.splits.tolist() == ["train"] * 3 + ["val"] * 3
    assert found.classes == ("cat", "a dog", "x")
    assert (found.sizes == [40, 20]).all()
    first = found.of_image(0)
    np.testing.assert_allclose(
        found.boxes[first],
        [[15, 5, 25, 15], [0, 0, 8, 4], [4, 2, 36, 10], [18, 9, 22, 11]],
        atol=1e-9,
    )
    assert found.codes[first].tolist() == [0, 1, 2, 1]
    assert found.box_ids[first].tolist() == ["train/a#1", "train/a#3", "train/a#4", "train/a#5"]
    assert [len(found.of_image(image)) for image in range(6)] == [4, 0, 0, 4, 0, 0]
    (corners,) = found.segment(int(first[2]))
    np.testing.assert_allclose(corners, [[4, 2], [36, 2], [36, 10]])
    assert found.segment(0) is None


def test_unchanged_is_the_same_bytes_and_trains_where_it_lies(root: Path, tmp_path: Path) -> None:
    found = load_detection_set(root)
    write_detection_set(found, tmp_path / "out")
    before, after = files_of(root), files_of(tmp_path / "out")
    settings = yaml.safe_load(after.pop("data.yaml"))
    assert settings == yaml.safe_load(before.pop("data.yaml")) | {"path": str(tmp_path / "out")}
    assert after == before
    assert load_detection_set(tmp_path / "out").row_ids.tolist() == found.row_ids.tolist()


def test_only_changed_lines_change(root: Path, tmp_path: Path) -> None:
    found = load_detection_set(root)
    boxes, codes = found.boxes.copy(), found.codes.copy()
    boxes[1], codes[3] = [10, 5, 30, 15], 0
    kept = found.changed(boxes=boxes, codes=codes).keep(
        images=np.array([True, False, True, True, True, True]), boxes=np.arange(8) != 0
    )
    more = kept.added(image_of=[1, 3], boxes=[[0, 0, 20, 10]] * 2, codes=[2, 2])
    write_detection_set(more, tmp_path / "out")
    after = files_of(tmp_path / "out")
    assert after["labels/train/a.txt"].decode() == (
        "\n1 0.5 0.5 0.5 0.5\r\n2 0.1 0.1 0.9 0.1 0.9 0.5\n 0 0.5 0.5 0.1 0.1 0.875"
    )
    assert after["labels/val/a.txt"].decode() == LINES
    assert after["labels/train/empty.txt"].decode() == "2 0.25 0.25 0.5 0.5\n"
    assert after["labels/val/background.txt"].decode() == "2 0.25 0.25 0.5 0.5\n"
    assert "images/train/background.jpg" not in after


def test_polygons_are_not_moved_by_four_numbers(root: Path, tmp_path: Path) -> None:
    found = load_detection_set(root)
    with pytest.raises(InputError, match="is a polygon: move its corners"):
        write_detection_set(found.changed(boxes=found.boxes + 1), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("0 0.5 0.5 0.2", "3 numbers after the class"),
        ("0 0.5 0.5 0.2 0.2 0.1 0.1 0.4", "7 numbers after the class"),
        ("0 0.5 0.5 0.2 x", "could not convert"),
        ("cat 0.5 0.5 0.2 0.2", "could not convert"),
        ("-1 0.5 0.5 0.2 0.2", "no class number"),
        ("1.5 0.5 0.5 0.2 0.2", "no class number"),
        ("nan 0.5 0.5 0.2 0.2", "no class number"),
    ],
)
def test_lines_that_are_none_are_told_and_stay(
    root: Path, tmp_path: Path, line: str, said: str
) -> None:
    text = f"0 0.5 0.5 0.2 0.2\n{line}\n0 0.5 0.5 0.1 0.1\n"
    (root / "labels" / "val" / "a.txt").write_text(text)
    found = load_detection_set(root)
    (fault,) = found.faults
    assert fault.place == "labels/val/a.txt line 2"
    assert said in fault.said
    assert len(found.of_image(3)) == 2
    write_detection_set(found, tmp_path / "out")
    assert (tmp_path / "out" / "labels" / "val" / "a.txt").read_text() == text


def test_classes_beyond_the_list_and_nan(root: Path, tmp_path: Path) -> None:
    (root / "labels" / "val" / "a.txt").write_text("3 0.5 0.5 0.2 0.2\n0 nan 0.5 0.2 0.2\n")
    found = load_detection_set(root)
    assert found.codes[4:].tolist() == [-1, 0]
    assert np.isnan(found.boxes[5, 0])
    write_detection_set(found, tmp_path / "out")
    assert files_of(tmp_path / "out")["labels/val/a.txt"] == files_of(root)["labels/val/a.txt"]


def test_label_files_without_an_image(root: Path, tmp_path: Path) -> None:
    (root / "labels" / "val" / "lost.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    found = load_detection_set(root)
    at = found.row_ids.tolist().index("val/lost")
    assert found.files[at] == ""
    assert found.sizes[at].tolist() == [0, 0]
    assert found.boxes[found.of_image(at)].tolist() == [[0.25, 0.25, 0.75, 0.75]]
    write_detection_set(found, tmp_path / "out")
    assert (tmp_path / "out/labels/val/lost.txt").read_text() == "0 0.5 0.5 0.5 0.5\n"
    moved = found.boxes.copy()
    moved[-1] = [0, 0, 1, 0.5]
    write_detection_set(found.changed(boxes=moved), tmp_path / "moved")
    assert (tmp_path / "moved/labels/val/lost.txt").read_text() == "0 0.5 0.25 1 0.5\n"


def test_turned_images_have_the_size_that_is_shown(root: Path) -> None:
    picture(root / "images" / "train" / "a.jpg", turned=6)
    assert load_detection_set(root).sizes[0].tolist() == [20, 40]


def test_a_loop_of_links_and_files_of_other_kinds(root: Path) -> None:
    (root / "images" / "train" / "loop").symlink_to(root / "images", target_is_directory=True)
    (root / "images" / "train" / ".DS_Store").write_bytes(b"x")
    (root / "labels" / "train" / "classes.txt").write_text("cat\n")
    found = load_detection_set(root)
    assert "train/a" in found.row_ids.tolist()
    assert len(set(found.row_ids.tolist())) == len(found)


def test_names_that_are_not_utf8(root: Path, tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.jpg")
    picture(root / "images" / "train" / "b.jpg")
    (root / "images" / "train" / "b.jpg").rename(root / "images" / "train" / name)
    found = load_detection_set(root)
    assert "train/caf\\udce9" in found.row_ids.tolist()
    write_detection_set(found, tmp_path / "out")
    assert (tmp_path / "out" / "images" / "train" / name).exists()


def test_an_export_that_names_its_parent(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        picture(tmp_path / split / "images" / "a.jpg")
        (tmp_path / split / "labels").mkdir()
        (tmp_path / split / "labels" / "a.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    (tmp_path / "data.yaml").write_text("train: ../train/images\nval: ../valid/images\nnc: 1\n")
    found = load_detection_set(tmp_path)
    assert found.row_ids.tolist() == ["train/a", "valid/a"]
    assert found.splits.tolist() == ["train", "val"]
    assert len(found.boxes) == 2


def test_lists_of_images(tmp_path: Path) -> None:
    for name in "abc":
        picture(tmp_path / "images" / f"{name}.jpg")
    (tmp_path / "train.txt").write_text("./images/a.jpg\n.\\images\\b.jpg\n")
    (tmp_path / "val.txt").write_text("images/c.jpg\nimages/gone.jpg\n")
    (tmp_path / "data.yaml").write_text("train: train.txt\nval: val.txt\nnames: [cat]\n")
    found = load_detection_set(tmp_path / "data.yaml")
    assert found.splits.tolist() == ["train", "train", "val", "val"]
    assert found.sizes[3].tolist() == [0, 0]
    kept = found.keep(images=np.array([True, False, True, False]), boxes=np.zeros(0, bool))
    write_detection_set(kept, tmp_path / "out")
    assert (tmp_path / "out" / "train.txt").read_text() == "./images/a.jpg\n"
    assert (tmp_path / "out" / "val.txt").read_text() == "images/c.jpg\n"


def test_a_byte_order_mark_belongs_to_no_line(tmp_path: Path) -> None:
    mark, line = "\ufeff", "0 0.5 0.5 0.5 0.5\r\n"
    for name in "ab":
        picture(tmp_path / "images" / f"{name}.jpg")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_bytes(f"{mark}{line}{line}".encode())
    (tmp_path / "train.txt").write_text(f"{mark}images/a.jpg\nimages/b.jpg\n", encoding="utf-8")
    (tmp_path / "data.yaml").write_text(f"{mark}train: train.txt\nnames: [cat]\n", encoding="utf-8")
    found = load_detection_set(tmp_path / "data.yaml")
    assert found.files.tolist() == [str(tmp_path / "images" / f"{name}.jpg") for name in "ab"]
    assert not found.faults
    assert found.boxes.tolist() == [[10, 5, 30, 15]] * 2
    kept = found.keep(images=np.ones(2, bool), boxes=np.array([False, True]))
    write_detection_set(kept, tmp_path / "out")
    assert (tmp_path / "out/labels/a.txt").read_bytes() == f"{mark}{line}".encode()
    assert (tmp_path / "out/train.txt").read_bytes() == (tmp_path / "train.txt").read_bytes()


def test_a_folder_of_both(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text("1 0.5 0.5 0.5 0.5\n")
    (tmp_path / "classes.txt").write_text("cat\ndog\n\n")
    found = load_detection_set(tmp_path)
    assert found.classes == ("cat", "dog")
    assert found.row_ids.tolist() == ["a"]
    (tmp_path / "classes.txt").unlink()
    assert load_detection_set(tmp_path).classes == ("0", "1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("train: [", "cannot be read as YAML"),
        ("just a text", "must hold `names`"),
        ("train: nowhere\nnames: [a]", "names 'nowhere' for train"),
        ("train: .\nnames: {cat: 0}", "must be class numbers"),
        ("names: [a]", "no images and no label files"),
    ],
)
def test_a_data_yaml_that_cannot_be_used(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(InputError, match=said):
        load_detection_set(tmp_path)


def test_ten_thousand_boxes_in_an_image(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text("0 0.5 0.5 0.1 0.1\n" * 10_000)
    found = load_detection_set(tmp_path)
    assert len(found.of_image(0)) == 10_000
    write_detection_set(
        found.keep(images=np.array([True]), boxes=np.arange(10_000) % 2 == 0), tmp_path / "out"
    )
    assert (tmp_path / "out" / "a.txt").read_text() == "0 0.5 0.5 0.1 0.1\n" * 5_000


def test_a_link_to_a_folder_above_is_a_loop(root: Path) -> None:
    (root / "images" / "train" / "up").symlink_to("..")
    (root / "images" / "train" / "far").symlink_to(root.parent, target_is_directory=True)
    found = load_detection_set(root / "data.yaml")
    assert found.row_ids.tolist() == [f"{split}/{name}" for split in ("train", "val")
                                      for name in ("a", "background", "empty")]  # fmt: skip
