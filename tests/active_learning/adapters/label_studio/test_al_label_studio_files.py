"""Files of Label Studio: the contract, its three exports, and tasks that it imports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import numpy as np
import pytest
from contract import CASES, CHECKS, Adapter, Content, session_of
from fake_label_studio import TOKEN
from people_of_label_studio import CLASSES, Desk, Place, desk_at, png, session_at

from active_learning import SKIP, Session, export_answers, export_batch, import_answers
from active_learning.adapters.formats import format_of
from active_learning.adapters.label_studio.config import Control, find_control
from active_learning.adapters.label_studio.incoming import pull
from active_learning.adapters.label_studio.outgoing import push
from active_learning.adapters.label_studio.results import to_result
from active_learning.tasks.registry import get_task
from thresher.core.errors import InputError

ANN, BOB = "ann@example.com", "bob@example.com"


def send(session: Session, place: Path, content: Content) -> None:
    """Write answers; images are files, as everywhere else."""
    shown: dict[str, Any] = {}
    for row, columns in content.items():
        shown[row] = dict(columns)
        if "image" in columns:
            path = place.parent / columns["image"]
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(png(64, 48))
            shown[row]["image"] = str(path)
    export_answers(session, place, format="label-studio", content=shown)


def change(place: Path, row_id: str, annotator: str, label: Any) -> None:
    """Edit or cancel an annotation in the file, as the server would write it."""
    tasks = json.loads(place.read_text(encoding="utf-8"))
    (task,) = (task for task in tasks if task["data"]["row_id"] == row_id)
    (old,) = (one for one in task["annotations"] if one["annotator"] == annotator)
    if label is SKIP:
        old["was_cancelled"] = True
    else:
        case = next(case for case in CASES if case.task == place.stem)
        control = Control("label", *["image" if place.stem == "boxes" else "text"] * 2)
        task_of = get_task(case.task, classes=case.classes or None)
        old["result"] = (
            FORMS[case.task](label)
            if label == case.wrong
            else to_result(task_of, task_of.encode(label), control, data=task["data"])
        )
        old["was_cancelled"] = False
    place.write_text(json.dumps(tasks), encoding="utf-8")


FORMS = {
    "regression": lambda label: [{"type": "number", "value": {"number": label}}],
    "classification": lambda label: [{"type": "choices", "value": {"choices": [label]}}],
    "multi_label": lambda label: [{"type": "choices", "value": {"choices": list(label)}}],
    "spans": lambda label: [
        {"type": "labels", "value": {"start": one["start"], "end": one["end"],
                                     "labels": [one["label"]]}} for one in label
    ],
    "boxes": lambda label: [
        {"type": "rectanglelabels", "original_width": 64, "original_height": 48,
         "value": {**one, "rectanglelabels": [one["label"]]}} for one in label
    ],
}  # fmt: skip

JSON = Adapter(
    name="label-studio",
    place=lambda folder, task: folder / f"{task}.json",
    send=send,
    fetch=import_answers,
    change=change,
    bad="task 2: .*(must be|got)",
    deletes=False,
)


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_contract(check: Any, case: Any, tmp_path: Path) -> None:
    check(JSON, case, tmp_path)


LABELS: dict[str, list[Any]] = {
    "classification": ["cat", "größe", "a, b", "[x]", "$5 <b>\"'&"],
    "multi_label": [("cat", "dog"), (), ("a, b",), ("[x]", "größe"), ("dog",)],
    "regression": [0.1, -2.5, 12345.678, 1e-7, 3.0],
    "spans": [
        [{"start": 8, "end": 13, "label": "cat"}],
        [],
        [{"start": 0, "end": 4, "label": "a, b"}, {"start": 12, "end": 17, "label": "dog"}],
        [{"start": 0, "end": 2, "label": "[x]"}],
        [{"start": 0, "end": 2, "label": "größe"}],
    ],
}


@pytest.mark.label_studio
@pytest.mark.parametrize("task", LABELS)
def test_the_exports_of_the_real_server_are_read(real_url: str, tmp_path: Path, task: str) -> None:
    """JSON holds all; the short forms leave skipped tasks out. All name people by number."""
    with httpx.Client(timeout=120) as http:
        place = Place(real_url, http, None)
        desk = desk_at(place, tmp_path, task=task)
        rows = push(desk.connection, n=6)
        label_all(desk, LABELS[task])
        pull(desk.connection)
        wanted = desk.connection.session.recorded()
        seconds = {a.row_id: a.seconds for a in desk.connection.session.history()}
        names = desk.connection.links.people()
        assert wanted[rows[5], BOB] is SKIP
        for kind, ending in (("JSON", ".json"), ("JSON_MIN", ".min.json"), ("CSV", ".csv")):
            path = tmp_path / f"project-1{ending}"
            path.write_bytes(export(place, desk.connection.project, kind))
            assert format_of(path).name == "label-studio"
            with session_at(tmp_path / kind, task=task) as fresh:
                found = import_answers(fresh, path, names=names)
                left = {k: v for k, v in wanted.items() if kind == "JSON" or k[0] != rows[5]}
                assert fresh.recorded() == left
                assert {a.row_id: a.seconds for a in fresh.history()}.items() <= seconds.items()
                assert (found.new, found.empty) == (len(left), 0)
                assert import_answers(fresh, path, names=names).repeated == len(left)


def label_all(desk: Desk, labels: list[Any]) -> None:
    for number, (task, label) in enumerate(zip(desk.tasks(), [*labels, "skip"], strict=True)):
        if label == "skip":
            desk.annotate(task, None, by=BOB, cancelled=True)
        else:
            value = None if label in ((), []) else label
            desk.annotate(task, value, by=(ANN, BOB)[number % 2], seconds=number + 0.5)


def export(place: Place, project: int, kind: str) -> bytes:
    path = f"{place.url}/api/projects/{project}/export?exportType={kind}"
    response = place.http.get(path, headers={"Authorization": f"Token {TOKEN}"})
    assert response.is_success, response.text
    return response.content


def write(path: Path, value: Any) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


# As version 1.23.2 writes them.
MIN = {"row_id": "r1", "text": "t", "id": 3, "label": "cat", "annotator": 2, "annotation_id": 5,
       "created_at": "2026-11-30T06:08:48.502240Z", "updated_at": "2026-11-30T06:08:48.502246Z",
       "lead_time": 1.5}  # fmt: skip
CSV = (
    '"annotation_id","annotator","ask","created_at","id","label","lead_time","row_id","text",'
    '"updated_at"\n'
    '3,"1",1,"2026-11-30T06:07:51.313646Z",3,"",3.25,"r2","t 2","2026-11-30T06:07:51.313677Z"\n'
    '5,"2","","2026-11-30T06:08:48.502240Z",7,"cat",1.5,"r1","x","2026-11-30T06:08:48.502246Z"\n'
)


def test_short_forms_as_the_server_writes_them(tmp_path: Path) -> None:
    empty = {name: MIN[name] for name in MIN if name != "label"} | {"row_id": "r2", "annotator": 1}
    wanted = {("r1", "bob"): "cat", ("r2", "1"): SKIP}
    for name, value in (("p.json", [MIN, empty]), ("p.csv", CSV)):
        with session_at(tmp_path / name[2:]) as session:
            path = write(tmp_path / name, value)
            assert import_answers(session, path, names={"2": "bob"}).new == 2
            assert session.recorded() == wanted
            assert {a.row_id: a.seconds for a in session.history()}["r1"] == 1.5


def test_numbers_and_sets_in_the_short_forms(tmp_path: Path) -> None:
    for task, cell, label in (
        ("regression", [{"number": 0.1}], 0.1),
        ("regression", 2, 2.0),
        ("multi_label", {"choices": ["cat", "a, b"]}, ("cat", "a, b")),
        ("multi_label", "[x]", ("[x]",)),
    ):
        path = write(tmp_path / "p.json", [MIN | {"label": cell}])
        with session_at(tmp_path / f"{task} {cell}", task=task) as session:
            import_answers(session, path)
            assert session.recorded() == {("r1", "2"): label}


def test_tasks_without_an_annotation_are_not_labeled_yet(tmp_path: Path) -> None:
    task = {"id": 9, "data": {"row_id": "r1", "text": "t"}, "annotations": []}
    with session_at(tmp_path) as session:
        found = import_answers(session, write(tmp_path / "p.json", [task]))
        assert (found.new, found.empty) == (0, 1)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ([{"id": 4, "data": {"text": "t"}, "annotations": []}], "task 4: there is no `row_id`"),
        ([{"id": 4, "data": {"row_id": "r1"}, "annotations": {}}], "must be a list, got {}"),
        ([{"id": 4, "data": {"row_id": "r1"}, "annotations": [{}]}], "no annotation of Label"),
        ([{"id": 4, "data": {"row_id": "r1"}, "annotations": [3]}], "must be an object, got 3"),
        ([MIN | {"label": "cow"}], "task 3: the label must be one of"),
        ([MIN | {"label": {"choices": ["cat", "dog"]}}], "2 classes were chosen for one row"),
        ([MIN, MIN | {"label": "dog", "updated_at": None}], "row 'r1' is 'dog' here and 'cat'"),
        ({"a": 1}, "is no list of tasks"),
        ("[1, ", "is not valid JSON"),
    ],
)
def test_bad_files_are_refused_whole(tmp_path: Path, value: Any, says: str) -> None:
    with session_at(tmp_path) as session:
        path = write(tmp_path / "p.json", value)
        with pytest.raises(InputError, match=says):
            import_answers(session, path, format="label-studio")
        assert session.history() == []


def test_a_control_of_another_name_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "p.csv", CSV.replace('"label"', '"sentiment"'))
    with session_at(tmp_path) as session, pytest.raises(InputError, match="no column 'label'"):
        import_answers(session, path)


def test_a_batch_goes_out_as_tasks_with_the_configuration(tmp_path: Path) -> None:
    with session_at(tmp_path) as session:
        session.tell({f"r{k}": CLASSES[k % 2] for k in range(8)}, annotator="first")
        batch = session.ask(12, annotator="ann")
        content = {row: {"review": f"text of {row}"} for row in batch.row_ids.tolist()}
        path = tmp_path / "batch.json"
        export_batch(batch, path, content=content, format="label-studio", task=session.task)
        tasks = json.loads(path.read_text(encoding="utf-8"))
        assert [task["data"]["row_id"] for task in tasks] == batch.row_ids.tolist()
        assert tasks[0]["data"]["text"] == f"text of {batch.row_ids[0]}"
        blind = [row.arm == "audit" for row in batch.rows]
        assert any(blind)
        assert [not task["predictions"] for task in tasks] == blind
        config = path.with_suffix(".xml").read_text(encoding="utf-8")
        assert find_control(config, session.task) == Control("label", "text", "text")
        for name in ("a.csv", "a.xlsx"):
            with pytest.raises(
                InputError, match=r"must end in \.json in the format 'label-studio'"
            ):
                export_answers(session, tmp_path / name, format="label-studio")


def test_columns_of_numbers_and_several_texts_are_shown_as_such(tmp_path: Path) -> None:
    shown = {"numbers": ({"x": 1.5, "y": 2}, "Table"), "text_1": ({"a b": "x", "c": 3}, "Text")}
    for key, (columns, tag) in shown.items():
        with session_at(tmp_path / key) as session:
            batch = session.ask(2)
            content = dict.fromkeys(batch.row_ids.tolist(), columns)
            path = tmp_path / f"{key}.json"
            export_batch(batch, path, content=content, format="label-studio", task=session.task)
            root = ElementTree.parse(path.with_suffix(".xml")).getroot()
            (first, *_) = json.loads(path.read_text(encoding="utf-8"))
            assert root.find(tag).get("value") == f"${key}"
            assert first["data"][key] == (columns if key == "numbers" else "x")


def test_images_that_are_not_there_are_named(tmp_path: Path) -> None:
    case = next(case for case in CASES if case.task == "boxes")
    with session_of(tmp_path / "s.db", case, ["a", "b"]) as session:
        batch = session.ask(1)
        content = {row: {"image": str(tmp_path / "none.png")} for row in "ab"}
        with pytest.raises(InputError, match=r"The image of row '[ab]' cannot be read \(.*none"):
            export_batch(batch, tmp_path / "b.json", content=content, format="label-studio",
                         task=session.task)  # fmt: skip
        (tmp_path / "none.png").write_bytes(np.zeros(40, np.uint8).tobytes())
        with pytest.raises(InputError, match="cannot be read"):
            export_batch(batch, tmp_path / "b.json", content=content, format="label-studio",
                         task=session.task)  # fmt: skip


@pytest.mark.label_studio
def test_the_real_server_imports_what_is_written(real_url: str, tmp_path: Path) -> None:
    """Tasks with images in them, answers with their people and skips, and its export reads back."""
    with httpx.Client(timeout=120) as http:
        place = Place(real_url, http, None)
        place.person(BOB)
        case = next(case for case in CASES if case.task == "boxes")
        rows = [f"r{k}" for k in range(6)]
        with session_of(tmp_path / "s.db", case, rows) as session:
            for number, row in enumerate(rows):
                person = (ANN, BOB)[number % 2]
                session.tell({row: case.labels[number % 3]}, annotator=person, seconds={row: 2.5})
            session.tell({"r0": SKIP}, annotator=BOB)
            send(session, tmp_path / "a.json", {row: {"image": f"i/{row}.png"} for row in rows})
            wanted = session.recorded()
            batch = session.ask(1, mode="relabel", annotator="x")
            export_batch(batch, tmp_path / "b.json", format="label-studio", task=session.task,
                         content={row: {"image": str(tmp_path / f"i/{row}.png")} for row in rows},
                         )  # fmt: skip
        config = (tmp_path / "b.xml").read_text(encoding="utf-8")
        made = place.call("POST", "/api/projects", json={"title": "abc", "label_config": config})
        place.call("POST", f"/api/projects/{made['id']}/import",
                   json=json.loads((tmp_path / "a.json").read_text(encoding="utf-8")))  # fmt: skip
        path = tmp_path / "back.json"
        path.write_bytes(export(place, made["id"], "JSON"))
        names = {str(place.person(name)): name for name in (ANN, BOB)}
        with session_of(tmp_path / "t.db", case, rows) as fresh:
            import_answers(fresh, path, names=names)
            assert fresh.recorded() == wanted
            assert {a.seconds for a in fresh.history() if a.kind == "label"} == {2.5}
