"""Thresher: the same model out of fewer rows, fewer labels, fewer training seconds and fewer bytes."""

__version__ = "0.1.0"
