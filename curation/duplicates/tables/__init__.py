"""Near-duplicate rows of tables."""

from __future__ import annotations
