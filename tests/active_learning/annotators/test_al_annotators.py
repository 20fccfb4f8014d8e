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


def sure_of(guess):
    probs = np.full((len(guess), 3), 0.05)
    probs[np.arange(len(guess)), guess] = 0.9
    return probs


def classifier(truth, right, seed=1):
    """Return probabilities of a classifier that is right in so many rows."""
    rng = np.random.default_rng(seed)
    codes = np.searchsorted(list("xyz"), truth)
    other = (codes + rng.integers(1, 3, size=len(codes))) % 3
    return sure_of(np.where(rng.random(len(codes)) < right, codes, other))


def right_by(columns, truth, method, probs):
    found = consensus(*columns, pred_probs=probs, method=method)
    np.testing.assert_allclose(found.probs.sum(axis=1), 1.0)
    return (found.labels == truth).mean()


@pytest.mark.parametrize("method", ["auto", "crowdlab", "dawid_skene_classifier"])
def test_a_classifier_has_a_say(method):
    columns, truth = crowd(quality=(0.7, 0.6))
    alone = right_by(columns, truth, "dawid_skene", None)
    assert right_by(columns, truth, method, classifier(truth, 0.9)) > alone + 0.1


def test_the_classifier_breaks_ties_of_two_people():
    columns = (["a", "a", "b", "b"], ["p", "q"] * 2, ["x", "y", "y", "y"])
    found = consensus(*columns, classes=("x", "y"), pred_probs=[[0.4, 0.6], [0.9, 0.1]])
    assert (found.method, found.labels.tolist()) == ("majority", ["y", "y"])
    np.testing.assert_allclose(found.scores, [0.5, 1.0], atol=1e-3)  # a tie's weight is 1/1000


@pytest.mark.parametrize("skills", [(0.95, 0.9, 1 / 3), (0.9, 0.85, 0.02), (0.9, 0.9, 0.9)])
@pytest.mark.parametrize("right", [1 / 3, 0.6, 0.95])
def test_a_guesser_or_a_liar_costs_no_more_than_by_the_better_method(skills, right):
    columns, truth = crowd(quality=skills)
    probs = classifier(truth, right)
    found = consensus(*columns, pred_probs=probs)
    assert found.method == "dawid_skene_classifier"
    assert found.annotators.tolist() == ["p0", "p1", "p2"]
    others = [right_by(columns, truth, m, probs) for m in ("majority", "dawid_skene", "crowdlab")]
    assert (found.labels == truth).mean() >= max(others) - 0.01  # four of 400 rows


def test_where_few_rows_have_several_answers_nobody_is_judged_by_them():
    columns, truth = crowd(quality=(0.97, 0.97, 0.97))
    once = np.random.default_rng(3).integers(3, size=len(truth))
    probs = classifier(truth, 0.6)
    for share, method in ((0.0, "majority"), (0.5, "crowdlab"), (1.0, "dawid_skene_classifier")):
        twice = np.arange(len(truth)) < share * len(truth)
        person, row = np.repeat(np.arange(3), len(truth)), np.tile(np.arange(len(truth)), 3)
        kept = (person == once[row]) | (twice[row] & (person == (once[row] + 1) % 3))
        found = consensus(*(column[kept] for column in columns), pred_probs=probs)
        assert found.method == method
        assert (found.labels == truth).mean() > 0.95


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
    for method in ("crowdlab", "dawid_skene_classifier"):
        with pytest.raises(InputError, match=f"{method}' needs `pred_probs`"):
            consensus(["a"], ["p"], ["x"], classes=("x", "y"), method=method)
    with pytest.raises(InputError, match=r"shape \(1, 2\)"):
        consensus(["a"], ["p"], ["x"], classes=("x", "y"), pred_probs=np.ones((1, 1)))
