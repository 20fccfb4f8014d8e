"""Probe of the files: bytes and milliseconds of untrained networks are those of trained ones.

Where the advice may take the time, teacher and student are built as a run builds them, exported and
timed, the student also in integers. Else bytes are counted from the recipes' weights, and times are
those of other sets.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ...core.counted import percent
from .levers import Estimate, Lever
from .transfer import (
    INTEGERS,
    MOST_BY_INTEGERS,
    STUDENT_POINTS,
    STUDENT_SIZE,
    USUAL_TIMES,
    Doublings,
)
from .weights import count_weights, usual_width

EXPORT_S = 12.0
# Bytes that a file has beside its weights: the graph, names and the description.
FLOAT_BYTES = 1_000
INTEGER_BYTES = MappingProxyType({"features": 3_500, "text": 4_500, "image": 9_000})
BATCH = 64
# Milliseconds to make a row's key and look it up in `lifecycle.serving.cache`.
CACHE_MS = MappingProxyType({"text": 0.006, "features": 0.0035, "image": 0.024})
# Doublings by which times of untrained files, measured once, miss those of trained ones.
TIMED = 0.35
NO_POINTS = Estimate(0.0, 0.0, 0.0)
STUDENT = "take the compact student", "thresher run"
IN_INTEGERS = "take the student in integers", "thresher run"
BATCHES = "send rows in batches", "thresher serve --plan"
KEPT = "cache equal requests", "thresher serve --cache"


@dataclass(frozen=True)
class Costs:
    """Of one file: bytes, and milliseconds a row one at a time and in batches of `BATCH`.

    Where nothing was timed, the bytes were counted from the weights.
    """

    bytes: float
    single_ms: float | None = None
    batched_ms: float | None = None


def size_levers(costs: Mapping[str, Costs], modality: str) -> list[Lever]:
    """Return the levers on bytes.

    Parameters
    ----------
    costs : mapping of str to Costs
        Of ``"teacher"``, ``"student"`` and ``"int8"``.
    modality : str
    """
    teacher, student, integers = (costs[name].bytes for name in ("teacher", "student", "int8"))
    how = "counted from the weights" if costs["student"].single_ms is None else "untrained files"
    usual = teacher / student
    # At worst the teacher, which is as large as itself.
    smaller = Estimate(usual ** STUDENT_SIZE[modality], 1.0, usual * 1.1)
    # Of a larger student weights are a larger part.
    times = student / integers
    by_integers = Estimate(times, times / 1.13, max(1.13 * times, MOST_BY_INTEGERS))
    return [
        lever_on(
            STUDENT,
            "size",
            smaller,
            STUDENT_POINTS[modality],
            f"{teacher / 1e6:.3g} MB become {student / 1e6:.3g} MB ({how}); a run takes a larger "
            "student where this one loses more than about a point",
        ),
        lever_on(
            IN_INTEGERS,
            "size",
            by_integers,
            INTEGERS,
            f"{student / 1e6:.3g} MB become {integers / 1e6:.3g} MB ({how}); points are what other "
            "sets changed",
        ),
    ]


def latency_levers(
    costs: Mapping[str, Costs] | None, modality: str, *, equal: float, why: str
) -> list[Lever]:
    """Return the levers on time: of timed files, or as on other sets, and then says why.

    Parameters
    ----------
    costs : mapping of str to Costs or None
    modality : str
    equal : float
        Share of the rows that equals an earlier one.
    why : str
        Why nothing was timed.
    """
    usual = USUAL_TIMES[modality]
    if costs is None or costs["student"].single_ms is None:
        told = f"not timed: {why}; as on other sets"
        found = [
            lever_on(STUDENT, "latency", usual.student.times(), STUDENT_POINTS[modality], told),
            lever_on(IN_INTEGERS, "latency", usual.integers.times(), INTEGERS, told),
            lever_on(BATCHES, "latency", usual.batches.times(), NO_POINTS, told),
        ]
        return [*found, cached(equal, usual.student_ms, key_ms=CACHE_MS[modality])]
    teacher, student, integers = (
        costs[name].single_ms or 0.0 for name in ("teacher", "student", "int8")
    )
    batched = costs["student"].batched_ms or student
    return [
        lever_on(
            STUDENT,
            "latency",
            # A larger student may be needed, at worst the teacher.
            _wide(teacher / student, with_none=True),
            STUDENT_POINTS[modality],
            f"{teacher:.3f} ms a row become {student:.3f} ms, measured on untrained files",
        ),
        lever_on(
            IN_INTEGERS,
            "latency",
            _wide(student / integers),
            INTEGERS,
            f"{student:.3f} ms a row become {integers:.3f} ms, measured on untrained files",
        ),
        lever_on(
            BATCHES,
            "latency",
            _wide(student / batched),
            NO_POINTS,
            f"the student takes {student:.3f} ms for a row alone and {batched:.3f} ms in batches "
            f"of {BATCH}",
        ),
        cached(equal, student, key_ms=CACHE_MS[modality]),
    ]


def _wide(ratio: float, *, with_none: bool = False) -> Estimate:
    found = Doublings(math.log2(ratio), TIMED).times()
    if not with_none:
        return found
    return Estimate(ratio, min(found.low, 1.0), max(found.high, 1.0))


def cached(equal: float, student_ms: float, *, key_ms: float) -> Lever:
    """Say what a cache would save, if requests were like the rows: it costs a key for each."""
    times = student_ms / (key_ms + (1 - min(equal, 0.99)) * student_ms)
    return lever_on(
        KEPT,
        "latency",
        Doublings(math.log2(times), TIMED).times(),
        NO_POINTS,
        f"{percent(equal, digits=1)} of the rows equal an earlier one, if requests are like them; "
        "a key takes "
        f"{key_ms:.4f} ms and the student about {student_ms:.3f} ms",
    )


def lever_on(
    named: tuple[str, str], acts_on: str, times: Estimate, points: Estimate, evidence: str
) -> Lever:
    """Return a lever on one bottleneck that a run pulls by itself or a server does."""
    name, command = named
    return Lever(
        name=name,
        command=command,
        acts_on=(acts_on,),
        times=times,
        points=points,
        cost=0.0,
        evidence=evidence,
    )


def count_files(modality: str, *, shape: tuple[int, ...], num_classes: int) -> dict[str, Costs]:
    """Count the bytes of the files of teacher and student from their weights."""
    teacher, student = (
        count_weights(modality, role, shape=shape, num_classes=num_classes)
        for role in ("teacher", "student")
    )
    return {
        "teacher": Costs(4.0 * teacher + FLOAT_BYTES),
        "student": Costs(4.0 * student + FLOAT_BYTES),
        "int8": Costs(float(student + INTEGER_BYTES[modality])),
    }


def measure_files(
    modality: str, *, shape: tuple[int, ...], num_classes: int, samples: Any, folder: Path
) -> dict[str, Costs]:
    """Export untrained networks and time the files.

    Parameters
    ----------
    modality : str
    shape : tuple of int
        Of one input.
    num_classes : int
    samples : training.Samples
        Some rows, to calibrate the integers on.
    folder : Path
        For the files.
    """
    from training import export, quantize

    networks = _networks(modality, shape=shape, num_classes=num_classes)
    networks["int8"] = quantize(networks["student"], samples, method="ptq")
    classes = [str(code) for code in range(num_classes)]
    return {
        name: _timed(export(model, folder / name, classes=classes))
        for name, model in networks.items()
    }


def _networks(modality: str, *, shape: tuple[int, ...], num_classes: int) -> dict[str, Any]:
    """Return teacher and student as a run's recipes build them with time enough."""
    from training import compact_model
    from training.plans import PLANS

    return {
        role: compact_model(
            PLANS[modality, role].model,
            width=usual_width(modality, role, shape=shape),
            num_classes=num_classes,
            input_shape=shape,
        )
        for role in ("teacher", "student")
    }


def _timed(file: Any) -> Costs:
    from training import load_exported, profile

    fresh = load_exported(file.path, threads=1)
    found = profile(fresh, batch_sizes=(1, BATCH), seconds=0.1).latency
    return Costs(float(file.size_bytes), found[1].p50_ms, found[BATCH].p50_ms / BATCH)
