import numpy as np

from thresher.core.answer_table import AnswerTable

TABLE = AnswerTable(
    rows=np.array([0, 2, 0, 2, 2]),
    annotators=np.array([1, 0, 0, 1, 0]),
    labels=np.array(["x", "y", "x", "x", "y"]),
    row_ids=np.array(["a", "b", "c"]),
    names=np.array(["ann", "bo", "cy"]),
)


def test_rows_and_annotators_by_hand():
    assert [places.tolist() for places in TABLE.by_row()] == [[0, 2], [], [1, 3, 4]]
    assert TABLE.answers().tolist() == [3, 2, 0]
    means = TABLE.mean_by_annotator(np.array([1.0, 2.0, 3.0, 4.0, 7.0]))
    assert means.tolist() == [4.0, 2.5, 0.0]
    counts = TABLE.counts_of(np.array([0, 1, 0, 0, 1]), num_classes=2)
    assert counts.tolist() == [[2, 0], [0, 0], [1, 2]]


def test_some_answers_keep_all_rows_and_annotators():
    some = TABLE.take(TABLE.labels == "y")
    assert (some.rows.tolist(), some.labels.tolist()) == ([2, 2], ["y", "y"])
    assert some.answers().tolist() == [2, 0, 0]
    assert some.row_ids is TABLE.row_ids
