"""A labeling session as a site."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ....core.errors import check_number
from ...label_folder import DATABASE, HEAD, LabelFolder
from ..page import Page, Site
from .routes import LabelRoutes
from .row_content import RowContent


@dataclass(frozen=True)
class LabelOptions:
    """How a session is served; see `active_learning.Desk`.

    ``annotators`` are the names that are offered; none for any name.
    """

    annotators: Sequence[str] = ()
    batch: int = 20
    lease: str = "10m"
    mode: str = "new"
    target: float | None = None


def label_site(folder: Path, options: LabelOptions) -> Site:
    """Open the session of a folder and return its page; closing the site closes the session."""
    from active_learning import Desk

    if options.target is not None:
        check_number("target", options.target, low=0)
    here = LabelFolder(folder)
    session = here.open(background=True)
    try:
        content = RowContent(here.rows(), here.schema, task=session.task.name)
        desk = Desk(
            session,
            batch=options.batch,
            lease=options.lease,
            mode=options.mode,
            target=options.target,
        )
    except BaseException:
        session.close()
        raise

    def close() -> None:
        desk.close()
        session.close()

    routes = LabelRoutes(desk, session.task, content, annotators=options.annotators)
    return Site(
        title=folder.resolve().name,
        key=_key(folder),
        pages=[Page("label", "Label", routes.all())],
        pictures=content.pictures,
        close=close,
        annotators=options.annotators,
    )


def _key(folder: Path) -> str:
    """Return what tells this session from all others, also from an earlier one in its place."""
    made = (folder / HEAD).stat()
    parts = (str(folder.resolve()), made.st_mtime_ns, (folder / DATABASE).stat().st_ino)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
