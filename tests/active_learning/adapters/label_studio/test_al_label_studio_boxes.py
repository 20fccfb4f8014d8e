from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from active_learning import export_boxes, import_boxes
from thresher.core import DetectionSet, load_detection_set, write_detection_set
from thresher.core.errors import InputError

LINES = "0 0.5 0.5  0.200 0.4\n1 0.2 0.2 0.2 0.2\n0 0.9 0.9 0.4 0.1\n0 0.3 0.3 0 0\n"


@pytest.fixture
def found(tmp_path: Path) -> DetectionSet:
    for split in ("train", "val"):
        (tmp_path / "set" / split).mkdir(parents=True)
        Image.new("RGB", (200, 100)).save(tmp_path / "set" / split / "a b.png")
        (tmp_path / "set" / split / "a b.txt").write_text(LINES)
    (tmp_path / "set" / "classes.txt").write_text("cat\ndog\n")
    return load_detection_set(tmp_path / "set")


def answered(found: DetectionSet, tmp_path: Path, change: Any) -> DetectionSet:
    """Export, let people change the result of the first task, and import."""
    export_boxes(found, tmp_path / "tasks.json")
    tasks = json.loads((tmp_path / "tasks.json").read_text())
    result = tasks[0]["predictions"][0]["result"]
    tasks[0]["annotations"] = [{"result": change(result), "updated_at": "2026-01-02T00:00:00Z"},
                               {"result": [], "updated_at": "2026-01-01T00:00:00Z"},
                               {"result": [], "was_cancelled": True}]  # fmt: skip
    (tmp_path / "export.json").write_text(json.dumps(tasks))
    return import_boxes(found, tmp_path / "export.json")


def test_tasks_show_the_boxes(found: DetectionSet, tmp_path: Path) -> None:
    folder = export_boxes(found, tmp_path / "tasks.json", notes={"val/a b": "look at #2"})
    assert folder == tmp_path / "set"
    first, second = json.loads((tmp_path / "tasks.json").read_text())
    assert first["data"] == {"row_id": "train/a b", "image": "/data/local-files/?d=train/a%20b.png",
                             "width": 200, "height": 100, "note": ""}  # fmt: skip
    assert second["data"]["note"] == "look at #2"
    values = [one["value"] for one in first["predictions"][0]["result"]]
    assert [value["rectanglelabels"] for value in values] == [["dog"], ["cat"], ["cat"]]
    places = [[value[side] for side in ("x", "y", "width", "height")] for value in values]
    # The third reaches beyond the image and is cut; the fourth has no area and is not shown.
    np.testing.assert_allclose(places, [[10, 10, 20, 20], [40, 30, 20, 40], [70, 85, 30, 10]])
    page = ElementTree.parse(tmp_path / "tasks.xml").getroot()
    assert [one.get("value") for one in page.iter("Label")] == ["cat", "dog"]
    assert [one.get("value") for one in page.iter("Text")] == ["$note"]


def test_what_nobody_changed_keeps_its_bytes(found: DetectionSet, tmp_path: Path) -> None:
    same = answered(found, tmp_path, lambda result: result)
    write_detection_set(same, tmp_path / "out")
    for split in ("train", "val"):
        assert (tmp_path / "out" / split / "a b.txt").read_text() == LINES


def test_corrections_change_what_they_are_about(found: DetectionSet, tmp_path: Path) -> None:
    def change(result: list[dict[str, Any]]) -> list[dict[str, Any]]:
        dog, cat, _ = result
        dog["value"]["rectanglelabels"] = ["cat"]
        cat["value"] |= {"x": 42.0}
        drawn = json.loads(json.dumps(cat)) | {"id": "new"}
        drawn["value"] |= {
            "x": 0.0,
            "y": 50.0,
            "width": 10.0,
            "height": 50.0,
            "rectanglelabels": ["dog"],
        }
        return [dog, cat, drawn]  # the third was deleted

    write_detection_set(answered(found, tmp_path, change), tmp_path / "out")
    assert (tmp_path / "out" / "train" / "a b.txt").read_text() == (
        "0 0.52 0.5  0.2 0.4\n0 0.2 0.2 0.2 0.2\n0 0.3 0.3 0 0\n1 0.05 0.75 0.1 0.5\n"
    )
    assert (tmp_path / "out" / "val" / "a b.txt").read_text() == LINES


def test_some_images(found: DetectionSet, tmp_path: Path) -> None:
    export_boxes(found, tmp_path / "tasks.json", images=["val/a b"])
    (one,) = json.loads((tmp_path / "tasks.json").read_text())
    assert one["data"]["row_id"] == "val/a b"
    with pytest.raises(InputError, match="1 of 2 images are in the set"):
        export_boxes(found, tmp_path / "tasks.json", images=["val/a b", "val/c"])
    with pytest.raises(InputError, match="0 of 0 images"):
        export_boxes(found, tmp_path / "tasks.json", images=[])


def test_what_cannot_be_written_or_read(found: DetectionSet, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must end in \.json"):
        export_boxes(found, tmp_path / "tasks.csv")
    Path(found.files[0]).unlink()
    with pytest.raises(InputError, match="file or size of the image 'train/a b' is not known"):
        export_boxes(found, tmp_path / "tasks.json")
    with pytest.raises(InputError, match="cannot be read"):
        import_boxes(found, tmp_path / "nothing.json")
    task = {"data": {"row_id": "c"}}
    for content, said in (
        ("[", "no JSON export"), ("[1]", "no JSON export"), ('{"a": 1}', "no JSON export"),
        (json.dumps([task]), "of the image 'c', which the set has not"),
    ):  # fmt: skip
        (tmp_path / "export.json").write_text(content)
        with pytest.raises(InputError, match=said):
            import_boxes(found, tmp_path / "export.json")
