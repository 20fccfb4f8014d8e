"""Thresher: the same model out of fewer rows, labels, training seconds and bytes."""

__version__ = "0.1.0"
