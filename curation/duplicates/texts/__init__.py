"""Near-duplicate texts by the shingles that they share."""

from __future__ import annotations
