"""Targets of the labeled rows, kept from moment to moment: only what changed is made again."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy

import numpy as np

from ..tasks import Task


class SettledTargets:
    """A target for each labeled row of a pool of `n`; see `Task.targets`."""

    def __init__(self, task: Task, n: int) -> None:
        self._task = task
        self._slots = np.full(n, -1, dtype=np.int32)
        self._used = 0
        self._stale: set[int] = set()
        self._values: np.ndarray | None = None

    def copy(self) -> SettledTargets:
        """Return targets that later changes do not change."""
        other = copy(self)
        other._slots, other._stale = self._slots.copy(), self._stale.copy()
        other._values = None if self._values is None else self._values.copy()
        return other

    def changed(self, place: int) -> None:
        """Say that the answers for a row changed."""
        self._stale.add(place)

    def of(self, rows: np.ndarray, *, texts: Callable[[int], list[str]]) -> np.ndarray:
        """Return the targets of the labeled positions `rows`, shape (m,) or (m, c).

        `texts` gives the labels of a row, none of one without a label; only those of rows that
        changed since the last call are read.
        """
        given = {place: texts(place) for place in self._stale}
        labeled = [place for place, said in given.items() if said]
        made = self._task.targets([given[place] for place in labeled])
        places = np.array(labeled, dtype=np.int64)
        new = places[self._slots[places] < 0]
        self._slots[new] = self._used + np.arange(len(new))
        self._used += len(new)
        values = self._room(made)
        values[self._slots[places]] = made
        self._stale.clear()
        return np.asarray(values[self._slots[rows]])

    def _room(self, made: np.ndarray) -> np.ndarray:
        """Return the values with room for all slots, twice as many where they were too few."""
        values = self._values
        if values is None:
            values = np.empty((0, *made.shape[1:]), made.dtype)
        if len(values) < self._used:
            grown = np.empty((max(2 * len(values), self._used), *made.shape[1:]), made.dtype)
            grown[: len(values)] = values
            values = grown
        self._values = values
        return values
