"""What a page brings to the application."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.routing import Route

from .pictures import Pictures


@dataclass(frozen=True)
class Page:
    """One entry of the navigation: ``/NAME`` shows ``static/NAME.html``.

    Attributes
    ----------
    name : str
        As in its address.
    title : str
        As in the navigation.
    routes : sequence of Route
        What the page asks the server for, below ``/api/NAME/``. Routes that change something take
        POST alone.
    """

    name: str
    title: str
    routes: Sequence[Route]


@dataclass(frozen=True)
class Site:
    """All that is served of one folder.

    Attributes
    ----------
    title : str
        What the folder is called.
    key : str
        Tells this folder's data from others: of what browsers keep, and in addresses of images.
    pages : sequence of Page
        In the order of the navigation; the first is shown first.
    pictures : Pictures or None
        The images of the rows, by row number; None where rows have none.
    close : callable
        Called once, when the server ends.
    annotators : sequence of str
        Names that the pages offer; none for a free choice.
    """

    title: str
    key: str
    pages: Sequence[Page]
    pictures: Pictures | None
    close: Callable[[], None]
    annotators: Sequence[str] = ()
