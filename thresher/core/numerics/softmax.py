"""Probabilities from logits, in a way that no size of logits overflows."""

from __future__ import annotations

import numpy as np


def softmax(logits: np.ndarray, *, out: np.ndarray | None = None) -> np.ndarray:
    """Return the softmax over the last axis, in the precision of `logits`; in `out` if given."""
    likely = np.subtract(logits, logits.max(axis=-1, keepdims=True), out=out)
    np.exp(likely, out=likely)
    likely /= likely.sum(axis=-1, keepdims=True)
    return np.asarray(likely)


def confidence(logits: np.ndarray, temperature: float) -> np.ndarray:
    """Return the tempered probability of the likeliest class, float64 (n,), of logits (n, k)."""
    return np.asarray(np.exp(log_softmax(logits.astype(np.float64) / temperature).max(axis=1)))


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Return the log of the softmax over the last axis, in the precision of `logits`."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))
