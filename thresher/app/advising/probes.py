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
from .epochs import fewer_epochs, unprobed_epochs
from .files import Costs, count_files, latency_levers, measure_files, size_levers
from .full_run import Purse
from .inputs import example_inputs, shape_of
from .levers import Lever, lever_from, unprobed
from .noise import wrong_labels
from .redundancy import chosen_labels, core_set
from .sample import Sample, draw
from .shipped_files import count_shipped_files, shipped_file_levers
from .start import ROWS, Start, find_start, further_vectors, read_start
from .views import COMMAND as AUGMENT_BY
from .views import NAME as AUGMENT
from .views import augmentation

CODE = ("thresher/core", "thresher/app/advising", "curation", "active_learning")
FOUND = "found.json"
# CPU-seconds of choosing half of the rows and of small networks for fewer epochs, in all and for
# each row probed; and of the views of images.
CHOICE_S, CHOICE_EACH_S = 0.05, 0.0007
EPOCHS_S, EPOCHS_EACH_S = 0.25, 0.0003
VIEWS_S = 1.5


def probe_start(
    run: RunFolder, loaded: Done[LoadedDataset], copied: Done[dict[str, Any]]
) -> Done[Start]:
    """Ask what a run on images starts from; the shipped vectors of some rows stay there."""

    def work(folder: Path, notes: Notes) -> None:
        notes.cost.rows_in = ROWS
        find_start(
            loaded.value,
            run.settings,
            without=copied.value["copies"],
            device=run.device.value,
            folder=folder,
        )

    return run.stage(
        "probe start",
        work,
        load=read_start,
        needs=[loaded, copied],
        settings=[run.settings.teacher.model, run.settings.data.image_size],
        code=CODE,
        where="probes/start",
    )


def probe_sample(
    run: RunFolder,
    loaded: Done[LoadedDataset],
    copied: Done[dict[str, Any]],
    start: Done[Start] | None,
    *,
    most: int,
) -> Done[Sample]:
    """Write the probed rows as vectors into ``probes/sample/``; copies are none of them.

    Where a run starts from shipped weights, they are those vectors; the ones that are known are
    taken.
    """

    def work(folder: Path, notes: Notes) -> None:
        shipped = start is not None and start.value.shipped
        sample = draw(
            loaded.value,
            without=copied.value["copies"],
            most=most,
            encode=further_vectors(start.folder, start.value.side) if start and shipped else None,
        )
        sample.save(folder)
        notes.cost.rows_out = len(sample)

    return run.stage(
        "probe sample",
        work,
        load=Sample.load,
        needs=[loaded, copied, *([start] if start is not None else [])],
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


def probe_curve(run: RunFolder, sample: Done[Sample], *, kind: str) -> Done[dict[str, Any]]:
    """Measure the learning curve, and what more labels would win a run of this kind."""

    def work() -> dict[str, Any]:
        curve = measure_curve(sample.value)
        return {
            "levers": [more_labels(curve, kind).to_json()],
            "gain": curve.points(curve.of, 2 * curve.of).value,
            "sizes": curve.sizes.tolist(),
            "errors": curve.errors.tolist(),
            "of": curve.of,
            "given": curve.given,
        }

    return _stage(run, "curve", work, needs=[sample])


def probe_labels(
    run: RunFolder, sample: Done[Sample], *, modality: str, shipped: bool
) -> Done[dict[str, Any]]:
    """Look for wrong labels."""
    return _stage(
        run,
        "labels",
        lambda: {"levers": [wrong_labels(sample.value, modality, shipped=shipped).to_json()]},
        needs=[sample],
    )


def probe_halves(
    run: RunFolder,
    sample: Done[Sample],
    curve: Done[dict[str, Any]],
    purse: Purse,
    wanted: Collection[str],
) -> list[Lever]:
    """Try a core set and chosen labels, each where it still fits; else the learning curve tells."""
    planned = CHOICE_S + CHOICE_EACH_S * len(sample.value)
    fitted = cache(lambda: curve_of(curve))
    found = []
    for name, on, probe in (
        ("core set", "cost", core_set),
        ("chosen labels", "labels", chosen_labels),
    ):
        if on not in wanted:
            continue
        if purse.allows(planned):
            done = _stage(run, name, _half(sample, fitted, probe), needs=[sample, curve])
            purse.pay(done)
            found += levers_of(done)
        else:
            found.append(probe(None, fitted()))
    return found


def probe_epochs(run: RunFolder, sample: Done[Sample], purse: Purse, *, modality: str) -> Lever:
    """Train small networks for all epochs and for half, where that fits; else as on other sets."""
    if not purse.allows(EPOCHS_S + EPOCHS_EACH_S * len(sample.value)):
        return unprobed_epochs(modality)
    done = _stage(
        run,
        "epochs",
        lambda: {"levers": [fewer_epochs(sample.value, modality).to_json()]},
        needs=[sample],
    )
    purse.pay(done)
    return levers_of(done)[0]


def probe_views(
    run: RunFolder,
    loaded: Done[LoadedDataset],
    copied: Done[dict[str, Any]],
    purse: Purse,
    *,
    most: int,
) -> Lever:
    """Fit a head to augmented images, where that fits."""
    if not purse.allows(VIEWS_S):
        return unprobed(AUGMENT, AUGMENT_BY, ("labels",), purse.refusal(VIEWS_S))
    copies = copied.value["copies"]
    done = _stage(
        run,
        "views",
        lambda: {"levers": [augmentation(loaded.value, without=copies, most=most).to_json()]},
        needs=[loaded, copied],
        settings=[most],
    )
    purse.pay(done)
    return levers_of(done)[0]


def probe_files(
    run: RunFolder, loaded: Done[LoadedDataset], start: Done[Start] | None, *, timed: bool
) -> Done[dict[str, Any]]:
    """Count the bytes of the networks' files, or build, export and time them, untrained.

    Those of a run from shipped weights are counted: to write them takes longer than all probes.
    """

    def work(folder: Path, notes: Notes) -> None:  # noqa: ARG001
        how, device = run.settings.data, run.device.value
        schema = loaded.value.schema
        shape, classes = shape_of(loaded.value, how, device=device), len(schema.classes)
        if start is not None and start.value.shipped:
            costs = count_shipped_files(start.value.side, num_classes=classes)
        elif timed:
            inputs = example_inputs(loaded.value, how, device=device)
            costs = measure_files(
                schema.modality,
                shape=inputs.input_shape,
                num_classes=classes,
                samples=inputs,
                folder=folder,
            )
        else:
            costs = count_files(schema.modality, shape=shape, num_classes=classes)
        write_json(folder / FOUND, {"costs": {name: asdict(cost) for name, cost in costs.items()}})

    return run.stage(
        "probe files",
        work,
        load=_read,
        needs=[loaded, *([start] if start is not None else [])],
        settings=[timed, run.settings.data.image_size],
        code=(*CODE, "training"),
        where="probes/files",
    )


def levers_on_files(
    found: Done[dict[str, Any]], start: Start | None, *, modality: str, equal: float, why: str
) -> list[Lever]:
    """Return the levers on size and latency; `why` says why times are those of other sets."""
    costs = {name: Costs(**cost) for name, cost in found.value["costs"].items()}
    if start is not None and start.shipped:
        return shipped_file_levers(costs, side=start.side, equal=equal)
    return [
        *size_levers(costs, modality),
        *latency_levers(costs, modality, equal=equal, why=why),
    ]


def levers_of(done: Done[dict[str, Any]]) -> list[Lever]:
    """Return the levers that a probe has left."""
    return [lever_from(record) for record in done.value["levers"]]


def curve_of(done: Done[dict[str, Any]]) -> Curve:
    """Return the learning curve that a probe has left."""
    found = done.value
    return Curve(np.array(found["sizes"]), np.array(found["errors"]), found["of"], found["given"])


def _half(
    sample: Done[Sample],
    curve: Callable[[], Curve],
    probe: Callable[[Sample | None, Curve], Lever],
) -> Callable[[], dict[str, Any]]:
    return lambda: {"levers": [probe(sample.value, curve()).to_json()]}


def _stage(
    run: RunFolder,
    name: str,
    work: Callable[[], dict[str, Any]],
    *,
    needs: Sequence[Done[Any]],
    settings: Sequence[Any] = (),
) -> Done[dict[str, Any]]:
    def write(folder: Path, notes: Notes) -> None:  # noqa: ARG001
        write_json(folder / FOUND, work())

    return run.stage(
        f"probe {name}",
        write,
        load=_read,
        needs=needs,
        settings=list(settings),
        code=CODE,
        where=f"probes/{name.replace(' ', '-')}",
    )


def _read(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = read_json(folder / FOUND)
    return found
