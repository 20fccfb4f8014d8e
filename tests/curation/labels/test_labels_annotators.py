from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from curation.labels import find_label_issues
from curation.labels.annotators import class_posterior, majority_codes, read_answers
from thresher.core.errors import InputError

SKILLS = (0.95, 0.8, 0.7, 0.4)


def crowd(n=600, num_classes=3, seed=0):
    """Votes of four annotators, three of four asked for each row, and the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, num_classes, n)
    votes = np.full((n, len(SKILLS)), -1)
    for person, skill in enumerate(SKILLS):
        wrong = (truth + rng.integers(1, num_classes, n)) % num_classes
        said = np.where(rng.random(n) < skill, truth, wrong)
        votes[:, person] = np.where(rng.random(n) < 0.75, said, -1)
    return votes, truth


def long(votes):
    rows, people = np.nonzero(votes >= 0)
    names = np.array([f"class {code}" for code in votes[rows, people]])
    return {"row_id": rows.astype(str), "annotator": people.astype(str), "label": names}


def test_two_sure_annotators_beat_by_hand():
    # Two annotators who always agree, and one who contradicts them once.
    votes = np.array([[0, 0, 0], [1, 1, 1], [0, 0, 0], [1, 1, 1], [0, 0, 1], [1, 1, 1]])
    answers = read_answers(votes, None)
    posterior = class_posterior(answers, answers.labels, None, num_classes=2)
    assert posterior.argmax(axis=1).tolist() == [0, 1, 0, 1, 0, 1]
    assert majority_codes(answers, answers.labels, num_classes=2).tolist() == [
        0,
        1,
        0,
        1,
        0,
        1,
    ]
    assert posterior.sum(axis=1) == pytest.approx(np.ones(6))


def test_skill_is_learnt_and_beats_the_majority():
    votes, truth = crowd()
    found = find_label_issues(annotations=votes)
    asked = (votes >= 0).any(axis=1)
    majority = found.labels == truth
    better = found.suggested == truth
    assert better[asked].mean() > majority[asked].mean()
    wrong = asked & ~majority
    assert found.scores[wrong].mean() < found.scores[asked & majority].mean() - 0.2
    assert found.noise_rate.low <= wrong.sum() / asked.sum() <= found.noise_rate.high
    assert not found.flagged[~asked].any()


def test_array_table_and_frame_say_the_same():
    votes, _ = crowd(120)
    ids = np.arange(120).astype(str)
    classes = ["class 0", "class 1", "class 2"]
    table = long(votes)
    results = [
        find_label_issues(annotations=one, row_ids=ids, classes=classes)
        for one in (table, pa.table(table), pd.DataFrame(table))
    ]
    by_array = find_label_issues(annotations=votes)
    for found in results:
        np.testing.assert_allclose(found.scores, by_array.scores)
        assert found.classes == tuple(classes)


def test_labels_are_judged_by_the_answers_of_others():
    votes, truth = crowd()
    labels = truth.copy()
    labels[:60] = (labels[:60] + 1) % 3
    found = find_label_issues(labels, annotations=votes)
    assert found.flagged[:60].mean() > 0.8
    assert found.flagged[60:].mean() < 0.1
    labels[60:70] = -1
    some = find_label_issues(labels, annotations=votes)
    assert not some.flagged[60:70].any()


def test_a_model_helps_where_there_are_few_answers():
    votes, truth = crowd(seed=1)
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(len(truth), 3))
    logits[np.arange(len(truth)), truth] += 2
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    alone = find_label_issues(annotations=votes)
    both = find_label_issues(annotations=votes, pred_probs=probs)
    assert (both.suggested == truth).mean() > (alone.suggested == truth).mean()
    assert "4 annotators and mean of 1 given model" in both.method


def test_one_class_in_the_majority_is_still_judged():
    votes = np.zeros((50, 3), dtype=int)
    votes[:5, 2] = 1
    found = find_label_issues(annotations=votes)
    assert (found.labels == 0).all()
    assert not found.flagged.any()
    assert "nothing" not in found.method


@pytest.mark.parametrize(
    ("annotations", "message"),
    [
        (np.zeros(4, int), "two dimensions"),
        (np.zeros((3, 2), int), "2 rows, but 3 rows of `annotations`"),
        (np.full((2, 2), 0.5), "got floats"),
        ({"row_id": ["0"], "label": ["a"]}, "'annotator' is missing"),
        ({"row_id": ["0"], "annotator": ["x"], "label": ["a", "b"]}, "differ in length"),
        ({"row_id": ["9"], "annotator": ["x"], "label": ["a"]}, "not known: 9"),
        (np.array([["a", "b"], ["a", ""]]), "both be codes or both be names"),
    ],
)
def test_bad_annotations_are_explained(annotations, message):
    with pytest.raises(InputError, match=message):
        find_label_issues([0, 1], annotations=annotations)


def test_other_arguments_are_explained():
    with pytest.raises(InputError, match="Give `labels`, or `annotations`"):
        find_label_issues(embeddings=np.ones((2, 2)))
    with pytest.raises(InputError, match="leave `method` out"):
        find_label_issues([0, 1], annotations=np.eye(2, dtype=int), pred_probs=np.eye(2),
                          method="confident")  # fmt: skip
    assert len(find_label_issues(annotations=np.zeros((0, 3), dtype=int))) == 0
