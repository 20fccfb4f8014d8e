"""A session and a Label Studio project stay in step, in this process and with the real server."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from people_of_label_studio import CLASSES, IMAGE, TEXT, Desk, Place, desk_at

from active_learning import SKIP
from active_learning.adapters.label_studio.incoming import pull
from active_learning.adapters.label_studio.outgoing import ANNOTATOR, push

ANN, BOB = "ann@example.com", "bob@example.com"


def recorded(desk: Desk) -> dict[tuple[str, str], Any]:
    return desk.connection.session.recorded()


def test_rows_go_out_once_in_our_order_and_answers_come_back(place: Place, tmp_path: Path) -> None:
    desk = desk_at(place, tmp_path)
    session = desk.connection.session
    rows = push(desk.connection, n=12)
    assert [task["data"]["row_id"] for task in desk.tasks()] == rows
    served = [row.position for row in session.asks()[0].rows if row.arm != "claimed"]
    assert rows == session.state.row_ids[served].tolist()
    assert push(desk.connection, n=12) == []  # all twelve wait
    for number, task in enumerate(desk.tasks()):
        desk.annotate(task, CLASSES[number % 6], by=ANN, seconds=number + 0.25)
    assert pull(desk.connection).new == 12
    assert recorded(desk) == {(row, ANN): CLASSES[k % 6] for k, row in enumerate(rows)}
    assert [answer.seconds for answer in session.history()] == [
        rows.index(answer.row_id) + 0.25 for answer in session.history()
    ]
    assert pull(desk.connection).new == 0
    assert {answer.round for answer in session.history()} == {session.asks()[0].id}
    later = push(desk.connection, n=9)
    assert len(later) == 9
    for task in desk.tasks():
        if task["data"]["row_id"] in later[:3]:
            desk.annotate(task, "cat", by=BOB)
    pull(desk.connection)
    assert [answer.round for answer in session.history()[12:]] == [session.asks()[-1].id] * 3
    assert len(desk.tasks()) == 21
    assert session.replay() == []


def test_rows_that_measure_the_model_show_no_suggestion(place: Place, tmp_path: Path) -> None:
    desk = desk_at(place, tmp_path)
    session = desk.connection.session
    session.tell({f"r{k}": CLASSES[k % 2] for k in range(8)}, annotator="first")
    push(desk.connection, n=15)
    served = [row for row in session.asks()[0].rows if row.arm != "claimed"]
    asked = {str(session.state.row_ids[row.position]): row for row in served}
    assert {row.arm for row in asked.values()} >= {"audit", "strategy"}
    for task in desk.tasks():
        row = asked[task["data"]["row_id"]]
        if row.arm == "audit":
            assert task["predictions"] == []
            continue
        (found,) = task["predictions"]
        assert found["result"][0]["value"]["choices"] == [row.suggestion]
        assert found["score"] == pytest.approx(row.confidence)


def test_skips_edits_empty_results_and_deletions_count(place: Place, tmp_path: Path) -> None:
    desk = desk_at(place, tmp_path)
    a, b, c, d = push(desk.connection, n=4)
    tasks = {task["data"]["row_id"]: task for task in desk.tasks()}
    edited = desk.annotate(tasks[a], "cat", by=ANN)
    desk.annotate(tasks[a], "dog", by=BOB)
    skipped = desk.annotate(tasks[b], "cat", by=ANN, cancelled=True)
    desk.annotate(tasks[c], None, by=ANN)
    gone = desk.annotate(tasks[d], "dog", by=ANN)
    pull(desk.connection)
    wanted = {(a, ANN): "cat", (a, BOB): "dog", (b, ANN): SKIP, (c, ANN): SKIP, (d, ANN): "dog"}
    assert recorded(desk) == wanted
    desk.edit(edited, tasks[a], "größe")
    desk.edit(skipped, tasks[b], "dog", was_cancelled=False)
    desk.delete(gone)
    assert pull(desk.connection).new == 3
    del wanted[d, ANN]
    assert recorded(desk) == wanted | {(a, ANN): "größe", (b, ANN): "dog"}
    assert pull(desk.connection, everything=True).new == 0


def test_a_correction_made_elsewhere_lasts_until_the_annotation_changes(
    place: Place, tmp_path: Path
) -> None:
    desk = desk_at(place, tmp_path)
    (row,) = push(desk.connection, n=1)
    (task,) = desk.tasks()
    number = desk.annotate(task, "cat", by=ANN)
    pull(desk.connection)
    desk.connection.session.tell({row: "dog"}, annotator=ANN)
    desk.annotate(task, "cat", by=BOB)
    pull(desk.connection)
    assert recorded(desk) == {(row, ANN): "dog", (row, BOB): "cat"}
    desk.edit(number, task, "a, b")
    pull(desk.connection)
    assert recorded(desk) == {(row, ANN): "a, b", (row, BOB): "cat"}


def act_at_random(desk: Desk, made: dict[int, dict[str, Any]], rng: random.Random) -> None:
    """Let a person do something: label, skip, edit, delete."""
    kind = rng.choice(["label", "label", "label", "skip", "edit", "delete"])
    label, person = rng.choice(CLASSES), rng.choice([ANN, BOB])
    if kind in ("edit", "delete") and made:
        number = rng.choice(sorted(made))
        if kind == "edit":
            desk.edit(number, made[number], label, was_cancelled=False)
        else:
            del made[number]
            desk.delete(number)
        return
    task = rng.choice(desk.tasks())
    made[desk.annotate(task, label, by=person, cancelled=kind == "skip")] = task


def test_however_often_and_whenever_answers_are_read_the_labels_end_the_same(
    place: Place, tmp_path: Path
) -> None:
    rng = random.Random(0)
    always = desk_at(place, tmp_path / "always")
    push(always.connection, n=10)
    project = always.connection.project
    sometimes = desk_at(place, tmp_path / "sometimes", project=project)
    once = desk_at(place, tmp_path / "once", project=project)
    made: dict[int, dict[str, Any]] = {}
    for _ in range(60):
        act_at_random(always, made, rng)
        pull(always.connection)
        if rng.random() < 0.2:
            pull(sometimes.connection)
    pull(sometimes.connection)
    pull(once.connection)
    assert recorded(always) == recorded(sometimes) == recorded(once)
    assert len({row for row, _ in recorded(once)}) > 5


def test_a_task_imported_twice_is_still_one_row(place: Place, tmp_path: Path) -> None:
    desk = desk_at(place, tmp_path)
    row = push(desk.connection, n=2)[0]
    (first, _) = desk.tasks()
    pull(desk.connection)
    desk.import_by_hand([{"data": first["data"]}, {"data": {"text": "of somebody else"}}])
    second = desk.tasks()[2]
    desk.annotate(second, "dog", by=BOB)
    older = desk.annotate(first, "cat", by=ANN)
    newer = desk.annotate(second, "dog", by=ANN)
    found = pull(desk.connection)
    assert (found.new, found.foreign) == (2, 1)
    assert recorded(desk) == {(row, BOB): "dog", (row, ANN): "dog"}
    desk.delete(newer)
    pull(desk.connection)
    assert recorded(desk) == {(row, BOB): "dog", (row, ANN): "cat"}
    desk.delete(older)
    pull(desk.connection)
    assert recorded(desk) == {(row, BOB): "dog"}
    assert push(desk.connection, n=1) == []  # the other row waits


def test_answers_in_a_deleted_task_stay(place: Place, tmp_path: Path) -> None:
    desk = desk_at(place, tmp_path)
    row, _ = push(desk.connection, n=2)
    first, second = desk.tasks()
    desk.annotate(first, "cat", by=ANN)
    pull(desk.connection)
    for task in (first, second):
        place.call("DELETE", f"/api/tasks/{task['id']}")
    assert pull(desk.connection, everything=True).new == 0
    assert recorded(desk) == {(row, ANN): "cat"}
    assert desk.connection.links.waiting() == {}


@pytest.mark.parametrize(
    ("task", "shown", "labels"),
    [
        ("multi_label", TEXT, [("cat", "größe"), (), ("[x]",)]),
        ("regression", TEXT, [0.1, -2.5, 12345.678]),
        ("spans", TEXT, [[], [{"start": 8, "end": 13, "label": "cat"}],
                         [{"start": 12, "end": 17, "label": "dog"},
                          {"start": 0, "end": 4, "label": "a, b"}]]),
        ("boxes", IMAGE, [[], [{"x": 1.5, "y": 2.0, "width": 30.25, "height": 4.0, "label": "cat"}],
                          [{"x": 0.1, "y": 0.7, "width": 3.3333, "height": 7.7, "label": "dog"}]]),
    ],
)  # fmt: skip
def test_labels_of_every_kind_come_back(
    place: Place, tmp_path: Path, task: str, shown: Any, labels: list[Any]
) -> None:
    desk = desk_at(place, tmp_path, task=task, shown=shown)
    rows = push(desk.connection, n=3)
    for one, label in zip(desk.tasks(), labels, strict=True):
        desk.annotate(one, label if label else None, by=ANN)
    found = pull(desk.connection)
    assert found.set_aside == ()
    encode = desk.task.encode
    said = {key: encode(label) for key, label in recorded(desk).items()}
    assert said == {(row, ANN): encode(label) for row, label in zip(rows, labels, strict=True)}


def test_a_second_opinion_is_a_task_of_its_own(place: Place, tmp_path: Path) -> None:
    desk = desk_at(place, tmp_path)
    rows = push(desk.connection, n=6)
    for number, task in enumerate(desk.tasks()):
        desk.annotate(task, CLASSES[number % 2], by=ANN)
    pull(desk.connection)
    (again,) = push(desk.connection, n=1, mode="relabel")
    assert again in rows
    assert push(desk.connection, n=1, mode="relabel") == []  # it waits
    second = desk.tasks()[-1]
    assert (second["data"]["row_id"], second["data"]["ask"]) == (again, 2)
    desk.annotate(second, "größe", by=BOB)
    pull(desk.connection)
    assert recorded(desk)[again, BOB] == "größe"
    assert recorded(desk)[again, ANN] in CLASSES[:2]
    assert desk.connection.session.replay() == []


def test_a_row_that_is_asked_again_while_its_task_waits_gets_no_second_one(
    place: Place, tmp_path: Path
) -> None:
    desk = desk_at(place, tmp_path, rows=5)
    assert len(push(desk.connection, n=5, lease="1s")) == 5
    time.sleep(1.1)
    again = desk.connection.session.ask(5, annotator=ANNOTATOR)  # as if more were wanted
    assert push(desk.connection, n=5) == []
    assert len(again) == len(desk.tasks()) == 5
    assert desk.connection.links.unsent() == []


def test_what_cannot_be_used_is_named_and_changes_nothing(place: Place, tmp_path: Path) -> None:
    desk = desk_at(place, tmp_path, task="boxes", shown=IMAGE, classes=["cat"])
    row, _ = push(desk.connection, n=2)
    task = desk.task_of(row)
    box = {"x": 1.0, "y": 2.0, "width": 5.0, "height": 4.0, "label": "cat"}
    number = desk.annotate(task, [box], by=ANN)
    pull(desk.connection)
    (item,) = desk.result([box], task["data"])
    item["value"]["rotation"] = 30
    place.call("PATCH", f"/api/annotations/{number}", json={"result": [item]})
    found = pull(desk.connection)
    assert found.new == 0
    (reason,) = found.set_aside
    assert f"row {row!r}, annotation {number} of {ANN}: a box is turned by 30 degrees" in reason
    assert recorded(desk) == {(row, ANN): [box]}
    desk.edit(number, task, None)
    assert pull(desk.connection).set_aside == ()
    assert recorded(desk) == {(row, ANN): []}


def test_the_round_trip_of_1000_rows_is_the_identity(place: Place, tmp_path: Path) -> None:
    desk = desk_at(place, tmp_path / "a", rows=1000)
    place.person(BOB)
    rng = np.random.default_rng(1)
    said: dict[tuple[str, str], tuple[Any, float]] = {}
    for k in range(1000):
        for person in (ANN, BOB) if k % 3 == 0 else (ANN,):
            label = None if rng.random() < 0.1 else CLASSES[int(rng.integers(6))]
            said[f"r{k}", person] = label, round(float(rng.exponential(5)), 3)
    tasks = [
        {
            "data": {"row_id": f"r{k}", "text": f"row {k}"},
            "annotations": [
                {
                    "completed_by": {"email": person},
                    "result": desk.result(label, {}),
                    "was_cancelled": label is None,
                    "lead_time": seconds,
                }
                for (row, person), (label, seconds) in said.items()
                if row == f"r{k}"
            ],
        }
        for k in range(1000)
    ]
    desk.import_by_hand(tasks)
    found = pull(desk.connection)
    assert (found.new, found.set_aside, found.foreign) == (len(said), (), 0)
    session = desk.connection.session
    assert {
        (answer.row_id, answer.annotator): (answer.label, answer.seconds)
        for answer in session.history()
    } == said
    assert pull(desk.connection, everything=True).new == 0
    assert len(session.history()) == len(said)
