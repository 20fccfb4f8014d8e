import threading

import numpy as np
import pytest

from active_learning import SKIP, Instances, Session, get_task, import_answers
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
    given = {"background": False, "row_ids": IDS, "classes": TASKS[task][1], "audit": 0.4} | options
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
    with Session(tmp_path / "s.db", embeddings=VECTORS, row_ids=IDS) as session:
        assert session.task.name == task


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

    def slow(vectors, targets, *, num_classes, random_state):
        go.wait(timeout=60)
        return lambda rows: np.full((len(rows), num_classes), 1 / num_classes, dtype=np.float32)

    session = Session(
        tmp_path / "s.db", embeddings=VECTORS, classes=["a", "b"], learner=slow, row_ids=IDS
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
