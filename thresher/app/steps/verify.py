"""Verify what was exported: agreement, accuracy, size and latency of the files themselves."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from training import check_parity, evaluate, load_exported
from training.exporting import ExportedModel
from training.profiling import measure_latency

from ...core.choice import Choice
from ...core.counted import percent
from ...core.cpu import instruction_sets
from ...core.files import read_json, write_json
from ..stages import Done, Notes, RunFolder
from .compress import module
from .material import Material
from .train import accuracy

RECORD = "verification.json"
ROWS = ("differing", "wrong")  # lists of row ids
TURNS, TURN_S = 5, 0.2


def verify_models(
    run: RunFolder,
    material: Material,
    models: dict[str, Done[Any]],
    exported: Done[dict[str, ExportedModel]],
) -> Done[dict[str, Any]]:
    """Measure each exported file on the test rows and on this machine into ``verify/``."""

    def work(folder: Path, notes: Notes) -> None:
        record = {
            name: _measure(exported.value[name], done, material) for name, done in models.items()
        }
        for name, milliseconds in latencies(exported.value).items():
            record[name]["milliseconds"] = milliseconds
        write_json(folder / RECORD, record)
        notes.choices["file"] = file_to_use(record)
        notes.summary = {
            name: {key: value for key, value in item.items() if key not in ROWS}
            for name, item in record.items()
        }

    return run.stage(
        "verify",
        work,
        load=lambda folder: read_json(folder / RECORD),
        needs=[*material.needs, exported],
        settings=[sorted(models)],
        code=("thresher/core", "training"),
    )


def _measure(file: ExportedModel, done: Done[Any], material: Material) -> dict[str, Any]:
    parity = check_parity(file, module(done), material.test)
    measured = evaluate(file, material.test)
    return {
        **accuracy(measured),
        "rows": len(measured.correct),
        "wrong": measured.row_ids[~measured.correct].tolist(),
        "agreement": parity.agreement,
        "max_abs_diff": parity.max_abs_diff,
        "differing": parity.differing.tolist(),
        "megabytes": file.size_bytes / 1e6,
        "threads": file.threads,
    }


def file_to_use(record: dict[str, Any]) -> Choice:
    """Recommend the int8 file, or the float one where integers are no faster on this machine."""
    student, int8 = record["student"], record["int8"]
    speed = student["milliseconds"] / int8["milliseconds"]
    size = int8["megabytes"] / student["megabytes"]
    machine = ", ".join(instruction_sets()) or "unknown instructions"
    measured = f"{speed:.2f} times the speed and {percent(size)} of the bytes of the float file"
    where = f"one row at a time on this machine ({machine})"
    if speed > 1:
        return Choice("models/onnx/int8", f"{measured}, {where}")
    return Choice(
        "models/onnx/student",
        f"int8 has {measured}, {where}: integers gain no time here. Take models/onnx/int8 where "
        "bytes count, or on a machine where it is faster",
    )


def latencies(files: dict[str, ExportedModel]) -> dict[str, float]:
    """Return the milliseconds of one row for each file: the lowest median of several turns.

    A processor's speed drifts within seconds, and where a session's memory happens to lie moves its
    time by a third; so the files take turns, loaded afresh for each.
    """
    turns = [{name: _median(file) for name, file in files.items()} for _ in range(TURNS)]
    return {name: min(turn[name] for turn in turns) for name in files}


def _median(file: ExportedModel) -> float:
    fresh = load_exported(file.path, threads=file.threads)
    row = np.zeros((1, *fresh.input_spec.shape), fresh.input_spec.dtype)
    return measure_latency(partial(fresh.predict, row), batch_size=1, seconds=TURN_S).p50_ms
