"""Rows unlike all others."""

from __future__ import annotations

from thresher.core.moved import moved_names

__getattr__ = moved_names(__name__, "finding")
