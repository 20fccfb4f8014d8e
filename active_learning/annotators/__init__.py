"""Answers of several people: one label for each row, and how good each annotator is."""

from __future__ import annotations

from thresher.core.moved import moved_names

__getattr__ = moved_names(__name__, "classes")
