"""From each format to each other one, and what cannot be read or written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from thresher.core import DetectionSet, load_detection_set, write_detection_set
from thresher.core.errors import InputError, ThresherWarning

SHAPE = [[8, 4, 24, 4, 24, 20]]
CONTENT = {
    "images": [
        {"id": 1, "file_name": "deep/a.jpg", "width": 64, "height": 32},
        {"id": 2, "file_name": "b.jpg", "width": 50, "height": 40},
    ],
    "annotations": [
        {"id": 1, "image_id": 2, "category_id": 4, "bbox": [5, 10, 20, 10], "segmentation": SHAPE},
        {"id": 2, "image_id": 1, "category_id": 1, "bbox": [8, 4, 16, 16], "segmentation": SHAPE},
    ],
    "categories": [{"id": 1, "name": "cat"}, {"id": 4, "name": 'a "big" <dog>'}],
}  # fmt: skip


@pytest.fixture
def found(tmp_path: Path) -> DetectionSet:
    (tmp_path / "set.json").write_text(json.dumps(CONTENT))
    return load_detection_set(tmp_path / "set.json")


def sorted_boxes(found: DetectionSet) -> list[list[float]]:
    names = found.class_names(found.codes)
    rows = zip(found.sizes[found.image_of, 0], found.boxes.round(6).tolist(), names, strict=True)
    return sorted([int(width), *box, name] for width, box, name in rows)


@pytest.mark.parametrize("wanted", ["voc", "coco"])
def test_boxes_cross_formats(found: DetectionSet, tmp_path: Path, wanted: str) -> None:
    write_detection_set(found, tmp_path / "voc", format="voc")
    first = load_detection_set(tmp_path / "voc")
    assert sorted_boxes(first) == sorted_boxes(found)
    write_detection_set(first, tmp_path / "again", format=wanted)
    assert sorted_boxes(load_detection_set(tmp_path / "again")) == sorted_boxes(found)


def test_boxes_and_polygons_go_to_yolo_and_back(found: DetectionSet, tmp_path: Path) -> None:
    boxes = found.keep(images=np.ones(2, bool), boxes=np.array([True, False]))
    boxes = boxes.added(image_of=[0], boxes=[[16, 8, 32, 24]], codes=[0])
    write_detection_set(boxes, tmp_path / "boxes", format="yolo")
    lines = [(tmp_path / f"boxes/labels/train/{name}.txt").read_text() for name in "12"]
    assert lines == ["0 0.375 0.5 0.25 0.5\n", "1 0.3 0.375 0.4 0.25\n"]
    write_detection_set(found, tmp_path / "yolo", format="yolo")
    assert (
        tmp_path / "yolo/labels/train/1.txt"
    ).read_text() == "0 0.125 0.125 0.375 0.125 0.375 0.625\n"
    yaml = (tmp_path / "yolo" / "data.yaml").read_text()
    assert '1: "a \\"big\\" <dog>"' in yaml


def test_outlines_come_along_to_coco(tmp_path: Path) -> None:
    Image.new("RGB", (40, 20)).save(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text("0 0.1 0.1 0.5 0.1 0.5 0.9\n")
    found = load_detection_set(tmp_path)
    write_detection_set(found, tmp_path / "out", format="coco")
    (entry,) = json.loads((tmp_path / "out" / "instances.json").read_text())["annotations"]
    assert entry["segmentation"] == [[4, 2, 20, 2, 20, 18]]
    assert entry["bbox"] == [4, 2, 16, 16]


@pytest.mark.parametrize("wanted", ["voc", "yolo", "coco"])
def test_images_come_along_into_another_format(
    found: DetectionSet, tmp_path: Path, wanted: str
) -> None:
    (tmp_path / "deep").mkdir()
    Image.new("RGB", (64, 32)).save(tmp_path / "deep" / "a.jpg")
    first = "voc" if wanted == "coco" else "coco"
    dataset = load_detection_set(tmp_path / "set.json")
    if first == "voc":
        write_detection_set(dataset, tmp_path / "voc", format="voc")
        dataset = load_detection_set(tmp_path / "voc")
    write_detection_set(dataset, tmp_path / "out", format=wanted)
    again = load_detection_set(tmp_path / "out")
    there = [name for name in again.files.tolist() if Path(name).is_file()]
    assert len(there) == 1
    assert Path(there[0]).is_relative_to(tmp_path / "out")
    assert Path(there[0]).read_bytes() == (tmp_path / "deep" / "a.jpg").read_bytes()
    assert len(again) == 2
    assert len(again.boxes) == 2


def test_what_cannot_be_written(found: DetectionSet, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("")
    with pytest.raises(InputError, match="it holds something already"):
        write_detection_set(found, tmp_path / "full")
    with pytest.raises(InputError, match="Did you mean 'yolo'"):
        write_detection_set(found, tmp_path / "out", format="yoloo")
    with pytest.raises(InputError, match=r"must lie in \[0, 1\]"):
        found.changed(codes=[0, 2])
    with pytest.raises(InputError, match="There are 2 boxes"):
        found.changed(boxes=[[1, 2, 3, 4]])


@pytest.mark.parametrize("wanted", ["voc", "yolo"])
def test_what_another_format_cannot_hold_is_left_out(tmp_path: Path, wanted: str) -> None:
    content = json.loads(json.dumps(CONTENT))
    content["images"][1]["width"] = 0
    more = [{"id": 3, "image_id": 1, "category_id": 9, "bbox": [1, 1, 2, 2], "segmentation": SHAPE},
            {"id": 4, "image_id": 1, "category_id": 1, "segmentation": SHAPE},
            {"id": 5, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4],
             "segmentation": {"counts": [5], "size": [2, 2]}}]  # fmt: skip
    content["annotations"] += more
    (tmp_path / "set.json").write_text(json.dumps(content))
    found = load_detection_set(tmp_path / "set.json")
    with pytest.warns(ThresherWarning) as told:
        write_detection_set(found, tmp_path / "out", format=wanted)
    said = " ".join(str(one.message) for one in told)
    assert "Left out: 1 image has no known size, such as '2'" in said
    assert "Left out: 2 boxes have no class or no numbers, such as '1#3'" in said
    assert ("1 outline is damaged" in said) == (wanted == "yolo")
    assert len(load_detection_set(tmp_path / "out").boxes) == 2
    none = found.keep(images=np.array([False, True]), boxes=np.ones(5, bool))
    with pytest.raises(InputError, match="size of no image is known, such as '2'"):
        write_detection_set(none, tmp_path / "none", format=wanted)


def test_what_coco_cannot_hold_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("0 0.1 0.1 0.5 0.1\n0 nan 0.5 0.2 0.2\n")
    with pytest.warns(ThresherWarning, match="1 box has no class or no numbers"):
        write_detection_set(load_detection_set(tmp_path), tmp_path / "out", format="coco")
    assert len(load_detection_set(tmp_path / "out").boxes) == 1


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no"):
        load_detection_set(tmp_path / "nothing")
    with pytest.raises(InputError, match="has no annotations"):
        load_detection_set(tmp_path)
    (tmp_path / "a.csv").write_text("x")
    with pytest.raises(InputError, match="no set of boxes"):
        load_detection_set(tmp_path / "a.csv")
    (tmp_path / "set.json").write_text(json.dumps(CONTENT))
    with pytest.raises(InputError, match="must be a folder"):
        load_detection_set(tmp_path / "set.json", images=tmp_path / "nowhere")
    with pytest.raises(InputError, match="read by its folder"):
        load_detection_set(tmp_path / "set.json", format="voc")
    with pytest.raises(InputError, match="Did you mean 'coco'"):
        load_detection_set(tmp_path / "set.json", format="cocoo")
