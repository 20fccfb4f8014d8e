"""A labeling loop that is stored: batches out, answers in, reports, when to stop."""

from __future__ import annotations
