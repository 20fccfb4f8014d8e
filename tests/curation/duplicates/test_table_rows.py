from __future__ import annotations

import datasets as hf
import numpy as np

from curation import Curator
from curation.duplicates.tables.rows import other_columns, where_equal
from thresher.core import neighbor_graph


def table():
    ages = [30, 30, 30, 30, 61, 61, 18, 44]
    jobs = ["cook", "smith", "cook", None, "cook", "cook", "smith", "smith"]
    rows = {"age": ages, "pay": [age * 100 for age in ages], "job": jobs}
    return hf.Dataset.from_dict({**rows, "key": [f"k{i}" for i in range(8)], "y": list("abababab")})


def test_rows_of_a_table_are_copies_only_where_every_column_but_the_key_agrees():
    curator = Curator(["exact_duplicate", "near_duplicate"])
    curator.fit(table(), column=["age", "pay"], label="y")
    left = curator.transform(table())
    assert curator.issues_.counts()["exact_duplicate"] == 2  # the second cook of 30 and of 61
    # The two cooks of 61 have different labels, and are looked at instead.
    assert len(left) == 7
    assert sorted(zip(left["age"], map(str, left["job"]), strict=True)) == [
        (18, "smith"), (30, "None"), (30, "cook"), (30, "smith"), (44, "smith"), (61, "cook"),
        (61, "cook"),
    ]  # fmt: skip


def test_pairs_are_those_of_brute_force():
    rng = np.random.default_rng(0)
    vectors = np.repeat(rng.normal(size=(30, 2)), 3, axis=0)
    others = rng.integers(0, 3, 90).astype(np.uint64)
    graph = neighbor_graph(vectors, threshold=0.9)
    found = where_equal(graph, others).expand()
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    wanted = (unit @ unit.T >= 0.9) & (others[:, None] == others)
    np.fill_diagonal(wanted, False)
    rows, neighbors, _ = found.stored()
    assert set(zip(rows, neighbors, strict=True)) == set(zip(*np.nonzero(wanted), strict=True))


def test_only_tables_have_other_columns():
    rows = hf.Dataset.from_dict({"x": [[0.0, 1.0]] * 3, "note": ["a", "a", "b"]})
    assert other_columns(rows, ["x"], label=None) is None
    assert other_columns(table().select_columns(["age", "key", "y"]), ["age"], label="y") is None
