"""What the labeling page asks for and sends, against a real session."""

from __future__ import annotations

import io
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("starlette", reason="needs thresher[web]")

from PIL import Image
from starlette.testclient import TestClient

from active_learning import Desk
from active_learning.sessions.desk_writer import DeskClosedError
from thresher.app.web.application import make_app
from thresher.app.web.label.opening import LabelOptions
from thresher.app.web.opening import open_site
from thresher.core.errors import InputError, StorageError

from .conftest import HOST, TOKEN, encoded, png
from .sessions import HOSTILE, HOSTILE_CLASSES, image_session, number_session, text_session

ANN = {"annotator": "ann", "lease": "tab-1"}


class Page:
    """A browser on the page of a session."""

    def __init__(self, folder: Path, **options: Any) -> None:
        site = open_site(folder, LabelOptions(**options))
        self.client = TestClient(make_app(site, token=TOKEN), base_url=HOST)
        self.client.__enter__()
        self.client.get("/", params={"token": TOKEN})
        self.keys = iter(range(10**6))

    def close(self) -> None:
        self.client.__exit__()

    def get(self, path: str) -> Any:
        return self.client.get(f"/api/label/{path}").json()

    def post(self, path: str, **body: Any) -> Any:
        return self.client.post(f"/api/label/{path}", json=body)

    def next(self, count: int = 5, **who: Any) -> list[dict[str, Any]]:
        """Return rows as soon as they are chosen."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            answer = self.post("next", **{**ANN, "have": [], **who}, count=count)
            assert answer.status_code == 200, answer.text
            if answer.json()["state"] != "choosing":
                return list(answer.json()["rows"])
            time.sleep(0.02)
        raise TimeoutError("no rows were chosen")

    def undo(self, **who: Any) -> Any:
        return self.post("undo", **{**ANN, **who}, key=f"u{next(self.keys)}")

    def send(self, *messages: dict[str, Any]) -> list[dict[str, Any]]:
        """Send messages; return the replies."""
        whole = [{"key": f"k{next(self.keys)}", **ANN, "seconds": 1.5, **m} for m in messages]
        answer = self.post("answers", messages=whole)
        self.status = answer.status_code
        replies = answer.json()["replies"]
        assert [reply["key"] for reply in replies] == [m["key"] for m in whole]
        return list(replies)


@pytest.fixture
def opened() -> Iterator[Callable[..., Page]]:
    pages: list[Page] = []

    def make(folder: Path, **options: Any) -> Page:
        pages.append(Page(folder, **options))
        return pages[-1]

    yield make
    for page in pages:
        page.close()


@pytest.fixture
def page(tmp_path: Path, opened: Callable[..., Page]) -> Page:
    return opened(text_session(tmp_path / "lab"))


def log(folder: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(folder / "labels.db")) as connection, connection:
        query = "SELECT row_id, annotator, kind, label, seconds FROM answers ORDER BY id"
        return connection.execute(query).fetchall()


def label(row: dict[str, Any], given: Any = "good", **more: Any) -> dict[str, Any]:
    return {"row": row["row"], "kind": "label", "label": given, **more}


def test_rows_come_with_content_and_reason_and_answers_are_in_the_file(
    page: Page, tmp_path: Path
) -> None:
    assert page.get("session") == {
        "task": "classification",
        "classes": ["good", "bad"],
        "limits": {"low": None, "high": None},
    }
    rows = page.next(4)
    assert len({row["row"] for row in rows}) == 4
    for row in rows:
        assert row["content"] == {"text": f"text {row['row']}", "length": 6 + (row["row"] > 9)}
        assert row["reason"].endswith(".")
    replies = page.send(
        label(rows[0]), label(rows[1], "bad"), {"row": rows[2]["row"], "kind": "skip"}
    )
    assert all(reply["saved"] and not reply["late"] for reply in replies)
    assert log(tmp_path / "lab") == [
        (rows[0]["id"], "ann", "label", "good", 1.5),
        (rows[1]["id"], "ann", "label", "bad", 1.5),
        (rows[2]["id"], "ann", "skip", None, 1.5),
    ]
    progress = page.get("progress")
    assert (progress["labeled"], progress["pool"]) == (2, 60)
    assert progress["annotators"] == {"ann": 3}


def test_an_answer_that_is_sent_again_is_recorded_once(page: Page, tmp_path: Path) -> None:
    row = page.next(1)[0]
    for _ in range(3):
        assert page.send(label(row, key="same"))[0]["saved"]
    page.send({"row": row["row"], "kind": "undo"})
    page.send(label(row, key="same"))  # late copy of another tab: the undo stays
    assert [entry[2] for entry in log(tmp_path / "lab")] == ["label", "undo"]


def test_blind_rows_show_no_suggestion_and_the_log_says_so(page: Page, tmp_path: Path) -> None:
    blind = []
    for _ in range(12):
        rows = page.next(3)
        page.send(*(label(row, ("good", "bad")[row["row"] % 2]) for row in rows))
        blind += [row for row in rows if row["blind"]]
        time.sleep(0.05)
    assert blind
    assert all(
        row["suggestion"] is row["probability"] is row["suggestion_text"] is None for row in blind
    )
    with closing(sqlite3.connect(tmp_path / "lab/labels.db")) as connection, connection:
        marked = connection.execute(
            "SELECT a.row_id FROM desk_answers d JOIN answers a ON a.id = d.answer WHERE d.blind"
        ).fetchall()
    assert {row for (row,) in marked} == {row["id"] for row in blind}


def test_two_tabs_get_different_rows_and_a_closed_one_gives_them_back(page: Page) -> None:
    first = page.next(5)
    other = page.next(5, lease="tab-2")
    assert {row["row"] for row in first}.isdisjoint(row["row"] for row in other)
    assert page.post("release", annotator="ann", lease="tab-2").status_code == 200
    third = page.next(5, lease="tab-3")
    assert {row["row"] for row in third} == {row["row"] for row in other}


def test_a_page_that_was_loaded_again_gets_its_rows_again(page: Page) -> None:
    first = page.next(3)
    held = [row["row"] for row in first]
    assert {row["row"] for row in page.next(3, have=held)}.isdisjoint(held)
    assert [row["row"] for row in page.next(3, have=[])] == held


def test_people_get_different_rows(page: Page) -> None:
    first = page.next(5)
    other = page.next(5, annotator="bob", lease="tab-b")
    assert {row["row"] for row in first}.isdisjoint(row["row"] for row in other)


def test_an_answer_after_its_lease_is_taken_and_marked(
    tmp_path: Path, opened: Callable[..., Page]
) -> None:
    page = opened(text_session(tmp_path / "lab"), lease="1s")
    row = page.next(1)[0]
    time.sleep(1.2)
    assert page.send(label(row))[0] == {"key": "k0", "saved": True, "late": True}
    assert log(tmp_path / "lab")[0][:4] == (row["id"], "ann", "label", "good")


def test_renewed_leases_do_not_run_out(tmp_path: Path, opened: Callable[..., Page]) -> None:
    page = opened(text_session(tmp_path / "lab"), lease="2s")
    row = page.next(1)[0]
    for _ in range(6):
        time.sleep(0.5)
        assert page.post("renew", **ANN).status_code == 200
    assert page.send(label(row))[0]["late"] is False


def test_undo_goes_back_to_any_depth(page: Page, tmp_path: Path) -> None:
    rows = page.next(3)
    page.send(label(rows[0]), label(rows[1], "bad"), {"row": rows[2]["row"], "kind": "skip"})
    for row in reversed(rows):
        assert page.undo().json()["row"]["row"] == row["row"]
    assert page.undo().json() == {"row": None}
    assert page.get("progress")["labeled"] == 0
    assert [entry[2] for entry in log(tmp_path / "lab")] == ["label", "label", "skip"] + [
        "undo"
    ] * 3


def test_a_message_undoes_the_answer_of_its_own_row(page: Page) -> None:
    mine, other = page.next(1), page.next(1, lease="tab-2")
    page.send(label(mine[0]), label(other[0], lease="tab-2"))
    page.send({"row": mine[0]["row"], "kind": "undo"})  # though the other came later
    assert page.undo().json()["row"]["row"] == other[0]["row"]


def test_one_wrong_answer_leaves_the_others_alone(page: Page, tmp_path: Path) -> None:
    rows = page.next(3)
    first, wrong, last = page.send(label(rows[0]), label(rows[1], "ugly"), label(rows[2], "bad"))
    assert first["saved"]
    assert last["saved"]
    assert "must be one of 'good', 'bad'" in wrong["error"]
    assert "retry" not in wrong
    assert len(log(tmp_path / "lab")) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"row": "../../etc/passwd"},
        {"row": -1},
        {"row": 60},
        {"row": 1.5},
        {"row": True},
        {"row": None},
        {"kind": "drop"},
        {"kind": 3},
        {"annotator": 7},
        {"annotator": "a\nb"},
        {"annotator": "x" * 201},
        {"lease": ""},
        {"lease": "x" * 101},
        {"seconds": "long"},
        {"seconds": -1},
        {"label": {"a": 1}},
        {"label": ["good"]},
        {"label": None},
        {"label": "x" * 5000},
    ],
    ids=lambda wrong: str(wrong)[:40],
)
def test_messages_that_make_no_sense_are_refused_in_words(
    page: Page, tmp_path: Path, wrong: dict[str, Any]
) -> None:
    row = page.next(1)[0]
    reply = page.send({**label(row), **wrong})[0]
    assert len(reply["error"]) > 20
    assert "saved" not in reply
    assert log(tmp_path / "lab") == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("answers", {"messages": "all"}),
        ("answers", {"messages": [3]}),
        ("answers", {"messages": [{}]}),
        ("answers", {"messages": [{"key": "k"}] * 201}),
        ("next", {**ANN}),
        ("next", {**ANN, "count": 0}),
        ("next", {**ANN, "count": 10**9}),
        ("next", {**ANN, "count": 5, "have": ["r1"]}),
        ("next", {**ANN, "count": 5, "have": {}}),
        ("next", {"count": 5}),
        ("undo", {"annotator": "ann"}),
        ("renew", {}),
    ],
    ids=str,
)
def test_requests_that_make_no_sense_are_refused_in_words(
    page: Page, path: str, body: dict[str, Any]
) -> None:
    answer = page.post(path, **body)
    assert answer.status_code == 400
    assert len(answer.json()["error"]) > 15


def test_an_answer_that_meets_a_closed_desk_may_come_again(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = page.next(1)[0]

    def closed(*_: Any, **__: Any) -> None:
        raise DeskClosedError

    monkeypatch.setattr(Desk, "answer", closed)
    reply = page.send(label(row))[0]
    assert reply["retry"]
    assert page.status == reply["status"] == 503
    assert reply["error"] == "The server is ending. Answers are taken once it runs again."


@pytest.mark.parametrize(("full", "status"), [(True, 507), (False, 503)])
def test_a_full_disk_or_a_locked_file_is_said_and_the_answers_come_again(
    page: Page, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, full: bool, status: int
) -> None:
    rows = page.next(3)
    given, tried = Desk.answer, []

    def failing(self: Desk, *arguments: Any, **options: Any) -> Any:
        tried.append(options["key"])
        if len(tried) == 2:
            raise StorageError("Nothing was written (disk full). Free the disk.", full=full)
        return given(self, *arguments, **options)

    monkeypatch.setattr(Desk, "answer", failing)
    first, *others = page.send(*(label(row) for row in rows))
    assert first["saved"]
    assert [(reply["retry"], reply["status"]) for reply in others] == [(True, status)] * 2
    assert "Free the disk" in others[0]["error"]
    assert len(tried) == 2  # what comes after would not stay in order
    assert page.status == 200
    tried.clear()
    tried.append("the next one fails")
    assert page.send(label(rows[1]))[0]["retry"]
    assert page.status == status
    page.send(label(rows[1]), label(rows[2]))
    assert len(log(tmp_path / "lab")) == 3


def test_only_the_named_people_may_label(tmp_path: Path, opened: Callable[..., Page]) -> None:
    page = opened(text_session(tmp_path / "lab"), annotators=("ann", "bob"))
    assert page.client.get("/api/about").json()["annotators"] == ["ann", "bob"]
    answer = page.post("next", annotator="eve", lease="t", count=1, have=[])
    assert answer.json()["error"] == "`annotator` must be one of 'ann', 'bob', got 'eve'."
    row = page.next(1)[0]
    assert "must be one of" in page.send(label(row, annotator="eve"))[0]["error"]


def test_hostile_rows_are_handed_out_as_they_are_and_long_ones_folded(
    tmp_path: Path, opened: Callable[..., Page]
) -> None:
    folder = text_session(tmp_path / "lab", HOSTILE, classes=HOSTILE_CLASSES, audit=0)
    page = opened(folder)
    rows = {row["row"]: row for row in page.next(10)}
    assert sorted(rows) == list(range(len(HOSTILE)))
    for number, text in enumerate(HOSTILE):
        assert rows[number]["content"] == {"text": text[:4000], "length": len(text)}
        assert page.get(f"text/{number}") == {"text": text}
    assert page.client.get("/api/label/text/6").status_code == 404
    assert page.client.get("/api/label/text/..%2f..%2fetc%2fpasswd").status_code == 404
    page.send(*(label(rows[n], name) for n, name in enumerate(HOSTILE_CLASSES)))
    assert [entry[3] for entry in log(folder)] == list(HOSTILE_CLASSES)


def test_images_are_served_by_number_and_boxes_know_their_upright_size(
    tmp_path: Path, opened: Callable[..., Page]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = np.full((20, 50, 3), 90, np.uint8)
    files = {"0.png": png(30, 10), "1.jpg": encoded(pixels, "JPEG", exif=exif)}
    files |= {f"{number}.png": png(8, 8, (number, 0, 0)) for number in range(2, 6)}
    page = opened(image_session(tmp_path / "lab", files, task="boxes"))
    sizes = {row["row"]: row["content"]["size"] for row in page.next(6)}
    assert sizes == {0: [30, 10], 1: [20, 50], 2: [8, 8], 3: [8, 8], 4: [8, 8], 5: [8, 8]}
    for number in range(6):
        image = Image.open(io.BytesIO(page.client.get(f"/media/{number}").content))
        turned = image.getexif().get(0x0112) == 6
        assert list(image.size[::-1] if turned else image.size) == sizes[number]
    box = {"x": 1.5, "y": 2, "width": 3, "height": 4, "label": "dog"}
    assert page.send({"row": 0, "kind": "label", "label": [box]})[0]["saved"]
    assert log(tmp_path / "lab")[0][3] == (
        '[{"x": 1.5, "y": 2.0, "width": 3.0, "height": 4.0, "label": "dog"}]'
    )
    empty = {**box, "width": 0}
    assert (
        "wider and higher" in page.send({"row": 1, "kind": "label", "label": [empty]})[0]["error"]
    )


def test_numbers_have_columns_and_limits(tmp_path: Path, opened: Callable[..., Page]) -> None:
    page = opened(number_session(tmp_path / "lab"))
    rows = page.next(3)
    number = rows[0]["row"]
    assert rows[0]["content"] == {
        "columns": [["rooms", str(number)], ["area", f"{number * 1.23456789:.6g}"]]
    }
    assert page.send(label(rows[0], 2.5))[0]["saved"]
    assert "must be a number" in page.send(label(rows[1], "much"))[0]["error"]
    assert log(tmp_path / "lab")[0][3] == "2.5"


def test_several_classes_and_spans_are_lists(tmp_path: Path, opened: Callable[..., Page]) -> None:
    page = opened(text_session(tmp_path / "sets", task="multi_label"))
    rows = page.next(2)
    assert all(r["saved"] for r in page.send(label(rows[0], ["bad", "good"]), label(rows[1], [])))
    assert [entry[3] for entry in log(tmp_path / "sets")] == ['["good", "bad"]', "[]"]
    page = opened(text_session(tmp_path / "spans", HOSTILE, task="spans"))
    row = next(row for row in page.next(6) if row["row"] == 3)
    span = {"start": 2, "end": 5, "label": "good"}
    assert page.send(label(row, [span]))[0]["saved"]
    assert row["content"]["text"][2:5] == "Ada"


def test_the_report_is_made_in_the_background(tmp_path: Path, opened: Callable[..., Page]) -> None:
    texts = tuple(f"text {number}" for number in range(300))
    page = opened(text_session(tmp_path / "lab", texts, audit=0.5), batch=5)
    for _ in range(8):
        rows = page.next(5)
        page.send(*(label(row, ("good", "bad")[row["row"] % 2]) for row in rows))
    end = time.monotonic() + 40
    while time.monotonic() < end:
        report = page.get("progress")["report"]
        if report and report["accuracy"]:
            break
        time.sleep(0.2)
    assert report["measure"] == "accuracy"
    assert report["is_share"]
    assert report["accuracy"]["low"] <= report["accuracy"]["value"] <= report["accuracy"]["high"]
    assert report["age"] >= 0
    assert report["advice"]["reasons"]


def test_all_rows_done_is_said(tmp_path: Path, opened: Callable[..., Page]) -> None:
    page = opened(text_session(tmp_path / "lab", ("a", "b", "c"), audit=0))
    rows = page.next(9)
    page.send(*(label(row) for row in rows))
    end = time.monotonic() + 20
    state = "choosing"
    while state != "done" and time.monotonic() < end:
        state = page.post("next", **ANN, count=5, have=[]).json()["state"]
        time.sleep(0.05)
    assert state == "done"


def test_what_cannot_be_served_is_said(tmp_path: Path, opened: Callable[..., Page]) -> None:
    with pytest.raises(InputError, match="holds neither a labeling session nor a run"):
        open_site(tmp_path, LabelOptions())
    folder = text_session(tmp_path / "boxes", task="boxes")
    with pytest.raises(InputError, match="needs rows with image, these have text"):
        open_site(folder, LabelOptions())
    folder = text_session(tmp_path / "lab")
    with pytest.raises(InputError, match="`mode` must be one of"):
        open_site(folder, LabelOptions(mode="all"))
    opened(folder)
    with pytest.raises(InputError, match="desk"):
        open_site(folder, LabelOptions())


def test_a_session_in_the_place_of_another_has_another_key(tmp_path: Path) -> None:
    import shutil

    keys = set()
    for name in ("a", "b", "a"):
        shutil.rmtree(tmp_path / name, ignore_errors=True)
        site = open_site(text_session(tmp_path / name), LabelOptions())
        site.close()
        again = open_site(tmp_path / name, LabelOptions())
        again.close()
        assert site.key == again.key
        keys.add(site.key)
    assert len(keys) == 3
