from __future__ import annotations

import warnings

import numpy as np
import pytest

from curation import find_box_issues
from curation.labels.box_scores import intersection_over_union
from thresher.core.errors import InputError

SQUARE = np.array([[10.0, 10, 50, 50]])


def labeled(boxes, labels):
    return {"boxes": np.asarray(boxes, dtype=float), "labels": np.asarray(labels)}


def predicted(boxes, labels, scores):
    return labeled(boxes, labels) | {"scores": np.asarray(scores, dtype=float)}


def scene(n=80, seed=0):
    """Images of up to five boxes, predicted with small shifts and mostly with confidence."""
    rng = np.random.default_rng(seed)
    targets, predictions = [], []
    for _ in range(n):
        m = rng.integers(0, 6)
        centers, sizes = rng.uniform(30, 400, (m, 2)), rng.uniform(20, 60, (m, 2))
        boxes, labels = np.hstack([centers - sizes / 2, centers + sizes / 2]), rng.integers(0, 3, m)
        scores = np.where(rng.random(m) < 0.8, rng.uniform(0.95, 1, m), rng.uniform(0.2, 0.9, m))
        seen = rng.random(m) < 0.9
        targets.append(labeled(boxes[seen], labels[seen]))
        swapped = np.where(rng.random(m) < 0.1, (labels + 1) % 3, labels)
        kept = rng.random(m) < 0.9
        shifted = boxes + rng.normal(size=boxes.shape) * 2
        predictions.append(predicted(shifted[kept], swapped[kept], scores[kept]))
    return targets, predictions


def of_kind(found, kind):
    chosen = found.findings.kinds == kind
    return found.findings.scores[chosen], found.findings.flagged[chosen]


def test_overlap_by_hand():
    second = np.array([[30.0, 10, 70, 50], [10, 10, 50, 50], [60, 60, 70, 70]])
    assert intersection_over_union(SQUARE, second)[0] == pytest.approx([1 / 3, 1, 0])


@pytest.mark.parametrize(
    ("target", "prediction", "kind", "word"),
    [
        (labeled([], []), predicted(SQUARE, [0], [0.99]), "overlooked", "is not labeled"),
        (
            labeled([[10, 10, 90, 90]], [0]),
            predicted(SQUARE, [0], [0.9]),
            "badly located",
            "badly located",
        ),
        (labeled(SQUARE, [1]), predicted(SQUARE, [0], [0.99]), "swapped", "another class"),
        (labeled(SQUARE, [0]), predicted([], [], []), "extra", "holds nothing"),
        (labeled(SQUARE[:, [0, 1, 0, 1]], [0]), predicted([], [], []), "empty", "no area"),
    ],
)
def test_each_way_to_be_wrong_is_named(target, prediction, kind, word):
    good = (labeled(SQUARE, [0]), predicted(SQUARE, [0], [0.99]))
    targets, predictions = zip(*[good] * 9, strict=True)
    found = find_box_issues([*targets, target], predictions=[*predictions, prediction])
    assert found.flagged.tolist() == [False] * 9 + [True]
    scores, flagged = of_kind(found, kind)
    assert flagged.sum() == 1
    assert scores[flagged][0] == found.scores[9]
    (issue,) = found.to_issues()
    assert issue.row_id == "9"
    assert word in issue.detail


def test_a_box_labeled_twice_counts_as_swapped():
    twice = labeled(np.concatenate([SQUARE, SQUARE]), ["cat", "dog"])
    found = find_box_issues([twice], predictions=[predicted(SQUARE, ["cat"], [0.9])])
    assert of_kind(found, "swapped")[1].tolist() == [True, True]
    apart = labeled(np.concatenate([SQUARE, SQUARE + 90]), ["cat", "dog"])
    found = find_box_issues([apart], predictions=[predicted(SQUARE, ["cat"], [0.9])])
    assert not of_kind(found, "swapped")[1].any()


def test_a_miss_is_no_evidence_where_the_detector_misses_much():
    often = [labeled(SQUARE, [0])] * 10
    seen, unseen = predicted(SQUARE, [0], [0.99]), predicted([], [], [])
    strong = find_box_issues(often, predictions=[seen] * 9 + [unseen])
    weak = find_box_issues(often, predictions=[seen] * 3 + [unseen] * 7)
    assert of_kind(strong, "extra")[0][-1] == pytest.approx(0.1)
    assert of_kind(weak, "extra")[0][-1] == pytest.approx(0.7)
    assert strong.flagged[-1]
    assert not weak.flagged.any()


def test_scores_equal_those_of_cleanlab():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("cleanlab", reason="cleanlab is not installed")
        from cleanlab.object_detection import rank
    targets, predictions = scene()
    given = [{"bboxes": one["boxes"], "labels": one["labels"]} for one in targets]
    by_class = []
    for one in predictions:
        table = np.empty(3, dtype=object)
        for k in range(3):
            mine = one["labels"] == k
            table[k] = np.hstack([one["boxes"][mine], one["scores"][mine][:, None]])
        by_class.append(table)
    found = find_box_issues(targets, predictions=predictions)
    for kind, compute in (
        ("badly located", rank.compute_badloc_box_scores),
        ("swapped", rank.compute_swap_box_scores),
        ("overlooked", rank.compute_overlooked_box_scores),
    ):
        theirs = np.concatenate(compute(labels=given, predictions=by_class))
        ours, theirs = of_kind(found, kind)[0], theirs[np.isfinite(theirs)]
        assert len(ours)
        if kind == "overlooked":  # theirs follow the order of classes
            ours, theirs = np.sort(ours), np.sort(theirs)
        np.testing.assert_allclose(ours, theirs, atol=1e-14)


def test_images_are_as_good_as_their_worst_finding():
    targets, predictions = scene()
    ids = np.array([f"image{i}" for i in range(len(targets))])
    found = find_box_issues(targets, predictions=predictions, row_ids=ids)
    for row in range(len(targets)):
        mine = found.findings.scores[found.findings.row_of == row]
        assert found.scores[row] == min(mine, default=1.0)
    assert found.at(0.2).flagged.sum() <= found.flagged.sum()
    rows = found.audit(30)
    wrong = np.isin(rows, found.findings.row_ids[found.findings.flagged])
    better = found.calibrate(rows, wrong)
    assert better.findings.expected_precision is not None
    assert better.noise_rate.low <= better.noise_rate.estimate <= better.noise_rate.high


def test_no_images_and_no_boxes_are_defined():
    assert len(find_box_issues([], predictions=[])) == 0
    found = find_box_issues([labeled([], [])], predictions=[predicted([], [], [])])
    assert found.scores.tolist() == [1]
    assert not found.flagged.any()
    assert len(found.to_issues()) == 0


@pytest.mark.parametrize(
    ("target", "prediction", "message"),
    [
        ({"boxes": SQUARE}, predicted(SQUARE, [0], [1]), "image '0' lacks 'labels'"),
        (labeled(SQUARE, [0]), labeled(SQUARE, [0]), "prediction of image '0' lacks 'scores'"),
        (labeled(SQUARE, [0, 1]), predicted(SQUARE, [0], [1]), "2 labels, but boxes of shape"),
        (labeled(SQUARE[:, :3], [0]), predicted(SQUARE, [0], [1]), "boxes of shape"),
        (labeled(SQUARE * np.nan, [0]), predicted(SQUARE, [0], [1]), "not finite"),
        (labeled(SQUARE, [0]), predicted(SQUARE, [0], [1.2]), r"in \[0, 1\], got 1.2"),
        (labeled(SQUARE, [0]), predicted(SQUARE[:, ::-1] - [0, 1, 0, 1], [0], [1]), "negative"),
        (labeled(SQUARE[:, ::-1] - [0, 1, 0, 1], [0]), predicted(SQUARE, [0], [1]), "no area"),
        (labeled(SQUARE, ["cat"]), predicted(SQUARE, [0], [1]), "both be codes or both be names"),
        (labeled(SQUARE, [-1]), predicted(SQUARE, [0], [1]), "Every box needs a label"),
    ],
)
def test_bad_boxes_are_explained(target, prediction, message):
    with pytest.raises(InputError, match=message):
        find_box_issues([target], predictions=[prediction])


def test_bad_arguments_are_explained():
    with pytest.raises(InputError, match="1 image, but 0 predictions"):
        find_box_issues([labeled(SQUARE, [0])], predictions=[])
    with pytest.raises(InputError, match="`confident` must be in"):
        find_box_issues([], predictions=[], confident=2)
