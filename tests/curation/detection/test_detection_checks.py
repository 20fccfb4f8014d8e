from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from curation import apply_box_decisions, decide_boxes, find_detection_issues
from curation.detection.overlaps import overlapping_pairs
from thresher.core import DetectionSet, load_detection_set, write_detection_set
from thresher.core.errors import InputError

SIDE = 100


def coco(
    folder: Path, boxes: list[tuple[int, list[float], int]], *, images: int = 1, **image: Any
) -> DetectionSet:
    """Boxes (image, x1 y1 x2 y2, class) in images of 100 × 100 pixels."""
    content = {
        "images": [{"id": at, "file_name": f"{at}.png", "width": SIDE, "height": SIDE} | image
                   for at in range(images)],
        "annotations": [{"id": at, "image_id": one, "category_id": code,
                         "bbox": [x1, y1, x2 - x1, y2 - y1]}
                        for at, (one, (x1, y1, x2, y2), code) in enumerate(boxes)],
        "categories": [{"id": code, "name": name} for code, name in enumerate(("cat", "dog"))],
    }  # fmt: skip
    (folder / "set.json").write_text(json.dumps(content))
    return load_detection_set(folder / "set.json")


def found(dataset: DetectionSet, **options: Any) -> dict[tuple[str, str], str]:
    result = find_detection_issues(dataset, **options)
    return {(one.row_id, one.check): one.detail or "" for one in result.issues}


def picture(path: Path, seed: int, *, side: int = SIDE, orientation: int = 1) -> np.ndarray:
    blots = np.random.default_rng(seed).normal(128, 50, (8, 8, 3)).astype(np.float32)
    pixels = cv2.resize(blots, (side, side)).clip(0, 255).astype(np.uint8)
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[0x0112] = orientation
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, exif=exif)
    return pixels


@pytest.mark.parametrize(
    ("box", "said", "action"),
    [
        ([10, 10, 10, 30], "empty: the box has no area", "drop"),
        ([10, 10, 5, 30], "empty: a side of the box is negative", "drop"),
        ([float("nan"), 10, 20, 30], "not finite", "drop"),
        ([10, 10, float("inf"), 30], "not finite", "drop"),
        ([120, 10, 140, 30], "empty: the box lies outside of the image", "drop"),
        ([-30, 10, 0, 30], "empty: the box lies outside of the image", "drop"),
        ([80, 10, 120, 30], "the box reaches beyond the image", "review"),
        ([0.25, 0.25, 0.5, 0.75], "the coordinates are shares", "review"),
        ([90, 10, 101, 30], "", "keep"),  # a pixel of rounding
        ([0, 0, 100, 100], "", "keep"),
    ],
)
def test_boxes_that_cannot_be(tmp_path: Path, box: list[float], said: str, action: str) -> None:
    dataset = coco(tmp_path, [(0, [20, 20, 60, 60], 0), (0, box, 0)])
    issues = find_detection_issues(dataset).issues
    told = {one.row_id: one for one in issues}
    assert "0#0" not in told
    assert ("0#1" in told) == bool(said)
    assert said in (told["0#1"].detail or "") if said else True
    assert decide_boxes(dataset, issues).actions.tolist() == ["keep", "keep", action]


def test_better_boxes_are_suggested(tmp_path: Path) -> None:
    dataset = coco(tmp_path, [(0, [80, 10, 120, 30], 0), (0, [0.25, 0.25, 0.5, 0.75], 0)])
    better = {one.row_id: one.suggested for one in find_detection_issues(dataset).issues}
    assert better == {"0#0": "80 10 100 30", "0#1": "25 25 50 75"}


def test_pixels_among_shares(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", 0)
    (tmp_path / "a.txt").write_text(
        "0 0.5 0.5 0.2 0.2\n0 50 60 20 10\n0 0.9 0.9 0.3 0.1\n5 .5 .5 .1 .1\n"
    )
    (tmp_path / "classes.txt").write_text("cat\n")
    told = found(load_detection_set(tmp_path))
    assert "are pixels" in told["a#2", "quality"]
    assert "reaches beyond" in told["a#3", "quality"]
    assert "not in the list of classes" in told["a#4", "quality"]
    assert len(told) == 3


def test_repeated_boxes(tmp_path: Path) -> None:
    boxes = [(0, [20, 20, 60, 60], 0), (0, [20, 20, 60, 60], 0), (0, [20, 20, 60, 61], 0)]
    boxes += [(0, [20, 20, 60, 60], 1), (0, [20, 20, 60, 50], 0), (1, [20, 20, 60, 60], 0)]
    dataset = coco(tmp_path, boxes, images=2)
    issues = find_detection_issues(dataset).issues
    told = {(one.row_id, one.check): (one.twin, one.score) for one in issues}
    assert told["0#1", "exact_duplicate"] == ("0#0", 0.0)
    assert told["0#2", "near_duplicate"][0] == "0#0"
    assert told["0#2", "near_duplicate"][1] == pytest.approx(1 - 40 / 41)
    assert told["0#3", "conflict"] == ("0#0", 0.0)
    assert len(told) == 3
    manifest = decide_boxes(dataset, issues)
    assert manifest.actions.tolist() == ["keep"] * 3 + ["drop", "review", "review", "keep", "keep"]
    left = apply_box_decisions(dataset, manifest)
    assert left.box_ids.tolist() == ["0#0", "0#2", "0#3", "0#4", "1#5"]


def test_crowds_are_not_compared(tmp_path: Path) -> None:
    dataset = coco(tmp_path, [(0, [20, 20, 60, 60], 0)] * 2)
    content = json.loads((tmp_path / "set.json").read_text())
    content["annotations"][1]["iscrowd"] = 1
    (tmp_path / "set.json").write_text(json.dumps(content))
    assert found(dataset) != {}
    assert found(load_detection_set(tmp_path / "set.json")) == {}


def test_pairs_are_those_of_a_loop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    boxes = []
    for _ in range(120):
        low = rng.integers(0, 8, 2)
        boxes.append(
            (int(rng.integers(5)), [*low.tolist(), *(low + rng.integers(1, 5, 2)).tolist()], 0)
        )
    dataset = coco(tmp_path, boxes, images=5)
    expected = {}
    for a in range(120):
        for b in range(a + 1, 120):
            if boxes[a][0] == boxes[b][0]:
                (ax, ay, aX, aY), (bx, by, bX, bY) = boxes[a][1], boxes[b][1]
                both = max(0, min(aX, bX) - max(ax, bx)) * max(0, min(aY, bY) - max(ay, by))
                share = both / ((aX - ax) * (aY - ay) + (bX - bx) * (bY - by) - both)
                if share >= 0.4:
                    expected[a, b] = share
    for held in (7, 2**20):
        monkeypatch.setattr("curation.detection.overlaps.PAIRS", held)
        pairs = overlapping_pairs(dataset, least=0.4)
        rows = zip(pairs.first.tolist(), pairs.second.tolist(), pairs.overlap.tolist(), strict=True)
        assert {(a, b): share for a, b, share in rows} == pytest.approx(expected)


def test_a_class_that_another_covers(tmp_path: Path) -> None:
    boxes = []
    for at in range(12):
        x = 8 * at
        boxes += [(at, [x, 10, x + 7, 30], 1), (at, [50, 50 + at, 60, 70 + at], 0)]
        boxes += [(at, [x, 10, x + 7, 30], 0)] if at < 9 else []
    result = find_detection_issues(coco(tmp_path, boxes, images=12))
    (covered,) = result.covered
    assert (covered.name, covered.by, covered.share, covered.boxes) == ("dog", "cat", 0.75, 12)
    assert "75 % of the 12 boxes of 'dog' lie on a box of 'cat'" in covered.said()


def test_unusual_sizes_shapes_and_numbers(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    boxes = []
    for at in range(60):
        for _ in range(int(rng.integers(1, 4))):
            low, side = rng.uniform(0, 60, 2), rng.uniform(15, 30, 2)
            boxes.append((at, [*low.tolist(), *(low + side).tolist()], 0))
    boxes += [(60, [10, 10, 10.4, 10.4], 0), (61, [0, 50, 99, 50.5], 0)]
    boxes += [(62, [x, y, x + 18, y + 18], 0) for x in range(0, 80, 8) for y in range(0, 80, 8)]
    told = found(coco(tmp_path, boxes, images=63))
    assert told.pop((f"60#{len(boxes) - 102}", "outlier")) == "unusually small for 'cat'"
    assert told.pop((f"61#{len(boxes) - 101}", "outlier")) == "unusually wide for 'cat'"
    assert told.pop(("62", "outlier")) == "100 boxes of 'cat' in one image"
    assert told == {}


def test_files_against_annotations(tmp_path: Path) -> None:
    boxes = [(at, [10.0, 10, 50, 50], 0) for at in range(6)]
    dataset = coco(tmp_path, boxes, images=6)
    content = json.loads((tmp_path / "set.json").read_text())
    content["images"][0] |= {"width": 120}
    content["images"][1] |= {"width": 120, "height": 80}
    (tmp_path / "set.json").write_text(json.dumps(content))
    for at in range(4):
        picture(tmp_path / f"{at}.png", at)
    Image.new("RGB", (120, 80), "red").save(tmp_path / "1.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (120, 80), "red").save(tmp_path / "1.png", exif=exif)
    picture(tmp_path / "2.png", 2, orientation=3)
    (tmp_path / "3.png").write_bytes(b"no image")
    picture(tmp_path / "4.png", 4)
    picture(tmp_path / "beside.png", 9)
    result = find_detection_issues(load_detection_set(tmp_path / "set.json"), looks=False)
    told = {one.row_id: one.detail for one in result.issues}
    assert told["0"] == "the image has 100 × 100 pixels, and 120 × 100 are stated"
    assert told["1"].startswith("turned: EXIF (6) shows the image as 80 × 120")
    assert "nothing tells whether its boxes follow" in told["2"]
    assert told["3"] == "unreadable: the image file is damaged"
    assert told["5"] == "missing: there is no file '5.png'"
    assert "4" not in told
    assert result.notes == ["1 image file is not in the annotations, such as 'beside.png'"]
    assert (
        find_detection_issues(
            dataset.keep(images=np.zeros(6, bool), boxes=np.ones(6, bool))
        ).issues.counts()
        == {}
    )


def test_without_image_files_it_says_so(tmp_path: Path) -> None:
    result = find_detection_issues(coco(tmp_path, [(0, [10, 10, 50, 50], 0)]))
    assert result.notes == ["no image file was found: what images show was not checked"]
    assert len(result.issues) == 0


@pytest.fixture
def splits(tmp_path: Path) -> Path:
    """YOLO: a is twice in train with other boxes, b leaks, c is there twice, d is alone."""
    boxes = "0 0.5 0.5 0.4 0.4\n0 0.2 0.2 0.1 0.1\n"
    root = tmp_path / "set"
    for split, name, seed, lines in (
        ("train", "a", 1, boxes), ("train", "a2", 1, boxes.replace("0 0.5", "1 0.5")),
        ("train", "b", 2, boxes), ("val", "b", 2, boxes),
        ("train", "c", 3, boxes), ("train", "c2", 3, boxes), ("val", "d", 4, boxes),
    ):  # fmt: skip
        picture(root / "images" / split / f"{name}.png", seed)
        (root / "labels" / split).mkdir(parents=True, exist_ok=True)
        (root / "labels" / split / f"{name}.txt").write_text(lines)
    (root / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [cat, dog]\n")
    return root


def test_twins_leaks_and_their_boxes(splits: Path, tmp_path: Path) -> None:
    dataset = load_detection_set(splits)
    issues = find_detection_issues(dataset).issues
    told = {(one.row_id, one.check): (one.twin, one.detail) for one in issues}
    assert told.pop(("train/a2", "conflict")) == (
        "train/a",
        "shows what 'train/a' shows, and 2 of their boxes differ",
    )
    assert told.pop(("train/b", "leakage")) == (
        "val/b",
        "shows what an image of 'val' shows, with the same boxes",
    )
    assert told.pop(("train/c2", "exact_duplicate"))[0] == "train/c"
    assert told == {}
    manifest = decide_boxes(dataset, issues)
    clean = apply_box_decisions(dataset, manifest)
    assert set(dataset.row_ids) - set(clean.row_ids) == {"train/b", "train/c2"}
    dropped = set(manifest.row_ids[manifest.actions == "drop"].tolist())
    assert {"train/b#1", "train/b#2"} < dropped
    write_detection_set(clean, tmp_path / "clean")
    assert not (tmp_path / "clean/labels/train/b.txt").exists()
    assert not (tmp_path / "clean/images/train/b.png").exists()
    assert (tmp_path / "clean/labels/val/b.txt").read_bytes() == (
        splits / "labels/val/b.txt"
    ).read_bytes()


def test_objects_that_are_there_twice(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    thing = picture(tmp_path / "thing.png", 5, side=40)
    for at in range(3):
        pixels = rng.integers(0, 255, (SIDE, SIDE, 3)).astype(np.uint8)
        if at < 2:
            pixels[20:60, 30:70] = thing
        Image.fromarray(pixels).save(tmp_path / f"{at}.png")
    boxes = [(at, [30, 20, 70, 60], min(at, 1)) for at in range(3)]
    told = found(coco(tmp_path, boxes, images=3), looks=False, objects=True)
    assert told == {("1#1", "conflict"): "looks like '0#0', a 'cat'"}


def test_ten_thousand_boxes_in_an_image(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 90, (10_000, 2))
    boxes = [(0, [*one, *(np.array(one) + 5)], 0) for one in low.tolist()]
    dataset = coco(tmp_path, [*boxes, boxes[17]])
    told = found(dataset)
    assert ("0#10000", "exact_duplicate") in told


def test_decisions_about_other_sets_are_refused(tmp_path: Path) -> None:
    dataset = coco(tmp_path, [(0, [10, 10, 50, 50], 0)])
    manifest = decide_boxes(dataset, find_detection_issues(dataset).issues)
    less = dataset.keep(images=np.ones(1, bool), boxes=np.zeros(1, bool))
    with pytest.raises(InputError, match="about other images and boxes"):
        apply_box_decisions(less, manifest)


def test_images_that_end_early_are_dropped_with_their_boxes(tmp_path: Path) -> None:
    dataset = coco(tmp_path, [(at, [10.0, 10, 50, 50], 0) for at in range(3)], images=3)
    for at in range(3):
        picture(tmp_path / f"{at}.png", at)
    whole = (tmp_path / "1.png").read_bytes()
    (tmp_path / "1.png").write_bytes(whole[: len(whole) // 2])
    dataset = load_detection_set(tmp_path / "set.json")
    issues = find_detection_issues(dataset).issues
    (issue,) = issues
    assert (issue.row_id, issue.check) == ("1", "quality")
    assert (issue.detail or "").startswith("unreadable: ")
    clean = apply_box_decisions(dataset, decide_boxes(dataset, issues))
    assert clean.box_ids.tolist() == ["0#0", "2#2"]
