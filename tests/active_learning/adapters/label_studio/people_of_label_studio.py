"""What people do in Label Studio, by the requests that its page sends."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from fake_label_studio import TOKEN, FakeLabelStudio

from active_learning import Session
from active_learning.adapters.label_studio.config import Shown
from active_learning.adapters.label_studio.connection import Connection, connect
from active_learning.adapters.label_studio.links import Links
from active_learning.adapters.label_studio.results import to_result
from active_learning.adapters.label_studio.server import LabelStudio

CLASSES = ("cat", "dog", "$5 <b>\"'&", "a, b", "[x]", "größe")


@dataclass
class Place:
    """A server, in this process (`fake`) or the real one."""

    url: str
    http: httpx.Client
    fake: FakeLabelStudio | None

    def server(self, token: str = TOKEN) -> LabelStudio:
        return LabelStudio(self.url, token, http=self.http, sleep=lambda _: None)

    def call(self, method: str, path: str, **more: Any) -> Any:
        headers = {"Authorization": f"Token {TOKEN}"}
        response = self.http.request(method, self.url + path, headers=headers, **more)
        assert response.is_success, (method, path, response.text)
        return response.json() if response.content else None

    def person(self, email: str) -> int:
        """Return the number of a user, who is made at the first time."""
        for user in self.call("GET", "/api/users"):
            if user["email"] == email:
                return int(user["id"])
        made = self.call("POST", "/api/users", json={"email": email, "username": email[:20]})
        return int(made["id"])

    def tasks(self, project: int) -> list[dict[str, Any]]:
        query = json.dumps({"filters": {"conjunction": "and", "items": []}})
        names = "id,data,annotations,predictions,updated_at"
        found: list[dict[str, Any]] = []
        for page in range(1, 100):
            got = self.call("GET", "/api/tasks", params={
                "project": project, "page": page, "page_size": 1000, "query": query,
                "fields": "all", "include": names,
            })["tasks"]  # fmt: skip
            found += got
            if len(got) < 1000:
                break
        return found


@dataclass
class Desk:
    """A project's page with people at it."""

    place: Place
    connection: Connection

    def __post_init__(self) -> None:
        self.task = self.connection.session.task

    def tasks(self) -> list[dict[str, Any]]:
        return self.place.tasks(self.connection.project)

    def task_of(self, row: str) -> dict[str, Any]:
        return next(task for task in self.tasks() if task["data"]["row_id"] == row)

    def result(self, label: Any, data: dict[str, Any]) -> list[dict[str, Any]]:
        if label is None:
            return []
        return to_result(self.task, self.task.encode(label), self.connection.control, data=data)

    def annotate(
        self, task: dict[str, Any], label: Any, *, by: str, seconds: float = 1.5,
        cancelled: bool = False,
    ) -> int:  # fmt: skip
        made = self.place.call("POST", f"/api/tasks/{task['id']}/annotations", json={
            "result": self.result(label, task["data"]), "lead_time": seconds,
            "was_cancelled": cancelled, "completed_by": self.place.person(by),
        })  # fmt: skip
        return int(made["id"])

    def edit(self, annotation: int, task: dict[str, Any], label: Any, **more: Any) -> None:
        result = self.result(label, task["data"])
        self.place.call("PATCH", f"/api/annotations/{annotation}", json={"result": result, **more})

    def delete(self, annotation: int) -> None:
        self.place.call("DELETE", f"/api/annotations/{annotation}")

    def import_by_hand(self, tasks: list[dict[str, Any]]) -> list[int]:
        path = f"/api/projects/{self.connection.project}/import?return_task_ids=true"
        return list(self.place.call("POST", path, json=tasks)["task_ids"])


def png(width: int = 40, height: int = 30) -> bytes:
    import cv2

    return bytes(cv2.imencode(".png", np.zeros((height, width, 3), np.uint8))[1])


def texts(row_ids: Any) -> dict[str, dict[str, Any]]:
    return {row: {"review": f'text of {row}, 😀 <b>"& more'} for row in row_ids}


TEXT = Shown("text", ("review",), texts)
IMAGE = Shown("image", ("photo",), lambda rows: {row: {"photo": png()} for row in rows})


def session_at(
    folder: Path, *, rows: int = 40, task: str = "classification", classes: Any = CLASSES
) -> Session:
    folder.mkdir(parents=True, exist_ok=True)
    options = {} if task == "regression" else {"classes": list(classes)}
    vectors = np.random.default_rng(0).normal(size=(rows, 4))
    ids = [f"r{number}" for number in range(rows)]
    return Session(folder / "labels.db", embeddings=vectors, row_ids=ids, task=task, audit=0.3,
                   background=False, **options)  # fmt: skip


def desk_at(
    place: Place, folder: Path, *, shown: Shown = TEXT, project: int | None = None, **options: Any
) -> Desk:
    """Open a session in a folder and connect it."""
    session = session_at(folder, **options)
    links = Links(folder / "label_studio.db")
    return Desk(
        place, connect(session, links, place.server(), shown, title="Reviews", project=project)
    )
