"""The templates of the pages, beside this file."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from ..tables import percent


def template(name: str) -> Template:
    """Return a template of this package; everything put into it is escaped."""
    environment = Environment(
        loader=PackageLoader("thresher.app", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = percent
    return environment.get_template(name)
