"""Labels out to files and other labeling tools, and back: one rule each for all of them."""

from __future__ import annotations
