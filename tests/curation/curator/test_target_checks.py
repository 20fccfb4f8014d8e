"""Labels that are numbers or sets of classes: judged, marked for review, never dropped alone."""

import datasets as hf
import numpy as np
import pytest

from curation import Curator
from curation.labels import find_multilabel_issues, find_regression_issues
from thresher.core.errors import InputError

N = 200
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 3))


def numbers():
    """Targets that follow the features, one far off; the last row is a copy with another target."""
    y = np.round(3 * X[:, 0] - X[:, 1], 2)
    y[7] += 25
    columns = {name: X[:, k].tolist() for k, name in enumerate("abc")}
    return hf.Dataset.from_dict({**columns, "y": y.tolist()})


def sets():
    """Each row has the classes whose feature is above zero; one row has the opposite of them."""
    names = [[name for k, name in enumerate("pqr") if X[i, k] > 0] for i in range(N)]
    names[9] = [name for name in "pqr" if name not in names[9]]
    return hf.Dataset.from_dict({"x": X.tolist(), "tags": names})


def actions(curator, reason):
    rows = curator.manifest_.table.to_pylist()
    return {at: row["action"] for at, row in enumerate(rows) if row["reason"] == reason}


def test_wrong_numbers_are_found_and_looked_at():
    curator = Curator(["label"], label_action="auto").fit(numbers(), label="y")
    assert curator.checks_.rows.task == "regression"
    found = curator.checks_.found["label"]
    expected = find_regression_issues(
        np.array(numbers()["y"][:]),
        embeddings=curator.embeddings_,
        row_ids=curator.embeddings_.row_ids,
    )
    np.testing.assert_allclose(found.scores, expected.scores)
    assert actions(curator, "label")[7] == "review"
    assert set(actions(curator, "label").values()) == {"review"}
    assert "wrong numbers" in curator.methods_["label"]
    assert np.isfinite(curator.corpus_.to_json()["issues"] == [])


def test_wrong_sets_are_found_and_looked_at():
    curator = Curator(["label"], label_action="auto").fit(sets(), column="x", label="tags")
    assert curator.checks_.rows.task == "multi_label"
    expected = find_multilabel_issues(
        sets()["tags"][:], classes=["p", "q", "r"], embeddings=curator.embeddings_
    )
    np.testing.assert_allclose(curator.checks_.found["label"].scores, expected.scores)
    assert actions(curator, "label").get(9) == "review"
    (row,) = [row for at, row in enumerate(curator.manifest_.table.to_pylist()) if at == 9]
    assert row["old_label"] == "|".join(sets()["tags"][9])


def test_probabilities_of_sets_are_taken():
    probs = 1 / (1 + np.exp(-6 * X))
    curator = Curator(["label"], label_action="auto")
    curator.fit(sets(), column="x", label="tags", pred_probs=probs)
    assert actions(curator, "label") == {9: "review"}


def test_numbers_are_no_classes_to_keep_alive():
    table = numbers().to_dict()
    for name in table:
        table[name].append(table[name][3])
    curator = Curator(["exact_duplicate"]).fit(hf.Dataset.from_dict(table), label="y")
    assert curator.manifest_.counts()["drop"] == 1
    assert curator.manifest_.header["policy"]["fewest_per_class"] == 0


def test_equal_rows_with_other_numbers_are_a_conflict():
    table = numbers().to_dict()
    for name in table:
        table[name].append(table[name][3])
    table["y"][-1] += 5.5
    curator = Curator(["exact_duplicate"]).fit(hf.Dataset.from_dict(table), label="y")
    assert curator.issues_.counts()["conflict"] == 2


@pytest.mark.parametrize(
    ("curator", "options", "message"),
    [
        (Curator(label_action="relabel"), {}, "Only classes are relabeled"),
        (Curator(), {"pred_probs": np.full((N, 2), 0.5)}, "`pred_probs` are of classes"),
        (Curator(), {"task": "boxes"}, "`task` must be one of"),
        (Curator([("label", {"dynamics": "x.npz"})]), {}, "`dynamics` is about one class a row"),
    ],
)
def test_what_is_about_classes_alone_is_refused(curator, options, message):
    with pytest.raises(InputError, match=message):
        curator.fit(numbers(), label="y", **options)


def test_a_task_can_be_said_and_stays_the_same():
    table = numbers().map(lambda row: {"y": round(row["y"]) % 4})
    assert Curator(["label"]).fit(table, label="y").checks_.rows.task == "classification"
    curator = Curator(["label"]).fit(table, label="y", task="regression")
    assert curator.checks_.rows.task == "regression"
    curator.partial_fit(table.select(range(20)).map(lambda row: {"a": row["a"] + 1}))
    assert curator.checks_.rows.task == "regression"
    with pytest.raises(InputError, match="`task` was 'regression' before"):
        curator.partial_fit(table, task="classification")


def test_several_columns_of_text_are_one():
    texts = {"title": [f"title {i}" for i in range(40)], "body": ["the very same body"] * 40}
    dataset = hf.Dataset.from_dict(texts)
    curator = Curator(["exact_duplicate"]).fit(dataset, column=["title", "body"])
    assert curator.manifest_.counts()["drop"] == 0
    assert Curator(["exact_duplicate"]).fit(dataset, column="body").manifest_.counts()["drop"] == 39
    assert curator.transform(dataset).column_names == ["row_id", "title", "body"]


def test_rows_that_lack_numbers_are_judged_and_are_no_copies():
    table = numbers().to_dict()
    table["a"] = [None if i % 5 == 0 else value for i, value in enumerate(table["a"])]
    table["b"][10], table["c"][10] = table["b"][15], table["c"][15]
    del table["y"]
    curator = Curator().fit(hf.Dataset.from_dict(table))
    dropped = [
        row["reason"] for row in curator.manifest_.table.to_pylist() if row["action"] == "drop"
    ]
    assert dropped == ["exact_duplicate"]  # rows 10 and 15: equal, and equally without `a`
    assert "'a' in 40 rows" in curator.methods_["quality"]
    assert np.linalg.norm(curator.embeddings_.vectors, axis=1).min() > 0.99


def test_a_task_that_does_not_fit_the_labels_is_refused_and_texts_that_fit_are_read():
    table = {"x": X.tolist(), "kind": ["a", "b"] * (N // 2), "whole": list(range(N))}
    dataset = hf.Dataset.from_dict(table)
    with pytest.raises(InputError, match="'kind' holds no numbers, but 'a'"):
        Curator(["label"]).fit(dataset, column="x", label="kind", task="regression")
    with pytest.raises(InputError, match="'whole' holds int64, which are no lists"):
        Curator(["label"]).fit(dataset, column="x", label="whole", task="multi_label")
    written = {"x": X.tolist(), "y": [f"{value:.2f}" for value in X[:, 0]]}
    written["tags"] = ["|".join(names) for names in sets()["tags"]]
    dataset = hf.Dataset.from_dict(written)
    curator = Curator(["label"]).fit(dataset, column="x", label="y", task="regression")
    assert curator.checks_.found["label"].judged.all()
    curator = Curator(["label"]).fit(dataset, column="x", label="tags", task="multi_label")
    assert curator.checks_.found["label"].classes == ("p", "q", "r")
