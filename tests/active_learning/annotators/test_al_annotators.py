import numpy as np
import pytest

from active_learning import consensus
from active_learning.annotators.classes import Votes, dawid_skene, majority
from thresher.core.errors import InputError


def crowd(n=400, seed=0, quality=(0.95, 0.95, 0.55, 0.55, 0.55)):
    rng = np.random.default_rng(seed)
    truth = rng.integers(3, size=n)
    answers = np.array(
        [
            np.where(rng.random(n) < q, truth, (truth + rng.integers(1, 3, size=n)) % 3)
            for q in quality
        ]
    )
    ids = np.array([f"{k:04d}" for k in range(n)])
    columns = (
        np.tile(ids, len(quality)),
        np.repeat([f"p{k}" for k in range(len(quality))], n),
        np.array(list("xyz"))[answers.ravel()],
    )
    return columns, np.array(list("xyz"))[truth]


def test_majority_by_hand():
    found = consensus(
        np.array(["a", "a", "a", "b"]),
        np.array(["p", "q", "r", "p"]),
        np.array(["x", "y", "y", "x"]),
        method="majority",
    )
    assert found.labels.tolist() == ["y", "x"]
    np.testing.assert_allclose(found.scores, [2 / 3, 1.0])


def test_last_answer_of_a_named_annotator_counts_and_all_of_unnamed_ones():
    named = Votes.of(["a", "a", "a"], ["p", "p", "q"], ["x", "y", "x"])
    assert named.counts().tolist() == [[1, 1]]
    unnamed = Votes.of(["a", "a", "a"], ["", "", "q"], ["x", "y", "x"])
    assert unnamed.counts().tolist() == [[2, 1]]


def test_dawid_skene_beats_majority_and_knows_who_is_good():
    columns, truth = crowd()
    fair = consensus(*columns, method="majority")
    skilled = consensus(*columns, method="dawid_skene")
    assert (skilled.labels == truth).mean() > (fair.labels == truth).mean() + 0.02
    np.testing.assert_allclose(skilled.annotator_quality, [0.95, 0.95, 0.55, 0.55, 0.55], atol=0.06)


def test_dawid_skene_turns_a_liar_round():
    columns, truth = crowd(quality=(0.9, 0.9, 0.02))
    found = consensus(*columns, method="dawid_skene")
    assert (found.labels == truth).mean() > 0.9


def test_crowdlab_uses_the_classifier():
    columns, truth = crowd(quality=(0.7, 0.6))
    rng = np.random.default_rng(1)
    probs = np.full((len(truth), 3), 0.05)
    guess = np.where(rng.random(len(truth)) < 0.9, np.searchsorted(list("xyz"), truth), 0)
    probs[np.arange(len(truth)), guess] = 0.9
    found = consensus(*columns, pred_probs=probs)
    assert found.method == "crowdlab"
    alone = consensus(*columns, method="dawid_skene")
    assert (found.labels == truth).mean() > (alone.labels == truth).mean() + 0.1
    np.testing.assert_allclose(found.probs.sum(axis=1), 1.0)


def test_probabilities_sum_to_one_and_order_is_by_row_id():
    columns, _ = crowd(n=50)
    votes = Votes.of(*columns)
    for probs in (majority(votes), dawid_skene(votes)):
        np.testing.assert_allclose(probs.sum(axis=1), 1.0)
    shuffled = np.random.default_rng(2).permutation(len(columns[0]))
    again = consensus(*(column[shuffled] for column in columns), method="dawid_skene")
    straight = consensus(*columns, method="dawid_skene")
    assert again.row_ids.tolist() == sorted(again.row_ids)
    np.testing.assert_allclose(again.probs, straight.probs, atol=1e-9)


def test_bad_input():
    with pytest.raises(InputError, match="no answers"):
        consensus([], [], [])
    with pytest.raises(InputError, match="one of 'x', 'y', got 'z'"):
        consensus(["a"], ["p"], ["z"], classes=("x", "y"))
    with pytest.raises(InputError, match="needs `pred_probs`"):
        consensus(["a"], ["p"], ["x"], classes=("x", "y"), method="crowdlab")
    with pytest.raises(InputError, match=r"shape \(1, 2\)"):
        consensus(["a"], ["p"], ["x"], classes=("x", "y"), pred_probs=np.ones((1, 1)))
