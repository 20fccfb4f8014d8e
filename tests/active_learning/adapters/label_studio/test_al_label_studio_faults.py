"""Servers that are down, busy, cut off or somebody else's: what is said, and that all goes on."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fake_label_studio import PERSONAL, TOKEN, URL, FakeLabelStudio
from people_of_label_studio import TEXT, Desk, Place, desk_at, session_at

from active_learning.adapters.label_studio.connection import connect
from active_learning.adapters.label_studio.incoming import pull
from active_learning.adapters.label_studio.links import Links
from active_learning.adapters.label_studio.outgoing import push
from active_learning.adapters.label_studio.server import LabelStudio, ServerError
from thresher.core.errors import InputError

ANN = "ann@example.com"


class Killed(BaseException):
    """The process ends here."""


def place_of(fake: FakeLabelStudio) -> Place:
    return Place(URL, fake.client(), fake)


def killing(fake: FakeLabelStudio, *, at: int, after: bool) -> Place:
    """Return a place whose process is killed at its n-th request, before or after it arrives."""
    count = 0

    def handle(request: httpx.Request) -> httpx.Response:
        nonlocal count
        count += 1
        if count == at and not after:
            raise Killed
        answer = fake.handle(request)
        if count == at:
            raise Killed
        return answer

    return Place(URL, httpx.Client(transport=httpx.MockTransport(handle)), fake)


def round_of(place: Place, folder: Path, rows: int = 40) -> Desk:
    desk = desk_at(place, folder, rows=rows)
    pull(desk.connection)
    push(desk.connection, n=130)  # two imports of a hundred tasks at most
    return desk


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, 7))
def test_a_killed_process_goes_on_and_makes_nothing_double(
    fake: FakeLabelStudio, tmp_path: Path, at: int, after: bool
) -> None:
    rows = 150
    with pytest.raises(Killed):
        round_of(killing(fake, at=at, after=after), tmp_path, rows)
    desk = round_of(place_of(fake), tmp_path, rows)
    assert len(fake.projects) == 1
    sent = [task["data"]["row_id"] for task in desk.tasks()]
    assert len(sent) == len(set(sent)) == 130
    assert set(sent) == set(desk.connection.session.open_leases())
    for task in desk.tasks():
        desk.annotate(task, "cat", by=ANN)
    with pytest.raises(Killed):
        pull(desk_at(killing(fake, at=3, after=after), tmp_path, rows=rows).connection)
    assert pull(desk.connection).new == 130
    assert len(desk.connection.session.history()) == 130


def test_a_process_killed_between_session_and_note_tells_nothing_twice(
    fake: FakeLabelStudio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = round_of(place_of(fake), tmp_path)
    for task in desk.tasks()[:5]:
        desk.annotate(task, "dog", by=ANN)

    def killed(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Links, "replace", killed)
        with pytest.raises(Killed):
            pull(desk.connection)
    assert pull(desk.connection).new == 0
    assert len(desk.connection.session.history()) == 5


@pytest.mark.parametrize("fault", [("POST", "unanswered"), ("POST", "lost"), ("POST", 503)])
def test_an_import_without_an_answer_is_looked_for_before_it_is_sent_again(
    fake: FakeLabelStudio, tmp_path: Path, fault: Any
) -> None:
    desk = desk_at(place_of(fake), tmp_path)
    fake.faults = [fault]
    rows = push(desk.connection, n=20)
    assert [task["data"]["row_id"] for task in desk.tasks()] == rows
    assert fake.faults == []


def test_a_server_that_imports_later_is_asked_for_the_tasks(
    fake: FakeLabelStudio, tmp_path: Path
) -> None:
    fake.imports_later = True
    desk = desk_at(place_of(fake), tmp_path)
    rows = push(desk.connection, n=20)
    assert [task["data"]["row_id"] for task in desk.tasks()] == rows
    assert push(desk.connection, n=20) == []


def test_reading_is_tried_again_with_growing_pauses(fake: FakeLabelStudio) -> None:
    pauses: list[float] = []
    server = LabelStudio(URL, TOKEN, http=fake.client(), sleep=pauses.append)
    fake.faults = [("GET", "lost"), ("GET", 502), ("GET", 429), ("GET", 500)]
    assert server.name_of(1) == ANN
    assert pauses == [0.5, 1.0, 2.0, 4.0]
    fake.faults = [("GET", "lost")] * 5
    with pytest.raises(ServerError, match=rf"{URL} cannot be reached \(ConnectError: .*goes on"):
        server.name_of(2)


def test_a_pause_that_the_server_wishes_for_is_kept(fake: FakeLabelStudio) -> None:
    pauses: list[float] = []
    server = LabelStudio(URL, TOKEN, http=fake.client(), sleep=pauses.append)
    fake.faults = [("GET", 429)]
    server.name_of(1)
    assert pauses == [1.0]  # the header of the answer, and not half a second


def test_wrong_tokens_and_addresses_are_worded(fake: FakeLabelStudio) -> None:
    refused = LabelStudio(URL, "wrong", http=fake.client())
    with pytest.raises(ServerError, match=r"does not accept the token \(401: Invalid token\.\)"):
        refused.project(1)
    with pytest.raises(InputError, match="LABEL_STUDIO_API_KEY"):
        LabelStudio(URL, " ", http=fake.client())
    with pytest.raises(InputError, match="must begin with http"):
        LabelStudio("localhost:8080", TOKEN, http=fake.client())
    other = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, text="<p>")))
    with pytest.raises(ServerError, match="does not answer as Label Studio does: '<p>'"):
        LabelStudio(URL, TOKEN, http=other).project(1)
    with pytest.raises(ServerError, match=r"has no /api/projects/9 \(No Project"):
        LabelStudio(URL, TOKEN, http=fake.client()).project(9)


def test_a_personal_token_is_exchanged_and_renewed(fake: FakeLabelStudio) -> None:
    server = LabelStudio(URL, PERSONAL, http=fake.client())
    assert server.name_of(1) == ANN
    fake.number()  # the one in use runs out
    assert list(server.projects()) == []
    with pytest.raises(ServerError, match=r"401: Token is invalid or expired"):
        LabelStudio(URL, "a.b.c", http=fake.client()).project(1)


def test_webhooks_to_this_machine_are_refused_with_the_way_out(fake: FakeLabelStudio) -> None:
    server = LabelStudio(URL, TOKEN, http=fake.client())
    with pytest.raises(ServerError, match="SSRF_PROTECTION_ENABLED=false, or do without"):
        server.add_webhook(1, "http://127.0.0.1:9000/webhook", headers={})
    fake.protects_itself = False
    number = server.add_webhook(1, "http://127.0.0.1:9000/webhook", headers={})
    assert [hook["url"] for hook in server.webhooks(1)] == ["http://127.0.0.1:9000/webhook"]
    server.remove_webhook(number)
    server.remove_webhook(number)
    assert server.webhooks(1) == []


def test_a_clock_that_was_set_back_hides_no_answer(fake: FakeLabelStudio, tmp_path: Path) -> None:
    fake.ahead = timedelta(hours=5)
    desk = round_of(place_of(fake), tmp_path)
    first, second = desk.tasks()[:2]
    desk.annotate(first, "cat", by=ANN)
    pull(desk.connection)
    fake.ahead = timedelta()
    desk.annotate(second, "dog", by=ANN)
    later = desk_at(place_of(fake), tmp_path)
    assert pull(later.connection).new == 1
    assert len(desk.connection.session.recorded()) == 2


def test_other_projects_are_not_taken_for_ones_own(fake: FakeLabelStudio, tmp_path: Path) -> None:
    desk = desk_at(place_of(fake), tmp_path)
    number = desk.connection.project
    with pytest.raises(InputError, match=f"connected with project {number} of {URL}, not 99"):
        desk_at(place_of(fake), tmp_path, project=99)
    fake.projects[number]["created_at"] = fake.now()
    with pytest.raises(InputError, match=r"is another one than the session's.*label_studio\.db"):
        desk_at(place_of(fake), tmp_path)


CONFIG = '<View><Text name="t" value="$text"/><{0} name="c" toName="t">{1}</{0}></View>'


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (CONFIG.format("Choices", '<Choice value="yes"/>'), r"it has 1 <Choices> .*\['yes'\]"),
        (CONFIG.format("Rating", ""), "it has 0 <Choices> with the values none"),
        ("<View>", "is not XML"),
    ],
)
def test_a_project_that_asks_for_something_else_is_refused(
    fake: FakeLabelStudio, tmp_path: Path, config: str, says: str
) -> None:
    place = place_of(fake)
    made = place.call("POST", "/api/projects", json={"title": "abc", "label_config": config})
    links = Links(tmp_path / "label_studio.db")
    with pytest.raises(InputError, match=says):
        connect(session_at(tmp_path), links, place.server(), TEXT, title="x", project=made["id"])
    assert "project" not in links.values()


def test_a_project_of_ones_own_with_other_names_is_used(
    fake: FakeLabelStudio, tmp_path: Path
) -> None:
    choices = '<Choice value="no"/><Choice value="ja" alias="yes"/>'
    config = CONFIG.format("Choices", choices).replace("$text", "$review")
    place = place_of(fake)
    made = place.call("POST", "/api/projects", json={"title": "abc", "label_config": config})
    desk = desk_at(place, tmp_path, project=made["id"], classes=["yes", "no"])
    push(desk.connection, n=3)
    (task, *_) = desk.tasks()
    assert set(task["data"]) == {"row_id", "ask", "review"}
    desk.annotate(task, "no", by=ANN)
    pull(desk.connection)
    assert list(desk.connection.session.recorded().values()) == ["no"]
    del fake.projects[made["id"]]
    with pytest.raises(ServerError, match="has no /api/projects"):
        desk_at(place, tmp_path, classes=["yes", "no"])


def test_a_foreign_or_damaged_file_of_links_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "label_studio.db"
    path.write_bytes(b"no database at all, but long enough to look at" * 10)
    with pytest.raises(InputError, match="cannot be opened"):
        Links(path)
    session_at(tmp_path).close()
    with pytest.raises(InputError, match="another program"):
        Links(tmp_path / "labels.db")


@pytest.mark.label_studio
def test_tokens_of_the_real_server_are_taken(real_url: str) -> None:
    """A personal token, which is exchanged, and a legacy one; a revoked one is refused."""
    with httpx.Client(timeout=120) as http:
        place = Place(real_url, http, None)
        both = {"api_tokens_enabled": True, "legacy_api_tokens_enabled": True}
        place.call("POST", "/api/jwt/settings", json=both)
        token = place.call("POST", "/api/token")["token"]
        numbers = {project["id"] for project in place.server().projects()}
        assert {project["id"] for project in place.server(token).projects()} == numbers
        place.call("POST", "/api/token/blacklist", json={"refresh": token})
        with pytest.raises(ServerError, match="does not accept the token"):
            next(place.server(token).projects())
        with pytest.raises(ServerError, match=r"401: Invalid token"):
            next(place.server("no-token-at-all").projects())
