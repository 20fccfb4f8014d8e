"""What the review page gets from the server, and what the server refuses."""

from __future__ import annotations

import csv
import io
import json
import shutil

import numpy as np
import pytest

pytest.importorskip("starlette", reason="needs thresher[web]")
pytest.importorskip("httpx", reason="needs httpx")

from starlette.testclient import TestClient

from thresher.app.review_opening import open_desk
from thresher.app.web.application import make_app
from thresher.app.web.review.messages import take_messages
from thresher.app.web.review.site import review_site

HOST, TOKEN = "http://127.0.0.1:8765", "token-of-the-tests"
KINDS = {"Uint8Array": "<u1", "Int16Array": "<i2", "Int32Array": "<i4", "Float32Array": "<f4"}


def unpacked(answer):
    """Return the arrays of an answer as a browser reads them, and what stands beside them."""
    assert answer.status_code == 200, answer.text
    line, data = answer.content.split(b"\n", 1)
    head = json.loads(line)
    begin = len(line) + 1
    assert begin % 8 == 0
    arrays = {}
    for one in head.pop("arrays"):
        assert one["start"] % 8 == 0
        kind = KINDS[one["kind"]]
        arrays[one["name"]] = np.frombuffer(data, kind, one["count"], one["start"])
    return arrays, head


@pytest.fixture
def client(decisions, reviews, tmp_path):
    folder = shutil.copytree(decisions, tmp_path / "found")
    desk = open_desk(folder, str(reviews))
    app = make_app(review_site(desk, title="found"), token=TOKEN)
    with TestClient(app, base_url=HOST) as client:
        client.get("/", params={"token": TOKEN})
        client.desk = desk
        yield client


def send(client, *messages):
    answer = client.post("/api/review/messages", json={"messages": list(messages)})
    assert answer.status_code == 200, answer.text
    return answer.json()["replies"]


def said(client, key="", **body):
    message = {"key": key or f"k{client.desk.journal.last}", "kind": "say", "person": "ann", **body}
    (reply,) = send(client, message)
    return reply


def number(client, row_id):
    return client.desk.table.numbers_of([row_id]).tolist()[0]


def test_lists_and_rows_are_those_of_the_table(client):
    about = client.get("/api/review/overview").json()
    assert about["rows"] == 80
    names = [one["name"] for one in about["lists"]]
    assert names[:3] == ["decisions", "conflict", "exact_duplicate"]
    for name in names:
        arrays, head = unpacked(client.get("/api/review/list", params={"of": name}))
        own = client.desk.table.listed(name)
        assert head["grouped"] == own.grouped
        for key in ("rows", "twins", "scores", "suggested"):
            np.testing.assert_array_equal(arrays[key], getattr(own, key))
        assert len(own) == next(one["count"] for one in about["lists"] if one["name"] == name)
    arrays, head = unpacked(client.get("/api/review/rows"))
    np.testing.assert_array_equal(arrays["actions"], client.desk.table.actions)
    assert [head["splits"][code] for code in arrays["splits"]] == ["train"] * 80


def test_texts_with_markup_come_as_they_are(client):
    at = number(client, "k060")
    (card,) = client.get("/api/review/cards", params={"rows": at}).json()
    assert card["fields"][0]["text"].startswith("<script>alert(1)</script>")
    answer = client.get("/api/review/cards", params={"rows": at, "whole": ""})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_verdicts_are_said_undone_and_read_by_other_tabs(client):
    at = [number(client, name) for name in ("k050", "k051")]
    assert said(client, verdict="accept", rows=at, note="sure")["step"] == 1
    said(client, verdict="relabel", rows=at[:1], label="bad")
    arrays, head = unpacked(client.get("/api/review/verdicts"))
    codes = client.get("/api/review/overview").json()["verdicts"]
    found = {
        row: (codes[code], head["steps"][step])
        for row, code, step in zip(*(arrays[name].tolist() for name in arrays), strict=True)
    }
    assert found == {
        at[0]: ("relabel", {"person": "ann", "label": "bad", "note": None}),
        at[1]: ("accept", {"person": "ann", "label": None, "note": "sure"}),
    }
    again, head = unpacked(client.get("/api/review/verdicts", params={"since": head["last"]}))
    assert (again, head) == ({}, {"last": 2})
    undo = {"key": "u1", "kind": "undo", "person": "ann"}
    for _ in range(2):  # what is sent again is not done again
        (reply,) = send(client, undo)
        assert reply["undone"] == {"verdict": "relabel", "label": "bad", "rows": at[:1]}
    (reply,) = send(client, {**undo, "key": "u2", "person": "bob"})
    assert reply["undone"] is None
    assert client.desk.journal.last == 3


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"verdict": "accept", "rows": [80]}, "0 to 79"),
        ({"verdict": "accept", "rows": [-1]}, "0 to 79"),
        ({"verdict": "accept", "rows": []}, "none is chosen"),
        ({"verdict": "accept", "rows": "1"}, "must be a list"),
        ({"verdict": "accept", "rows": ["../../etc/passwd"]}, "row numbers"),
        ({"verdict": "accept", "rows": [None]}, "row numbers"),
        ({"verdict": "burn", "rows": [1]}, "must be one of"),
        ({"verdict": 3, "rows": [1]}, "must be a text"),
        ({"verdict": "relabel", "rows": [1], "label": "great"}, "no row has the label"),
        ({"verdict": "relabel", "rows": [1], "label": {}}, "must be a text"),
        ({"verdict": "accept", "rows": [1], "person": " "}, "who you are"),
        ({"verdict": "accept", "rows": [1], "person": "x" * 300}, "who you are"),
    ],
)
def test_what_cannot_be_said_is_refused_in_words(client, body, says):
    good = {"key": "g", "kind": "say", "person": "ann", "verdict": "accept", "rows": [1]}
    bad = {"key": "b", "kind": "say", "person": "ann", **body}
    wrong, fine = send(client, bad, good)
    assert says in wrong["error"]
    assert "retry" not in wrong
    assert (fine["saved"], client.desk.journal.last) == (True, 1)


def test_reading_changes_nothing_and_changing_needs_a_post(client):
    for name in ("messages", "apply", "export"):
        assert client.get(f"/api/review/{name}").status_code == 405
    answer = client.post("/api/review/messages", content=b"{}", headers={"content-type": "a/b"})
    assert answer.status_code == 415
    for body in ({}, {"messages": "x"}, {"messages": [1]}, {"messages": [{}]}):
        assert client.post("/api/review/messages", json=body).status_code == 400
    for message in ({"key": "", "kind": "undo"}, {"key": "k", "kind": "burn"}):
        (reply,) = send(client, message)
        assert reply["error"]
    assert client.get("/api/review/list", params={"of": "secrets"}).status_code == 400
    assert client.get("/api/review/cards", params={"rows": "1,x"}).status_code == 400
    assert client.get("/api/review/cards", params={"rows": ",".join("1" * 401)}).status_code == 400
    assert "no vectors" in client.get("/api/review/map").json()["error"]


def test_search_finds_row_numbers(client):
    arrays, _ = unpacked(client.get("/api/review/search", params={"text": "SCRIPT"}))
    assert arrays["rows"].tolist() == [number(client, "k060")]


def test_an_export_is_a_sheet_with_the_verdicts_so_far(client):
    at = [number(client, name) for name in ("k051", "k050")]
    said(client, verdict="keep_other", rows=at[:1], note="=1+1")
    answer = client.post("/api/review/export", json={"format": "csv", "rows": at})
    lines = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [line["row_id"] for line in lines] == ["k051", "k050"]
    assert [line["verdict"] for line in lines] == ["keep_other", ""]
    assert lines[0]["note"] == "'=1+1"
    answer = client.post("/api/review/export", json={"format": "jsonl", "rows": at})
    assert [json.loads(line)["row_id"] for line in answer.text.splitlines()] == ["k051", "k050"]
    answer = client.post("/api/review/export", json={"format": "xlsx", "rows": at})
    assert answer.status_code == 400


def test_applying_says_first_what_it_will_do_and_then_does_it(client, tmp_path, reviews):
    said(client, verdict="drop", rows=[number(client, "k030")])
    preview = client.get("/api/review/preview").json()
    assert preview["after"]["drop"] == preview["before"]["drop"] + 1
    assert preview["data"] == str(reviews)
    out = tmp_path / "clean.csv"
    done = client.post("/api/review/apply", json={"out": str(out)}).json()
    assert (done["dropped"], done["path"]) == (preview["after"]["drop"], str(out))
    assert "k030" not in out.read_text()
    for path in (reviews, tmp_path / "found"):
        answer = client.post("/api/review/apply", json={"out": str(path)})
        assert answer.status_code == 400, answer.text
    assert client.post("/api/review/apply", json={"out": " "}).status_code == 400


def test_a_disk_that_is_full_is_said_and_messages_can_be_sent_again(client):
    connection = client.desk.journal.file.connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    message = {"kind": "say", "person": "ann", "verdict": "reject", "rows": [1], "note": "x" * 9000}
    replies = send(client, *({**message, "key": f"k{at}"} for at in range(3)))
    assert [reply.get("retry") for reply in replies] == [True] * 3
    assert {reply["status"] for reply in replies} == {507}
    assert "full" in replies[0]["error"]
    assert client.desk.journal.last == 0
    connection.execute("PRAGMA max_page_count = 100000")
    for _ in range(2):
        replies = send(client, *({**message, "key": f"k{at}"} for at in range(3)))
        assert [reply["step"] for reply in replies] == [1, 2, 3]
    assert client.desk.journal.last == 3


def test_only_named_people_are_listened_to(client):
    message = {"key": "k", "kind": "say", "verdict": "reject", "rows": [1], "person": "eve"}
    for person, taken in (("eve", False), ("ann", True)):
        (reply,) = take_messages(client.desk, [{**message, "person": person}], people=["ann"])
        assert ("error" not in reply) == taken
        assert taken or "one of 'ann', got 'eve'" in reply["error"]
