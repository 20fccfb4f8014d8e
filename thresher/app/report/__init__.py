"""``report.html``: one file, no network, no script."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from ...core.files import write_text
from ..tables import percent
from .content import collect


def write_report(folder: Path) -> Path:
    """Write the report of a finished run and return its path.

    Raises
    ------
    InputError
        When `folder` is not the folder of a finished run.
    """
    environment = Environment(
        loader=PackageLoader("thresher.app", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = percent
    page = environment.get_template("page.html.j2").render(collect(folder))
    path = folder / "report.html"
    write_text(path, page)
    return path
