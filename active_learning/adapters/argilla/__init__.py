"""Labeling in Argilla, through its own SDK: rows go there with suggestions, answers come back."""

from __future__ import annotations
