"""A labeling folder and a Label Studio project: rows go there, and what people say comes back."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.errors import InputError, ThresherError, check_count, check_number
from ...core.signatures import checked
from ..label_folder import LabelFolder
from ..web import require_web

if TYPE_CHECKING:
    from active_learning.adapters.exchanged import Exchange
    from active_learning.adapters.label_studio.config import Shown
    from active_learning.adapters.label_studio.connection import Connection

PathLike = str | os.PathLike[str]
LINKS = "label_studio.db"
URL = "http://localhost:8080"
TOKEN = "LABEL_STUDIO_API_KEY"
PASSWORD = "THRESHER_ML_BACKEND_PASSWORD"
KINDS = {"image": "image", "text": "text", "features": "numbers"}


@dataclass(frozen=True)
class Synced:
    """What one exchange with a Label Studio project did.

    Attributes
    ----------
    exchange : Exchange
        What came in (``pulled``), which rows went out (``handed``), and how many tasks wait.
    project : int
    address : str
        Where people label.
    """

    exchange: Exchange
    project: int
    address: str


@checked
def label_sync(
    folder: PathLike,
    *,
    rows: int = 20,
    url: str | None = None,
    project: int | None = None,
    mode: str = "new",
    everything: bool = False,
    watch: bool = False,
    every: float = 5.0,
    listen: str | None = None,
    say: Callable[[Synced | ThresherError], object] = print,
    stop: threading.Event | None = None,
) -> Synced:
    """Label in Label Studio: read what people said there, then hand rows out until enough wait.

    The first time makes a project whose page fits the task. Its token, from the page Account &
    Settings, is read from the environment variable ``LABEL_STUDIO_API_KEY``. Killed at any moment,
    or called twice, it sends no row twice and loses no answer.

    Parameters
    ----------
    folder : path-like
        Made by `label_init`.
    rows : int
        Tasks that shall wait there for an answer.
    url : str, optional
        Address of the server; default that of the last time, else ``http://localhost:8080``.
    project : int, optional
        One that is there already.
    mode : {"new", "relabel", "mixed"}
        ``"relabel"`` asks for second opinions.
    everything : bool
        Read all tasks again, not only what changed.
    watch : bool
        Go on every few seconds, until interrupted or stopped.
    every : float
        Seconds between looks, with `watch`.
    listen : str, optional
        With `watch`, host and port at which the server may call this machine, to look sooner.
    say : callable
        With `watch`, takes each exchange that did something, and the error of a server that is
        down.
    stop : threading.Event, optional
        Ends a `watch` when it is set.

    Returns
    -------
    Synced
        Of the one exchange, or of the last look of a watch.

    Raises
    ------
    InputError
        For a folder without a session, a wrong address, or a project that asks something else.
    ThresherError
        When the server cannot be reached or refuses.

    Examples
    --------
    >>> import datasets
    >>> rows = datasets.Dataset.from_dict({"text": ["works well", "broke at once", "very good"]})
    >>> from thresher.app import label_init, label_sync
    >>> from thresher.core import ThresherError
    >>> _ = label_init(rows, out="labeling", classes=["good", "bad"])
    >>> try:
    ...     label_sync("labeling", url="localhost:8080")
    ... except ThresherError as error:
    ...     print(error)
    `url` must begin with http:// or https://, got 'localhost:8080'.
    """
    from active_learning.adapters.label_studio.rounds import exchange

    check_count("rows", rows, low=0)
    check_number("every", every, low=0.1)
    if listen is not None and not watch:
        raise InputError("`listen` needs `watch`: without it nobody waits for a call.")
    with connected(LabelFolder(Path(folder)), url=url, project=project) as connection:
        if watch:
            end = threading.Event() if stop is None else stop
            _watch(connection, rows, mode=mode, every=every, listen=listen, say=say, stop=end)
            rows = 0
        found = exchange(connection, n=rows, mode=mode, everything=everything)
        return _synced(connection, found)


def _watch(
    connection: Connection,
    rows: int,
    *,
    mode: str,
    every: float,
    listen: str | None,
    say: Callable[[Synced | ThresherError], object],
    stop: threading.Event,
) -> None:
    from active_learning.adapters.label_studio.rounds import watch
    from active_learning.adapters.label_studio.webhook import listening

    def told(found: Exchange | ThresherError) -> None:
        say(found if isinstance(found, ThresherError) else _synced(connection, found))

    wake = threading.Event()
    with listening(connection, listen, wake) if listen else nullcontext():
        watch(connection, n=rows, mode=mode, every=every, wake=wake, stop=stop, say=told)


def _synced(connection: Connection, found: Exchange) -> Synced:
    return Synced(found, connection.project, connection.address)


def shown_of(folder: LabelFolder) -> Shown:
    """Return what people see of the rows of a folder."""
    from active_learning.adapters.label_studio.config import Shown

    schema = folder.schema
    return Shown(KINDS[schema.modality], schema.inputs, folder.cells)


def people_of(folder: Path) -> dict[str, str]:
    """Return the names of the people of a folder's server by their numbers, as far as known."""
    from active_learning.adapters.label_studio.links import Links

    if not (folder / LINKS).exists():
        return {}
    with closing(Links(folder / LINKS)) as links:
        return links.people()


@contextmanager
def connected(
    folder: LabelFolder, *, url: str | None = None, project: int | None = None
) -> Iterator[Connection]:
    """Connect a folder's session with its project; see `label_sync`."""
    from active_learning.adapters.label_studio.connection import connect
    from active_learning.adapters.label_studio.links import Links
    from active_learning.adapters.label_studio.server import LabelStudio

    with closing(Links(folder.folder / LINKS)) as links:
        address = url or links.values().get("url", URL)
        server = LabelStudio(address, os.environ.get(TOKEN, ""))
        with closing(server), folder.open() as session:
            title = folder.folder.resolve().name
            yield connect(session, links, server, shown_of(folder), title=title, project=project)


@checked
def label_ml_backend(
    folder: PathLike,
    *,
    host: str = "127.0.0.1",
    port: int = 9090,
    say: Callable[[str], object] = print,
    stop: threading.Event | None = None,
) -> None:
    """Serve suggestions of the session's newest model to Label Studio, until interrupted.

    Label Studio calls it a model, or ML backend. Rows that measure the model get no suggestion. The
    model learns in the background from what `label_sync` or others record; no request waits for
    that. Needs ``thresher[web]``.

    Parameters
    ----------
    folder : path-like
        Made by `label_init`.
    host : str
        Address to listen on. One that other machines reach needs a password in the environment
        variable ``THRESHER_ML_BACKEND_PASSWORD``; the user is ``thresher``.
    port : int
        0 for any free one.
    say : callable
        Takes the address once the server listens.
    stop : threading.Event, optional
        Ends the server when it is set.

    Raises
    ------
    MissingExtraError
        When Starlette or uvicorn is not installed.
    InputError
        For a folder without a session, one of spans or boxes, an open address without a password,
        or a port in use.

    Examples
    --------
    >>> import threading
    >>> import datasets
    >>> rows = datasets.Dataset.from_dict({"text": ["works well", "broke at once", "very good"]})
    >>> from thresher.app import label_init, label_ml_backend
    >>> _ = label_init(rows, out="labeling", classes=["good", "bad"])
    >>> stop = threading.Event()
    >>> def look(address):
    ...     print(address.rpartition(":")[0])
    ...     stop.set()
    >>> label_ml_backend("labeling", port=0, say=look, stop=stop)
    http://127.0.0.1
    """
    require_web()
    from active_learning.adapters.label_studio.suggesting import Suggester

    from ..web.ml_backend import make_backend
    from ..web.running import Place, bound, run

    password = os.environ.get(PASSWORD, "")
    if not password and host not in ("127.0.0.1", "::1", "localhost"):
        raise InputError(
            f"Whoever reaches {host} could ask for suggestions: set a password in {PASSWORD}, or "
            "listen on 127.0.0.1."
        )
    with LabelFolder(Path(folder)).open(background=True) as session:
        app = make_backend(Suggester(session), password=password)
        with bound(Place(host, port)) as listening:
            say(f"http://{host}:{listening.getsockname()[1]}")
            run(app, listening, stop=stop)
