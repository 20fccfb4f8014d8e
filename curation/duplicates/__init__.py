"""Copies of rows, exact and near, within and across splits and sources."""

from __future__ import annotations
