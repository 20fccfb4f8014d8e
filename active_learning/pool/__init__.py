"""What strategies choose from: the rows of a pool and what is known of them, as arrays."""

from __future__ import annotations
