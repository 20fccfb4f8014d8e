"""Argilla through its SDK, against a server of the test's own."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contract import CASES, CHECKS, PEOPLE, Adapter, session_of
from fake_argilla import KEY, FakeArgilla, serving
from PIL import Image
from typer.testing import CliRunner

from active_learning import SKIP, Session
from active_learning.adapters.argilla.connection import Server
from active_learning.adapters.argilla.exchange import ArgillaDataset
from active_learning.sessions.batch import NoLabel
from thresher.app.cli.commands import app
from thresher.core.errors import InputError, ThresherError

pytestmark = pytest.mark.skipif(
    not getattr(find_spec("argilla"), "origin", None) or find_spec("requests") is None,
    reason="needs Argilla's SDK: pip install 'thresher[argilla]'",
)

IDS = [f"r{place}" for place in range(60)]
X = np.random.default_rng(0).normal(size=(60, 2))


@pytest.fixture
def fake() -> Iterator[FakeArgilla]:
    with serving() as server:
        for name in PEOPLE:
            server.add_user(name)
        yield server


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with Session(
        tmp_path / "s.db", embeddings=X, row_ids=IDS, classes=["good", "bad"], audit=0.5,
        background=False,
    ) as opened:  # fmt: skip
        yield opened


def opened(session: Session, fake: FakeArgilla, folder: Path, **options: Any) -> ArgillaDataset:
    memory, server = folder / "argilla.json", Server(url=fake.url, key=KEY)
    return ArgillaDataset(session, "labels", memory=memory, server=server, **options)


def texts(ids: Sequence[str]) -> dict[str, dict[str, str]]:
    return {row: {"text": f"text of {row}"} for row in ids}


@dataclass
class Place:
    """The server as the contract sees it, and what each session has read of it."""

    fake: FakeArgilla
    folder: Path
    known: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """What the contract asks of an import."""

    new: int
    repeated: int
    set_aside: tuple[str, ...]
    conflicts: tuple[Any, ...] = ()


def memory_of(session: Session) -> Path:
    return session.engine.store.labels.path.with_suffix(".json")


def send(session: Session, place: Place, content: Any) -> None:
    server = Server(url=place.fake.url, key=KEY)
    there = ArgillaDataset(session, "labels", memory=memory_of(session), server=server)
    _, unknown = there.send_answers(content=lambda _: content)
    assert unknown == ()


def fetch(session: Session, place: Place, *, overwrite: bool = False) -> Found:
    del overwrite
    server = Server(url=place.fake.url, key=KEY)
    there = ArgillaDataset(session, "labels", memory=memory_of(session), server=server)
    found = there.pull()
    return Found(found.new, found.known, found.set_aside)


def change(place: Place, row_id: str, annotator: str, label: Any) -> None:
    if isinstance(label, NoLabel):
        status = "discarded" if label is SKIP else "deleted"
        place.fake.respond(row_id, annotator, status)
        return
    value = list(label) if isinstance(label, tuple) else label
    value = str(value) if isinstance(value, float) else value
    place.fake.respond(row_id, annotator, "submitted", value)


@pytest.mark.parametrize("case", CASES[:4], ids=str)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_contract(check: Any, case: Any, tmp_path: Path, fake: FakeArgilla) -> None:
    adapter = Adapter(
        name="argilla",
        place=lambda folder, _: Place(fake, folder),
        send=send,
        fetch=fetch,
        change=change,
        bad="row 'row 1', answer of ann: .*(must be|got)",
        keeps_seconds=False,
        sets_aside=True,
    )
    check(adapter, case, tmp_path)


def test_rows_go_there_once_with_suggestions_and_come_back_as_answers(
    session: Session, fake: FakeArgilla, tmp_path: Path
) -> None:
    session.tell({row: "good" if X[int(row[1:]), 0] > 0 else "bad" for row in IDS[:30]})
    there = opened(session, fake, tmp_path, people=2)
    first = there.exchange(10, content=texts)
    assert (len(first.handed), first.waiting, first.pulled.new) == (10, 10, 0)
    (dataset,) = fake.datasets.values()
    assert dataset["distribution"] == {"strategy": "overlap", "min_submitted": 2}
    (ask,) = session.asks()
    for row in ask.rows:
        record = fake.record(IDS[row.position])
        assert record["fields"] == {"text": f"text of {IDS[row.position]}", "why": row.reason}
        said = [(each["value"], each["score"], each["agent"]) for each in record["suggestions"]]
        shown = [] if row.arm == "audit" else [(row.suggestion, row.confidence, "thresher")]
        assert said == [(value, pytest.approx(score), agent) for value, score, agent in shown]
    assert {row.arm for row in ask.rows} == {"strategy", "audit"}
    a, b, c, d = first.handed[:4]
    fake.respond(a, "ann", "submitted", "good")
    fake.respond(a, "bob", "submitted", "bad")
    fake.respond(b, "ann", "discarded")  # with null for values, which breaks the SDK's own reading
    fake.respond(c, "bob", "draft", "good")
    fake.respond(d, "bob", "discarded", "good")
    found = opened(session, fake, tmp_path).exchange(10, content=texts)
    assert (found.pulled.new, found.pulled.waiting, found.waiting) == (4, 7, 10)
    assert {key: value for key, value in session.recorded().items() if key[1]} == {
        (a, "ann"): "good",
        (a, "bob"): "bad",
        (b, "ann"): SKIP,
        (d, "bob"): SKIP,
    }
    assert len(fake.records[dataset["id"]]) == 13
    assert [each["user_id"] for each in fake.record(a)["responses"]] == [
        fake.user_of("ann"), fake.user_of("bob"),
    ]  # fmt: skip


def test_edits_drafts_and_deletions_are_followed_and_corrections_here_last(
    session: Session, fake: FakeArgilla, tmp_path: Path
) -> None:
    there = opened(session, fake, tmp_path)
    a, b, c, d = there.exchange(4, content=texts).handed
    for row in (a, b, c, d):
        fake.respond(row, "ann", "submitted", "good")
    assert there.pull().new == 4
    session.tell({d: "bad"}, annotator="ann")  # corrected here
    fake.respond(a, "ann", "submitted", "bad")
    fake.respond(b, "ann", "draft", "good")  # opened again, not done
    fake.respond(c, "ann", "deleted")
    for _ in range(2):
        opened(session, fake, tmp_path).pull()
        assert session.recorded() == {(a, "ann"): "bad", (d, "ann"): "bad"}
    fake.respond(d, "ann", "discarded")
    del fake.records[next(iter(fake.datasets))][a]  # the whole record: its answer stays
    assert opened(session, fake, tmp_path).pull().new == 1
    assert session.recorded() == {(a, "ann"): "bad", (d, "ann"): SKIP}


def test_a_round_that_was_cut_goes_on(session: Session, fake: FakeArgilla, tmp_path: Path) -> None:
    there = opened(session, fake, tmp_path)
    fake.refuse = 500
    with pytest.raises(InputError, match="InternalServerError"):
        there.exchange(5, content=texts)
    asked = {IDS[row.position] for row in session.asks()[0].rows}
    fake.refuse = None
    found = opened(session, fake, tmp_path).exchange(5, content=texts)
    assert set(found.handed) == asked
    assert len(session.asks()) == 1
    fake.respond(found.handed[0], "ann", "submitted", "good")
    there = opened(session, fake, tmp_path)
    there.pull()
    there._memory.unlink()  # killed between the session's log and the memory
    again = opened(session, fake, tmp_path)
    assert (again.pull().new, len(session.history())) == (0, 1)


def test_the_pool_ends(session: Session, fake: FakeArgilla, tmp_path: Path) -> None:
    there = opened(session, fake, tmp_path)
    assert len(there.exchange(100, content=texts).handed) == 60
    found = opened(session, fake, tmp_path).exchange(100, content=texts)
    assert (found.handed, found.waiting) == ((), 60)


def test_images_go_there_as_data(session: Session, fake: FakeArgilla, tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.new("RGB", (3, 2), (40, 0, 0)).save(file, "PNG")
    (tmp_path / "a.png").write_bytes(file.getvalue())
    there = opened(session, fake, tmp_path)
    (row,) = there.exchange(
        1, content=lambda ids: {each: {"image": str(tmp_path / "a.png")} for each in ids}
    ).handed
    head, _, data = fake.record(row)["fields"]["image"].partition(",")
    assert head.startswith("data:image/")
    shown = Image.open(io.BytesIO(base64.b64decode(data)))
    assert (shown.size, shown.convert("RGB").getpixel((0, 0))[0]) == ((3, 2), 40)
    with pytest.raises(InputError, match="shows one image a row, but there are rows with text"):
        opened(session, fake, tmp_path).exchange(3, content=texts)


def test_names_of_users_come_from_the_workspace_where_the_key_may_not_see_all(
    session: Session, fake: FakeArgilla, tmp_path: Path
) -> None:
    fake.role = "admin"
    there = opened(session, fake, tmp_path)
    a, b = there.exchange(2, content=texts).handed
    fake.respond(a, "ann", "submitted", "good")
    fake.respond(b, "owner", "submitted", "bad")  # no member of the workspace: named by the id
    there.pull()
    assert session.recorded() == {(a, "ann"): "good", (b, fake.user_of("owner")): "bad"}


def test_answers_of_strangers_stay_here(
    session: Session, fake: FakeArgilla, tmp_path: Path
) -> None:
    session.tell({"r1": "good", "r2": SKIP}, annotator="ann")
    session.tell({"r1": "bad", "r3": "bad"}, annotator="nobody there")
    there = opened(session, fake, tmp_path)
    for _ in range(2):
        assert there.send_answers(content=texts) == (2, ("nobody there",))
    assert [each["status"] for each in fake.record("r1")["responses"]] == ["submitted"]
    assert [each["status"] for each in fake.record("r2")["responses"]] == ["discarded"]
    assert there.pull().new == 0
    assert len(session.history()) == 4  # they were here already


def test_what_goes_wrong_is_said(
    session: Session, fake: FakeArgilla, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ARGILLA_API_KEY", raising=False)
    with pytest.raises(InputError, match="copy it from the page My settings"):
        Server(url=fake.url)
    with pytest.raises(InputError, match=r"refused.*ARGILLA_API_KEY"):
        Server(url=fake.url, key="wrong")
    with pytest.raises(ThresherError, match=r"No Argilla server answers at http://127\.0\.0\.1:9"):
        Server(url="http://127.0.0.1:9", key=KEY)
    with pytest.raises(InputError, match="There is no dataset team/labels"):
        opened(session, fake, tmp_path).pull()
    with pytest.raises(InputError, match="has the workspaces team, no 'other'"):
        opened(session, fake, tmp_path, workspace="other")
    fake.add_workspace("second")
    with pytest.raises(InputError, match="has the workspaces team, second: say which"):
        opened(session, fake, tmp_path)
    there = opened(session, fake, tmp_path, workspace="team")
    fake.role = "annotator"
    with pytest.raises(InputError, match="refused"):
        there.exchange(3, content=texts)
    fake.role = "owner"
    opened(session, fake, tmp_path, workspace="team").exchange(3, content=texts)
    other = session_of(tmp_path / "t.db", CASES[0], IDS, ["good", "other"])
    with other, pytest.raises(InputError, match="team/labels does not ask for labels of this"):
        opened(other, fake, tmp_path, workspace="team")
    with pytest.raises(InputError, match=r"argilla\.json is of the dataset 'team/labels'"):
        opened(session, fake, tmp_path, workspace="second")


def test_tasks_and_classes_that_argilla_does_not_take(tmp_path: Path, fake: FakeArgilla) -> None:
    boxes = session_of(tmp_path / "a.db", CASES[4], IDS)
    with boxes, pytest.raises(InputError, match="'spans', got 'boxes'"):
        opened(boxes, fake, tmp_path)
    long = session_of(tmp_path / "b.db", CASES[0], IDS, ["a", "x" * 300])
    with long, pytest.raises(InputError, match="at most 200 characters"):
        opened(long, fake, tmp_path)


def test_a_number_that_is_none_changes_nothing(tmp_path: Path, fake: FakeArgilla) -> None:
    with session_of(tmp_path / "a.db", CASES[2], IDS) as session:
        there = opened(session, fake, tmp_path)
        a, b = there.exchange(2, content=texts).handed
        fake.respond(a, "ann", "submitted", "2.5")
        there.pull()
        fake.respond(a, "ann", "submitted", "two")
        fake.respond(b, "ann", "submitted", "three")
        found = there.pull()
        assert len(found.set_aside) == 2
        assert found.set_aside[0].startswith(
            f"row {a!r}, answer of ann: the label must be a number"
        )
        assert session.recorded() == {(a, "ann"): 2.5}


def test_an_empty_set_is_a_choice_of_its_own(tmp_path: Path, fake: FakeArgilla) -> None:
    classes = ["cat", "none of these"]
    with session_of(tmp_path / "a.db", CASES[1], IDS, classes) as session:
        there = opened(session, fake, tmp_path)
        a, b = there.exchange(2, content=texts).handed
        fake.respond(a, "ann", "submitted", ["(none of these)"])
        fake.respond(b, "ann", "submitted", ["none of these"])
        there.pull()
        assert session.recorded() == {(a, "ann"): (), (b, "ann"): ("none of these",)}
        assert {answer.round for answer in session.history()} == {session.asks()[0].id}


def test_the_command_says_what_it_did(
    fake: FakeArgilla, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def call(*words: str) -> Any:
        return CliRunner().invoke(app, ["label", *words])

    lines = [f"{row},{x},{y}" for row, (x, y) in zip(IDS, X.tolist(), strict=True)]
    (tmp_path / "pool.csv").write_text("\n".join(["key,x,y", *lines]))
    folder = str(tmp_path / "lab")
    monkeypatch.setenv("ARGILLA_API_KEY", KEY)
    monkeypatch.setenv("ARGILLA_API_URL", fake.url)
    call("init", str(tmp_path / "pool.csv"), "--row-id", "key", "--features", "x,y", "--classes",
         "good,bad", "--out", folder)  # fmt: skip
    shown = call("argilla", folder, "labels", "-n", "3")
    assert "0 new answers, 3 rows handed out, 3 wait in labels" in shown.stdout, shown.exception
    (records,) = fake.records.values()
    row = next(iter(records))
    assert records[row]["fields"]["text"].startswith("x: ")
    fake.respond(row, "ann", "submitted", "good")
    found = json.loads(call("argilla", folder, "labels", "-n", "3", "--json").stdout)
    assert (found["new"], len(found["handed_out"]), found["waiting"]) == (1, 1, 3)
    call("tell", folder, "--set", f"{list(records)[1]}=bad", "--annotator", "bob")
    call("tell", folder, "--set", f"{list(records)[2]}=bad", "--annotator", "zoe")
    shown = call("argilla", folder, "labels", "-n", "3", "--answers")
    assert "2 answers of here sent there" in shown.stdout, shown.exception
    assert "no users there, their answers stay here: zoe" in shown.stdout
    assert "0 new answers" in shown.stdout
    assert records[list(records)[1]]["fields"]["why"]
    fake.respond(row, "ann", "submitted", "gone")
    shown = call("argilla", folder, "labels", "-n", "0")
    assert shown.exit_code == 1
    assert "cannot be used: row" in shown.stdout
    assert "Mend them there" in str(shown.exception)
