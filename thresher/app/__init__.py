"""What joins the five packages: the pipeline, the command line and the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thresher.core.lazy import lazy_names

from .guard import check_packages

if TYPE_CHECKING:
    from .pipeline import run as run

check_packages()

_HOME = {"run": "pipeline"}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
