"""What a session was started with: written once, checked at every opening."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

import numpy as np

from thresher.core.errors import InputError, check_number
from thresher.core.fingerprint import fingerprint

from .context import Context
from .store import Store
from .strategies.strategy import Strategy

FINGERPRINT_ROWS = 65_536


@dataclass(frozen=True)
class Settings:
    """Settings of a session, as in its file."""

    classes: tuple[str, ...]
    strategy: str
    audit: float
    random_state: int


def open_store(
    path: str | os.PathLike[str],
    context: Context,
    *,
    classes: list[str] | tuple[str, ...] | None,
    strategy: Strategy | None,
    audit: float | None,
    seed: int | None,
) -> tuple[Store, Settings]:
    """Open a session's file and settle its settings; it is closed again when they do not fit."""
    store = Store(path)
    try:
        settings = settle(
            store, context, classes=classes, strategy=strategy, audit=audit, seed=seed
        )
    except InputError:
        store.close()
        raise
    return store, settings


def settle(
    store: Store,
    context: Context,
    *,
    classes: list[str] | tuple[str, ...] | None,
    strategy: Strategy | None,
    audit: float | None,
    seed: int | None,
) -> Settings:
    """Write the settings of a new session, or check them against the file; None is "as there".

    Raises
    ------
    InputError
        When the pool or a setting differs from the file's, or a new session has no classes.
    """
    new = not store.settings()
    if new and classes is None:
        raise InputError("A new session needs `classes`, the list of allowed labels.")
    if classes is not None and (len(classes) < 2 or len(set(classes)) < len(classes)):
        raise InputError(f"`classes` must be two or more different names, got {classes}.")
    if audit is not None:
        check_number("audit", audit, low=0, high=1)
    default: dict[str, str | float] = {"strategy": "auto", "audit": 0.1, "random_state": 0}
    wanted: dict[str, str | float | None] = {
        "strategy": None if strategy is None else strategy.name,
        "audit": None if audit is None else float(audit),
        "random_state": None if seed is None else int(seed),
    }
    if new:
        wanted = {name: default[name] if v is None else v for name, v in wanted.items()}
    settled = store.settle(
        {
            "pool": pool_fingerprint(context),
            "classes": None if classes is None else [str(name) for name in classes],
            **wanted,
        }
    )
    read = {name: json.loads(text) for name, text in settled.items()}
    return Settings(
        tuple(read["classes"]), read["strategy"], float(read["audit"]), int(read["random_state"])
    )


def pool_fingerprint(context: Context) -> str:
    """Return a fingerprint of the pool: ids, embeddings, candidates, costs and weights."""
    arrays = (context.vectors, context.candidates, context.costs, context.weights)
    blocks = [
        np.asarray(array[start : start + FINGERPRINT_ROWS])
        for array in arrays
        for start in range(0, len(array), FINGERPRINT_ROWS)
    ]
    return fingerprint(context.row_ids.tolist(), *blocks)
