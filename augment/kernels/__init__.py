"""How it is done: the same plan on arrays with OpenCV and NumPy, and on tensors with torch."""

from __future__ import annotations
