"""A Label Studio server, by the few requests of its API that labeling needs.

Reading is tried again when the server is down or busy, with growing pauses; what makes something
new is sent once, since only the caller can tell whether it arrived. Interface:
https://api.labelstud.io, as of version 1.23.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from itertools import count
from typing import TYPE_CHECKING, Any

from thresher.core.errors import InputError, ThresherError, require

if TYPE_CHECKING:
    import httpx

PAGE = 500
TRIES = 5
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
# An import of many tasks is answered when all are stored.
TIMEOUT_S = 300.0
BUSY = frozenset({408, 429, 500, 502, 503, 504})
# Of tasks and of their annotations: naming them takes half the time and a quarter of the bytes.
NAMED = "id,data,updated_at,annotations,result,completed_by,lead_time,was_cancelled"
RESERVED = "reserved network address"
JSON = Mapping[str, Any]


class ServerError(ThresherError):
    """A Label Studio server cannot be reached, or refuses a request."""


class UnreachableError(ServerError):
    """A server that does not answer now, and may do so later."""


class UnclearError(UnreachableError):
    """A request that makes something was sent, and no answer says whether it arrived."""


class LabelStudio:
    """A server, its address and a token.

    Parameters
    ----------
    url : str
        As in a browser, such as ``http://localhost:8080``.
    token : str
        From "Account & Settings": a personal access token or a legacy token.
    http : httpx.Client, optional
        Sends the requests; default a new one.
    sleep : callable
        Waits so many seconds.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        http: httpx.Client | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        httpx = require("httpx", extra="labelstudio")
        if not url.startswith(("http://", "https://")):
            raise InputError(f"`url` must begin with http:// or https://, got {url!r}.")
        if not token.strip():
            raise InputError(
                "Label Studio needs a token: copy one from its page Account & Settings, and give "
                "it in the environment variable LABEL_STUDIO_API_KEY."
            )
        self.url, self._token, self._sleep = url.rstrip("/"), token.strip(), sleep
        self._failed = httpx.TransportError
        self._http = http or httpx.Client(timeout=httpx.Timeout(TIMEOUT_S, connect=10.0))
        self._access: str | None = None
        self.people: dict[int, str] = {}  # of those who were asked for
        self.now: datetime | None = None  # by its clock, at its last answer

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def project(self, number: int) -> dict[str, Any]:
        """Return a project."""
        return dict(self._read(f"/api/projects/{number}"))

    def projects(self) -> Iterator[dict[str, Any]]:
        """Yield all projects with ``id`` and ``description``."""
        yield from self._pages("/api/projects", {"include": "id,description"}, "results")

    def create_project(self, values: JSON) -> dict[str, Any]:
        """Make a project and return it."""
        return dict(self._make("/api/projects", json=values))

    def tasks(
        self,
        project: int,
        *,
        since: str | None = None,
        above: int | None = None,
        brief: bool = False,
    ) -> Iterator[dict[str, Any]]:
        """Yield the tasks of a project in the order of their ids.

        Parameters
        ----------
        project : int
        since : str, optional
            Only those that were changed after this moment, as the server writes it.
        above : int, optional
            Only those with a larger id.
        brief : bool
            Only ``id`` and ``data``; otherwise also ``annotations``, each with its result.
        """
        items = []
        if since is not None:
            items.append(_filter("updated_at", "Datetime", since))
        if above is not None:
            items.append(_filter("id", "Number", above))
        wanted = {"include": "id,data"}
        if not brief:
            wanted = {"fields": "all", "include": NAMED}
        query = {"filters": {"conjunction": "and", "items": items}, "ordering": ["tasks:id"]}
        parameters = {"project": project, "query": json.dumps(query), **wanted}
        for task in self._pages("/api/tasks", parameters, "tasks"):
            if not brief and "annotations" not in task:  # nothing read is not nothing said
                raise ServerError(
                    f"Label Studio at {self.url} lists tasks without their annotations. Version "
                    "1.23 is known to work."
                )
            yield task

    def import_tasks(self, project: int, tasks: Sequence[JSON]) -> list[int]:
        """Make tasks and return their ids; empty where the server makes them later.

        Raises
        ------
        UnclearError
            When no answer says whether the tasks were made.
        """
        made = self._make(
            f"/api/projects/{project}/import", params={"return_task_ids": "true"}, json=tasks
        )
        return [int(number) for number in made.get("task_ids") or ()]

    def upload(self, project: int, name: str, data: bytes) -> str:
        """Store a file for the tasks of a project and return its address there."""
        made = self._make(
            f"/api/projects/{project}/import",
            params={"commit_to_project": "false"},
            files={"file": (name, data)},
        )
        number = made["file_upload_ids"][0]
        return f"/data/{self._read(f'/api/import/file-upload/{number}')['file']}"

    def name_of(self, user: int) -> str:
        """Return the e-mail address of a user, or the number of one who is gone."""
        if user not in self.people:  # somebody new, or gone
            self.people[user] = str(user)
            found = self._read("/api/users")
            self.people |= {one["id"]: one["email"] for one in found if one.get("email")}
        return self.people[user]

    def webhooks(self, project: int) -> list[dict[str, Any]]:
        """Return the webhooks of a project."""
        found = self._read("/api/webhooks", {"project": project})
        return list(found if isinstance(found, list) else found["results"])

    def add_webhook(self, project: int, url: str, *, headers: Mapping[str, str]) -> int:
        """Have each change of a project told to an address; return the webhook's number."""
        values = {
            "project": project,
            "url": url,
            "send_payload": False,
            "send_for_all_actions": True,
            "headers": dict(headers),
        }
        return int(self._make("/api/webhooks", json=values)["id"])

    def remove_webhook(self, number: int) -> None:
        """Remove a webhook; one that is gone already is fine."""
        self._send("DELETE", f"/api/webhooks/{number}", absent_is_fine=True)

    def _pages(self, path: str, parameters: JSON, name: str) -> Iterator[dict[str, Any]]:
        for page in count(1):
            asked = {**parameters, "page": page, "page_size": PAGE}
            # There is no page after a full last one.
            response = self._send("GET", path, params=asked, absent_is_fine=page > 1)
            found = _json(response, self.url).get(name, [])
            yield from found
            if len(found) < PAGE:
                return

    def _read(self, path: str, parameters: JSON | None = None) -> Any:
        return _json(self._send("GET", path, params=parameters), self.url)

    def _make(self, path: str, **request: Any) -> Any:
        return _json(self._send("POST", path, tries=1, **request), self.url)

    def _send(
        self,
        method: str,
        path: str,
        *,
        tries: int = TRIES,
        absent_is_fine: bool = False,
        **more: Any,
    ) -> httpx.Response:
        for number in range(tries):
            last = number == tries - 1
            try:
                response = self._once(method, path, **more)
            except self._failed as error:
                if last:
                    raise self._lost(method, error) from error
                self._sleep(_pause(number))
                continue
            if response.is_success or (absent_is_fine and response.status_code == 404):
                return response
            if response.status_code not in BUSY or last:
                raise self._refused(method, path, response)
            self._sleep(_pause(number, response.headers.get("retry-after")))
        raise AssertionError("the last try returns or raises")

    def _once(self, method: str, path: str, **more: Any) -> httpx.Response:
        response = self._http.request(method, self.url + path, headers=self._headers(), **more)
        if response.status_code == 401 and self._access is not None:  # it lasts some minutes
            self._access = None
            response = self._http.request(method, self.url + path, headers=self._headers(), **more)
        if "date" in response.headers:
            self.now = parsedate_to_datetime(response.headers["date"])
        return response

    def _headers(self) -> dict[str, str]:
        """Return what proves who asks: a personal token is exchanged for one of a few minutes."""
        if self._token.count(".") != 2:
            return {"Authorization": f"Token {self._token}"}
        if self._access is None:
            path = "/api/token/refresh"
            response = self._http.post(self.url + path, json={"refresh": self._token})
            if not response.is_success:
                raise self._refused("POST", path, response)
            self._access = str(_json(response, self.url)["access"])
        return {"Authorization": f"Bearer {self._access}"}

    def _lost(self, method: str, error: Exception) -> ServerError:
        kind = UnclearError if method == "POST" else UnreachableError
        return kind(
            f"Label Studio at {self.url} cannot be reached ({type(error).__name__}: {error}). "
            "Start it, or mend the address (--url); the same command then goes on where this one "
            "stopped."
        )

    def _refused(self, method: str, path: str, response: httpx.Response) -> ServerError:
        status, said = response.status_code, _reason(response)
        if RESERVED in said:
            return ServerError(
                f"Label Studio refuses to call addresses of this machine and of private networks "
                f"({said}). Start it with the environment variable SSRF_PROTECTION_ENABLED=false, "
                "or do without: answers are fetched every few seconds anyhow."
            )
        if status in (401, 403):
            return ServerError(
                f"Label Studio at {self.url} does not accept the token ({status}: {said}). Copy it "
                "again from its page Account & Settings into LABEL_STUDIO_API_KEY; legacy tokens "
                "must be allowed there (Organization, Access Token Settings), and its owner must "
                "be a member of the project."
            )
        if status == 404:
            return ServerError(f"Label Studio at {self.url} has no {path} ({said}).")
        kind = ServerError
        if status in BUSY:
            kind = UnclearError if method == "POST" else UnreachableError
        return kind(f"Label Studio at {self.url} answered {status} to {method} {path}: {said}")


def _filter(name: str, kind: str, value: Any) -> dict[str, Any]:
    return {"filter": f"filter:tasks:{name}", "operator": "greater", "type": kind, "value": value}


def _pause(number: int, wished: str | None = None) -> float:
    pause = FIRST_PAUSE_S * 2.0**number
    if wished is not None and wished.isdecimal():
        pause = max(pause, float(wished))
    return min(pause, LONGEST_PAUSE_S)


def _json(response: httpx.Response, url: str) -> Any:
    try:
        return response.json()
    except ValueError as error:
        raise ServerError(
            f"{url} does not answer as Label Studio does: {response.text[:80]!r}. Check the "
            "address (--url)."
        ) from error


def _reason(response: httpx.Response) -> str:
    """Return in a line what the server says, without its stack."""
    try:
        said = response.json()
    except ValueError:
        return response.text[:200].strip() or response.reason_phrase
    if not isinstance(said, dict):
        return str(said)[:300]
    errors = said.get("validation_errors")
    return str(said.get("detail", said))[:300] + (f" {errors}"[:500] if errors else "")
