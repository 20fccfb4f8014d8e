"""The page on which people review findings: what it asks the server for."""

from __future__ import annotations
