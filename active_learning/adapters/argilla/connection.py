"""The server: who we are there, which dataset it is, who the others are."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from thresher.core.errors import InputError, ThresherError, require

from ...tasks import Task
from .questions import IMAGE, QUESTION, TEXT, options_of

PAGE = 250
URL = "http://localhost:6900"
KEY_VARIABLE, URL_VARIABLE = "ARGILLA_API_KEY", "ARGILLA_API_URL"


def sdk() -> Any:
    """Return the SDK; as it is loaded it warns of its own use of pydantic.

    Raises
    ------
    MissingExtraError
        When it is not installed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return require("argilla", extra="argilla")


@contextmanager
def talking_to(url: str) -> Iterator[None]:
    """Word what goes wrong with the server; the SDK's own warnings are kept from users.

    Raises
    ------
    InputError
        For a wrong key, missing rights, and what the server does not take.
    ThresherError
        When it is not reached.
    """
    import httpx

    refused = sdk()._exceptions.ArgillaError
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            yield
        except httpx.TransportError as error:
            raise ThresherError(
                f"No Argilla server answers at {url} ({type(error).__name__}). Start it, or give "
                "its address."
            ) from error
        except refused as error:
            reason = error if error.__cause__ is None else error.__cause__
            raise InputError(
                f"Argilla at {url} refused ({type(reason).__name__}: {str(reason)[:300]}). Check "
                f"the key, which is read from {KEY_VARIABLE}, and that its user may do this."
            ) from error


class Server:
    """A connection.

    Parameters
    ----------
    url : str, optional
        Default the variable ARGILLA_API_URL, else ``http://localhost:6900``.
    key : str, optional
        Default the variable ARGILLA_API_KEY.

    Raises
    ------
    MissingExtraError
        When the SDK is not installed.
    """

    def __init__(self, *, url: str | None = None, key: str | None = None) -> None:
        argilla = sdk()
        self.url = url or os.environ.get(URL_VARIABLE) or URL
        secret = key or os.environ.get(KEY_VARIABLE)
        if not secret:
            raise InputError(
                f"Argilla asks for a key: copy it from the page My settings at {self.url} into the "
                f"variable {KEY_VARIABLE}."
            )
        with talking_to(self.url):
            self.client: Any = argilla.Argilla(api_url=self.url, api_key=secret, retries=2)

    def workspace(self, name: str | None) -> str:
        """Return the name of the workspace: the one that was asked for, or the only one."""
        with talking_to(self.url):
            names = [each.name for each in self.client.workspaces]
        if name is None and len(names) == 1:
            return str(names[0])
        if name not in names:
            listed = ", ".join(names) or "none"
            raise InputError(
                f"Argilla at {self.url} has the workspaces {listed}"
                + (f", no {name!r}." if name else ": say which.")
            )
        return str(name)

    def dataset(self, name: str, workspace: str) -> Any | None:
        """Return a dataset with its settings; None when there is none."""
        with talking_to(self.url):
            found = self.client.datasets(name, workspace=workspace)
            if found is not None:
                found.settings.get()
        return found

    def people(self, workspace: str) -> dict[str, str]:
        """Return the names of users by id: of all, or where that is not allowed of the workspace's.

        An owner of the server may answer in a workspace without belonging to it.
        """
        with talking_to(self.url):
            try:
                users = self.client.users.list()
            except sdk()._exceptions.ForbiddenError:
                users = self.client.users.list(workspace=self.client.workspaces(workspace))
        return {str(user.id): str(user.username) for user in users}

    def upsert(self, dataset: Any, models: Sequence[Any]) -> None:
        """Make records, or change those with the same external id.

        Not by the SDK's `records.log`: it reads the reply back as `Record`; see `records`.
        """
        for start in range(0, len(models), PAGE):
            self.client.api.records.bulk_upsert(dataset.id, models[start : start + PAGE])

    def records(self, dataset: Any) -> Iterator[Any]:
        """Yield all records with their responses, as the server has them.

        Not as the SDK's `Record`: that loses responses without a value, which are what discarding
        leaves, and breaks where the server says null.
        """
        offset = 0
        while True:
            with talking_to(self.url):
                found = self.client.api.records.list(
                    dataset.id, offset=offset, limit=PAGE, with_suggestions=False
                )
            yield from found
            offset += len(found)
            if len(found) < PAGE:
                return


def check_questions(dataset: Any, task: Task, *, where: str) -> bool:
    """Return whether a dataset shows images; refuse one that asks something else."""
    kinds = {
        "classification": "label_selection",
        "multi_label": "multi_label_selection",
        "regression": "text",
        "spans": "span",
    }
    settings = dataset.settings
    asked = next((each for each in settings.questions if each.name == QUESTION), None)
    fields = {field.name for field in settings.fields}
    told = None if asked is None else asked._model.settings
    options = [option["value"] for option in getattr(told, "options", [])]
    wanted = options_of(task)
    fits = told is not None and told.type == kinds[task.name] and sorted(options) == sorted(wanted)
    if not fits or not fields & {TEXT, IMAGE}:
        raise InputError(
            f"The dataset {where} does not ask for labels of this session ({task.name}"
            + (f" with {', '.join(wanted)}" if wanted else "")
            + "). Name a new one; it is made."
        )
    return IMAGE in fields
