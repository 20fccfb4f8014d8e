"""A whole run of a set: its CPU time, the bytes of its files, and what they take for rows."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from headline_parts.measure import milliseconds

from .pulling import inputs_of
from .sets import Task
from .shipped import pixels_at

FILES = ("teacher", "student", "int8")
BATCH = 64
# Of images that take some milliseconds each: enough for a batch and a cache.
SHIPPED_BATCH, SHIPPED_ROWS = 8, 128
CACHE_BYTES = 64_000_000
STREAMS = 3


def whole_run(task: Task) -> dict[str, Any]:
    """Do a full run in this process, which has done nothing else, and time its files."""
    from thresher.app import run

    rows = task.dataset()
    with TemporaryDirectory() as folder:
        start = time.process_time()
        found = run(rows, out=folder, settings=task.settings())
        cpu = time.process_time() - start
        return told_of(task, found, Path(folder), cpu=cpu)


def told_of(task: Task, found: Any, folder: Path, *, cpu: float) -> dict[str, Any]:
    """Return what a finished run says of itself, and what its files take for rows."""
    models = {
        line.stage: {"accuracy": line.accuracy, "megabytes": line.megabytes}
        for line in found.lines
        if line.megabytes is not None
    }
    files = {name: folder / "models" / "onnx" / name / "model.onnx" for name in FILES}
    inputs = _as_files_take_them(_rows_for(task, files["student"]), task.kind)
    for name, file in files.items():
        if name in models and file.is_file():
            models[name] |= timed(file, inputs, batch=SHIPPED_BATCH if task.start else BATCH)
    cached = None
    if files["student"].is_file():
        cached = with_cache(files["student"], _asked_again(inputs, task.copies))
    return {
        "cpu_s": cpu,
        "models": models,
        "stages": {stage["name"]: round(stage["cost"]["cpu_s"], 2) for stage in found.stages},
        "cache_times": cached,
        "starts": {name: why for name, why in found.choices.items() if "start" in name},
    }


def _rows_for(task: Task, student: Path) -> Any:
    """Return rows that were held back, as the file of the student takes them."""
    from thresher.core.exported.session import open_session

    values = task.parts["more"][0]
    if not task.start:
        return inputs_of(task, values)
    side = open_session(student, threads=1).get_inputs()[0].shape[-1]
    return pixels_at(values[:SHIPPED_ROWS], side=side)


def _as_files_take_them(inputs: np.ndarray, kind: str) -> np.ndarray:
    return np.ascontiguousarray(inputs.transpose(0, 3, 1, 2)) if kind == "image" else inputs


def _asked_again(inputs: np.ndarray, share: float) -> np.ndarray:
    """Repeat rows where copies were planted: requests come as copied as the rows."""
    rng, fresh = np.random.default_rng(1), round(len(inputs) * (1 - share))
    return inputs[np.concatenate([np.arange(fresh), rng.integers(fresh, size=len(inputs) - fresh)])]


def timed(file: Path, inputs: np.ndarray, *, batch: int = BATCH) -> dict[str, float]:
    """Return CPU milliseconds a row: one at a time, and in batches."""
    from thresher.core.exported.session import open_session

    def make(rows: np.ndarray) -> Any:
        def fresh() -> Any:
            session = open_session(file, threads=1)
            name = session.get_inputs()[0].name
            return lambda: session.run(None, {name: rows})

        return fresh

    single = milliseconds(make(np.ascontiguousarray(inputs[:1])))
    batched = milliseconds(make(np.ascontiguousarray(inputs[:batch]))) / batch
    return {"single_ms": single, "batched_ms": batched}


def with_cache(file: Path, inputs: np.ndarray) -> float:
    """Return how many times less CPU new rows take one by one where equal ones are kept."""
    from lifecycle.serving.cache import Cache
    from thresher.core.exported.session import open_session

    session = open_session(file, threads=1)
    name = session.get_inputs()[0].name
    plain, kept = [], []
    for _ in range(STREAMS):
        start = time.thread_time()
        for row in inputs:
            session.run(None, {name: row[None]})
        plain.append(time.thread_time() - start)
        cache, start = Cache(CACHE_BYTES), time.thread_time()
        for row in inputs:
            key = hashlib.blake2b(row, digest_size=16).digest()
            if cache.get(key) is None:
                cache.put(key, session.run(None, {name: row[None]})[0][0], 0)
        kept.append(time.thread_time() - start)
    return min(plain) / min(kept)
