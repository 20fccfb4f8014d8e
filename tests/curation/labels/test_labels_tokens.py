from __future__ import annotations

import warnings

import numpy as np
import pytest

from curation import find_token_issues
from thresher.core.errors import InputError

TAGS = ("O", "PER", "LOC")


def case(n=250, rate=0.06, seed=0):
    """Sentences of 0 to 11 tokens; a third of the tags are names."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, 12, n)
    truth = [rng.choice(3, length, p=[0.7, 0.2, 0.1]) for length in lengths]
    wrong = [rng.random(length) < rate for length in lengths]
    labels = [np.where(w, (t + 1) % 3, t) for t, w in zip(truth, wrong, strict=True)]
    probs = []
    for tags in truth:
        logits = rng.normal(size=(len(tags), 3)) * 0.8
        logits[np.arange(len(tags)), tags] += 4
        odds = np.exp(logits)
        probs.append(odds / odds.sum(axis=1, keepdims=True))
    return labels, probs, wrong


def test_wrong_tags_and_their_sentences_are_found():
    labels, probs, wrong = case()
    found = find_token_issues(labels, pred_probs=probs)
    flat = np.concatenate(wrong)
    assert found.tokens.flagged[flat].mean() > 0.9
    assert flat[found.tokens.flagged].mean() > 0.85
    assert found.noise_rate.estimate == pytest.approx(flat.mean(), abs=0.03)
    assert found.noise_rate.low <= flat.mean() <= found.noise_rate.high
    holds = np.array([w.any() for w in wrong])
    assert (found.flagged == holds).mean() > 0.95
    for sentence, scores in enumerate(found.token_scores):
        assert len(scores) == len(labels[sentence])
        assert found.scores[sentence] == min(scores, default=1.0)


def test_names_ids_and_issues():
    labels, probs, _ = case(60)
    names = [[TAGS[code] for code in row] for row in labels]
    ids = np.array([f"s{i}" for i in range(60)])
    found = find_token_issues(names, pred_probs=probs, row_ids=ids, classes=TAGS)
    assert np.array_equal(found.scores, find_token_issues(labels, pred_probs=probs).scores)
    issue = next(iter(found.to_issues()))
    assert issue.row_id.startswith("s")
    assert "labeled '" in issue.detail
    first = next(i for i, row in enumerate(labels) if len(row))
    assert found.tokens.row_ids[0] == f"s{first}/0"


def test_audit_and_threshold_work_on_tokens():
    labels, probs, wrong = case()
    found = find_token_issues(labels, pred_probs=probs)
    flat = np.concatenate(wrong)
    at = np.flatnonzero(np.isin(found.tokens.row_ids, found.audit(80)))
    better = found.calibrate(found.tokens.row_ids[at], flat[at])
    assert better.noise_rate.estimate == pytest.approx(flat.mean(), abs=0.01)
    assert np.array_equal(found.at(0.2).tokens.flagged, found.tokens.scores < 0.2)


def test_flags_and_scores_equal_those_of_cleanlab():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("cleanlab", reason="cleanlab is not installed")
        from cleanlab.token_classification import filter as filters
        from cleanlab.token_classification import rank
    labels, probs, _ = case()
    keep = [i for i, row in enumerate(labels) if len(row)]
    lists, arrays = [labels[i].tolist() for i in keep], [probs[i] for i in keep]
    found = find_token_issues(lists, pred_probs=arrays, method="confident")
    theirs = filters.find_label_issues(
        lists, arrays, return_indices_ranked_by="self_confidence", n_jobs=1
    )
    assert set(found.tokens.row_ids[found.tokens.flagged]) == {f"{i}/{j}" for i, j in theirs}
    sentences, tokens = rank.get_label_quality_scores(lists, arrays)
    np.testing.assert_allclose(found.scores, sentences, atol=1e-15)
    for ours, frame in zip(found.token_scores, tokens, strict=True):
        np.testing.assert_allclose(ours, frame.to_numpy(), atol=1e-15)


def test_no_sentences_and_empty_ones_are_defined():
    assert len(find_token_issues([], pred_probs=[])) == 0
    found = find_token_issues([[], []], pred_probs=[np.zeros((0, 3)), []])
    assert found.scores.tolist() == [1, 1]
    assert not found.flagged.any()
    assert [len(scores) for scores in found.token_scores] == [0, 0]
    one = find_token_issues([[0]], pred_probs=[np.array([[0.1, 0.9]])])
    assert not one.flagged.any()


@pytest.mark.parametrize(
    ("labels", "probs", "message"),
    [
        ([[0, 1]], [], "1 sentence, but `pred_probs` of 0"),
        ([[0, 1]], [np.eye(3)], "Sentence '0' has 2 labels"),
        ([[0, 1]], [np.ones(2)], "Sentence '0' has 2 labels"),
        ([[0, 1]], [np.ones((2, 2))], "Apply a softmax"),
        ([[0, 1]], [np.full((2, 2), np.nan)], "no probabilities"),
        ([[0], [1]], [np.ones((1, 1)), np.full((1, 2), 0.5)], "same number of classes"),
        ([[0, 5]], [np.eye(2)], "2 columns, but there are 6"),
        ([["O", "X"]], [np.eye(3)[:2]], "3 columns, but there are 2"),
    ],
)
def test_bad_arguments_are_explained(labels, probs, message):
    with pytest.raises(InputError, match=message):
        find_token_issues(labels, pred_probs=probs)
