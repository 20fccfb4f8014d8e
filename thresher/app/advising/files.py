"""Probe of the files: bytes and milliseconds of untrained networks are those of trained ones.

Teacher and student are built as a run builds them, exported, and timed; the student also in
integers and pruned. Where that would cost too much, bytes are counted from the parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

from .levers import Z80, Estimate, Lever, unprobed

EXPORT_S, COUNT_S = 12.0, 1.6
# Bytes that a file has beside its weights: the graph, names and the description.
FLOAT_BYTES = 1_000
INTEGER_BYTES = MappingProxyType({"features": 3_500, "text": 4_500, "image": 9_000})
# A run takes the smallest student that loses about a point to its teacher, at worst the teacher: of
# how many times smaller the usual student is, which power is left, and the points it changes. On
# the sets tuned on texts mostly needed a larger one, and tables none; images are taken between.
STUDENT = MappingProxyType(
    {
        "text": (0.4, Estimate.around(-0.5, 1.3)),
        "features": (1.0, Estimate.around(0.5, 1.6)),
        "image": (0.7, Estimate.around(-0.5, 1.3)),
    }
)
# A file of much weight and little else becomes so many times smaller in integers.
MOST_BY_INTEGERS = 4.0
# Points that the other steps changed on the sets tuned on.
INTEGERS = Estimate.around(-0.1, 0.2)
PRUNED = Estimate.around(-0.5, 0.8)
SHARE_PRUNED = 0.5
BATCH = 64


@dataclass(frozen=True)
class Costs:
    """Of one file: bytes, and milliseconds a row one at a time and in batches of `BATCH`.

    Where nothing was timed, the bytes were counted from the parameters.
    """

    bytes: float
    single_ms: float | None = None
    batched_ms: float | None = None


@dataclass(frozen=True)
class Step:
    """From one file to another: its name, how it is done, and the points it changes.

    Those of the student are `STUDENT`.
    """

    large: str
    small: str
    points: Estimate | None
    name: str
    command: str


STEPS = (
    Step("teacher", "student", None, "take the compact student", "thresher run"),
    Step("student", "int8", INTEGERS, "take the student in integers", "thresher run"),
    Step("student", "pruned", PRUNED, "prune half of the student", "thresher search --prune 0.5"),
)
BATCHES = "send rows in batches", "thresher serve --plan", ("latency",)


def file_levers(costs: Mapping[str, Costs], modality: str, why: str) -> list[Lever]:
    """Return the levers on files; those on time are unprobed, for this reason, where none was."""
    steps = [step for step in STEPS if step.small in costs]
    found = [_size(step, modality, costs) for step in steps]
    student = costs["student"]
    if student.single_ms is None or student.batched_ms is None:
        found += [unprobed(step.name, step.command, ("latency",), why) for step in steps]
        return [*found, unprobed(*BATCHES, why)]
    found += [_latency(step, modality, costs) for step in steps]
    batches = Lever(
        *BATCHES,
        times=_around(student.single_ms / student.batched_ms, 0.25),
        points=Estimate(0.0, 0.0, 0.0),
        cost=0.0,
        evidence=f"the student takes {student.single_ms:.3f} ms for a row alone and "
        f"{student.batched_ms:.3f} ms in batches of {BATCH}",
    )
    return [*found, batches]


def cache_lever(equal: float) -> Lever:
    """Say what a cache would save, if requests were like the rows."""
    return Lever(
        name="cache equal requests",
        command="thresher serve --cache",
        acts_on=("latency",),
        times=_around(1 / (1 - min(equal, 0.99)), 0.02),
        points=Estimate(0.0, 0.0, 0.0),
        cost=0.0,
        evidence=f"{equal:.1%} of the rows equal an earlier one, if requests are like them",
    )


def _size(step: Step, modality: str, costs: Mapping[str, Costs]) -> Lever:
    before, after = costs[step.large], costs[step.small]
    counted = after.single_ms is None
    how = "counted from the parameters" if counted else "measured on untrained files"
    said = f"{before.bytes / 1e6:.3g} MB become {after.bytes / 1e6:.3g} MB ({how})"
    times = _around(before.bytes / after.bytes, 0.1 if counted else 0.02)
    return _lever(step, "size", times, modality, said)


def _latency(step: Step, modality: str, costs: Mapping[str, Costs]) -> Lever:
    before, after = costs[step.large], costs[step.small]
    assert before.single_ms is not None  # all files are timed, or none
    assert after.single_ms is not None
    said = (
        f"{before.single_ms:.3f} ms a row become {after.single_ms:.3f} ms, measured on untrained "
        "files"
    )
    times = _around(before.single_ms / after.single_ms, 0.2)
    return _lever(step, "latency", times, modality, said)


def _lever(step: Step, acts_on: str, measured: Estimate, modality: str, said: str) -> Lever:
    times, points = _changes(step, measured, modality)
    return Lever(
        name=step.name,
        command=step.command,
        acts_on=(acts_on,),
        times=times,
        points=points,
        cost=0.0,
        evidence=f"{said}{_more(step)}",
    )


def _more(step: Step) -> str:
    if step.small == "student":
        return "; a run takes a larger student where this one loses more than about a point"
    return "; points are what other sets changed"


def _changes(step: Step, found: Estimate, modality: str) -> tuple[Estimate, Estimate]:
    """Return how many times less a step needs after training, and the points it changes."""
    if step.points is None:
        power, points = STUDENT[modality]
        return Estimate(max(1.0, found.value**power), 1.0, max(1.0, found.high)), points
    if step.small == "int8":
        # Of a larger student weights are a larger part.
        found = Estimate(found.value, found.low, max(found.high, MOST_BY_INTEGERS))
    return found, step.points


def _around(ratio: float, spread: float) -> Estimate:
    factor = 1 + Z80 * spread
    return Estimate(ratio, ratio / factor, ratio * factor)


def count_files(modality: str, *, shape: tuple[int, ...], num_classes: int) -> dict[str, Costs]:
    """Build teacher and student and count the bytes of their files."""
    networks = _networks(modality, shape=shape, num_classes=num_classes)
    counts = {name: sum(p.numel() for p in model.parameters()) for name, model in networks.items()}
    sizes = {name: 4 * count + FLOAT_BYTES for name, count in counts.items()}
    sizes["int8"] = counts["student"] + INTEGER_BYTES[modality]
    return {name: Costs(float(size)) for name, size in sizes.items()}


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
    from training import export, prune, quantize

    networks = _networks(modality, shape=shape, num_classes=num_classes)
    networks["int8"] = quantize(networks["student"], samples, method="ptq")
    # Pruned networks are an extra: without it nothing is said of them.
    if modality == "image" and find_spec("torch_pruning") is not None:
        networks["pruned"] = prune(networks["student"], amount=SHARE_PRUNED, round_to=16).model
    classes = [str(code) for code in range(num_classes)]
    return {
        name: _timed(export(model, folder / name, classes=classes))
        for name, model in networks.items()
    }


def _networks(modality: str, *, shape: tuple[int, ...], num_classes: int) -> dict[str, Any]:
    """Return teacher and student as a run's recipes build them with time enough."""
    from training import compact_model
    from training.recipes.lengths import TINY_IMAGE
    from training.recipes.plans import PLANS

    tiny = modality == "image" and min(shape[1:]) <= TINY_IMAGE
    plans = {role: PLANS[modality, role] for role in ("teacher", "student")}
    return {
        role: compact_model(
            plan.model,
            width=plan.width // 2 if tiny and role == "teacher" else plan.width,
            num_classes=num_classes,
            input_shape=shape,
        )
        for role, plan in plans.items()
    }


def _timed(file: Any) -> Costs:
    from training import load_exported, profile

    fresh = load_exported(file.path, threads=1)
    found = profile(fresh, batch_sizes=(1, BATCH), seconds=0.1).latency
    return Costs(float(file.size_bytes), found[1].p50_ms, found[BATCH].p50_ms / BATCH)
