"""Rows as users hold them (frames, arrays, torch data sets), opened and closed again."""

from __future__ import annotations

from thresher.core.moved import moved_names

__getattr__ = moved_names(__name__, "opening")
