"""A session and a Label Studio project kept in step: which project, and what both agree on.

The session holds the truth about rows, Label Studio about what people said. Answers are read from
its tasks that changed, so that nothing depends on a message that may be lost; what they say is a
function of the tasks alone, so that however often and whenever they are read, the labels end the
same. Both directions can be killed at any instant and go on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from thresher.core.errors import InputError

from ...sessions.session import Session
from .config import Control, Shown, find_control, labeling_config
from .links import Links
from .server import LabelStudio

TITLE_LETTERS = (3, 50)  # what Label Studio takes


@dataclass(frozen=True)
class Connection:
    """A session, what it knows of its project, the server, and what people see of a row."""

    session: Session
    links: Links
    server: LabelStudio
    shown: Shown
    control: Control
    project: int

    @property
    def address(self) -> str:
        """Where people label."""
        return f"{self.server.url}/projects/{self.project}/data"


def connect(
    session: Session,
    links: Links,
    server: LabelStudio,
    shown: Shown,
    *,
    title: str,
    project: int | None = None,
) -> Connection:
    """Connect a session with its project, which is made at the first time.

    Parameters
    ----------
    session : Session
    links : Links
    server : LabelStudio
    shown : Shown
    title : str
        Of a new project.
    project : int, optional
        A project that is there already.

    Raises
    ------
    InputError
        When the session is connected with another project, or the project asks for something else.
    """
    known = links.values()
    if "project" in known:
        found = _known_project(server, known, wanted=project)
    elif project is not None:
        found = server.project(project)
    else:
        found = _made_before(server, known["mark"]) or server.create_project(
            _settings(session, shown, title=title, mark=known["mark"])
        )
    control = find_control(found["label_config"], session.task)
    links.put(url=server.url, project=str(found["id"]), made=found["created_at"])
    return Connection(session, links, server, shown, control, int(found["id"]))


def _known_project(
    server: LabelStudio, known: Mapping[str, str], *, wanted: int | None
) -> dict[str, Any]:
    number = int(known["project"])
    if wanted not in (None, number):
        raise InputError(
            f"The session is connected with project {number} of {known['url']}, not {wanted}. "
            "Leave the project out, or remove label_studio.db from the session's folder to connect "
            "it anew."
        )
    found = server.project(number)
    if found["created_at"] != known["made"]:
        raise InputError(
            f"Project {number} of {server.url} is another one than the session's, of "
            f"{known['url']}: it was made on {found['created_at']}, not {known['made']}. Mend the "
            "address, or remove label_studio.db from the session's folder to connect it anew."
        )
    return found


def _settings(session: Session, shown: Shown, *, title: str, mark: str) -> dict[str, Any]:
    least, most = TITLE_LETTERS
    return {
        "title": title.ljust(least, "_")[:most],
        "description": f"Made by Thresher ({mark}).",
        "label_config": labeling_config(session.task, shown),
        "sampling": "Sequential sampling",
        "show_collab_predictions": True,
    }


def _made_before(server: LabelStudio, mark: str) -> dict[str, Any] | None:
    """Return the project that a process made and died before it was noted."""
    for project in server.projects():
        if mark in (project.get("description") or ""):
            return server.project(project["id"])
    return None


def row_of(find: Callable[[Any], str], task: Mapping[str, Any]) -> str | None:
    """Return the row that a task is of, None for a task that is none of ours."""
    named = (task.get("data") or {}).get("row_id")
    if named is None:
        return None
    try:
        return find(named)
    except InputError:
        return None
