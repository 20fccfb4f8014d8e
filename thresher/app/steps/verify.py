"""Verify what was exported: agreement, accuracy, size and latency of the files themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from training import check_parity, evaluate, profile
from training.exporting import ExportedModel
from training.profiling import compare

from ...core.files import read_json, write_json
from ..stages import Done, Notes, RunFolder
from .compress import module
from .material import Material
from .train import accuracy

RECORD = "verification.json"


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
        ratio = compare(exported.value["student"], exported.value["int8"])
        record["int8"]["speedup"] = {"median": ratio.median, "interval": list(ratio.interval)}
        write_json(folder / RECORD, record)
        notes.summary = {
            name: {key: value for key, value in item.items() if key != "differing"}
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
    measured = profile(file, batch_sizes=(1,))
    return {
        **accuracy(evaluate(file, material.test)),
        "agreement": parity.agreement,
        "max_abs_diff": parity.max_abs_diff,
        "differing": parity.differing.tolist(),
        "megabytes": file.size_bytes / 1e6,
        "milliseconds": measured.latency[1].p50_ms,
        "threads": file.threads,
    }
