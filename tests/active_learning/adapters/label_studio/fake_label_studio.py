"""Label Studio as far as labeling needs it, in this process: the answers of version 1.23.2.

`test_al_label_studio_real.py` runs the same tests against the real server.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx

TOKEN = "0123456789abcdef0123456789abcdef01234567"
PERSONAL = "head.body.signature"
URL = "http://label-studio.test"
PERSON = re.compile(r'name="file"; filename="([^"]*)"')


@dataclass
class FakeLabelStudio:
    """A server with one organization and the user ann; `faults` befall the next requests.

    A fault is a pair of a method and what happens: a status that is answered, ``"lost"`` (the
    request never arrives), or ``"unanswered"`` (it is carried out and the answer is lost).
    """

    faults: list[tuple[str, Any]] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    protects_itself: bool = True  # refuses addresses of this machine, as by default
    calls_webhooks: bool = False
    imports_later: bool = False  # as editions that import in the background
    ahead: timedelta = timedelta()  # of its clock

    def __post_init__(self) -> None:
        self.projects: dict[int, dict[str, Any]] = {}
        self.tasks: dict[int, dict[str, Any]] = {}
        self.users = {1: "ann@example.com"}
        self.hooks: dict[int, dict[str, Any]] = {}
        self.files: dict[int, tuple[str, bytes]] = {}
        self.later: list[Callable[[], object]] = []
        self._numbers = 0
        self._ticks = 0

    def client(self) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(self.handle))

    def now(self) -> str:
        self._ticks += 1
        moment = datetime.now(UTC) + self.ahead + timedelta(microseconds=self._ticks)
        return moment.isoformat().replace("+00:00", "Z")

    def number(self) -> int:
        self._numbers += 1
        return self._numbers

    def handle(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.requests.append((request.method, path))
        fault = self._fault(request.method)
        if fault == "lost":
            raise httpx.ConnectError("connection refused", request=request)
        if isinstance(fault, int):
            return httpx.Response(fault, json={"detail": "busy"}, headers={"retry-after": "1"})
        found = self._answer(request, path)
        if fault == "unanswered":
            raise httpx.ReadTimeout("no answer", request=request)
        found.headers["date"] = format_datetime(datetime.now(UTC) + self.ahead, usegmt=True)
        return found

    def _fault(self, method: str) -> Any:
        if self.faults and self.faults[0][0] in (method, "any"):
            return self.faults.pop(0)[1]
        return None

    def _answer(self, request: httpx.Request, path: str) -> httpx.Response:
        if path == "/api/token/refresh":
            good = json.loads(request.content)["refresh"] == PERSONAL
            return httpx.Response(200, json={"access": f"access-{self.number()}"}) if good else (
                _detail(401, "Token is invalid or expired")
            )  # fmt: skip
        given = request.headers.get("authorization", "")
        if given != f"Token {TOKEN}" and given != f"Bearer access-{self._numbers}":
            return _detail(401, "Invalid token.")
        for method, pattern, answer in ROUTES:
            found = re.fullmatch(pattern, path)
            if found and method == request.method:
                return answer(self, request, *map(int, found.groups()))
        return _detail(404, f"no {request.method} {path}")

    # --- projects ---
    def list_projects(self, request: httpx.Request) -> httpx.Response:
        brief = [{name: p[name] for name in ("id", "description")} for p in self.projects.values()]
        return _page(request, brief, "results")

    def make_project(self, request: httpx.Request) -> httpx.Response:
        given = json.loads(request.content)
        if not 3 <= len(given["title"]) <= 50:
            return _detail(400, "Validation error", {"title": ["3 to 50 characters"]})
        number = self.number()
        self.projects[number] = {"description": "", "model_version": "", **given, "id": number,
                                 "created_at": self.now()}  # fmt: skip
        return httpx.Response(201, json=self.projects[number])

    def get_project(self, _: httpx.Request, number: int) -> httpx.Response:
        if number not in self.projects:
            return _detail(404, "No Project matches the given query.")
        return httpx.Response(200, json=self.projects[number])

    # --- tasks ---
    def import_tasks(self, request: httpx.Request, project: int) -> httpx.Response:
        if request.url.params.get("commit_to_project") == "false":
            head, data = request.content.split(b"\r\n\r\n", 1)
            name = PERSON.search(head.decode()).group(1)
            number = self.number()
            self.files[number] = name, data.rsplit(b"\r\n--", 1)[0]
            return httpx.Response(201, json={"file_upload_ids": [number]})
        given = json.loads(request.content)
        if self.imports_later:
            self.later.append(lambda: [self._make_task(project, task) for task in given])
            return httpx.Response(201, json={"import": self.number()})
        return httpx.Response(
            201, json={"task_ids": [self._make_task(project, task) for task in given]}
        )

    def _make_task(self, project: int, given: dict[str, Any]) -> int:
        number, now = self.number(), self.now()
        self.tasks[number] = {
            "id": number, "project": project, "data": given["data"], "updated_at": now,
            "predictions": given.get("predictions", []), "annotations": [],
        }  # fmt: skip
        for annotation in given.get("annotations", ()):
            by = annotation["completed_by"]["email"]
            (person,) = (n for n, email in self.users.items() if email == by)
            self._annotate(number, {**annotation, "completed_by": person})
        return number

    def list_tasks(self, request: httpx.Request) -> httpx.Response:
        for work in self.later:
            work()
        self.later.clear()
        query = json.loads(request.url.params["query"])
        project = int(request.url.params["project"])
        found = [task for task in self.tasks.values() if task["project"] == project]
        for item in query["filters"]["items"]:
            assert item["operator"] == "greater"
            name = item["filter"].removeprefix("filter:tasks:")
            read = _moment if name == "updated_at" else int
            found = [task for task in found if read(task[name]) > read(item["value"])]
        names = request.url.params["include"].split(",")
        if request.url.params.get("fields") != "all":
            names = [name for name in names if name != "annotations"]
        return _page(request, [_with_names(task, names) for task in found], "tasks")

    def remove_task(self, _: httpx.Request, number: int) -> httpx.Response:
        del self.tasks[number]
        return httpx.Response(204)

    # --- annotations ---
    def _annotate(self, task: int, given: dict[str, Any]) -> dict[str, Any]:
        now = self.now()
        annotation = {"was_cancelled": False, "lead_time": None, **given, "id": self.number(),
                      "task": task, "updated_at": now, "created_at": now}  # fmt: skip
        self.tasks[task]["annotations"].append(annotation)
        self.tasks[task]["updated_at"] = now
        for hook in self.hooks.values() if self.calls_webhooks else ():
            httpx.post(hook["url"], headers=hook["headers"], json={"action": "ANNOTATION_CREATED"})
        return annotation

    def add_annotation(self, request: httpx.Request, task: int) -> httpx.Response:
        given = {"completed_by": 1, **json.loads(request.content)}
        return httpx.Response(201, json=self._annotate(task, given))

    def change_annotation(self, request: httpx.Request, number: int) -> httpx.Response:
        for task in self.tasks.values():
            for annotation in task["annotations"]:
                if annotation["id"] == number:
                    now = self.now()
                    annotation |= {**json.loads(request.content), "updated_at": now}
                    task["updated_at"] = now
                    return httpx.Response(200, json=annotation)
        return _detail(404, "No Annotation matches the given query.")

    def remove_annotation(self, _: httpx.Request, number: int) -> httpx.Response:
        for task in self.tasks.values():
            kept = [one for one in task["annotations"] if one["id"] != number]
            if len(kept) < len(task["annotations"]):
                task |= {"annotations": kept, "updated_at": self.now()}
        return httpx.Response(204)

    # --- people, webhooks, files ---
    def list_users(self, _: httpx.Request) -> httpx.Response:
        return httpx.Response(
            200, json=[{"id": number, "email": email} for number, email in self.users.items()]
        )

    def make_user(self, request: httpx.Request) -> httpx.Response:
        number = self.number()
        self.users[number] = json.loads(request.content)["email"]
        return httpx.Response(201, json={"id": number})

    def list_hooks(self, _: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=list(self.hooks.values()))

    def make_hook(self, request: httpx.Request) -> httpx.Response:
        given = json.loads(request.content)
        if self.protects_itself and "127.0.0.1" in given["url"]:
            return _detail(403, "URL resolves to a reserved network address (block: 127.0.0.0/8)")
        number = self.number()
        self.hooks[number] = {**given, "id": number}
        return httpx.Response(201, json=self.hooks[number])

    def remove_hook(self, _: httpx.Request, number: int) -> httpx.Response:
        return httpx.Response(204 if self.hooks.pop(number, None) else 404)

    def get_file(self, _: httpx.Request, number: int) -> httpx.Response:
        return httpx.Response(200, json={"id": number, "file": f"upload/1/{self.files[number][0]}"})


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ")  # and no other way of writing it


def _with_names(value: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Return the named fields, of annotations too."""
    found = {name: value[name] for name in names if name in value}
    if "annotations" in found:
        found["annotations"] = [_with_names(one, names) for one in found["annotations"]]
    return found


def _detail(status: int, text: str, errors: Any = None) -> httpx.Response:
    return httpx.Response(
        status, json={"status_code": status, "detail": text, "validation_errors": errors}
    )


def _page(request: httpx.Request, items: Iterable[Any], name: str) -> httpx.Response:
    page, size = (int(request.url.params[key]) for key in ("page", "page_size"))
    found = list(items)[(page - 1) * size : page * size]
    if page > 1 and not found:
        return _detail(404, "Invalid page.")
    return httpx.Response(200, json={name: found})


ROUTES: tuple[tuple[str, str, Any], ...] = (
    ("GET", "/api/projects", FakeLabelStudio.list_projects),
    ("POST", "/api/projects", FakeLabelStudio.make_project),
    ("GET", r"/api/projects/(\d+)", FakeLabelStudio.get_project),
    ("POST", r"/api/projects/(\d+)/import", FakeLabelStudio.import_tasks),
    ("GET", "/api/tasks", FakeLabelStudio.list_tasks),
    ("DELETE", r"/api/tasks/(\d+)", FakeLabelStudio.remove_task),
    ("POST", r"/api/tasks/(\d+)/annotations", FakeLabelStudio.add_annotation),
    ("PATCH", r"/api/annotations/(\d+)", FakeLabelStudio.change_annotation),
    ("DELETE", r"/api/annotations/(\d+)", FakeLabelStudio.remove_annotation),
    ("GET", "/api/users", FakeLabelStudio.list_users),
    ("POST", "/api/users", FakeLabelStudio.make_user),
    ("GET", "/api/webhooks", FakeLabelStudio.list_hooks),
    ("POST", "/api/webhooks", FakeLabelStudio.make_hook),
    ("DELETE", r"/api/webhooks/(\d+)", FakeLabelStudio.remove_hook),
    ("GET", r"/api/import/file-upload/(\d+)", FakeLabelStudio.get_file),
)
