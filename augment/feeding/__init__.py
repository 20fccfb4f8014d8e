"""Batches for training: from arrays, folders and streams, with workers and caches."""

from __future__ import annotations
