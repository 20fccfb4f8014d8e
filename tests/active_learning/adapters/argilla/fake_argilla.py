"""An Argilla server of the tests' own: what the SDK asks for, kept in memory, judged as there."""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY, NOW = "owner.apikey", "2026-11-30T12:00:00"
Json = dict[str, Any]


class RefusedError(Exception):
    """What the server says no to."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


def made(**values: Any) -> Json:
    return {"id": str(uuid.uuid4()), "inserted_at": NOW, "updated_at": NOW, **values}


@dataclass
class FakeArgilla:
    """Users, one workspace, datasets and their records.

    Attributes
    ----------
    url : str
    role : str
        Of the user whose key is used; an annotator may not list users or make datasets.
    requests : list of str
        Method and path of each.
    refuse : int or None
        Answer everything with this status.
    """

    url: str = ""
    role: str = "owner"
    refuse: int | None = None
    requests: list[str] = field(default_factory=list)
    users: dict[str, Json] = field(default_factory=dict)
    workspaces: dict[str, Json] = field(default_factory=dict)
    datasets: dict[str, Json] = field(default_factory=dict)
    records: dict[str, dict[str, Json]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.add_user("owner", role="owner")
        self.add_workspace("team")

    def add_user(self, name: str, *, role: str = "annotator") -> str:
        user = made(username=name, role=role, first_name=name, last_name=None)
        self.users[user["id"]] = user
        return str(user["id"])

    def add_workspace(self, name: str) -> None:
        workspace = made(name=name)
        self.workspaces[workspace["id"]] = workspace

    def user_of(self, name: str) -> str:
        return next(key for key, user in self.users.items() if user["username"] == name)

    def record(self, row_id: str) -> Json:
        (records,) = self.records.values()
        return records[row_id]

    def respond(self, row_id: str, name: str, status: str, value: Any = None) -> None:
        """Do what a person does on the page: "submitted", "discarded", "draft" or "deleted"."""
        user, record = self.user_of(name), self.record(row_id)
        others = [each for each in record["responses"] if each["user_id"] != user]
        # A person who discards before choosing anything leaves no values.
        values = None if value is None else {"label": {"value": value}}
        new = made(user_id=user, status=status, values=values)
        record["responses"] = others if status == "deleted" else [*others, new]

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> Any:
        for pattern, expected, call in ROUTES:
            match = re.fullmatch(pattern, path)
            if match and expected == method:
                return call(self, *match.groups(), query, body)
        raise RefusedError(404, f"no route {method} {path}")

    def me(self, _: Any, __: Any) -> Json:
        return self.users[self.user_of("owner")] | {"role": self.role}

    def all_users(self, _: Any, __: Any) -> Json:
        self._only("owner")
        return {"items": list(self.users.values())}

    def users_of(self, workspace: str, _: Any, __: Any) -> Json:
        del workspace
        return {"items": [each for each in self.users.values() if each["username"] != "owner"]}

    def all_workspaces(self, _: Any, __: Any) -> Json:
        return {"items": list(self.workspaces.values())}

    def workspace(self, key: str, _: Any, __: Any) -> Json:
        return self.workspaces[key]

    def all_datasets(self, _: Any, __: Any) -> Json:
        return {"items": list(self.datasets.values())}

    def make_dataset(self, _: Any, body: Json) -> Json:
        self._only("owner", "admin")
        dataset = made(**body, status="draft", fields=[], questions=[], allow_extra_metadata=False)
        self.datasets[dataset["id"]] = dataset
        self.records[dataset["id"]] = {}
        return dataset

    def dataset(self, key: str, _: Any, __: Any) -> Json:
        if key not in self.datasets:
            raise RefusedError(404, "no such dataset")
        return self.datasets[key]

    def change_dataset(self, key: str, _: Any, body: Json) -> Json:
        self.datasets[key] |= {name: body[name] for name in body if name not in ("id", "status")}
        return self.datasets[key]

    def drop_dataset(self, key: str, _: Any, __: Any) -> Json:
        return self.datasets.pop(key)

    def parts(self, key: str, kind: str, _: Any, __: Any) -> Json:
        return {"items": self.datasets[key].get(kind, [])}

    def metadata(self, key: str, _: Any, __: Any) -> Json:
        del key
        return {"items": []}

    def add_part(self, key: str, kind: str, _: Any, body: Json) -> Json:
        options = body["settings"].get("options", [])
        if options and len(options) < 2 and body["settings"]["type"] != "span":
            raise RefusedError(422, "ensure this value has at least 2 items")
        if not all(1 <= len(option["value"]) <= 200 for option in options):
            raise RefusedError(422, "an option must have 1 to 200 characters")
        part = made(**{name: value for name, value in body.items() if value is not None})
        self.datasets[key][kind].append(part)
        return part

    def publish(self, key: str, _: Any, __: Any) -> Json:
        self.datasets[key]["status"] = "ready"
        return self.datasets[key]

    def upsert(self, key: str, _: Any, body: Json) -> Json:
        """Make or change records; what is wrong with one refuses all."""
        if self.datasets[key]["status"] != "ready":
            raise RefusedError(422, "the dataset is not published")
        if not 1 <= len(body["items"]) <= 500:
            raise RefusedError(422, "1 to 500 records at once")
        for item in body["items"]:
            self._check(key, item)
        stored, updated = [], []
        for item in body["items"]:
            old = self.records[key].get(item["external_id"])
            record = old or made(external_id=item["external_id"], responses=[], suggestions=[])
            if old:
                updated.append(record["id"])
            record |= {"fields": item["fields"], "metadata": {}, "status": "pending"}
            record["suggestions"] = [
                made(**each) | {"question_id": self._question(key)["id"]}
                for each in item["suggestions"]
            ]
            for response in item["responses"]:
                others = [e for e in record["responses"] if e["user_id"] != response["user_id"]]
                values = response["values"] or None
                record["responses"] = [*others, made(**response) | {"values": values}]
            self.records[key][record["external_id"]] = record
            stored.append(record)
        return {"items": stored, "updated_item_ids": updated}

    def list_records(self, key: str, query: dict[str, list[str]], _: Any) -> Json:
        start, many = int(query["offset"][0]), int(query["limit"][0])
        if not 1 <= many <= 1000:
            raise RefusedError(422, "limit must be 1 to 1000")
        items = [
            {name: value for name, value in record.items() if name != "suggestions"}
            for record in self.records[key].values()
        ]
        return {"items": items[start : start + many]}

    def _only(self, *roles: str) -> None:
        if self.role not in roles:
            raise RefusedError(403, "Operation not permitted")

    def _question(self, key: str) -> Json:
        (question,) = self.datasets[key]["questions"]
        return dict(question)

    def _check(self, key: str, item: Json) -> None:
        fields = {each["name"]: each for each in self.datasets[key]["fields"]}
        if set(item["fields"]) - set(fields):
            raise RefusedError(422, f"fields {set(item['fields']) - set(fields)} are not there")
        for name, each in fields.items():
            if each["required"] and not item["fields"].get(name):
                raise RefusedError(422, f"field {name} is required")
            image = each["settings"]["type"] == "image"
            if image and not item["fields"][name].startswith(("data:image/", "http")):
                raise RefusedError(422, "an image must be an address or data")
        for suggestion in item["suggestions"]:
            self._check_value(key, suggestion["value"])
        for response in item["responses"]:
            if response["user_id"] not in self.users:
                raise RefusedError(422, "user_id is not there")
            if response["status"] == "submitted":
                self._check_value(key, response["values"]["label"]["value"])

    def _check_value(self, key: str, value: Any) -> None:
        settings = self._question(key)["settings"]
        allowed = [option["value"] for option in settings.get("options", [])]
        chosen = {
            "label_selection": lambda: [value],
            "multi_label_selection": lambda: value,
            "span": lambda: [mark["label"] for mark in value],
            "text": list,
        }[settings["type"]]()
        if settings["type"] == "multi_label_selection" and not value:
            raise RefusedError(422, "expects a non-empty list of values")
        if settings["type"] == "text" and not isinstance(value, str):
            raise RefusedError(422, "expects a text value")
        if set(chosen) - set(allowed):
            raise RefusedError(422, f"{chosen} is not among the options")


ROUTES: tuple[tuple[str, str, Callable[..., Any]], ...] = (
    (r"/api/v1/me", "GET", FakeArgilla.me),
    (r"/api/v1/users", "GET", FakeArgilla.all_users),
    (r"/api/v1/workspaces/([^/]+)", "GET", FakeArgilla.workspace),
    (r"/api/v1/workspaces/([^/]+)/users", "GET", FakeArgilla.users_of),
    (r"/api/v1/me/workspaces", "GET", FakeArgilla.all_workspaces),
    (r"/api/v1/me/datasets", "GET", FakeArgilla.all_datasets),
    (r"/api/v1/me/datasets/([^/]+)/metadata-properties", "GET", FakeArgilla.metadata),
    (r"/api/v1/datasets", "POST", FakeArgilla.make_dataset),
    (r"/api/v1/datasets/([^/]+)", "GET", FakeArgilla.dataset),
    (r"/api/v1/datasets/([^/]+)", "PATCH", FakeArgilla.change_dataset),
    (r"/api/v1/datasets/([^/]+)", "DELETE", FakeArgilla.drop_dataset),
    (r"/api/v1/datasets/([^/]+)/(fields|questions|vectors-settings)", "GET", FakeArgilla.parts),
    (r"/api/v1/datasets/([^/]+)/(fields|questions)", "POST", FakeArgilla.add_part),
    (r"/api/v1/datasets/([^/]+)/publish", "PUT", FakeArgilla.publish),
    (r"/api/v1/datasets/([^/]+)/records/bulk", "PUT", FakeArgilla.upsert),
    (r"/api/v1/datasets/([^/]+)/records", "GET", FakeArgilla.list_records),
)


@contextmanager
def serving() -> Iterator[FakeArgilla]:
    """Run a server on a free port until the block ends."""
    fake = FakeArgilla()

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            address = urlsplit(self.path)
            path = "/" + address.path.strip("/")
            fake.requests.append(f"{self.command} {path}")
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            try:
                if fake.refuse is not None:
                    raise RefusedError(fake.refuse, "not today")
                if self.headers.get("X-Argilla-Api-Key") != KEY:
                    raise RefusedError(401, "wrong key")
                status = 200
                answer = fake.answer(self.command, path, parse_qs(address.query), body)
            except RefusedError as error:
                status, answer = error.status, {"detail": str(error)}
            sent = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = handle_any  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
