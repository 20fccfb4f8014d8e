"""Whether an operation does no harm: paired short trainings with and without it.

A teacher's view of an operation is no promise about a network: of 34 operations that cost a network
more than a point it leaves six open (`benchmarks/augment_audit.py`).
So only trainings assure. In each round a quarter of the rows is held out, and one network learns
the others as they are and one with the operation, from the same start.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from thresher.core.errors import told
from thresher.core.interval import Z
from thresher.core.progress import track

from .. import policies
from ..operations.nodes import Step
from ..operations.policy import Policy
from .operation_audit import OperationAudit, settings_key
from .pilots import Fit, difference_noise, held_out_rows, labeled_rows, one_run

# Share of the rows that an operation is done to, as most policies do it.
HALF = 0.5


@dataclass(frozen=True)
class Trained:
    """What an operation gained in training: points with a 95 % interval, or why it has none."""

    gain: float
    low: float
    high: float
    rounds: int
    error: str = ""

    @property
    def summary(self) -> str:
        """The gain in words."""
        runs = "pair of trainings" if self.rounds == 1 else "pairs of trainings"
        return (
            f"{self.gain:+.1f} points [{self.low:+.1f}, {self.high:+.1f}] in {self.rounds} {runs}"
        )


def trained_gains(
    steps: Sequence[Step], fit: Fit, labels: Any, *, seed: int, rounds: int, deadline: float
) -> list[Trained]:
    """Train with each step, done to half of the rows, and without; return what each gained.

    Rounds end early once the next one would pass `deadline`; one is always run. A step that `fit`
    raises an error for has none; an error without a step is raised.
    """
    rows, codes = labeled_rows(labels)
    listed = [Policy(step.op, (Step(step.op, step.settings, HALF),)) for step in steps]
    gains: list[list[float]] = [[] for _ in steps]
    failed: dict[int, str] = {}
    plain: list[float] = []
    for turn in range(rounds):
        start = time.perf_counter()
        test = held_out_rows(codes, turn=turn, seed=seed)
        part = rows[~test], rows[test], seed + turn
        plain.append(one_run(fit, policies.none(), *part)[0])
        for number, policy in enumerate(track(listed, description=f"trainings {turn + 1}")):
            if number in failed:
                continue
            try:
                gains[number].append(100 * (one_run(fit, policy, *part)[0] - plain[-1]))
            except Exception as error:
                failed[number] = told(error)
        spent = time.perf_counter() - start
        if time.perf_counter() + spent > deadline:
            break
    running = [np.array(own) for number, own in enumerate(gains) if number not in failed]
    held_out = int(test.sum())
    noise = difference_noise(running, float(np.mean(plain)), held_out)
    half = Z * float(np.sqrt(noise / len(plain)))
    found = []
    for number, own in enumerate(gains):
        if number in failed:
            found.append(Trained(0.0, -np.inf, np.inf, 0, failed[number]))
            continue
        mean = float(np.mean(own))
        found.append(Trained(mean, mean - half, mean + half, len(own)))
    return found


def with_trainings(
    entries: Sequence[OperationAudit],
    steps: Sequence[Step],
    found: Sequence[Trained],
    *,
    margin: float,
) -> list[OperationAudit]:
    """Let trainings decide on each operation at full strength."""
    keys = [(step.op, settings_key(step.settings)) for step in steps]
    by_step = dict(zip(keys, found, strict=True))
    return [
        _with_training(entry, by_step[entry.op, settings_key(entry.settings)], margin=margin)
        if entry.strength == 1
        else entry
        for entry in entries
    ]


def _with_training(entry: OperationAudit, found: Trained, *, margin: float) -> OperationAudit:
    if found.error:
        reason = f"training with it ends with an error: {found.error}"
        return replace(entry, verdict="drop", reason=reason)
    if found.low > -margin:
        verdict = "keep"
        reason = f"{found.summary}: a loss of more than {margin:g} points is excluded"
    elif found.high < 0:
        verdict, reason = "drop", f"{found.summary}: harm"
    else:
        harmful = entry.verdict in ("drop", "weaken")
        verdict = entry.verdict if harmful else "not known"
        missing = f"a loss of more than {margin:g} points is not excluded"
        reason = f"{found.summary}: {missing}; {entry.reason}"
    return replace(
        entry,
        verdict=verdict,
        reason=reason,
        gain=found.gain,
        gain_low=found.low,
        gain_high=found.high,
    )
