"""Rows to train on: inputs, targets, weights and row ids; tokens of texts."""

from thresher.core.tokens import HashTokenizer

__all__ = ["HashTokenizer"]
