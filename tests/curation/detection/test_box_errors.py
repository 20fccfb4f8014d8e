from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from curation import find_box_errors
from curation.detection.evidence import chance_of, log_odds, logistic, posterior, trust
from thresher.core import DetectionSet, Predictions, load_detection_set, load_predictions
from thresher.core.errors import InputError

IMAGES = 200


@pytest.fixture
def made(tmp_path: Path) -> tuple[DetectionSet, Predictions, dict[str, np.ndarray]]:
    """Four objects an image, a good detector, and 20 labels with each of four errors."""
    rng = np.random.default_rng(0)
    low = np.array([[40, 40], [240, 40], [40, 240], [240, 240]])
    low = np.tile(low, (IMAGES, 1)) + rng.uniform(-20, 20, (4 * IMAGES, 2))
    truth = np.hstack([low, low + rng.uniform(40, 120, (4 * IMAGES, 2))])
    codes, image_of = rng.integers(0, 3, 4 * IMAGES), np.repeat(np.arange(IMAGES), 4)
    said = truth + rng.normal(0, 2, truth.shape)
    scores = rng.uniform(0.6, 1, 4 * IMAGES)
    shuffled = rng.permutation(4 * IMAGES)
    wrong = {
        "missing": shuffled[:20],
        "badly placed": shuffled[20:40],
        "wrong class": shuffled[40:60],
    }
    boxes, labels = truth.copy(), codes.copy()
    boxes[wrong["badly placed"]] += 25
    labels[wrong["wrong class"]] = (labels[wrong["wrong class"]] + 1) % 3
    stays = np.setdiff1d(np.arange(4 * IMAGES), wrong["missing"])
    extra = np.hstack([np.full((20, 2), 400.0), np.full((20, 2), 460.0)])
    where = np.concatenate([image_of[stays], np.arange(20)])
    boxes, labels = (
        np.vstack([boxes[stays], extra]),
        np.append(labels[stays], rng.integers(0, 3, 20)),
    )
    content = {
        "images": [{"id": at, "file_name": f"{at}.jpg", "width": 500, "height": 500}
                   for at in range(IMAGES)],
        "annotations": [{"id": at, "image_id": int(where[at]), "category_id": int(labels[at]),
                         "bbox": [*box[:2].tolist(), *(box[2:] - box[:2]).tolist()]}
                        for at, box in enumerate(boxes)],
        "categories": [{"id": code, "name": name} for code, name in enumerate("abc")],
    }  # fmt: skip
    (tmp_path / "set.json").write_text(json.dumps(content))
    place = {int(old): new for new, old in enumerate(stays)}
    rows = {
        kind: np.array([place[int(one)] for one in wrong[kind]])
        for kind in ("badly placed", "wrong class")
    }
    rows |= {"missing": wrong["missing"], "spurious": np.arange(len(stays), len(boxes))}
    return (
        load_detection_set(tmp_path / "set.json"),
        Predictions(image_of, said, codes, scores),
        rows,
    )


@pytest.mark.parametrize("kind", ["missing", "badly placed", "wrong class", "spurious"])
def test_planted_errors_come_first(made: tuple, kind: str) -> None:
    dataset, predictions, rows = made
    found = find_box_errors(dataset, predictions)
    mine = found.kinds == kind
    order = np.argsort(-found.chances[mine], kind="stable")
    assert len(np.intersect1d(found.boxes[mine][order[:20]], rows[kind])) >= 18
    # The chances are as many as the errors, more or less.
    assert 10 <= found.chances[mine].sum() <= 32


def test_what_is_suggested_is_the_truth(made: tuple) -> None:
    dataset, predictions, rows = made
    found = find_box_errors(dataset, predictions)
    for entry in np.flatnonzero((found.kinds == "missing") & (found.chances > 0.5)).tolist():
        name, *corners = found.suggested[entry].split()
        box = found.boxes[entry]
        assert name == "abc"[predictions.codes[box]]
        np.testing.assert_allclose(list(map(float, corners)), predictions.boxes[box], atol=0.01)
        assert found.row_ids[entry] == dataset.row_ids[predictions.image_of[box]]
    issues = found.to_issues()
    swapped = {one.row_id: one.suggested for one in issues if "another class" in (one.detail or "")}
    assert len(swapped) >= 18
    for row in rows["wrong class"].tolist():
        right = "abc"[(dataset.codes[row] - 1) % 3]
        assert swapped.get(str(dataset.box_ids[row]), right) == right


def test_images_gather_their_boxes(made: tuple) -> None:
    dataset, predictions, _ = made
    found = find_box_errors(dataset, predictions)
    of_images = found.of_images("spurious", images=len(dataset))
    for image in range(3):
        mine = (found.kinds == "spurious") & (found.image_of == image)
        assert of_images[image] == pytest.approx(1 - np.prod(1 - found.chances[mine]))


def test_a_set_without_errors_has_few(made: tuple) -> None:
    dataset, predictions, rows = made
    wrong = np.concatenate([rows["badly placed"], rows["wrong class"], rows["spurious"]])
    boxes = ~np.isin(np.arange(len(dataset.boxes)), wrong)
    images = np.ones(len(dataset), bool)
    lacking = np.unique(predictions.image_of[rows["missing"]])
    images[lacking] = False
    images[np.unique(dataset.image_of[wrong])] = False
    kept = dataset.keep(images=images, boxes=boxes)
    place = np.cumsum(images) - 1
    mine = images[predictions.image_of]
    said = Predictions(place[predictions.image_of[mine]], predictions.boxes[mine],
                       predictions.codes[mine], predictions.scores[mine])  # fmt: skip
    assert len(find_box_errors(kept, said).to_issues()) <= 2


def test_nothing_labeled_nothing_predicted(made: tuple) -> None:
    dataset, predictions, _ = made
    bare = dataset.keep(
        images=np.ones(len(dataset), bool), boxes=np.zeros(len(dataset.boxes), bool)
    )
    assert set(find_box_errors(bare, predictions).kinds.tolist()) == {"missing"}
    empty = Predictions(np.zeros(0, int), np.zeros((0, 4)), np.zeros(0, int), np.zeros(0))
    found = find_box_errors(dataset, empty)
    assert (found.chances[found.kinds != "spurious"] == 0).all()
    assert len(find_box_errors(bare, empty)) == 0


def test_logistic_regression_equals_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 2))
    y = rng.random(2000) < 1 / (1 + np.exp(-(0.5 + X @ [1.0, -2.0])))
    design = np.column_stack([np.ones(2000), X])  # so that the intercept is held as ours is
    theirs = LogisticRegression(C=1.0, fit_intercept=False, tol=1e-10).fit(design, y)
    np.testing.assert_allclose(logistic(X, y), theirs.coef_[0], atol=1e-4)
    np.testing.assert_allclose(
        chance_of(logistic(X, y), X), theirs.predict_proba(design)[:, 1], atol=1e-4
    )


def test_trust_takes_the_labels_share_off() -> None:
    rng = np.random.default_rng(0)
    scores = rng.uniform(0.02, 0.999, 50_000)
    right = rng.random(50_000) < scores  # a calibrated detector
    agreed = right & (rng.random(50_000) < 0.92)  # 8 % of the labels lack
    trusted, share = trust(scores, agreed)
    assert 0.08 < share < 0.15
    assert np.abs(trusted - scores).mean() < 0.06
    assert posterior(np.array([0.5]), 0.1)[0] == pytest.approx(0.1)
    assert log_odds(np.array([0.0, 0.5, 1.0])).tolist() == pytest.approx([-9.21, 0, 9.21], abs=0.01)


RESULTS = [{"image_id": 3, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.25}]


def test_predictions_of_coco(made: tuple, tmp_path: Path) -> None:
    dataset, *_ = made
    file = tmp_path / "results.json"
    file.write_text(json.dumps([*RESULTS, RESULTS[0] | {"image_id": "7.jpg", "category_id": "c"}]))
    found = load_predictions(dataset, file)
    assert found.image_of.tolist() == [3, 7]
    assert found.boxes.tolist() == [[1, 2, 4, 6]] * 2
    assert found.codes.tolist() == [1, 2]
    assert found.scores.tolist() == [0.25, 0.25]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[", "not valid JSON"),
        ("{}", "must be a list of predictions"),
        ('[{"image_id": 1}]', "Prediction 1 of .* must have"),
        (json.dumps([RESULTS[0] | {"bbox": [1, 2]}]), "Prediction 1 of .* must have"),
        (json.dumps([RESULTS[0] | {"image_id": 1000}]), "the image '1000', which the set has not"),
        (json.dumps([RESULTS[0] | {"category_id": 9}]), "the class '9', which the set has not"),
        (json.dumps([RESULTS[0] | {"score": 1.5}]), r"must lie in \[0, 1\]"),
        (json.dumps([RESULTS[0] | {"bbox": [1, 2, -3, 4]}]), "must be finite corners"),
    ],
)
def test_predictions_that_cannot_be_used(
    made: tuple, tmp_path: Path, content: str, said: str
) -> None:
    file = tmp_path / "results.json"
    file.write_text(content)
    with pytest.raises(InputError, match=said):
        load_predictions(made[0], file)


def test_predictions_of_yolo(tmp_path: Path) -> None:
    (tmp_path / "set" / "deep").mkdir(parents=True)
    (tmp_path / "said").mkdir()
    (tmp_path / "set" / "deep" / "a.txt").write_text("1 0.5 0.5 0.5 0.5\n")
    dataset = load_detection_set(tmp_path / "set")
    line = tmp_path / "said" / "a.txt"
    line.write_text("0 0.5 0.5 0.5 0.25 0.75\n")
    found = load_predictions(dataset, tmp_path / "said")
    assert found.boxes.tolist() == [[0.25, 0.375, 0.75, 0.625]]
    for text, said in (
        ("0 0.5 0.5 0.5 0.25", "the confidence is missing"),
        ("0 0.5", "1 number after the class"),
        ("2 0.5 0.5 0.5 0.25 0.75", "has no class 2"),
    ):
        line.write_text(text)
        with pytest.raises(InputError, match=f"line 1: .*{said}"):
            load_predictions(dataset, tmp_path / "said")
    line.rename(tmp_path / "said" / "b.txt")
    with pytest.raises(InputError, match="of no image of the set"):
        load_predictions(dataset, tmp_path / "said")
