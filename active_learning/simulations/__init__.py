"""Labeling replayed on labeled data, to compare strategies before people label."""

from __future__ import annotations
