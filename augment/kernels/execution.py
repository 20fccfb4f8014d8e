"""Carrying out a plan: chunk by chunk, stage by stage, kernel by kernel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import numpy as np

from ..operations.operation import Scene
from ..operations.plan import Application, Layer, Mixture, Stage, plan
from ..operations.policy import Policy
from ..randomness.keyed import Draws
from .backends import Backend
from .buffers import take_memory
from .images import Form


def run(
    policy: Policy, backend: Backend, images: Any, form: Form, *, draws: Draws, scene: Scene
) -> Any:
    """Return the images, changed as `policy` says, in the form that they came in."""
    results = []
    for part in _chunks(backend, scene, len(draws)):
        work = backend.load(images[part], form)
        work = _run(backend, work, plan(policy, draws[part], scene), scene)
        results.append(backend.unload(work, form))
    return _join(results, form)


def _chunks(backend: Backend, scene: Scene, n: int) -> Iterator[slice]:
    if backend.chunk_pixels is None:
        size = max(1, n)
    else:
        size = max(16, backend.chunk_pixels // (scene.height * scene.width))
    # An empty batch is one empty chunk.
    return (slice(start, start + size) for start in range(0, max(1, n), size))


def _join(parts: list[Any], form: Form) -> Any:
    if len(parts) == 1:
        return parts[0]
    if form.kind == "array":
        whole = (
            take_memory((sum(map(len, parts)), *parts[0].shape[1:])) if not form.floating else None
        )
        return np.concatenate(parts, out=whole)
    import torch

    return torch.cat(parts)


def _run(backend: Backend, work: Any, stages: Iterable[Stage], scene: Scene) -> Any:
    n = len(work)
    moves = _Moves(n)
    for stage in stages:
        if isinstance(stage, Mixture):
            work = _mix(backend, moves.do(backend, work), stage, scene)
        else:
            work = _do(backend, work, stage, scene, moves)
    return moves.do(backend, work)


class _Moves:
    """Shifts and mirrors that are still to be done, so that a crop and a flip are one pass."""

    def __init__(self, n: int) -> None:
        # Columns as in `windows.window`: down, right, hflip, vflip, constant, fill.
        self.rows = np.zeros((n, 6))
        self.pending = False

    def fits(self, rows: np.ndarray, parameters: np.ndarray) -> bool:
        """Tell whether these moves can follow the pending ones in the same pass."""
        return not self.pending or not (parameters[:, :2].any() and self.rows[rows, :4].any())

    def add(self, rows: np.ndarray, parameters: np.ndarray) -> None:
        """Add moves that `fits` said can be added."""
        if self.pending and not parameters[:, :2].any():
            self.rows[rows, 2:4] = self.rows[rows, 2:4] != parameters[:, 2:4]
        else:
            self.rows[rows] = parameters
        self.pending = True

    def do(self, backend: Backend, work: Any) -> Any:
        """Return the working copy with all pending moves done."""
        if not self.pending:
            return work
        moving = np.flatnonzero(self.rows[:, :4].any(axis=1))
        if 2 * len(moving) > len(self.rows):
            # Neighbors are moved together; a row that stays is a plain copy.
            moving = np.arange(len(self.rows))
        if len(moving):
            work = backend.apply(work, moving, "window", self.rows[moving])
        self.rows[...] = 0
        self.pending = False
        return work


def _do(backend: Backend, work: Any, layer: Layer, scene: Scene, moves: _Moves) -> Any:
    applications = [one for one in layer.applications if len(one.rows)]
    applications.sort(key=_family)
    for family, members in groupby(applications, key=_family):
        if family == "none":
            continue
        group = list(members)
        rows, parameters = group[0].rows, group[0].lower(scene)
        if len(group) > 1:
            rows = np.concatenate([one.rows for one in group])
            parameters = np.concatenate([parameters, *(one.lower(scene) for one in group[1:])])
        if family != "window" or not moves.fits(rows, parameters):
            work = moves.do(backend, work)
        if family == "window":
            moves.add(rows, parameters)
        else:
            work = backend.apply(work, rows, family, parameters)
    return work


def _family(application: Application) -> str:
    return application.step.operation.family


def _mix(backend: Backend, work: Any, mixture: Mixture, scene: Scene) -> Any:
    if not len(mixture.rows):
        return work
    parts = [backend.take(work, mixture.rows)]
    for chain in mixture.chains:
        changed = _run(backend, backend.fork(work), chain, scene)
        parts.append(backend.take(changed, mixture.rows))
    return backend.put(work, mixture.rows, backend.mix(parts, mixture.weights))
