"""Absent answers, spellings of classes, masks of integers, and estimates of bad values."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import active_learning as al
from active_learning import Session, consensus, import_answers, query
from thresher.core.errors import InputError

ROWS, PEOPLE = np.repeat(np.arange(10), 3).astype(str), np.tile(list("xyz"), 10)
NOTHING = [None, np.nan, pd.NA, pd.NaT, ""]


@pytest.mark.parametrize("nothing", NOTHING, ids=repr)
def test_absent_answers_never_win(nothing):
    found = consensus(ROWS, PEOPLE, np.array(["p", nothing, nothing] * 10, dtype=object))
    assert set(found.labels.tolist()) == {"p"}
    assert found.answers.tolist() == [10]
    assert found.classes == ("p",)


def test_a_row_without_an_answer_is_left_out_with_its_probabilities():
    probs = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    found = consensus(["a", "b", "c"], ["x"] * 3, ["p", None, "q"], pred_probs=probs)
    assert found.row_ids.tolist() == ["a", "c"]
    assert found.labels.tolist() == ["p", "q"]
    alone = consensus(["a", "c"], ["x"] * 2, ["p", "q"], pred_probs=probs[[0, 2]])
    np.testing.assert_array_equal(found.probs, alone.probs)
    with pytest.raises(InputError, match="no answers"):
        consensus(["a"], ["x"], [None])


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [
        (pa.array([1, None, 2]), ["1", "2"]),
        (pd.Series([1, None, 2], dtype="Int64"), ["1", "2"]),
        (np.ma.array([1, 7, 2], mask=[0, 1, 0]), ["1", "2"]),
        (pd.Categorical(["1", None, "2"]), ["1", "2"]),
        ([-1, None, 1], ["-1", "1"]),
        (["nan", None, "None"], ["nan", "None"]),
    ],
)
def test_answers_of_any_column(labels, wanted):
    assert consensus(["a", "b", "c"], ["x"] * 3, labels).labels.tolist() == wanted


def test_spellings_of_one_class_vote_together():
    with pytest.warns(UserWarning, match="read as one class"):
        found = consensus(["a"] * 3, list("xyz"), ["1", 1, "2"], method="majority")
    assert found.labels.tolist() == ["1"]
    named = consensus(["a"] * 2, list("xy"), ["cafe\u0301"] * 2, classes=["caf\u00e9", "x"])
    assert named.labels.tolist() == ["caf\u00e9"]


def test_sets_numbers_and_ids_with_gaps():
    sets = consensus(["a", "a", "b"], ["x", "y", "x"], [["p"], None, []], task="multi_label")
    assert [json.loads(text) for text in sets.labels] == [["p"], []]
    numbers = consensus(["a", "a", "b"], ["x", "y", "x"], [1.5, np.nan, 2.0], task="regression")
    assert [float(text) for text in numbers.labels] == [1.5, 2.0]
    unnamed = consensus(["a", "a"], [None, np.nan], ["p", "q"], method="majority")
    assert unnamed.answers.tolist() == [2]
    with pytest.raises(InputError, match="`row_ids` holds 1 missing id,"):
        consensus(["a", None], ["x", "x"], ["p", "q"])


def test_a_session_knows_its_classes_in_any_spelling(tmp_path):
    x = np.random.default_rng(0).normal(size=(12, 4))
    path = tmp_path / "s.labels"
    with Session(path, embeddings=x, classes=["true", "false", "caf\u00e9"]) as session:
        session.tell({"0": True, "1": "False", "2": "cafe\u0301 "})
        assert session.recorded()["0", ""] == "true"
        assert session.recorded()["2", ""] == "caf\u00e9"
        for nothing in NOTHING:
            with pytest.raises(InputError, match="must be one of"):
                session.tell({"3": nothing})
    with Session(path, embeddings=x, classes=[True, False, "cafe\u0301"]) as again:
        assert again.classes == ("true", "false", "caf\u00e9")


def test_empty_cells_of_a_filled_file_are_no_answers(tmp_path):
    x = np.random.default_rng(0).normal(size=(12, 4))
    file = tmp_path / "filled.jsonl"
    lines = [
        '{"row_id": "0", "label": NaN}',
        '{"row_id": "1", "label": " "}',
        '{"row_id": "2", "label": null}',
        '{"row_id": 3, "label": 1, "seconds": NaN}',
    ]
    file.write_text("\n".join(lines))
    with Session(tmp_path / "s.labels", embeddings=x, classes=["1", "2"]) as session:
        found = import_answers(session, file)
        assert (found.new, found.empty) == (1, 3)


@pytest.mark.parametrize("kind", [int, float, np.uint8, bool, "Int64"])
def test_a_mask_of_numbers_is_a_mask(kind):
    vectors = np.random.default_rng(0).normal(size=(40, 4))
    labeled = np.arange(40) >= 10
    mask = pd.Series(labeled.astype(int), dtype=kind) if kind == "Int64" else labeled.astype(kind)
    picked = query(strategy="k_center", embeddings=vectors, labeled=mask, n=10, random_state=0)
    assert sorted(map(int, picked.row_ids)) == list(range(10))
    for name in ("exclude", "candidates"):
        given = {name: mask if name == "exclude" else 1 - labeled.astype(int)}
        chosen = query(strategy="k_center", embeddings=vectors, n=10, random_state=0, **given)
        assert sorted(map(int, chosen.row_ids)) == list(range(10))


def test_positions_stay_positions():
    vectors = np.random.default_rng(0).normal(size=(40, 4))
    picked = query(strategy="k_center", embeddings=vectors, candidates=[0, 1], n=2)
    assert sorted(map(int, picked.row_ids)) == [0, 1]
    with pytest.raises(InputError, match="same position several times"):
        query(strategy="k_center", embeddings=vectors, candidates=[0, 1, 1], n=2)
    with pytest.raises(InputError, match="missing in 1 of 40"):
        query(strategy="k_center", embeddings=vectors, labeled=[None, *[True] * 39], n=1)


@pytest.mark.parametrize("value", [np.nan, np.inf, None, -0.5, 7.0, "x"])
def test_estimates_refuse_what_is_no_number_in_range(value):
    values = np.array([1.0, 0.5, 1.0, 0.0, value], dtype=object)
    with pytest.raises(InputError, match="`correct` must be"):
        al.estimate_accuracy(values, pool_size=50)
    with pytest.raises(InputError, match="`expected` must be"):
        al.estimate_accuracy(np.ones(5), expected=values, expected_mean=0.5)
    if value != 7.0:
        with pytest.raises(InputError, match="`errors` must be"):
            al.estimate_error(values, pool_size=50)
        with pytest.raises(InputError, match="`weights` must be"):
            al.estimate_error(np.ones(5), weights=values)


def test_estimates_check_what_they_are_told_of_the_pool():
    with pytest.raises(InputError, match="`pool_size` must be"):
        al.estimate_accuracy(np.ones(9), pool_size=-1)
    with pytest.raises(InputError, match="`pool_size` must be"):
        al.estimate_error(np.ones(9), pool_size=np.nan)
    with pytest.raises(InputError, match="`expected_mean` must be"):
        al.estimate_accuracy(np.ones(9), expected=np.ones(9), expected_mean=np.nan)
    with pytest.raises(InputError, match="`expected_mean` must be"):
        al.estimate_error(np.ones(9), expected=np.ones(9), expected_mean=np.inf)
    masked = np.ma.array([1, 0, 1], mask=[0, 0, 1])
    with pytest.raises(InputError, match="missing at position 2"):
        al.estimate_accuracy(masked)
