"""Work on files of texts that are streamed: what was seen, ranges, clean files, large tables."""

from __future__ import annotations
