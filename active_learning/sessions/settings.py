"""What a session was started with: written once, checked at every opening."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from thresher.core.classes import class_key, class_text
from thresher.core.errors import InputError, check_number
from thresher.core.fingerprint import fingerprint
from thresher.core.rows import without_letters

from ..pool.context import Context
from ..strategies import STRATEGIES, get_strategy
from ..strategies.strategy import Strategy
from ..tasks import Task, get_task
from .store import Store

FINGERPRINT_ROWS = 65_536
DEFAULTS: dict[str, Any] = {
    "task": "classification",
    "task_options": {},
    "classes": None,
    "strategy": "auto",
    "audit": 0.1,
    "random_state": 0,
}


@dataclass(frozen=True)
class Settings:
    """Settings of a session, as in its file."""

    task: Task
    strategy: str
    audit: float
    random_state: int


@dataclass(frozen=True)
class Wanted:
    """What a session is opened with; None is "as in the file", or the default of a new one."""

    task: str | Task | None
    classes: Sequence[str] | None
    strategy: Strategy | None
    audit: float | None
    random_state: int | None

    def values(self) -> dict[str, Any]:
        """Return the settings that were given, as JSON types."""
        named = self.task if isinstance(self.task, str) else None
        task = None if self.task is None or named else cast("Task", self.task)
        classes = task.classes if task else self.classes
        return {
            "task": task.name if task else named,
            "task_options": task.options() if task else None,
            "classes": None if classes is None else list(map(class_text, classes)),
            "strategy": None if self.strategy is None else self.strategy.name,
            "audit": None if self.audit is None else float(self.audit),
            "random_state": None if self.random_state is None else int(self.random_state),
        }


def open_store(
    path: str | os.PathLike[str], context: Context, wanted: Wanted
) -> tuple[Store, Settings]:
    """Open a session's file and settle its settings; it is closed again when they do not fit."""
    store = Store(path)
    try:
        settings = settle(store, context, wanted)
    except InputError:
        store.close()
        raise
    return store, settings


def settle(store: Store, context: Context, wanted: Wanted) -> Settings:
    """Write the settings of a new session, or check them against the file.

    Raises
    ------
    InputError
        When the pool or a setting differs from the file's, a new session has no classes, or the
        strategy needs what no model of the task can give.
    """
    if wanted.audit is not None:
        check_number("audit", wanted.audit, low=0, high=1)
    values = wanted.values()
    known = store.settings()
    if known and values["classes"] is not None:
        values["classes"] = _as_started(values["classes"], json.loads(known["classes"]))
    if not known:
        given = {name: value for name, value in values.items() if value is not None}
        values = {**DEFAULTS, **given}
        _check_start(values, wanted)
    pool = pool_fingerprint(context)
    if known and json.loads(known["pool"]) == _fingerprint_before(context, pool):
        pool = json.loads(known["pool"])
    settled = store.settle({"pool": pool, **values})
    read = {name: json.loads(text) for name, text in settled.items()}
    task = get_task(read["task"], classes=read["classes"], options=read["task_options"])
    check_fit(wanted.strategy or get_strategy(read["strategy"]), task)
    return Settings(task, read["strategy"], float(read["audit"]), int(read["random_state"]))


def _as_started(classes: list[str], before: list[str] | None) -> list[str]:
    """Return the classes as the file spells them, where they are the same."""
    same = before is not None and list(map(class_key, classes)) == list(map(class_key, before))
    return list(before) if before is not None and same else classes


def _check_start(values: dict[str, Any], wanted: Wanted) -> None:
    """Check a new session before anything is written."""
    task = get_task(values["task"], classes=values["classes"], options=values["task_options"])
    check_fit(wanted.strategy or get_strategy(values["strategy"]), task)


def check_fit(strategy: Strategy, task: Task) -> None:
    """Raise `InputError` when a model of the task never has what the strategy needs."""
    missing = sorted(strategy.needs - task.offers)
    if missing:
        able = [name for name, other in STRATEGIES.items() if other.needs <= task.offers]
        raise InputError(
            f"Strategy '{strategy.name}' needs {' and '.join(missing)}, which a model for "
            f"{task.name} does not give. Choose one of {', '.join(able)}."
        )


def _fingerprint_before(context: Context, pool: str) -> str:
    """Return the pool's fingerprint with the ids of a version whose ids could look like numbers."""
    before = without_letters(context.row_ids)
    if np.array_equal(before, context.row_ids):
        return pool
    return pool_fingerprint(replace(context, row_ids=before))


def pool_fingerprint(context: Context) -> str:
    """Return a fingerprint of the pool: ids, embeddings, candidates, costs and weights."""
    arrays = (context.vectors, context.candidates, context.costs, context.weights)
    blocks = [
        np.asarray(array[start : start + FINGERPRINT_ROWS])
        for array in arrays
        for start in range(0, len(array), FINGERPRINT_ROWS)
    ]
    return fingerprint(context.row_ids.tolist(), *blocks)
