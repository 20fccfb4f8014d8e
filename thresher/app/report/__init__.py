"""``report.html``: one file, no network, no script."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

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
    path = folder / "report.html"
    write_text(path, template("page.html.j2").render(collect(folder)))
    return path


def template(name: str) -> Template:
    """Return a template of this package; everything put into it is escaped."""
    environment = Environment(
        loader=PackageLoader("thresher.app", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = percent
    return environment.get_template(name)
