"""How to serve a model, chosen by measuring it here, with the reason.

What a request costs beside the model is measured too (`measure_requests`): for compact models HTTP
costs as much as many rows, so that joining requests into batches gains little and what pays is
many rows in one request, binary bodies, and an exact cache.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from thresher.core.choice import Choice
from thresher.core.counted import percent

from .options import ServingOptions
from .served_model import ServedModel

SIZES = (1, 2, 4, 8, 16, 32, 64)
MANY = 64  # rows of a request that is called large
# What handing rows to a thread and back costs; it pays where joining rows saves more, or where the
# loop would be held up for long by a single row.
HOP_MS = 0.1
LONGEST_ROW_MS = 2.0
LONGEST_BATCH_MS = 50.0
BATCH_MS = 0.2  # what the server does for a batch, however many rows: queues, counters
_GAIN = 0.03
_ROUNDS = 5


@dataclass(frozen=True)
class ServingPlan:
    """What was measured and chosen.

    Attributes
    ----------
    row_ms : dict of int to float
        CPU milliseconds of a row in batches of each size, through all stages.
    batch, threaded : Choice
    more : dict of str to float
        What a request costs, when that was measured.

    Examples
    --------
    >>> from lifecycle import ServingPlan, measure_requests
    >>> from training import compact_model, export
    >>> model = compact_model("mlp", num_classes=2, input_shape=(4,), width=8)
    >>> written = export(model, "file", classes=["no", "yes"])
    >>> plan = measure_requests("file")
    >>> isinstance(plan, ServingPlan), len(plan.advice()), plan.threaded.value
    (True, 4, 'no')
    """

    row_ms: dict[int, float]
    batch: Choice
    threaded: Choice
    more: dict[str, float] = field(default_factory=dict)

    def advice(self) -> list[str]:
        """Say in sentences what requests cost here; nothing where that was not measured."""
        if not self.more:
            return []
        alone, best, more = self.row_ms[1], min(self.row_ms.values()), self.more
        return [
            f"A request of one binary row costs {more['binary_row']:.3f} ms of CPU, of which the "
            f"model takes {alone:.3f}; joining such requests into batches saves at most "
            f"{percent(max(0.0, alone - best) / more['binary_row'])}.",
            f"In requests of {MANY} rows a row costs {more['binary_rows']:.3f} ms: "
            f"{more['binary_row'] / more['binary_rows']:.1f} times less.",
            f"As JSON a row costs {more['json_row']:.3f} ms, "
            f"{more['json_row'] / more['binary_row']:.1f} times the binary one.",
            f"A row that the cache knows costs {more['cached_row']:.3f} ms.",
        ]

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "row_ms": {str(size): round(value, 5) for size, value in self.row_ms.items()},
            "batch": {"value": int(self.batch.value), "reason": self.batch.reason},
            "threaded": {"value": self.threaded.value == "yes", "reason": self.threaded.reason},
            **({"request_ms": self.more} if self.more else {}),
        }


def made_up_rows(model: ServedModel, n: int) -> np.ndarray:
    """Return rows of the model's kind, always the same; token ids are 0, which all models know."""
    spec, random = model.input_spec, np.random.default_rng(0)
    shape = (n, *spec.shape)
    if spec.dtype == "uint8":
        return random.integers(0, 256, shape, dtype=np.uint8)
    if np.dtype(spec.dtype).kind == "f":
        return random.normal(size=shape).astype(spec.dtype)
    return np.zeros(shape, dtype=spec.dtype)


def plan_model(model: ServedModel, options: ServingOptions) -> ServingPlan:
    """Measure the model alone and choose; takes about a second."""
    rows = made_up_rows(model, SIZES[-1])
    row_ms = {size: _row_ms(partial(_whole_way, model, rows[:size]), size) for size in SIZES}
    return ServingPlan(row_ms, _batch(row_ms, options), _threaded(row_ms, options))


def _whole_way(model: ServedModel, state: np.ndarray) -> None:
    """Send all rows through all stages, as the least sure rows go."""
    for stage in model.stages:
        _, state = stage(state)


def _row_ms(run: Callable[[], None], rows: int) -> float:
    """Return CPU milliseconds of a row: the best of some rounds, which load disturbs least."""
    run()
    best = float("inf")
    for _ in range(_ROUNDS):
        began, repeats = time.process_time(), 0
        while time.process_time() - began < 0.01:
            run()
            repeats += 1
        best = min(best, (time.process_time() - began) / (repeats * rows))
    return 1e3 * best


def _batch(row_ms: dict[int, float], options: ServingOptions) -> Choice:
    if options.batch is not None:
        return Choice(str(options.batch), "asked for")
    able = [size for size in row_ms if size == 1 or size * row_ms[size] <= LONGEST_BATCH_MS]
    whole = {size: row_ms[size] + BATCH_MS / size for size in able}
    chosen = next(size for size in able if whole[size] <= (1 + _GAIN) * min(whole.values()))
    gain = 1 - row_ms[chosen] / row_ms[1]
    reason = (
        f"{row_ms[chosen]:.3f} ms of CPU a row, {row_ms[1]:.3f} one by one ({percent(gain)} less)"
    )
    if able[-1] != SIZES[-1]:
        reason += f"; larger batches take more than {LONGEST_BATCH_MS:.0f} ms"
    return Choice(str(chosen), reason)


def _threaded(row_ms: dict[int, float], options: ServingOptions) -> Choice:
    if options.threaded is not None:
        return Choice("yes" if options.threaded else "no", "asked for")
    saved = row_ms[1] - min(row_ms.values())
    if row_ms[1] > LONGEST_ROW_MS:
        return Choice("yes", f"a row takes {row_ms[1]:.1f} ms, in which requests can be read")
    if saved > HOP_MS:
        return Choice("yes", f"rows of several requests together save {saved:.2f} ms each")
    return Choice(
        "no",
        f"a row takes {row_ms[1]:.3f} ms; joining those of several requests would save {saved:.3f} "
        f"and cost {HOP_MS:g}",
    )
