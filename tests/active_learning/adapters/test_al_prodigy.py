"""Prodigy's JSON Lines: the contract, examples as Prodigy writes them, and tasks for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contract import CASES, CHECKS, Adapter

from active_learning import SKIP, UNDO, Session, export_answers, export_batch, import_answers
from active_learning.adapters.formats import format_of
from thresher.core.errors import InputError

Example = dict[str, Any]


def lines_of(path: Path) -> list[Example]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write(path: Path, examples: list[Example]) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in examples), encoding="utf-8")
    return path


def change(place: Path, row_id: str, annotator: str, label: Any) -> None:
    """Annotate a row again, as Prodigy would write it: one more line."""
    examples = lines_of(place)
    old = next(
        each for each in examples if (each["row_id"], each["_annotator_id"]) == (row_id, annotator)
    )
    again = old | {"_timestamp": old["_timestamp"] + 60 * len(examples)}
    again["answer"] = "ignore" if label is SKIP else "accept"
    if label is not SKIP:
        if "options" in old:
            again["accept"] = [label] if isinstance(label, str) else list(label)
        elif "spans" in old:
            again["spans"] = label
        else:
            again["user_input"] = str(label)
    write(place, [*examples, again])


PRODIGY = Adapter(
    name="prodigy",
    place=lambda folder, _: folder / "answers.jsonl",
    send=lambda session, place, content: (
        export_answers(session, place, format="prodigy", content=content) and None
    ),
    fetch=import_answers,
    change=change,
    bad="line 5: .*(must be|got)",
    deletes=False,
)


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_contract(check: Any, case: Any, tmp_path: Path) -> None:
    check(PRODIGY, case, tmp_path)


IDS = [f"r{place}" for place in range(12)]
X = np.random.default_rng(0).normal(size=(len(IDS), 2))


def opened(folder: Path, **options: Any) -> Session:
    given = {"embeddings": X, "row_ids": IDS, "background": False, "classes": ["cat", "dog", "owl"]}
    return Session(folder / "s.db", **{**given, **options})


def took(session: Session, path: Path, **options: Any) -> dict[tuple[str, str], Any]:
    import_answers(session, path, **options)
    return session.recorded()


# What `prodigy db-out` prints for the recipes named, without fields that play no part.
CHOICE = {
    "text": "a",
    "row_id": "r0",
    "annotator": "ann",
    "options": [{"id": "cat", "text": "cat"}, {"id": "dog", "text": "dog"}],
    "_input_hash": 1,
    "_task_hash": 2,
    "_is_binary": False,
    "_view_id": "choice",
    "accept": ["dog"],
    "answer": "accept",
    "_timestamp": 1700000000,
    "_annotator_id": "animals-ann",
    "_session_id": "animals-ann",
}
NUMBERED = CHOICE | {
    "row_id": "r1",
    "options": [{"id": 0, "text": "cat"}, {"id": 1, "text": "dog"}],
    "accept": [1],
    "_annotator_id": "animals-2026-11-30_12-00-00",
}
ONE = {"text": "b", "meta": {"row_id": "r2"}, "label": "owl", "answer": "accept", "_input_hash": 3}


def test_choices_come_with_the_name_that_the_task_was_handed_out_to(tmp_path: Path) -> None:
    other = CHOICE | {"row_id": "r3", "_annotator_id": "animals-bob", "accept": ["owl"]}
    ignored = CHOICE | {"row_id": "r4", "answer": "ignore", "accept": []}
    rejected = CHOICE | {"row_id": "r5", "answer": "reject"}
    open_ = {name: CHOICE[name] for name in CHOICE if name != "answer"} | {"row_id": "r6"}
    path = write(tmp_path / "a.jsonl", [CHOICE, NUMBERED, other, ignored, rejected, open_])
    with opened(tmp_path) as session:
        assert took(session, path) == {
            ("r0", "ann"): "dog",
            ("r1", "ann"): "dog",
            ("r3", "animals-bob"): "owl",
            ("r4", "ann"): SKIP,
            ("r5", "ann"): SKIP,
        }
        assert {answer.time for answer in session.history()} == {1700000000.0}
        assert import_answers(session, path).empty == 1


def test_questions_about_one_class_make_a_label_when_they_settle_it(tmp_path: Path) -> None:
    no = {"answer": "reject"}
    two = ONE | {"meta": {"row_id": "r3"}}
    examples = [
        ONE,
        ONE | {"label": "cat"} | no,
        two | {"label": "cat"} | no,
        two | {"label": "owl"} | no,
        ONE | {"meta": {"row_id": "r4"}} | no,
        ONE | {"meta": {"row_id": "r5"}, "answer": "ignore"},
    ]
    path = write(tmp_path / "a.jsonl", examples)
    with opened(tmp_path) as session:
        found = import_answers(session, path)
        assert (found.new, found.empty) == (3, 1)
        assert session.recorded() == {("r2", ""): "owl", ("r3", ""): "dog", ("r5", ""): SKIP}
    write(path, [ONE, ONE | {"label": "cat"}])
    with opened(tmp_path / "other") as session:
        with pytest.raises(InputError, match="line 2: only one class can be right, got cat, owl"):
            import_answers(session, path)
        with pytest.raises(InputError, match="line 1: the label must be one of 'cat', 'dog'"):
            import_answers(session, write(path, [ONE | {"label": "ow"}]))


def test_sets_need_a_word_about_every_class(tmp_path: Path) -> None:
    no = {"answer": "reject"}
    half = ONE | {"meta": {"row_id": "r3"}}
    examples = [ONE, ONE | {"label": "cat"} | no, ONE | {"label": "dog"}, half]
    with opened(tmp_path, task="multi_label") as session:
        found = import_answers(session, write(tmp_path / "a.jsonl", examples))
        assert (found.new, found.empty) == (1, 1)
        assert session.recorded() == {("r2", ""): ("dog", "owl")}


def test_lines_without_a_time_count_in_their_order(tmp_path: Path) -> None:
    first, second = (CHOICE | {"accept": [name]} for name in ("cat", "owl"))
    del first["_timestamp"], second["_timestamp"]
    with opened(tmp_path) as session:
        path = write(tmp_path / "a.jsonl", [first, second])
        assert took(session, path) == {("r0", "ann"): "owl"}
    with opened(tmp_path / "other") as session:
        late = CHOICE | {"accept": ["cat"], "_timestamp": 1700000100}
        path = write(tmp_path / "b.jsonl", [late, CHOICE])
        assert took(session, path, annotator="zoe") == {("r0", "zoe"): "cat"}


BOX = {"label": "cat", "x": 76.5, "y": 112.5, "width": 10.0, "height": 20.0, "id": "0ef6"}
CORNERS = {"label": "dog", "points": [[1, 2], [1, 6], [4, 6], [4, 2]], "color": "red"}


def test_boxes_are_those_of_the_image_interface(tmp_path: Path) -> None:
    spans = [BOX | {"type": "rect", "center": [81.5, 122.5]}, CORNERS]
    example = {"image": "a.png", "row_id": "r0", "answer": "accept", "spans": spans, "width": 800}
    with opened(tmp_path, task="boxes") as session:
        assert took(session, write(tmp_path / "a.jsonl", [example]))["r0", ""] == [
            {"x": 1.0, "y": 2.0, "width": 3.0, "height": 4.0, "label": "dog"},
            {"x": 76.5, "y": 112.5, "width": 10.0, "height": 20.0, "label": "cat"},
        ]
        triangle = {"label": "dog", "points": [[1, 2], [1, 6], [4, 6]], "type": "polygon"}
        for wrong, says in ((triangle, "no box: draw rectangles"), ({"label": "dog"}, "or points")):
            path = write(tmp_path / "b.jsonl", [example | {"spans": [wrong], "row_id": "r1"}])
            with pytest.raises(InputError, match=f"line 1: .*{says}"):
                import_answers(session, path)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"answer": "yes"}, "`answer` must be accept, reject or ignore, got 'yes'"),
        ({"accept": []}, r"one option must be chosen, got \[\]"),
        ({"accept": ["cat", "dog"]}, "one option must be chosen"),
        ({"accept": "cat"}, "`accept` must be a list"),
        ({"accept": ["horse"]}, "one of 'cat', 'dog', 'owl', got 'horse'"),
        ({"row_id": "r99"}, "The row id 'r99' is not in the pool"),
        ({"row_id": None}, "there is no `row_id`"),
        ({"_timestamp": "noon"}, "`time` must be seconds since 1970"),
    ],
)
def test_what_cannot_be_taken_is_said(changed: Example, says: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [CHOICE, CHOICE | {"row_id": "r1"} | changed])
    with opened(tmp_path) as session:
        with pytest.raises(InputError, match=f"line 2: .*{says}"):
            import_answers(session, path)
        assert session.history() == []


def test_a_file_is_known_by_what_it_holds(tmp_path: Path) -> None:
    table = tmp_path / "table.jsonl"
    table.write_text('{"row_id": "r0", "label": "cat"}\n')
    assert format_of(table).name == "jsonl"
    assert format_of(write(tmp_path / "a.jsonl", [CHOICE])).name == "prodigy"
    (tmp_path / "b.jsonl").write_bytes(b"\xef\xbb\xbf\r\n" + json.dumps(CHOICE).encode())
    assert format_of(tmp_path / "b.jsonl").name == "prodigy"
    for text in ("", "[1", '"accept"', "[" * 100_000):
        (tmp_path / "c.jsonl").write_text(text)
        assert format_of(tmp_path / "c.jsonl").name == "jsonl"
    assert format_of(table, wanted="prodigy").name == "prodigy"
    with pytest.raises(InputError, match=r"end in \.jsonl or \.ndjson in the format 'prodigy'"):
        format_of(tmp_path / "a.csv", wanted="prodigy")
    with pytest.raises(InputError, match="Did you mean 'prodigy'"):
        format_of(table, wanted="prodgy")


def test_tasks_for_prodigy_show_classes_and_what_the_model_says(tmp_path: Path) -> None:
    path = tmp_path / "b.jsonl"
    ids = [f"r{place}" for place in range(60)]
    vectors = np.random.default_rng(0).normal(size=(60, 2))
    kinds = np.where(vectors[:, 0] > 0, "cat", "dog").tolist()
    options = {"embeddings": vectors, "row_ids": ids, "classes": ["cat", "dog"], "audit": 0.5}
    with opened(tmp_path, **options) as session:
        session.tell(dict(zip(ids[:30], kinds[:30], strict=True)))
        batch = session.ask(20, annotator="ann")
        content = {row: {"review": f"text of {row}"} for row in batch.row_ids.tolist()}
        with pytest.raises(InputError, match="give `task="):
            export_batch(batch, path, content=content, format="prodigy")
        with pytest.raises(
            InputError, match="goes out as csv, jsonl, prodigy or label-studio, not as parquet"
        ):
            export_batch(batch, tmp_path / "b.parquet", content=content)
        export_batch(batch, path, content=content, format="prodigy", task=session.task)
        tasks = lines_of(path)
        assert [each["row_id"] for each in tasks] == batch.row_ids.tolist()
        for each, row in zip(tasks, batch.rows, strict=True):
            assert each["text"] == f"text of {each['row_id']}"
            assert each["options"] == [{"id": name, "text": name} for name in ("cat", "dog")]
            assert each["accept"] == ([] if row.arm == "audit" else [row.suggestion])
            assert each["meta"] == {"row_id": each["row_id"], "why": row.reason}
            assert not {"answer", "_input_hash", "_task_hash"} & set(each)
        annotated = [each | {"answer": "accept", "accept": ["cat"]} for each in tasks]
        named = [each | {"_annotator_id": "data-ann", "_timestamp": 1} for each in annotated]
        assert import_answers(session, write(path, named)).new == 20
        assert session.open_leases() == {}
        assert {answer.round for answer in session.history()[30:]} == {batch.number}


def test_equal_texts_have_equal_hashes(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    content = {"r0": {"text": "x"}, "r1": {"text": "x"}, "r2": {"text": "y"}}
    with opened(tmp_path) as session:
        session.tell({"r0": "cat", "r1": "dog", "r2": "cat"}, annotator="ann")
        session.tell({"r0": "cat"}, annotator="bob")
        export_answers(session, path, format="prodigy", content=content)
        a, b, c, again = lines_of(path)
        assert a["_input_hash"] == b["_input_hash"] != c["_input_hash"]
        assert a["_task_hash"] == again["_task_hash"] != b["_task_hash"]
        assert all(-(2**31) <= each["_input_hash"] < 2**31 for each in (a, b, c))
        session.tell({"r0": "dog"}, annotator="ann")
        session.tell({"r1": SKIP}, annotator="ann")
        assert export_answers(session, path, format="prodigy", content=content, history=True) == 6
        wanted = session.recorded()
        with Session(
            tmp_path / "t.db", embeddings=X, row_ids=IDS, classes=session.classes
        ) as other:
            assert took(other, path) == wanted
        session.tell({"r1": UNDO}, annotator="ann")
        with pytest.raises(InputError, match="no word for an answer that was taken back"):
            export_answers(session, path, format="prodigy", content=content, history=True)


def test_a_span_lies_in_one_text(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with opened(tmp_path, task="spans") as session:
        session.tell({"r0": [{"start": 0, "end": 2, "label": "cat"}]})
        with pytest.raises(InputError, match="row 'r0' has the columns title, body"):
            export_answers(
                session, path, format="prodigy", content={"r0": {"title": "a", "body": "b"}}
            )
        assert not path.exists()
