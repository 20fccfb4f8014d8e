"""The probes as stages of a run's folder: each leaves what it found, and is not made twice."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ...core.files import read_json, write_json
from ...core.loaded import LoadedDataset
from ..stages import Done, Notes, RunFolder
from .copies import find_copies
from .curve import Curve, measure_curve, more_labels
from .files import COUNT_S, EXPORT_S, Costs, count_files, file_levers, measure_files
from .full_run import Purse
from .levers import Lever, lever_from, unprobed
from .noise import wrong_labels
from .redundancy import chosen_labels, core_set, fewer_epochs
from .sample import Sample, draw

CODE = ("thresher/core", "thresher/app/advising", "curation", "active_learning")
FOUND = "found.json"
# CPU-seconds of a choice of half the rows, for each row probed.
CHOICE_S = 0.0012


def probe_sample(
    run: RunFolder, loaded: Done[LoadedDataset], copied: Done[dict[str, Any]], *, most: int
) -> Done[Sample]:
    """Write the probed rows as vectors into ``probes/sample/``; copies are none of them."""

    def work(folder: Path, notes: Notes) -> None:
        sample = draw(loaded.value, without=copied.value["copies"], most=most)
        sample.save(folder)
        notes.cost.rows_out = len(sample)

    return run.stage(
        "probe sample",
        work,
        load=Sample.load,
        needs=[loaded, copied],
        settings=[most],
        code=CODE,
        where="probes/sample",
    )


def probe_copies(run: RunFolder, loaded: Done[LoadedDataset]) -> Done[dict[str, Any]]:
    """Look for copies among all rows."""

    def work() -> dict[str, Any]:
        found = find_copies(loaded.value)
        return {
            "levers": [found.lever().to_json()],
            "equal": found.equal,
            "copies": found.positions.tolist(),
        }

    return _stage(run, "copies", work, needs=[loaded])


def probe_curve(run: RunFolder, sample: Done[Sample]) -> Done[dict[str, Any]]:
    """Measure the learning curve, and what more labels would win."""

    def work() -> dict[str, Any]:
        curve = measure_curve(sample.value)
        return {
            "levers": [more_labels(curve).to_json()],
            "gain": curve.points(curve.of, 2 * curve.of).value,
            "sizes": curve.sizes.tolist(),
            "errors": curve.errors.tolist(),
            "of": curve.of,
        }

    return _stage(run, "curve", work, needs=[sample])


def probe_labels(run: RunFolder, sample: Done[Sample]) -> Done[dict[str, Any]]:
    """Look for wrong labels."""
    return _stage(
        run,
        "labels",
        lambda: {"levers": [wrong_labels(sample.value).to_json()]},
        needs=[sample],
    )


def probe_halves(
    run: RunFolder,
    sample: Done[Sample],
    curve: Done[dict[str, Any]],
    purse: Purse,
    wanted: Collection[str],
) -> list[Lever]:
    """Try a core set and chosen labels, each where it still fits, and name what is not probed."""
    planned = CHOICE_S * len(sample.value)
    fitted = cache(lambda: curve_of(curve))  # its laws cost more than all else of a small probe
    found = [fewer_epochs()]
    for name, title, on, probe in (
        ("core set", "train on a core set of half the rows", "cost", core_set),
        ("chosen labels", "label half as many rows, chosen", "labels", chosen_labels),
    ):
        if on not in wanted:
            continue
        if purse.allows(planned):
            done = _stage(run, name, _half(sample, fitted, probe), needs=[sample, curve])
            purse.pay(done)
            found += levers_of(done)
        else:
            found.append(unprobed(title, "thresher run", (on,), purse.refusal(planned)))
    return found


def probe_files(
    run: RunFolder, loaded: Done[LoadedDataset], purse: Purse, *, asked: bool
) -> Done[dict[str, Any]] | None:
    """Build the networks, untrained: export and time them, or count them, or neither.

    Where size or latency was asked for, they are counted whatever that costs: it is little.
    """
    if not asked and not purse.allows(COUNT_S):
        return None
    exported = purse.allows(EXPORT_S)

    def work(folder: Path, notes: Notes) -> None:  # noqa: ARG001
        # Only now, since it loads torch.
        from .inputs import example_inputs

        inputs = example_inputs(loaded.value, run.settings.data, device=run.device.value)
        shape, classes = inputs.input_shape, len(loaded.value.schema.classes)
        modality = loaded.value.schema.modality
        if exported:
            costs = measure_files(
                modality, shape=shape, num_classes=classes, samples=inputs, folder=folder
            )
        else:
            costs = count_files(modality, shape=shape, num_classes=classes)
        found = {"costs": {name: asdict(cost) for name, cost in costs.items()}}
        write_json(folder / FOUND, found)

    return run.stage(
        "probe files",
        work,
        load=_read,
        needs=[loaded],
        settings=[exported, run.settings.data.image_size],
        code=(*CODE, "training"),
        where="probes/files",
    )


def levers_on_files(
    found: Done[dict[str, Any]] | None, purse: Purse, *, modality: str
) -> list[Lever]:
    """Return the levers on size and latency, unprobed where there was no time."""
    if found is None:
        why = purse.refusal(COUNT_S)
        return [
            unprobed("take the compact student", "thresher run", (on,), why)
            for on in ("size", "latency")
        ]
    costs = {name: Costs(**cost) for name, cost in found.value["costs"].items()}
    return file_levers(costs, modality, purse.refusal(EXPORT_S))


def levers_of(done: Done[dict[str, Any]]) -> list[Lever]:
    """Return the levers that a probe has left."""
    return [lever_from(record) for record in done.value["levers"]]


def curve_of(done: Done[dict[str, Any]]) -> Curve:
    """Return the learning curve that a probe has left."""
    found = done.value
    return Curve(np.array(found["sizes"]), np.array(found["errors"]), found["of"])


def _half(
    sample: Done[Sample],
    curve: Callable[[], Curve],
    probe: Callable[[Sample, Curve], Lever],
) -> Callable[[], dict[str, Any]]:
    return lambda: {"levers": [probe(sample.value, curve()).to_json()]}


def _stage(
    run: RunFolder, name: str, work: Callable[[], dict[str, Any]], *, needs: Sequence[Done[Any]]
) -> Done[dict[str, Any]]:
    def write(folder: Path, notes: Notes) -> None:  # noqa: ARG001
        write_json(folder / FOUND, work())

    return run.stage(
        f"probe {name}",
        write,
        load=_read,
        needs=needs,
        code=CODE,
        where=f"probes/{name.replace(' ', '-')}",
    )


def _read(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = read_json(folder / FOUND)
    return found
