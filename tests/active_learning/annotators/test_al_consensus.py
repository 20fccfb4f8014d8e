import json

import numpy as np

from active_learning import consensus


def test_consensus_of_sets_is_class_by_class():
    ids, people = ["r"] * 3 + ["s"] * 3, ["p", "q", "o"] * 2
    sets = [{"a"}, {"a", "b"}, {"b", "c"}, set(), {"a"}, set()]
    found = consensus(ids, people, sets, task="multi_label", method="majority")
    assert [json.loads(text) for text in found.labels] == [["a", "b"], []]
    np.testing.assert_allclose(found.probs, [[2 / 3, 2 / 3, 1 / 3], [1 / 3, 0, 0]])


def test_consensus_of_sets_learns_who_is_good():
    rng = np.random.default_rng(1)
    truth = rng.random((300, 3)) < 0.4
    right = {"p": 0.95, "q": 0.95, "o": 0.55, "m": 0.55, "n": 0.55}
    said = {name: truth ^ (rng.random(truth.shape) > skill) for name, skill in right.items()}
    columns = [
        (f"{k:03d}", name, {c for c, yes in zip("abc", given[k], strict=True) if yes})
        for name, given in said.items()
        for k in range(300)
    ]

    def share(method):
        found = consensus(*zip(*columns, strict=True), task="multi_label", method=method)
        return ((found.probs > 0.5) == truth).mean()

    assert share("auto") > share("majority") + 0.02


def test_consensus_of_numbers_trusts_steady_annotators():
    rng = np.random.default_rng(2)
    truth = rng.normal(size=200) * 3
    spread, bias = {"p": 0.1, "q": 0.3, "o": 2.0}, {"p": 0.0, "q": 0.0, "o": 1.0}
    rows = [
        (f"{k:03d}", name, truth[k] + bias[name] + rng.normal() * spread[name])
        for name in spread
        for k in range(200)
    ]
    columns = list(zip(*rows, strict=True))
    robust, median = (consensus(*columns, task="regression", method=m) for m in ("auto", "median"))

    def error(found):
        values = found.labels.astype(float)
        return np.abs((values - values.mean()) - (truth - truth.mean())).mean()

    assert error(robust) < 0.8 * error(median)
    quality = dict(zip(robust.annotators, robust.annotator_quality, strict=True))
    assert quality["p"] > quality["o"]
    assert float(consensus(["a"], ["p"], [2.5], task="regression").labels[0]) == 2.5


def test_consensus_of_marks_is_what_most_made():
    near, far = {"start": 0, "end": 10, "label": "a"}, {"start": 50, "end": 60, "label": "a"}
    labels = [[near, far], [{**near, "end": 11}], [{**near, "end": 12}, {**near, "label": "b"}]]
    found = consensus(["r"] * 3, ["p", "q", "o"], labels, task="spans")
    assert json.loads(found.labels[0]) == [{**near, "end": 11}]
    np.testing.assert_allclose(found.scores, np.mean([1, 2 / 3, 2 / 3]))
    quality = dict(zip(found.annotators, found.annotator_quality, strict=True))
    assert quality == {"p": 0.5, "q": 1.0, "o": 0.5}
