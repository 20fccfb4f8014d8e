"""Commands over files of texts that are streamed: contamination, repeated spans, mixtures."""

from __future__ import annotations
