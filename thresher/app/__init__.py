"""What joins the four packages: the pipeline, the command line and the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .guard import check_packages

if TYPE_CHECKING:
    from .pipeline import run as run

__all__ = ["run"]

check_packages()


def __getattr__(name: str) -> Any:
    if name != "run":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .pipeline import run

    return run
