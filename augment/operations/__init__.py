"""What is done to an image: operations, policies made of them, and a plan of random numbers."""

from __future__ import annotations
