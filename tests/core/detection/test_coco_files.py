from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thresher.core import load_detection_set, write_detection_set
from thresher.core.detection.coco_source import members_of
from thresher.core.detection.rle import Rle
from thresher.core.detection.structure import find_elements
from thresher.core.errors import InputError

# As people write it by hand: odd spaces, escapes, fields of their own, gaps in the ids.
TEXT = (
    '{\n "info": {"by": "a \\"friend\\" {[", "n": [1, [2]]},\n "images": [\n'
    '  {"id": 70, "file_name": "a\\\\b\\u00e9.jpg", "width": 64, "height": 48,'
    ' "own": {"x": [1]}},\n'
    '  { "width":32,"height" : 32,"file_name":"c.jpg", "id" : 9}\n ],\n'
    ' "annotations": [{"id": 5, "image_id": 9, "category_id": 11, "bbox": [1.50, 2, 3e0, 4.0],'
    ' "area": 12.0, "iscrowd": 0,   "segmentation" : [[1, 2, 4, 2, 4, 6]], "note": "]}"},\n'
    '{"id": 6, "image_id": 70, "category_id": 2, "bbox": [0,0,10,10], "iscrowd": 1,'
    '"segmentation":{"counts":[0, 100, 2972],"size":[48,64]},"attributes":{"deep":{"er":[[1]]}}} ,'
    '{"id": 3, "image_id": 70, "category_id": 2, "bbox": [5.25, 5, 8, 8], "area": 64}],\n'
    ' "categories": [{"id": 11, "name": "dog"}, {"id": 2, "name": "cat"}]\n}\n'
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "set.json"
    file.write_text(TEXT, encoding="utf-8")
    return file


def written(dataset: Any, folder: Path) -> str:
    (file,) = write_detection_set(dataset, folder)
    return file.read_text(encoding="utf-8")


def made(tmp_path: Path, **changes: Any) -> Path:
    content = json.loads(TEXT) | changes
    file = tmp_path / "made.json"
    file.write_text(json.dumps(content, indent=1))
    return file


def test_columns_are_those_of_json(path: Path) -> None:
    found = load_detection_set(path)
    assert found.row_ids.tolist() == ["70", "9"]
    assert found.files.tolist() == ["a\\bé.jpg", "c.jpg"]
    assert found.sizes.tolist() == [[64, 48], [32, 32]]
    assert found.classes == ("dog", "cat")
    assert found.box_ids.tolist() == ["9#5", "70#6", "70#3"]
    assert found.boxes.tolist() == [[1.5, 2, 4.5, 6], [0, 0, 10, 10], [5.25, 5, 13.25, 13]]
    assert found.codes.tolist() == [0, 1, 1]
    assert found.crowd.tolist() == [False, True, False]
    assert found.of_image(0).tolist() == [1, 2]
    assert found.faults == ()
    polygons, runs = found.segment(0), found.segment(1)
    assert isinstance(polygons, list)
    assert polygons[0].tolist() == [[1, 2], [4, 2], [4, 6]]
    assert isinstance(runs, Rle)
    assert runs.area == 100
    assert found.segment(2) is None
    assert "\n" not in repr(found)


def test_unchanged_is_the_same_bytes(path: Path, tmp_path: Path) -> None:
    assert written(load_detection_set(path), tmp_path / "out") == TEXT


@pytest.mark.parametrize("dropped", [[0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2]])
def test_dropped_boxes_go_and_the_rest_keeps_its_bytes(
    path: Path, tmp_path: Path, dropped: list[int]
) -> None:
    found = load_detection_set(path)
    stays = ~np.isin(np.arange(3), dropped)
    text = written(found.keep(images=np.ones(2, bool), boxes=stays), tmp_path / "out")
    content = json.loads(TEXT)
    content["annotations"] = [
        one for one, kept in zip(content["annotations"], stays, strict=True) if kept
    ]
    assert json.loads(text) == content
    for place, part in enumerate(("3e0, 4.0", ',"attributes":{"deep"', "[5.25, 5, 8, 8]")):
        assert (part in text) == bool(stays[place])


def test_a_dropped_image_takes_its_boxes(path: Path, tmp_path: Path) -> None:
    found = load_detection_set(path)
    kept = found.keep(images=np.array([False, True]), boxes=np.ones(3, bool))
    content = json.loads(written(kept, tmp_path / "out"))
    assert [one["id"] for one in content["images"]] == [9]
    assert [one["id"] for one in content["annotations"]] == [5]


def test_changes_touch_nothing_else(path: Path, tmp_path: Path) -> None:
    found = load_detection_set(path)
    boxes, codes = found.boxes.copy(), found.codes.copy()
    boxes[2] = [1, 2, 4, 7.5]
    codes[0] = 1
    text = written(found.changed(boxes=boxes, codes=codes), tmp_path / "out")
    assert text == TEXT.replace('"category_id": 11', '"category_id": 2').replace(
        '"bbox": [5.25, 5, 8, 8], "area": 64', '"bbox": [1, 2, 3, 5.5], "area": 16.5'
    )


def test_added_boxes_come_last_with_ids_of_their_own(path: Path, tmp_path: Path) -> None:
    found = load_detection_set(path)
    more = found.added(image_of=[1], boxes=[[2, 3, 6.5, 8]], codes=[0])
    assert more.box_ids.tolist()[-1] == "9#new1"
    text = written(more, tmp_path / "out")
    content = json.loads(text)
    assert content["annotations"][-1] == {"id": 7, "image_id": 9, "category_id": 11,
        "bbox": [2, 3, 4.5, 5], "area": 22.5, "iscrowd": 0}  # fmt: skip
    assert content["annotations"][:-1] == json.loads(TEXT)["annotations"]
    assert load_detection_set(tmp_path / "out" / "set.json").boxes[-1].tolist() == [2, 3, 6.5, 8]


def test_added_to_none(tmp_path: Path) -> None:
    found = load_detection_set(made(tmp_path, annotations=[]))
    text = written(found.added(image_of=[0], boxes=[[0, 0, 1, 1]], codes=[1]), tmp_path / "out")
    assert [one["image_id"] for one in json.loads(text)["annotations"]] == [70]


def test_several_files_are_splits(tmp_path: Path) -> None:
    folder = tmp_path / "annotations"
    folder.mkdir()
    (folder / "instances_train2017.json").write_text(TEXT, encoding="utf-8")
    (folder / "instances_val2017.json").write_text(TEXT, encoding="utf-8")
    (folder / "captions.json").write_text('{"images": [], "annotations": []}')
    found = load_detection_set(tmp_path)
    assert found.splits.tolist() == ["train2017"] * 2 + ["val2017"] * 2
    assert found.row_ids.tolist()[::3] == ["train2017/70", "val2017/9"]
    less = found.keep(images=np.ones(4, bool), boxes=np.arange(6) != 4)
    files = write_detection_set(less, tmp_path / "out")
    assert [file.name for file in files] == ["instances_train2017.json", "instances_val2017.json"]
    assert files[0].read_text(encoding="utf-8") == TEXT
    assert [one["id"] for one in json.loads(files[1].read_bytes())["annotations"]] == [5, 3]
    assert len(found.segment(3)[0]) == 3  # of the second file


def test_images_are_found_beside(tmp_path: Path) -> None:
    (tmp_path / "images" / "a").mkdir(parents=True)
    (tmp_path / "images" / "a" / "bé.jpg").write_bytes(b"x")
    (tmp_path / "set.json").write_text(TEXT, encoding="utf-8")
    found = load_detection_set(tmp_path / "set.json")
    assert found.files[0] == str(tmp_path / "images" / "a" / "bé.jpg")  # from a Windows path
    assert found.files[1] == "c.jpg"


@pytest.mark.parametrize("end", [300, 500, 700, len(TEXT) - 3])
def test_a_file_that_is_cut_off_names_the_line(tmp_path: Path, end: int) -> None:
    (tmp_path / "set.json").write_text(TEXT[:end], encoding="utf-8")
    with pytest.raises(InputError, match=r"is cut off.* line \d+") as error:
        load_detection_set(tmp_path / "set.json")
    assert f"line {TEXT[:end].rstrip().count(chr(10)) + 1}" in str(error.value)


def test_other_damage_names_the_line(tmp_path: Path) -> None:
    broken = TEXT.replace('"bbox": [0,0,10,10]', '"bbox": [0,0,,10]')
    (tmp_path / "set.json").write_text(broken, encoding="utf-8")
    line = broken[: broken.index("[0,0,,10]")].count("\n") + 1
    with pytest.raises(InputError, match=f"not valid JSON in line {line}"):
        load_detection_set(tmp_path / "set.json")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "does not hold a JSON object"),
        ("", "does not hold a JSON object"),
        ('{"images": []}', "lacks the list 'annotations'"),
        ('{"images": [], "annotations": []}}', "a bracket too many in line 1"),
        ('{"images": [1, 2], "annotations": [3]}', "holds something else than objects"),
    ],
)
def test_what_is_no_coco_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "set.json").write_text(text)
    with pytest.raises(InputError, match=said):
        load_detection_set(tmp_path / "set.json")


def test_ids_that_are_there_twice(tmp_path: Path) -> None:
    content = json.loads(TEXT)
    images = [*content["images"], content["images"][0] | {"file_name": "twice.jpg"}]
    boxes = [*content["annotations"], content["annotations"][0]]
    found = load_detection_set(made(tmp_path, images=images, annotations=boxes))
    assert found.row_ids.tolist() == ["70", "9", "70~2"]
    assert found.box_ids.tolist() == ["9#5", "70#6", "70#3", "9#5~2"]
    assert found.of_image(2).tolist() == []
    assert [fault.said for fault in found.faults] == [
        "image id 70 is there twice: boxes go to the first"
    ]


def test_strays_are_told_and_stay_in_the_file(tmp_path: Path) -> None:
    content = json.loads(TEXT)
    stray = {"id": 8, "image_id": 1234, "category_id": 2, "bbox": [0, 0, 1, 1]}
    boxes = [stray, *content["annotations"], {"id": 10, "image_id": [9], "bbox": [0, 0, 1, 1]}]
    found = load_detection_set(made(tmp_path, annotations=boxes))
    assert len(found.boxes) == 3
    assert [fault.said.split(" is ")[0] for fault in found.faults] == [
        "annotation 8",
        "annotation 10",
    ]
    kept = found.keep(images=np.ones(2, bool), boxes=np.array([True, False, True]))
    ids = [one["id"] for one in json.loads(written(kept, tmp_path / "out"))["annotations"]]
    assert ids == [8, 5, 3, 10]


def test_categories_with_gaps_twins_and_strangers(tmp_path: Path) -> None:
    categories = [{"id": 90, "name": "dog"}, {"id": 2, "name": "cat"}, {"id": 11, "name": "dog"}]
    found = load_detection_set(made(tmp_path, categories=categories))
    assert found.classes == ("dog", "cat")
    assert found.codes.tolist() == [0, 1, 1]
    assert "has two ids, 90 and 11" in found.faults[0].said
    assert json.loads(written(found, tmp_path / "out"))["annotations"][0]["category_id"] == 11
    lost = load_detection_set(made(tmp_path, categories=categories[:2]))
    assert lost.codes.tolist() == [-1, 1, 1]


@pytest.mark.parametrize("box", [None, [1, 2, 3], ["a", 1, 2, 3], [[1], 2, 3, 4], 5, {"x": 1}])
def test_boxes_that_are_none_are_told(tmp_path: Path, box: Any) -> None:
    boxes = json.loads(TEXT)["annotations"]
    boxes[1]["bbox"] = box
    found = load_detection_set(made(tmp_path, annotations=boxes))
    assert np.isnan(found.boxes[1]).all()
    assert np.isfinite(found.boxes[[0, 2]]).all()
    (fault,) = found.faults
    assert "no box of four numbers" in fault.said
    assert "made.json line" in fault.place


def test_ids_as_programs_write_them(tmp_path: Path) -> None:
    content = json.loads(TEXT)
    content["images"][1]["id"] = 9.0
    content["annotations"][1]["image_id"] = 70.0
    content["annotations"][2] |= {"category_id": 2.0, "id": 3.0}
    content["images"].append({"file_name": "d.jpg"})
    found = load_detection_set(made(tmp_path, **content))
    assert found.row_ids.tolist() == ["70", "9", "without id 2"]
    assert found.box_ids.tolist() == ["9#5", "70#6", "70#3"]
    assert found.codes.tolist() == [0, 1, 1]
    assert ["no box can name it" in fault.said for fault in found.faults] == [True]


def test_nan_and_infinity_are_read(tmp_path: Path) -> None:
    text = TEXT.replace("[0,0,10,10]", "[NaN,0,10,Infinity]")
    (tmp_path / "set.json").write_text(text, encoding="utf-8")
    found = load_detection_set(tmp_path / "set.json")
    assert np.isnan(found.boxes[1, 0])
    assert np.isinf(found.boxes[1, 3])
    assert written(found, tmp_path / "out") == text


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    data = TEXT.encode().replace(b"c.jpg", b"c\xe9.jpg")
    (tmp_path / "set.json").write_bytes(data)
    found = load_detection_set(tmp_path / "set.json")
    assert found.files[1].encode("utf-8", "surrogateescape") == b"c\xe9.jpg"
    (file,) = write_detection_set(found, tmp_path / "out")
    assert file.read_bytes() == data


def test_crowd_with_polygons_is_read_as_it_is(tmp_path: Path) -> None:
    boxes = json.loads(TEXT)["annotations"]
    boxes[0]["iscrowd"] = 1
    found = load_detection_set(made(tmp_path, annotations=boxes))
    assert found.crowd.tolist() == [True, True, False]
    assert isinstance(found.segment(0), list)


def test_places_of_members_are_those_of_json() -> None:
    text = json.dumps({"a": [1, {"b": 2}], 'é"': "x}", "c": None}, ensure_ascii=False).encode()
    found = members_of(text)
    assert [json.loads(text[start:end]) for start, end in found.values()] == [
        [1, {"b": 2}],
        "x}",
        None,
    ]


def test_elements_equal_those_of_json_for_any_escapes() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        marks = "".join(rng.choice(list('"\\{}[], :é\n'), size=8))
        rows = [{marks: marks, "n": [[1], {"x": marks}], "flat": [1, 2]} for _ in range(3)]
        text = json.dumps(
            {marks + "k": 1, "rows": rows, "none": []}, indent=int(rng.integers(3))
        ).encode()
        found = find_elements(text, name="test")
        pairs = zip(found["rows"].starts, found["rows"].ends, strict=True)
        assert [json.loads(text[start:end]) for start, end in pairs] == rows
        nested = zip(found["rows"].nested_starts, found["rows"].nested_ends, strict=True)
        assert [json.loads(text[start:end]) for start, end in nested] == [rows[0]["n"]] * 3
        assert len(found["none"]) == 0
