"""The pages on which people label and review, served until they are stopped."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.signatures import checked
from .web import require_web

if TYPE_CHECKING:
    from .web.page import Site
    from .web.running import Place

PathLike = str | os.PathLike[str]


@checked
def serve_labels(
    folder: PathLike,
    *,
    annotators: Sequence[str] = (),
    target: float | None = None,
    mode: str = "new",
    batch: int = 20,
    lease: str = "10m",
    host: str = "127.0.0.1",
    port: int = 8765,
    allow_hosts: Sequence[str] = (),
    token: str = "",
    say: Callable[[Mapping[str, str]], object] = print,
    stop: threading.Event | None = None,
) -> None:
    """Serve a page to label on, until interrupted or stopped.

    The links hold a key; without it nothing is shown. Needs ``thresher[web]``.

    Parameters
    ----------
    folder : path-like
        Made by `label_init`; that of a run shows its findings, as `serve_review` does.
    annotators : sequence of str
        Who may label; anybody, under any name, when there are none.
    target : float, optional
        Accuracy (or mean error) at which labeling may stop.
    mode : {"new", "relabel", "mixed"}
        ``"relabel"`` asks for second opinions.
    batch : int
        Rows that are chosen at once for a person.
    lease : str
        How long rows wait for a page of which nothing is heard.
    host : str
        Address to listen on; ``"0.0.0.0"`` lets other machines in.
    port : int
        0 for any free one.
    allow_hosts : sequence of str
        Further names under which the server may be called.
    token : str
        Key in the links, so that they outlive the server; by default a new one each time.
    say : callable
        Takes the link of each annotator by name, once the server listens; the name is empty where
        anybody may label.
    stop : threading.Event, optional
        Ends the server when it is set.

    Raises
    ------
    MissingExtraError
        When Starlette or uvicorn is not installed.
    InputError
        For a folder without a session, one that another process serves, a port in use, or a short
        token.

    Examples
    --------
    >>> import threading
    >>> import datasets
    >>> rows = datasets.Dataset.from_dict({"text": ["works well", "broke at once", "very good"]})
    >>> from thresher.app import label_init, serve_labels
    >>> _ = label_init(rows, out="labeling", classes=["good", "bad"])
    >>> stop = threading.Event()
    >>> def look(links):
    ...     print(links["ann"].startswith("http://127.0.0.1:"))
    ...     stop.set()
    >>> serve_labels("labeling", annotators=["ann"], port=0, say=look, stop=stop)
    True
    """
    require_web()
    from .web.label.opening import LabelOptions
    from .web.opening import open_site
    from .web.running import Place

    place = Place(host, port, token).with_token()
    options = LabelOptions(tuple(annotators), batch, lease, mode, target)
    _serve(open_site(Path(folder), options), place, allow_hosts, say=say, stop=stop)


@checked
def serve_review(
    run: PathLike,
    *,
    data: str | None = None,
    embeddings: PathLike | None = None,
    people: Sequence[str] = (),
    host: str = "127.0.0.1",
    port: int = 8766,
    allow_hosts: Sequence[str] = (),
    token: str = "",
    say: Callable[[Mapping[str, str]], object] = print,
    stop: threading.Event | None = None,
) -> None:
    """Serve a page to review findings on, until interrupted or stopped.

    Verdicts are kept in the folder ``review`` of the run, or in one beside decisions alone; nothing
    is changed before somebody applies them. Needs ``thresher[web]``.

    Parameters
    ----------
    run : path-like
        Folder of a run, or of decisions.
    data : str, optional
        The data, where `run` is a folder of decisions alone.
    embeddings : path-like, optional
        Vectors for the map (``.npy``, ``.npz`` or a saved folder); default those of the run.
    people : sequence of str
        Who may review; anybody, under any name, when there are none.
    host, port, allow_hosts, token, say, stop
        As in `serve_labels`.

    Raises
    ------
    MissingExtraError
        When Starlette or uvicorn is not installed.
    InputError
        For a folder without decisions, decisions without their data, verdicts about other
        decisions, a port in use, or a short token.

    Examples
    --------
    >>> import threading
    >>> import datasets
    >>> texts = ["it works very well", "it works very well", "it broke at once"]
    >>> _ = datasets.Dataset.from_dict({"text": texts}).to_csv("reviews.csv")
    >>> from thresher.app import curate_duplicates, serve_review
    >>> _ = curate_duplicates("reviews.csv", manifest="found")
    >>> stop = threading.Event()
    >>> def look(links):
    ...     print(links["ann"].startswith("http://127.0.0.1:"))
    ...     stop.set()
    >>> serve_review("found", data="reviews.csv", people=["ann"], port=0, say=look, stop=stop)
    True
    """
    require_web()
    from .web.opening import open_review_site
    from .web.running import Place

    place = Place(host, port, token).with_token()
    vectors = None if embeddings is None else Path(embeddings)
    site = open_review_site(Path(run), data=data, embeddings=vectors, people=tuple(people))
    _serve(site, place, allow_hosts, say=say, stop=stop)


def _serve(
    site: Site,
    place: Place,
    allow_hosts: Sequence[str],
    *,
    say: Callable[[Mapping[str, str]], object],
    stop: threading.Event | None,
) -> None:
    from .web.application import make_app
    from .web.running import serve

    app = make_app(site, token=place.token, names=allow_hosts)
    serve(app, place, annotators=site.annotators, say=say, stop=stop)
