"""Tables of several kinds of columns: similarity column by column, and what is judged by it."""

from __future__ import annotations

import datasets as hf
import numpy as np
import pytest

from curation import Curator
from curation.duplicates.tables.rows import describing_columns
from curation.duplicates.tables.vectors import MOST_VALUES, with_other_vectors
from thresher.core.embeddings import Embeddings


def table(n=300, seed=0):
    """Return rows whose kind follows from a category and a word, and from no number."""
    rng = np.random.default_rng(seed)
    place = rng.choice(["north", "south", "east"], n)
    job = [f"{word} number {i % 90}" for i, word in enumerate(rng.choice(["baker", "miner"], n))]
    kind = np.char.add(place, [text.split()[0] for text in job])
    columns = {
        "row_id": [f"r{i}" for i in range(n)],
        "a": rng.normal(size=n),
        "b": rng.normal(size=n),
        "place": place.tolist(),
        "job": job,
        "serial": [f"S{i:05}" for i in range(n)],
        "kind": kind.tolist(),
    }
    return hf.Dataset.from_dict(columns)


def test_cosine_is_the_mean_over_the_columns():
    rows = hf.Dataset.from_dict({"c": ["x", "y", "x", ""], "d": ["u", "u", None, "u"]})
    vectors = np.array([[1, 0], [0, 1], [1, 0], [0, 0]], np.float32)
    found = with_other_vectors(
        Embeddings(np.arange(4).astype(str), vectors), rows, ("c", "d"), numbers=2
    ).vectors
    expected = np.array([[4, 1, 3], [1, 4, 0], [3, 0, 4]]) / 4
    assert found[:3] @ found[:3].T == pytest.approx(expected, abs=1e-6)
    assert not found[3].any()


def test_many_values_are_compared_by_their_words():
    texts = [f"baker of street {i}" for i in range(MOST_VALUES)] + ["miner underground"]
    rows = hf.Dataset.from_dict({"c": texts})
    numbers = Embeddings(np.arange(len(texts)).astype(str), np.ones((len(texts), 1), np.float32))
    found = with_other_vectors(numbers, rows, ("c",), numbers=1).vectors
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(len(texts)), abs=1e-5)
    assert found[0] @ found[1] > 0.8 > found[0] @ found[-1]


def test_labels_and_outliers_see_what_is_no_number():
    rows = table()
    names = describing_columns(rows, ["a", "b"], label="kind")
    assert names == ["place", "job"]
    wrong = np.zeros(300, bool)
    wrong[::10] = True
    kinds = np.array(rows["kind"])
    kinds[wrong] = np.roll(kinds, 7)[wrong]
    wrong = kinds != np.array(rows["kind"])
    noisy = rows.remove_columns("kind").add_column("kind", kinds.tolist())

    def scores(columns):
        curator = Curator(["label", "outlier"], label_action="review")
        return curator.fit(noisy, column=columns, label="kind").checks_.found["label"].scores

    seen, blind = scores(["a", "b", *names]), scores(["a", "b"])
    assert seen[wrong].mean() < 0.3 < seen[~wrong].mean()
    assert seen[wrong].mean() < blind[wrong].mean()


def test_copies_still_need_equal_words():
    rows = table(60)
    double = hf.concatenate_datasets([rows, rows.select([3])])
    double = double.remove_columns("row_id").add_column("row_id", [f"r{i}" for i in range(61)])
    columns = ["a", "b", "place", "job"]
    both = Curator(["exact_duplicate", "near_duplicate"])
    assert both.fit(double, column=columns, label="kind").manifest_.counts()["drop"] == 1
    other = ["elsewhere" if i == 60 else text for i, text in enumerate(double["place"])]
    moved = double.remove_columns("place").add_column("place", other)
    assert both.fit(moved, column=columns, label="kind").manifest_.counts()["drop"] == 0
