"""How good a model is on the whole pool, from the labels of drawn rows."""

from __future__ import annotations
