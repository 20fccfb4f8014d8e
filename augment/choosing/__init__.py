"""Which policy suits the data: what operations do to labels, and short pilot trainings."""

from __future__ import annotations
