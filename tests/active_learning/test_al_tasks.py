import json
import threading

import numpy as np
import pytest

from active_learning import SKIP, Instances, Session, consensus, get_task, import_answers, query
from active_learning.learners.multilabel import SigmoidHead
from active_learning.learners.ridge import RidgeHead
from active_learning.pool.probabilities import MANY_LABELS
from active_learning.tasks.marks import Marks
from thresher.core.errors import InputError

RNG = np.random.default_rng(0)
N = 120
VECTORS = RNG.normal(size=(N, 4))
UNIT = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)
IDS = np.array([f"r{k}" for k in range(N)])
SETS = [tuple(c for c, x in zip("ab", row, strict=False) if x > 0.1) for row in UNIT]
NUMBERS = 3.0 * UNIT[:, 0] - UNIT[:, 1] + 0.05 * RNG.normal(size=N)
SPANS = [[{"start": 0, "end": 4, "label": c} for c in given] for given in SETS]
BOXES = [[{"x": 1.0, "y": 0, "width": 2, "height": 2, "label": c} for c in s] for s in SETS]
TASKS = {
    "multi_label": (SETS, ["a", "b"]),
    "regression": (NUMBERS.tolist(), None),
    "spans": (SPANS, ["a", "b"]),
    "boxes": (BOXES, ["a", "b"]),
}


def start(path, task, **options):
    given = {"background": False, "ids": IDS, "classes": TASKS[task][1], "audit": 0.4} | options
    return Session(path / "s.db", embeddings=VECTORS, task=task, **given)


def answers(task, rows):
    return {row: TASKS[task][0][int(row[1:])] for row in rows}


@pytest.mark.parametrize("task", TASKS)
def test_a_session_of_each_task(tmp_path, task):
    with start(tmp_path, task) as session:
        for _ in range(3):
            batch = session.ask(15, annotator="ann")
            session.tell(answers(task, batch.row_ids), annotator="ann")
        assert batch.rows[0].suggestion is not None
        row = batch.row_ids[0]
        told = session.recorded()[row, "ann"]
        assert session.task.encode(told) == session.task.encode(TASKS[task][0][int(row[1:])])
        report = session.report(target=0.5)
        assert report.labeled == 45
        assert report.accuracy.low <= report.accuracy.value <= report.accuracy.high
        assert len(report.advice.reasons) >= 3
        session.tell({row: SKIP}, annotator="bob")
        session.tell(answers(task, session.ask(3, annotator="bob", mode="relabel").row_ids))
        session.tell(answers(task, session.ask(3, annotator="bob", mode="mixed").row_ids))
        assert len(session.suspects(4)) == 4
        labels = session.labels()
        assert len(labels.row_ids) >= 45
        assert ((labels.scores >= 0) & (labels.scores <= 1)).all()
        assert session.replay() == []
    with Session(tmp_path / "s.db", embeddings=VECTORS, ids=IDS) as session:
        assert session.task.name == task


def test_built_in_heads_learn():
    targets = np.array([[float(c in given) for c in "ab"] for given in SETS], dtype=np.float32)
    train, test = np.arange(80), np.arange(80, N)
    unit = UNIT.astype(np.float32)
    probs = SigmoidHead()(unit[train], targets[train], n_classes=2, random_state=0)(unit[test])
    assert ((probs > 0.5) == targets[test]).mean() > 0.9
    found = RidgeHead()(unit[train], NUMBERS[train], n_classes=0, random_state=0)(unit[test])
    error = np.abs(found[:, 0] - NUMBERS[test])
    assert error.mean() < 0.1
    assert 0.8 < (error < 2 * found[:, 1]).mean() <= 1.0


def test_ridge_is_scikit_learns_and_knows_where_it_is_unsure():
    from sklearn.linear_model import Ridge

    model = RidgeHead()(UNIT, NUMBERS, n_classes=0, random_state=0)
    peer = Ridge(alpha=model.penalty).fit(UNIT, NUMBERS)
    np.testing.assert_allclose(model(UNIT)[:, 0], peer.predict(UNIT), atol=1e-4)
    assert model(10 * UNIT)[:, 1].min() > model(UNIT)[:, 1].mean()
    lone = RidgeHead()(UNIT[:1], NUMBERS[:1], n_classes=0, random_state=0)(UNIT)
    assert np.isfinite(lone).all()


@pytest.mark.parametrize(
    ("task", "label", "says"),
    [
        ("multi_label", "a", "set of class names"),
        ("multi_label", ["a", "z"], "one of 'a', 'b', got 'z'"),
        ("regression", "warm", "must be a number"),
        ("regression", float("nan"), "must be a number in"),
        ("spans", [{"start": 4, "end": 4, "label": "a"}], "end after it starts"),
        ("spans", [{"start": 0, "end": 1.5, "label": "a"}], "whole number"),
        ("spans", [{"start": 0, "end": 1}], "start, end, label and nothing else"),
        ("spans", [{"start": 0, "end": 1, "label": "z"}], "got 'z'"),
        ("boxes", [{"x": 0, "y": 0, "width": 0, "height": 1, "label": "a"}], "wider and higher"),
        ("boxes", {"x": 0}, "list of marks"),
    ],
)
def test_wrong_labels_name_the_row_and_record_nothing(tmp_path, task, label, says):
    with start(tmp_path, task) as session:
        with pytest.raises(InputError, match=f"Row 'r7': .*{says}"):
            session.tell({"r1": TASKS[task][0][1], "r7": label})
        assert session.recorded() == {}


def test_wrong_classes_and_strategies_are_refused(tmp_path):
    with pytest.raises(InputError, match="Regression has no classes"):
        start(tmp_path, "regression", classes=["a"])
    with pytest.raises(InputError, match=r"'badge' needs pred_probs.*Choose one of auto"):
        start(tmp_path, "regression", strategy="badge")
    with pytest.raises(InputError, match="Did you mean 'multi_label'"):
        Session(tmp_path / "t.db", embeddings=VECTORS, task="multilabel", classes=["a"])
    start(tmp_path, "boxes").close()
    with pytest.raises(InputError, match="another `task`"):
        start(tmp_path, "spans")


def test_limits_of_numbers_are_kept(tmp_path):
    from active_learning.tasks.regression import Regression

    with (
        Session(tmp_path / "s.db", embeddings=VECTORS, task=Regression(1, 5)) as session,
        pytest.raises(InputError, match=r"in \[1, 5\], got 6"),
    ):
        session.tell({"0": 6})
    with Session(tmp_path / "s.db", embeddings=VECTORS) as session:
        assert session.task == Regression(1, 5)


def test_sets_in_files(tmp_path):
    with start(tmp_path, "multi_label") as session:
        text = 'row_id,label\nr1,a;b\nr2,"[""a""]"\nr3,[]\nr4,skip\n'
        (tmp_path / "f.csv").write_text(text)
        assert import_answers(session, tmp_path / "f.csv").new == 4
        found = {row: label for (row, _), label in session.recorded().items()}
        assert found == {"r1": ("a", "b"), "r2": ("a",), "r3": (), "r4": SKIP}
        (tmp_path / "f.jsonl").write_text('{"row_id": "r1", "label": ["b", "a"]}\n')
        assert import_answers(session, tmp_path / "f.jsonl").repeated == 1


def test_own_uncertainty_is_used_by_all_processes_and_replayed(tmp_path):
    doubt = np.zeros(N)
    doubt[[5, 50, 100]] = [3.0, 2.0, 1.0]
    with start(tmp_path, "boxes", strategy="uncertainty", audit=0.0) as session:
        session.ask(2)
        with start(tmp_path, "boxes", strategy="uncertainty", audit=0.0) as other:
            scores = Instances(np.array([3.0, 1.0, 2.0, 1.0]), IDS[[5, 5, 50, 100]])
            other.give_uncertainty(scores)
        assert session.ask(3).row_ids.tolist() == ["r5", "r50", "r100"]
        with pytest.raises(InputError, match="'x' is not in the pool"):
            session.give_uncertainty(Instances(np.ones(1), np.array(["x"])))
        assert session.replay() == []


def test_instances_by_hand():
    rows = np.array(["a", "b", "c"])
    scores, items = np.array([1.0, 5.0, 3.0, 2.0, 4.0]), np.array(["a", "a", "a", "b", "a"])
    expected = {
        "max": [5, 2, 9],
        "mean": [13 / 4, 2, 9],
        "sum": [13, 2, 9],
        "top_k": [4.5, 2, 9],
    }
    for how, values in expected.items():
        found = Instances(scores, items, aggregate=how, k=2, empty=9.0).of_items(rows)
        np.testing.assert_allclose(found, values)
    chosen = query("uncertainty", uncertainty=Instances(scores, items), row_ids=rows, n=1)
    assert chosen.row_ids.tolist() == ["a"]
    with pytest.raises(InputError, match=r"at least 0 and finite, got -1.0 .* item 'a'"):
        Instances(np.array([-1.0]), np.array(["a"])).of_items(rows)


def test_scores_of_several_classes_by_hand():
    probs = np.array([[0.5, 1.0], [0.9, 0.2]])
    np.testing.assert_allclose(MANY_LABELS.margin(probs), [(1 + 0) / 2, (0.2 + 0.4) / 2])
    assert query("margin", pred_probs=probs, task="multi_label", n=1).positions.tolist() == [0]
    for name in ("entropy", "least_confidence", "badge", "auto", "power_margin", "cal"):
        assert len(query(name, pred_probs=probs, embeddings=np.eye(2), task="multi_label", n=2))
    ensemble = np.array([[[0.0, 0.5]], [[1.0, 0.5]]])
    found = query("bald", ensemble_probs=ensemble, task="multi_label", n=1)
    np.testing.assert_allclose(found.scores, np.log(2) / 2, atol=1e-6)
    with pytest.raises(InputError, match="sigmoid output"):
        query("margin", pred_probs=probs * 2, task="multi_label", n=1)


def test_predictions_of_several_models():
    predictions = np.array([[1.0, 5.0, 3.0], [1.0, 9.0, 2.0]])
    found = query("uncertainty", predictions=predictions, n=3)
    assert found.positions.tolist() == [1, 2, 0]
    np.testing.assert_allclose(found.scores, [2.0, 0.5, 0.0])
    with pytest.raises(InputError, match="two models or more"):
        query("uncertainty", predictions=predictions[:1], n=1)
    with pytest.raises(InputError, match="NaN or infinite values, first for row '0'"):
        query("uncertainty", predictions=np.full((2, 3), np.nan), n=1)


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


def test_overlap_of_boxes_and_spans():
    one = {"x": 0.0, "y": 0.0, "width": 2.0, "height": 2.0, "label": "a"}
    assert get_task("boxes", classes=["a"]).overlap(one, {**one, "x": 1.0}) == pytest.approx(1 / 3)
    span = {"start": 0, "end": 4, "label": "a"}
    other = {"start": 2, "end": 6, "label": "a"}
    assert get_task("spans", classes=["a"]).overlap(span, other) == pytest.approx(1 / 3)
    assert get_task("spans", classes=["a"]).overlap(span, {**span, "start": 5, "end": 6}) == 0


def test_ask_never_waits_for_training(tmp_path):
    """A learner that never ends while rows are asked for, of every mode."""
    go = threading.Event()

    def slow(vectors, targets, *, n_classes, random_state):
        go.wait(timeout=60)
        return lambda rows: np.full((len(rows), n_classes), 1 / n_classes, dtype=np.float32)

    session = Session(
        tmp_path / "s.db", embeddings=VECTORS, classes=["a", "b"], learner=slow, ids=IDS
    )
    session.tell({row: "ab"[k % 2] for k, row in enumerate(IDS[:30])}, annotator="ann")
    for mode in ("new", "relabel", "mixed"):
        assert len(session.ask(3, annotator="bob", mode=mode)) == 3
    go.set()
    session.wait()
    assert session.ask(1, annotator="cy").rows[0].suggestion in ("a", "b")
    assert session.replay() == []
    session.close()


def test_marks_need_a_place():
    with pytest.raises(TypeError, match="abstract"):
        Marks(("a",))
