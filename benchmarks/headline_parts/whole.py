"""Thresher's own run with its defaults, and plain models that anyone tries first."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from thresher.app import run
from thresher.app.reference import fit_reference
from thresher.core.columns import take_rows
from thresher.core.images import read_images
from training import load_exported

from .bench import Bench, DoesNotApplyError
from .levers import LABELS_SHARE, ROWS_SHARE
from .measure import Cost, judged_file, judged_probabilities, milliseconds
from .vectors import encoder_bytes

HELD_SHARE = 10
HELD_OF_BOUGHT = 5
MODELS = ("reference", "teacher", "student", "int8")
SAID = (
    "find: label decision",
    "neighbors: near-duplicate threshold",
    "embed: encoder",
    "start: start",
    "compare starts: start",
)
# Whose training counts: what was tried for nothing as well.
TRAINED = ("start", "teacher", "student")


def out_of_the_box(bench: Bench) -> dict[str, Any]:
    """`thresher run` on the file, with at most the epochs that all ways have."""
    return _run(bench, "thresher", {})


def small_budget(bench: Bench) -> dict[str, Any]:
    """Do the same with half of the rows as a core set and a fifth of the labels, in all.

    Some of them are bought for rows drawn by chance, which a user names as validation rows in the
    column of splits; the run chooses the others.
    """
    n = len(bench.task)
    held = n // LABELS_SHARE // HELD_OF_BOUGHT
    chosen = n // LABELS_SHARE - held
    budget = {"budget": {"rows": n // ROWS_SHARE}, "label": {"budget": chosen}}
    return _run(bench, "thresher-small", budget, held=held)


def on_vectors(bench: Bench) -> dict[str, Any]:
    """`thresher run` on a table of the encoder's vectors, which are part of the model then."""
    if not bench.task.vectors_only:
        raise DoesNotApplyError("the networks of all ways read the rows themselves")
    bench.charge(vectors=True)
    return _run(bench, "thresher-vectors", {}, vectors=True)


def _run(
    bench: Bench, name: str, more: dict[str, Any], *, vectors: bool = False, held: int = 0
) -> dict[str, Any]:
    task, out = bench.task, bench.folder / name
    epochs = {"max_epochs": task.epochs}
    source, columns = _source(bench, vectors=vectors, held=held)
    settings = {
        "seed": bench.seed,
        "threads": 1,
        "data": {"label": "label", **({"features": columns} if columns else {})},
        "teacher": epochs,
        "student": epochs,
        **more,
    }
    done = run(source, out=out, settings=settings)
    lines = {line.stage: line for line in done.lines}
    stages = {stage["name"]: stage["cost"]["cpu_s"] for stage in done.stages}
    # Judging is no cost of the model.
    judging = sum(stages.get(name, 0.0) for name in ("verify", "reference"))
    labels = more.get("label", {}).get("budget", 0)
    cost = Cost(
        rows=lines["student"].rows or 0,
        labels=labels + held if labels else len(task),
        flops=sum(lines[role].train_flops or 0.0 for role in TRAINED if role in lines),
        cpu_s=sum(stages.values()) - judging + (bench.spent if vectors else 0.0),
    )
    about = {
        "removed": (lines["as given"].rows or 0) - (lines["curated"].rows or 0),
        "stages": {stage: round(spent, 1) for stage, spent in stages.items()},
        "models": {role: lines[role].accuracy for role in MODELS if role in lines},
        "said": {key: done.choices[key] for key in SAID if key in done.choices},
        "warnings": list(done.warnings),
    }
    model = load_exported(out / "models/onnx/int8", threads=1)
    if vectors or task.modality != "image":
        return bench.judged(model.path, cost, classes=model.classes, **about)
    pixels = _pixels(bench, model.input_spec.shape[-1])
    found = judged_file(model.path, pixels, bench.codes_by(model.classes))
    return {**vars(cost), **found, **about}


def _source(bench: Bench, *, vectors: bool, held: int) -> tuple[Path, list[str]]:
    """Write what a user has: the rows, or the vectors of an encoder as columns of numbers.

    So many training rows, drawn by chance, are named as validation rows.
    """
    task = bench.task
    named = "vectors" if vectors else "rows-held" if held else "rows"
    path = bench.folder / f"{named}.parquet"
    table = task.table.data.table
    columns = list(task.columns)
    if vectors:
        made = np.concatenate([bench.vectors.train, bench.vectors.test])
        columns = [f"v{at:04}" for at in range(made.shape[1])]
        table = table.select(["label", "split", "row_id"])
        for at, name in enumerate(columns):
            table = table.append_column(name, pa.array(made[:, at]))
    if held:
        drawn = np.random.default_rng((bench.seed, 5)).choice(len(task), held, replace=False)
        split = np.array(table["split"].to_pylist(), object)
        split[drawn] = "validation"
        table = table.set_column(table.column_names.index("split"), "split", pa.array(split))
    if not path.exists():
        pq.write_table(table, path)
    return path, columns


def _pixels(bench: Bench, side: int) -> np.ndarray:
    """Return the judged images at the size that the file of a run takes."""
    rows = take_rows(bench.task.table, len(bench.task) + bench.task.judged)
    pixels = read_images(rows, "image", size=side)
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))


def reference(bench: Bench) -> dict[str, Any]:
    """Fit the plain models that a run compares itself with, to all rows as they come."""
    images = bench.task.modality == "image"
    bench.charge(vectors=images)
    task = bench.task
    held = np.zeros(len(task), bool)
    held[::HELD_SHARE] = True
    train, test, row, before = _plain_values(bench)
    parts = [np.flatnonzero(part) for part in (~held, held)]
    fitting, validation = ([train[at] for at in part] for part in parts)
    if task.modality != "text":
        fitting, validation = np.stack(fitting), np.stack(validation)
    with bench.timed():
        plain = fit_reference(
            fitting,
            task.codes[parts[0]],
            validation=(validation, task.codes[parts[1]]),
            modality=task.modality,
            columns=(),
            classes=task.classes,
            random_state=bench.seed,
        )
    found = judged_probabilities(plain.probabilities(test), task.test_codes[task.judged])
    cost = Cost(rows=len(parts[0]), labels=len(task), flops=None, cpu_s=bench.spent)
    size = len(pickle.dumps(plain.estimator)) + (encoder_bytes(bench.folder) if images else 0)
    call = milliseconds(lambda: lambda: plain.probabilities(row))
    call += milliseconds(lambda: before) if before else 0.0
    return {**vars(cost), **found, "bytes": size, "ms": call, "model": plain.name}


def _plain_values(bench: Bench) -> tuple[Any, Any, Any, Callable[[], Any] | None]:
    """Return training rows, judged rows and one row for plain models, and what comes before."""
    task = bench.task
    if task.modality == "image":
        test = bench.vectors.test[task.judged]
        return bench.vectors.train, test, test[:1], bench.encode_one
    test = [task.test_rows[at] for at in task.judged]
    if task.modality == "text":
        return task.planted.rows, test, test[:1], None
    return np.stack(task.planted.rows), np.stack(test), np.stack(test[:1]), None
