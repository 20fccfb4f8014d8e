from __future__ import annotations

import datasets as hf
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits

from curation import Curator
from thresher.core import search as core_search
from thresher.core.embeddings import Embeddings
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
    curator = Curator(label_action="drop")
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


def sentences(n=200):
    rng = np.random.default_rng(0)
    words = ["pay", "card", "bill", "lost", "phone", "weather", "book", "table", "music", "song"]
    texts = [" ".join(rng.choice(words, 9)) for _ in range(n)]
    for row in range(5, n, 20):
        texts[row] = texts[row - 3] + "s"
    return hf.Dataset.from_dict({"text": texts, "topic": [f"t{i % 4}" for i in range(n)]})


def counting(encode):
    """Wrap a function from texts to vectors, and count the texts."""

    def call(texts):
        call.rows += len(texts)
        return encode(texts)

    call.rows = 0
    return call


@pytest.mark.parametrize("encoder", ["builtin:text-hash", "builtin:text", "function"])
def test_ten_batches_equal_one_shot(encoder):
    source = sentences()
    letters = counting(lambda texts: np.array([[t.count(c) for c in "abcdefgh"] for t in texts]))
    options = {"encoder": letters if encoder == "function" else encoder, "threshold": 0.9}
    options["steps"] = [
        "exact_duplicate",
        "near_duplicate",
        ("label", {"method": "knn"}),
        "outlier",
    ]
    one = Curator(**options).fit(source, label="topic")
    ten = Curator(**options)
    letters.rows = 0
    encoded = [
        ten.partial_fit(source.select(range(at, at + 20)), label="topic").encoded_rows_
        for at in range(0, 200, 20)
    ]
    assert ten.manifest_.table.equals(one.manifest_.table)
    assert ten.manifest_.header == one.manifest_.header
    assert ten.issues_.table.equals(one.issues_.table)
    assert np.array_equal(ten.embeddings_.vectors, one.embeddings_.vectors)
    if encoder == "builtin:text":  # learns from the rows: a new one moves all
        assert encoded == list(range(20, 201, 20))
    else:
        assert encoded == [20] * 10
        assert letters.rows in (0, 200)


def test_an_encoder_of_ones_own_is_not_fitted_in_place():
    from thresher.core import get_encoder

    encoder = get_encoder("builtin:text")
    curator = Curator(["outlier"], encoder=encoder).fit(sentences(), column="text")
    assert not encoder.fitted
    fitted = get_encoder("builtin:text").fit(list(sentences()["text"]))
    assert np.array_equal(
        Curator(["outlier"], encoder=fitted).fit(sentences(), column="text").embeddings_.vectors,
        curator.embeddings_.vectors,
    )


def test_vectors_and_probabilities_of_ones_own_come_in_batches_too():
    source = digits(200)
    vectors = np.nan_to_num(np.array(source["x"], np.float32))
    names = sorted(set(source["digit"]))
    probs = np.full((200, len(names)), 0.01)
    probs[np.arange(200), [names.index(name) for name in source["digit"]]] = 1
    for row in range(50, 70):
        probs[row] = np.roll(probs[row], 3)
    probs /= probs.sum(axis=1, keepdims=True)
    given = {"column": "x", "label": "digit"}
    one = Curator().fit(source, **given, embeddings=vectors, pred_probs=probs)
    two = Curator()
    for part in (slice(0, 80), slice(80, 200)):
        two.partial_fit(
            source.select(range(200)[part]),
            **given,
            embeddings=vectors[part],
            pred_probs=probs[part],
        )
    assert two.manifest_.table.equals(one.manifest_.table)
    assert "r51" in one.issues_.of("label").table["row_id"].to_pylist()
    with pytest.raises(InputError, match="`embeddings` was given with earlier rows"):
        two.partial_fit(source.select(range(5)), pred_probs=probs[:5])
    by_id = Embeddings.from_vectors(vectors[::-1], row_ids=np.array(source["row_id"])[::-1])
    assert np.array_equal(
        Curator(["outlier"]).fit(source, column="x", embeddings=by_id).embeddings_.vectors,
        one.embeddings_.vectors,
    )
    with pytest.raises(InputError, match="10 of 200 rows have no vector"):
        Curator(["outlier"]).fit(source, column="x", embeddings=by_id.take(np.arange(190)))
    with pytest.raises(InputError, match="200 rows, but 3 embeddings"):
        Curator(["outlier"]).fit(source, column="x", embeddings=vectors[:3])
    with pytest.raises(InputError, match="3 rows of `pred_probs`"):
        Curator(["label"]).fit(source, **given, pred_probs=probs[:3])


def test_each_step_has_its_options():
    source = sentences()
    steps = [
        ("near_duplicate", {"threshold": 0.5, "keep": "first"}),
        "exact_duplicate",
        ("coreset", {"n": 30, "method": "random"}),
    ]
    curator = Curator(steps).fit(source, label="topic")
    assert list(curator.methods_) == ["exact_duplicate", "near_duplicate", "coreset"]
    assert curator.checks_.graph.threshold == 0.5
    assert "asked for" in curator.methods_["near_duplicate"]
    assert len(curator.transform(source)) == 30
    assert (curator.manifest_.actions != "drop").sum() == 30
    assert set(curator.manifest_.reasons()["drop"]) <= {*curator.methods_}


@pytest.mark.parametrize(("rows", "fewest", "most"), [(600, 20, 66), (300, 0, 0)])
def test_wrong_labels_are_dropped_only_where_there_surely_are_some(rows, fewest, most):
    """Of 300 rows too few are left to know how often the evidence is right."""
    clean = Curator(["label"], label_action="auto").fit(digits(rows), column="x", label="digit")
    assert clean.manifest_.counts()["drop"] == 0
    source = digits(rows)
    names = list(source["digit"])
    for row in range(0, rows, 9):
        names[row] = f"d{(int(names[row][1]) + 1) % 10}"
    noisy = source.remove_columns("digit").add_column("digit", names)
    found = Curator(["label"], label_action="auto").fit(noisy, column="x", label="digit")
    assert fewest <= found.manifest_.counts()["drop"] <= most
    assert found.manifest_.counts()["drop"] + found.manifest_.counts()["review"] > 10


@pytest.mark.parametrize("lacking", [0, 1])
def test_labels_and_outliers_share_a_search_where_they_judge_the_same_rows(lacking, monkeypatch):
    source = digits(300).remove_columns("split")
    names = [*source["digit"][: 300 - lacking], *[None] * lacking]
    source = source.remove_columns("digit").add_column("digit", names)
    searches, search = [], core_search.neighbor_graph
    monkeypatch.setattr(
        core_search,
        "neighbor_graph",
        lambda rows, **options: searches.append(len(rows)) or search(rows, **options),
    )

    def found(*steps):
        searches.clear()
        issues = Curator([*steps]).fit(source, column="x", label="digit").issues_
        return [row for row in issues.table.to_pylist() if row["check"] in ("label", "outlier")]

    both = found("label", "outlier")
    assert searches == ([300] if not lacking else [299, 300])
    assert both == [*found("label"), *found("outlier")]
    assert {row["check"] for row in both} == {"label", "outlier"}


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
        (Curator(["label", "label"]), {}, "twice"),
        (Curator([("leakage", {"treshold": 1})]), {}, "Did you mean 'threshold'"),
        (Curator([("near_duplicate", {"keep": "last"})]), {}, "`keep` must be one of"),
        (Curator(["coreset"]), {}, "needs one size"),
        (Curator([("coreset",)]), {}, "A step is a name"),
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
