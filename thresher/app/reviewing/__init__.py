"""A review that people do in a page: rows and findings as arrays, a journal of verdicts, a map."""

from __future__ import annotations
