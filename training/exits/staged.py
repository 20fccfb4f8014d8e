"""Prediction in stages: after each, the rows that are sure enough leave."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from thresher.core.counted import counted
from thresher.core.errors import InputError, check_count
from thresher.core.numerics.softmax import confidence

from .rule import ExitRule

# From the state of some rows to their logits, float (b, classes), and the state for the next stage.
Stage = Callable[[Any], tuple[np.ndarray, Any]]


@dataclass(frozen=True, eq=False)
class StagedPrediction:
    """Logits of every row, float32 (n, classes), and the stage that it left at, int (n,)."""

    logits: np.ndarray
    stages: np.ndarray

    def shares(self, count: int) -> np.ndarray:
        """Return the share of the rows that left at each of `count` stages."""
        return np.bincount(self.stages, minlength=count) / max(1, len(self.stages))


def predict_staged(
    stages: Sequence[Stage], inputs: Any, *, rule: ExitRule, batch_size: int = 256
) -> StagedPrediction:
    """Send rows through the stages; what is sure leaves, and the rest goes on in smaller batches.

    Parameters
    ----------
    stages : sequence of callable
    inputs : array or Tensor, shape (n, …)
    rule : ExitRule
    batch_size : int
        Rows that start together.
    """
    check_count("batch_size", batch_size, low=1)
    if len(rule.temperatures) != len(stages):
        raise InputError(
            f"The rule is for {counted(len(rule.temperatures), 'stage')}, not {len(stages)}."
        )
    if not len(inputs):
        raise InputError("There are no rows to predict.")
    parts = [
        _predict_batch(stages, inputs[start : start + batch_size], rule)
        for start in range(0, len(inputs), batch_size)
    ]
    return StagedPrediction(
        np.concatenate([part.logits for part in parts]),
        np.concatenate([part.stages for part in parts]),
    )


def all_stages(stages: Sequence[Stage], inputs: Any, *, batch_size: int = 256) -> list[np.ndarray]:
    """Return the logits of every row at every stage, each float32 (n, classes)."""
    found: list[list[np.ndarray]] = [[] for _ in stages]
    for start in range(0, len(inputs), batch_size):
        state = inputs[start : start + batch_size]
        for stage, parts in zip(stages, found, strict=True):
            logits, state = stage(state)
            parts.append(logits)
    return [np.concatenate(parts) for parts in found]


def _predict_batch(stages: Sequence[Stage], inputs: Any, rule: ExitRule) -> StagedPrediction:
    rows, state = np.arange(len(inputs)), inputs
    left = np.zeros(len(inputs), dtype=np.int64)
    result: np.ndarray | None = None
    for place, (stage, temperature) in enumerate(zip(stages, rule.temperatures, strict=True)):
        logits, state = stage(state)
        if result is None:
            result = np.zeros((len(inputs), logits.shape[1]), dtype=np.float32)
        last = place == len(stages) - 1
        sure = np.ones(len(rows), bool) if last else confidence(logits, temperature)
        leaves = sure if last else sure >= rule.threshold
        result[rows[leaves]], left[rows[leaves]] = logits[leaves], place
        if last or leaves.all():
            break
        rows, state = rows[~leaves], state[~leaves]
    assert result is not None
    return StagedPrediction(result, left)
