"""Two servers behind one door: the same user the same model, and no request lost."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="pip install 'thresher[serve]'")
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from lifecycle import Canary, canary_app
from thresher.core.errors import StorageError

KEY = "a key of the tests"


class Server:
    """Answers with its name and the body; fails when told to."""

    def __init__(self, name: str) -> None:
        self.name, self.alive = name, False
        self.fails: Callable[[], Response | None] = lambda: None

        @asynccontextmanager
        async def life(_: Any) -> Any:
            self.alive = True
            yield
            self.alive = False

        routes = [
            Route("/predict", self.predict, methods=["POST"]),
            Route("/health", lambda _: PlainTextResponse(name)),
        ]
        self.app = Starlette(routes=routes, lifespan=life)

    async def predict(self, request: Request) -> Response:
        body = (await request.body()).decode()
        return self.fails() or PlainTextResponse(f"{self.name} {body}")


def broken() -> Response:
    raise RuntimeError("the candidate is broken")


def refused() -> Response:
    return PlainTextResponse("full", 503)


def post(client: TestClient, user: str, body: str = "row") -> str:
    answer = client.post("/predict", content=body, headers={"X-User-Id": user})
    assert answer.status_code == 200
    return answer.text


def test_users_keep_their_model_and_both_servers_live() -> None:
    old, new, canary = Server("old"), Server("new"), Canary(key=KEY, shares=[0.3])
    with TestClient(canary_app(old.app, new.app, canary=canary)) as client:
        assert old.alive
        assert new.alive
        for user in map(str, range(60)):
            expected = "new row" if canary.takes(user) else "old row"
            assert post(client, user) == post(client, user) == expected
        assert client.get("/health").text == "old"
        assert client.post("/predict", content="row").text == "old row"  # nobody said who
    assert not old.alive
    assert not new.alive
    state = canary.state()
    assert state.requests + state.old_requests == 121
    assert 20 < state.requests < 60


@pytest.mark.parametrize("how", [broken, refused])
def test_a_failing_candidate_loses_no_request_and_goes_back(how: Callable[[], Response]) -> None:
    old, new, canary = Server("old"), Server("new"), Canary(key=KEY, shares=[0.5])
    new.fails = how
    with TestClient(canary_app(old.app, new.app, canary=canary)) as client:
        for user in map(str, range(100)):
            assert post(client, user, body=f"body of {user}") == f"old body of {user}"
    state = canary.state()
    assert state.status == "back"
    assert state.requests == state.failed
    assert state.requests <= 20


def test_a_full_disk_stops_no_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    canary = Canary(key=KEY).kept_in(tmp_path)

    def full(**_: object) -> None:
        raise StorageError("full", full=True)

    monkeypatch.setattr(canary, "observe", full)
    app = canary_app(Server("old").app, Server("new").app, canary=canary)
    with TestClient(app) as client:
        assert post(client, "ann") == "old row"
    assert app.state.unrecorded == 1
    canary.close()
