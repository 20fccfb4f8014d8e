"""Mixtures of sources of texts: so many tokens, in given shares, none repeated too often."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thresher.core.lazy import lazy_names

if TYPE_CHECKING:
    from .files import mix_sources as mix_sources

_HOME = {"mix_sources": "files"}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
