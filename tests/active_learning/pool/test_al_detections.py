from __future__ import annotations

import numpy as np
import pytest

from active_learning import detection_options, query
from thresher.core import Predictions
from thresher.core.errors import InputError

SCORES = np.array([0.9, 0.5, 0.4, 0.1])


def said() -> Predictions:
    box = np.array([[0.0, 0, 9, 9]])
    image_of, codes = np.array([0, 1, 1, 3]), np.array([0, 0, 1, 1])
    return Predictions(image_of, np.repeat(box, 4, axis=0), codes, SCORES)


def test_doubt_cost_and_classes_of_images() -> None:
    found = detection_options(said(), row_ids=list("abcd"), classes=2, seconds_per_image=4,
                              seconds_per_box=10, empty=0.3)  # fmt: skip
    doubt = found["uncertainty"].of_items(found["row_ids"])
    assert doubt.tolist() == pytest.approx([0.2, 1 + 0.8, 0.3, 0.2])
    assert found["costs"].tolist() == pytest.approx([13, 13, 4, 5])
    assert found["pred_probs"] == pytest.approx(np.array([[0.9, 0], [0.5, 0.4], [0, 0], [0, 0.1]]))


def test_several_boxes_of_a_class_are_one_presence() -> None:
    box = np.zeros((2, 4))
    two = Predictions(np.array([0, 0]), box, np.array([0, 0]), np.array([0.5, 0.5]))
    assert detection_options(two, row_ids=["a"], classes=1)["pred_probs"] == pytest.approx(0.75)


def test_queries_take_it() -> None:
    options = detection_options(said(), row_ids=list("abcd"), classes=2)
    assert query(n=1, strategy="uncertainty", task="boxes", **options).row_ids.tolist() == ["b"]
    vectors = np.eye(4)
    chosen = query(vectors, n=2, strategy="balance(u_herding)", task="boxes",
                   class_counts=np.array([50, 0]), **options)  # fmt: skip
    assert chosen.row_ids[0] == "b"


def test_seconds_must_be_above_zero() -> None:
    with pytest.raises(InputError, match="seconds_per_box"):
        detection_options(said(), row_ids=list("abcd"), classes=2, seconds_per_box=0)
    with pytest.raises(InputError, match="4 images or more"):
        detection_options(said(), row_ids=list("abc"), classes=2)
    with pytest.raises(InputError, match="2 classes or more"):
        detection_options(said(), row_ids=list("abcd"), classes=1)
