from __future__ import annotations

import datasets as hf
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits

from curation import Curator
from thresher.core.errors import InputError


def digits(n=400):
    X, y = load_digits(return_X_y=True)
    X, y = X[:n].astype(np.float32), y[:n].copy()
    X[n - 1], y[n - 1] = X[0], y[0]
    X[n - 2, 0] = np.nan
    y[5] = (y[5] + 3) % 10
    split = np.where(np.arange(n) % 5 == 4, "test", "train")
    split[[0, 5, n - 1, n - 2]] = "train"
    return hf.Dataset.from_dict(
        {
            "row_id": [f"r{i}" for i in range(n)],
            "split": split.tolist(),
            "x": X.tolist(),
            "digit": [f"d{k}" for k in y],
        }
    )


def test_fit_finds_decides_and_transform_applies():
    source = digits()
    curator = Curator()
    clean = curator.fit_transform(source, column="x", label="digit")
    rows = {row["row_id"]: row for row in curator.manifest_.table.to_pylist()}
    assert (rows["r399"]["action"], rows["r399"]["reason"]) in [("drop", "exact_duplicate")] or (
        rows["r0"]["reason"] == "exact_duplicate"
    )
    assert (rows["r398"]["action"], rows["r398"]["reason"]) == ("drop", "quality")
    assert (rows["r5"]["action"], rows["r5"]["reason"]) == ("drop", "label")
    assert len(clean) == len(source) - curator.manifest_.counts()["drop"]
    test = {row["row_id"] for row in source if row["split"] == "test"}
    assert test <= set(clean["row_id"])
    assert set(curator.methods_) == set(curator.issues_.counts()) | set(curator.methods_)
    assert len(curator.embeddings_) == len(source)


def test_batches_in_turn_give_what_one_shot_gives():
    source = digits(300)
    one = Curator(random_state=3).fit(source, column="x", label="digit")
    three = Curator(random_state=3)
    for rows in (range(100), range(100, 150), range(150, 300)):
        three.partial_fit(source.select(rows), column="x", label="digit")
    assert three.manifest_.table.equals(one.manifest_.table)
    assert three.manifest_.header == one.manifest_.header
    with pytest.raises(InputError, match="`label` was 'digit'"):
        three.partial_fit(source, label="other")


def test_parameters_follow_scikit_learn():
    curator = Curator(["quality"], label_action="review", random_state=1)
    copy = clone(curator)
    assert copy.get_params() == curator.get_params()
    assert copy.set_params(threshold=0.9).threshold == 0.9
    with pytest.raises(InputError, match="Did you mean 'threshold'"):
        copy.set_params(treshold=0.9)


def test_only_the_named_steps_run():
    curator = Curator(["quality"]).fit(digits(100), column="x")
    assert set(curator.issues_.counts()) == {"quality"}
    assert list(curator.methods_) == ["quality"]


def test_texts_without_ids_are_curated():
    words = ["pay my card bill", "lost my phone today", "how is the weather", "book a table"]
    texts = [f"{words[i % 4]} number {i} please" for i in range(80)]
    texts[7] = texts[3]
    texts[9] = ""
    source = hf.Dataset.from_dict({"text": texts, "topic": [f"t{i % 4}" for i in range(80)]})
    curator = Curator(threshold=0.999)
    clean = curator.fit_transform(source, label="topic")
    actions = curator.manifest_.actions
    assert "drop" in (actions[7], actions[3])
    assert actions[9] == "drop"
    assert len(clean) == (actions != "drop").sum()


def test_images_are_curated():
    import cv2

    rng = np.random.default_rng(0)
    files = []
    for _ in range(60):
        image = cv2.resize(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8), (32, 32))
        files.append(cv2.imencode(".png", image)[1].tobytes())
    files[10], files[11] = files[3], b"no image"
    source = hf.Dataset.from_dict(
        {"picture": [{"bytes": data, "path": None} for data in files]},
        features=hf.Features({"picture": hf.Image(decode=False)}),
    )
    curator = Curator().fit(source)
    rows = curator.manifest_.table.to_pylist()
    assert {rows[10]["action"], rows[3]["action"]} == {"drop", "keep"}
    assert (rows[11]["action"], rows[11]["reason"]) == ("drop", "quality")


@pytest.mark.parametrize(
    ("curator", "options", "message"),
    [
        (Curator(["dedup"]), {}, "`steps` must be one of"),
        (Curator(["label"]), {}, "needs the label column"),
        (Curator(label_action="delete"), {}, "`label_action`"),
        (Curator(threshold="high"), {}, "`threshold`"),
        (Curator(threshold=2), {}, "`threshold`"),
        (Curator(), {"label": "nothing"}, "label column 'nothing'"),
    ],
)
def test_bad_arguments_are_explained(curator, options, message):
    with pytest.raises(InputError, match=message):
        curator.fit(digits(60), column="x", **options)


def test_transform_needs_a_fit():
    with pytest.raises(InputError, match="call `fit` first"):
        Curator().transform(digits(60))
