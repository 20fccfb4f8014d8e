"""Label Studio's protocol for models: what it asks, what it gets, and that nobody waits."""

from __future__ import annotations

import base64
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("starlette", reason="needs thresher[web]")
pytest.importorskip("httpx", reason="needs thresher[labelstudio]")

import httpx
from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parents[2] / "active_learning/adapters/label_studio"))

from fake_label_studio import TOKEN
from label_studio_server import real_url as real_url
from people_of_label_studio import Place

from active_learning import LogisticHead, Session
from active_learning.adapters.label_studio.config import Shown, labeling_config
from active_learning.adapters.label_studio.outgoing import ANNOTATOR
from active_learning.adapters.label_studio.suggesting import Suggester
from thresher.app import label_init, label_ml_backend, label_sync, label_tell
from thresher.app.label_folder import LabelFolder
from thresher.app.web.ml_backend import make_backend
from thresher.core.errors import InputError

RNG = np.random.default_rng(0)
KIND = RNG.integers(2, size=60)
VECTORS = np.array([[-2.0, 0], [2, 0]])[KIND] + RNG.normal(size=(60, 2))
IDS = [f"r{k}" for k in range(60)]
NAMES = ["low", "high"]
LONG_S = 60.0


class SlowHead:
    """The usual model, which waits until it may go on."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.begun = threading.Event()

    def __call__(self, *given: Any, **options: Any) -> Any:
        self.begun.set()
        assert self.go.wait(LONG_S)
        return LogisticHead()(*given, **options)


@contextmanager
def backend(folder: Path, *, password: str = "", **options: Any) -> Iterator[Any]:
    """Give a client of the application, and the session."""
    given = {"classes": NAMES, "audit": 0.5, **options}
    with Session(folder / "labels.db", embeddings=VECTORS, row_ids=IDS, **given) as session:
        app = make_backend(Suggester(session), password=password)
        with TestClient(app, raise_server_exceptions=False) as client:
            yield client, session
        if isinstance(options.get("learner"), SlowHead):
            options["learner"].go.set()


def config(session: Session) -> str:
    return labeling_config(session.task, Shown("text", ("t",), lambda _: {}))


def asked(session: Session, rows: list[str], **more: Any) -> dict[str, Any]:
    """Return what Label Studio sends to ``/predict``."""
    tasks = [{"id": k, "data": {"row_id": row, "text": "t"}} for k, row in enumerate(rows)]
    return {"tasks": tasks, "project": "1.17", "label_config": config(session),
            "params": {"login": None, "password": None, "context": None}, **more}  # fmt: skip


def told(session: Session, number: int, annotator: str = "ann") -> None:
    session.tell({row: NAMES[KIND[k]] for k, row in enumerate(IDS[:number])}, annotator=annotator)


def until(true: Callable[[], Any]) -> None:
    end = time.monotonic() + LONG_S
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    assert true()


def test_the_newest_model_suggests(tmp_path: Path) -> None:
    with backend(tmp_path) as (client, session):
        assert client.get("/health").json()["status"] == "UP"
        said = client.post("/setup", json={"project": "1.17", "schema": config(session)})
        assert said.json() == {"model_version": "thresher-0"}
        assert client.post("/predict", json=asked(session, IDS)).json() == {"results": [[]] * 60}
        told(session, 30)
        session.wait()
        found = client.post("/predict", json=asked(session, [*IDS[30:], "foreign"])).json()
        *rows, foreign = found["results"]
        assert foreign == []
        outputs = session.engine.newest().best.outputs[30:]
        for row, output in zip(rows, outputs, strict=True):
            (one,) = row
            assert one["model_version"] == "thresher-30"
            assert one["score"] == pytest.approx(float(output.max()))
            assert one["result"] == [
                {"from_name": "label", "to_name": "text", "type": "choices",
                 "value": {"choices": [NAMES[output.argmax()]]}}
            ]  # fmt: skip
        assert client.get("/versions").json() == {"versions": ["thresher-30"]}


def test_rows_that_measure_the_model_get_no_suggestion(tmp_path: Path) -> None:
    with backend(tmp_path) as (client, session):
        told(session, 20)
        session.wait()
        batch = session.ask(20, annotator=ANNOTATOR)
        blind = [row.arm == "audit" for row in batch.rows]
        assert any(blind)
        assert not all(blind)
        ids = batch.row_ids.tolist()
        found = client.post("/predict", json=asked(session, ids)).json()["results"]
        assert [one == [] for one in found] == blind
        context = {"params": {"context": {"result": []}}}
        found = client.post("/predict", json=asked(session, ids, **context)).json()["results"]
        assert [one["result"] == [] for one in found] == blind


def test_no_request_waits_for_training(tmp_path: Path) -> None:
    slow = SlowHead()
    with backend(tmp_path, learner=slow) as (client, session):
        told(session, 20)
        assert slow.begun.wait(LONG_S)  # and it does not end
        assert client.get("/health").status_code == 200
        body = {"project": "1.17", "schema": config(session)}
        assert client.post("/setup", json=body).json() == {"model_version": "thresher-0"}
        assert client.post("/predict", json=asked(session, IDS)).json() == {"results": [[]] * 60}
        for action in ("ANNOTATION_CREATED", "START_TRAINING"):
            said = client.post("/webhook", json={"action": action})
            assert said.json() == {"status": "ok", "model_version": "thresher-0"}
        slow.go.set()
        session.wait()
        assert client.post("/setup", json=body).json() == {"model_version": "thresher-20"}


def test_what_others_record_is_learned_after_a_webhook_or_a_question(tmp_path: Path) -> None:
    with (
        backend(tmp_path) as (client, session),
        Session(tmp_path / "labels.db", embeddings=VECTORS, row_ids=IDS) as other,
    ):
        told(other, 20)
        client.post("/webhook", json={"action": "ANNOTATION_CREATED"})
        until(lambda: client.get("/versions").json()["versions"] == ["thresher-20"])
        told(other, 25, "bob")
        client.post("/predict", json=asked(session, IDS[:1]))
        until(lambda: client.get("/versions").json()["versions"] == ["thresher-45"])


def test_wrong_requests_are_worded(tmp_path: Path) -> None:
    with backend(tmp_path) as (client, session):
        wrong = config(session).replace('"low"', '"lowest"')
        said = client.post("/setup", json={"project": "1.17", "schema": wrong})
        assert said.status_code == 400
        assert "exactly one <Choices> with the session's classes" in said.json()["error"]
        said = client.post("/predict", json=asked(session, []) | {"tasks": {}})
        assert "must be a list of tasks" in said.json()["error"]
        assert client.post("/predict", content=b"{").status_code == 400
        assert client.post("/setup", json={"project": "1.17"}).status_code == 400
        assert client.get("/nowhere").status_code == 404


def test_a_password_keeps_others_out(tmp_path: Path) -> None:
    with backend(tmp_path, password="a pass:word") as (client, _):
        for header in ("", "Basic !", f"Basic {base64.b64encode(b'thresher:guess').decode()}"):
            said = client.get("/health", headers={"authorization": header} if header else {})
            assert said.status_code == 401
            assert "user 'thresher'" in said.json()["error"]
        assert client.get("/health", auth=("thresher", "a pass:word")).status_code == 200


def test_what_cannot_be_served_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("THRESHER_ML_BACKEND_PASSWORD", raising=False)
    for says, options in (
        ("and not where: there is nothing to suggest", {"task": "boxes"}),
        ("background=True", {"background": False}),
    ):
        place = tmp_path / str(options)
        with pytest.raises(InputError, match=says), backend(place, **options):
            pass
    with pytest.raises(InputError, match="set a password in THRESHER_ML_BACKEND_PASSWORD"):
        label_ml_backend(tmp_path, host="0.0.0.0")


@pytest.mark.label_studio
def test_the_real_server_takes_the_suggestions(
    real_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It connects, asks for suggestions of tasks, shows them, and starts the training."""
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", TOKEN)
    monkeypatch.delenv("THRESHER_ML_BACKEND_PASSWORD", raising=False)
    words = {"good": ["fine", "great"], "bad": ["poor", "slow"]}
    texts = [f"{RNG.choice(words[('good', 'bad')[k % 2]])} room {k}" for k in range(60)]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps({"text": t}) + "\n" for t in texts))
    folder = tmp_path / "lab"
    label_init(tmp_path / "t.jsonl", out=folder, classes=["good", "bad"], audit=0.5)
    found = label_sync(folder, rows=20, url=real_url)
    with LabelFolder(folder).open() as session:
        blind = {session.state.row_ids[place] for place in session.state.drawn}
        rows = {row: k for k, row in enumerate(session.state.row_ids.tolist())}
    fresh = [row for row in rows if row not in found.exchange.handed][:20]
    label_tell(folder, {row: ("good", "bad")[rows[row] % 2] for row in fresh}, annotator="ann")
    stop, addresses = threading.Event(), []
    options = {"port": 0, "say": addresses.append, "stop": stop}
    thread = threading.Thread(target=label_ml_backend, args=(folder,), kwargs=options)
    thread.start()
    try:
        until(lambda: addresses)
        until(lambda: version(addresses[0]) == "thresher-20")
        with httpx.Client(timeout=120) as http:
            place = Place(real_url, http, None)
            check_backend(place, addresses[0], found.project, blind)
    finally:
        stop.set()
        thread.join(LONG_S)
    assert not thread.is_alive()


def version(address: str) -> str:
    return str(httpx.get(f"{address}/versions").json()["versions"][0])


def check_backend(place: Place, address: str, project: int, blind: set[str]) -> None:
    body = {"project": project, "url": address, "title": "Thresher", "is_interactive": False}
    made = place.call("POST", "/api/ml", json=body)
    (listed,) = place.call("GET", f"/api/ml?project={project}")
    assert (listed["state"], listed["model_version"]) == ("CO", "thresher-20")
    chosen = {"selectedItems": {"all": True, "excluded": []}}
    action = f"/api/dm/actions?id=retrieve_tasks_predictions&project={project}"
    for _ in range(2):  # asked again, tasks that have this model's word are left alone
        place.call("POST", action, json=chosen)
    tasks = full(place, project)
    assert len(tasks) == 20
    for task in tasks:
        versions = [one["model_version"] for one in task["predictions"]]
        wanted = [] if task["data"]["row_id"] in blind else ["thresher-20"]
        assert versions == wanted
    assert any(task["data"]["row_id"] in blind for task in tasks)
    place.call("POST", f"/api/ml/{made['id']}/train", json={})


def full(place: Place, project: int) -> list[dict[str, Any]]:
    query = json.dumps({"filters": {"conjunction": "and", "items": []}})
    parameters = {"project": project, "page": 1, "page_size": 100, "query": query, "fields": "all"}
    return list(place.call("GET", "/api/tasks", params=parameters)["tasks"])
