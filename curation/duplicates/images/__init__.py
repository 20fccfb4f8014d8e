"""Copies of images by views, alignment and hashes."""

from __future__ import annotations
