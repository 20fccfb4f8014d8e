"""Fusion against ensemble-boxes, which wrote ``ensemble_boxes.json``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from curation import fuse_boxes
from thresher.core import DetectionSet, load_detection_set, write_detection_set
from thresher.core.errors import InputError

CASES = json.loads(Path(__file__).with_name("ensemble_boxes.json").read_text())
SIDE = 1000


def coco(
    folder: Path, boxes: list[list[float]], labels: list[int], *, name: str = "a", images: int = 1
) -> DetectionSet:
    pairs = zip(boxes, labels, strict=True)
    content = {
        "images": [{"id": at, "file_name": f"{at}.png", "width": SIDE, "height": SIDE}
                   for at in range(images)],
        "annotations": [{"id": at, "image_id": 0, "category_id": label, "bbox": [
                         SIDE * x1, SIDE * y1, SIDE * (x2 - x1), SIDE * (y2 - y1)]}
                        for at, ((x1, y1, x2, y2), label) in enumerate(pairs)],
        "categories": [{"id": code, "name": one} for code, one in enumerate(("cat", "dog"))],
    }  # fmt: skip
    (folder / f"{name}.json").write_text(json.dumps(content))
    return load_detection_set(folder / f"{name}.json")


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_fused_boxes_equal_those_of_ensemble_boxes(case: dict, tmp_path: Path) -> None:
    pairs = zip(case["boxes"], case["labels"], strict=True)
    sets = [coco(tmp_path, *pair, name=str(at)) for at, pair in enumerate(pairs)]
    found = fuse_boxes(sets, weights=case["weights"])
    theirs = np.array(case["fused"]) * SIDE
    order = np.lexsort((found.boxes[:, 0], found.codes))
    expected = np.lexsort((theirs[:, 0], case["fused_labels"]))
    np.testing.assert_allclose(found.boxes[order], theirs[expected], atol=0.01)
    assert found.codes[order].tolist() == np.array(case["fused_labels"])[expected].tolist()


def three(tmp_path: Path) -> list[DetectionSet]:
    box, other = [0.1, 0.1, 0.3, 0.3], [0.6, 0.6, 0.8, 0.8]
    moved = [0.12, 0.1, 0.32, 0.3]
    return [coco(tmp_path, [box, other], [0, 1], name="a"), coco(tmp_path, [moved], [0], name="b"),
            coco(tmp_path, [box, box], [0, 0], name="c")]  # fmt: skip


def test_agreement_spread_and_quality(tmp_path: Path) -> None:
    found = fuse_boxes(three(tmp_path))
    assert found.boxes.round(3).tolist()[0] == pytest.approx([106.667, 100, 306.667, 300], abs=0.01)
    assert found.agreement.tolist() == pytest.approx([1, 1 / 3, 1 / 3])
    assert found.kept.tolist() == [True, False, False]
    overlaps = [193.333 / 206.667, 186.667 / 213.333, 193.333 / 206.667]
    assert found.spread[0] == pytest.approx(np.mean(overlaps), abs=1e-4)
    # One kept object: a marked it and one more, b it alone, c it and one more.
    assert found.quality.tolist() == pytest.approx([2 / 3, 1, 2 / 3])
    assert found.codes.tolist() == [0, 1, 0]
    heavy = fuse_boxes(three(tmp_path), weights=[3, 1, 1])
    assert heavy.agreement.tolist() == pytest.approx([1, 3 / 5, 1 / 5])
    assert heavy.kept.tolist() == [True, True, False]
    assert len(fuse_boxes(three(tmp_path), least=0).to_set(three(tmp_path)[0]).boxes) == 3


def test_who_did_not_see_an_image_has_no_say(tmp_path: Path) -> None:
    first, second, third = three(tmp_path)
    none = third.keep(images=np.zeros(1, bool), boxes=np.ones(2, bool))
    found = fuse_boxes([first, second, none])
    assert found.agreement.tolist() == pytest.approx([1, 1 / 2])


def test_the_fused_set_is_written_in_the_first_ones_format(tmp_path: Path) -> None:
    sets = three(tmp_path)
    (file,) = write_detection_set(fuse_boxes(sets).to_set(sets[0]), tmp_path / "out")
    (entry,) = json.loads(file.read_text())["annotations"]
    assert entry["bbox"] == pytest.approx([106.667, 100, 200, 200], abs=0.01)
    assert (
        json.loads(file.read_text())["images"]
        == json.loads((tmp_path / "a.json").read_text())["images"]
    )


def test_sets_that_do_not_fit(tmp_path: Path) -> None:
    first, second, _ = three(tmp_path)
    with pytest.raises(InputError, match="two annotators or more, got 1"):
        fuse_boxes([first])
    with pytest.raises(InputError, match="2 numbers above 0"):
        fuse_boxes([first, second], weights=[1, 0])
    with pytest.raises(InputError, match="has the image '1', which the first has not"):
        fuse_boxes([first, coco(tmp_path, [], [], name="d", images=2)])
    content = json.loads((tmp_path / "a.json").read_text())
    content["categories"], content["annotations"] = content["categories"][:1], []
    (tmp_path / "e.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="has the class 'dog', which the first has not"):
        fuse_boxes([load_detection_set(tmp_path / "e.json"), first])
