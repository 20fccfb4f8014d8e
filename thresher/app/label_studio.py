"""A labeling folder and a Label Studio project: what is shown, where, and with which token."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from .label_folder import LabelFolder

if TYPE_CHECKING:
    from active_learning.adapters.label_studio.config import Shown
    from active_learning.adapters.label_studio.connection import Connection

LINKS = "label_studio.db"
URL = "http://localhost:8080"
TOKEN = "LABEL_STUDIO_API_KEY"
KINDS = {"image": "image", "text": "text", "features": "numbers"}


def shown_of(folder: LabelFolder) -> Shown:
    """Return what people see of the rows of a folder."""
    from active_learning.adapters.label_studio.config import Shown

    schema = folder.schema
    return Shown(KINDS[schema.modality], schema.inputs, folder.cells)


@contextmanager
def connected(
    folder: LabelFolder, *, url: str | None = None, project: int | None = None
) -> Iterator[Connection]:
    """Connect a folder's session with its project.

    Parameters
    ----------
    folder : LabelFolder
    url : str, optional
        Default that of the last time, else `URL`. The token is in the variable `TOKEN`.
    project : int, optional
        One that is there already; default the folder's, which is made at the first time.
    """
    from active_learning.adapters.label_studio.connection import connect
    from active_learning.adapters.label_studio.links import Links
    from active_learning.adapters.label_studio.server import LabelStudio

    with closing(Links(folder.folder / LINKS)) as links:
        address = url or links.values().get("url", URL)
        server = LabelStudio(address, os.environ.get(TOKEN, ""))
        with closing(server), folder.open() as session:
            title = folder.folder.resolve().name
            yield connect(session, links, server, shown_of(folder), title=title, project=project)
