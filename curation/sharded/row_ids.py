"""Names of rows that lie in many files, read a part at a time, and their order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from thresher.core.text_arrays import unpacked_texts

from .arrays import pick
from .columns import runs_of


@dataclass(frozen=True)
class CountedIds:
    """Rows that are named by their number, from 0 to `rows` − 1."""

    rows: int

    def __len__(self) -> int:
        return self.rows

    def stamp(self) -> Any:
        """Return JSON types that change when the names do."""
        return self.rows

    def read(self, start: int, stop: int) -> pa.Array:
        """Return the names of rows `start` to `stop`, pyarrow.StringArray."""
        return pa.array(np.arange(start, stop)).cast(pa.string())

    def take(self, rows: np.ndarray) -> pa.Array:
        """Return the names of rows in any order, pyarrow.StringArray."""
        return pa.array(rows.astype(np.int64)).cast(pa.string())

    def places(self, rows: np.ndarray) -> np.ndarray:
        """Return the places of rows in the order of all names as texts; int64, shape (m,).

        Counts the numbers of each length whose digits come first: 10 stands before 2.
        """
        numbers = rows.astype(np.int64)
        longest = len(str(max(self.rows - 1, 0)))
        place = np.empty(len(numbers), np.int64)
        rising = bool((numbers[1:] >= numbers[:-1]).all())
        for own in range(1, longest + 1):
            limits = (10 ** (own - 1) if own > 1 else 0, 10**own)
            here: Any = slice(*np.searchsorted(numbers, limits)) if rising else None
            if here is None:
                here = np.flatnonzero((numbers >= limits[0]) & (numbers < limits[1]))
            place[here] = self._before(numbers[here], own, longest)
        return place

    def _before(self, numbers: np.ndarray, own: int, longest: int) -> np.ndarray:
        """Count the names before numbers that all have `own` digits."""
        before = np.zeros(len(numbers), np.int64)
        for length in range(1, longest + 1):
            least = 10 ** (length - 1) if length > 1 else 0
            if length < own:  # the first digits, and those before them
                before += numbers // 10 ** (own - length) + (1 - least)
            else:
                before += np.clip(numbers * 10 ** (length - own), least, self.rows) - least
        return before


@dataclass(frozen=True)
class StoredIds:
    """Rows with names of their own, in ``row_ids.npy`` of folders of embeddings.

    Attributes
    ----------
    paths : tuple of Path
    starts : tuple of int
        First row of each file, and n.
    """

    paths: tuple[Path, ...]
    starts: tuple[int, ...]

    def __len__(self) -> int:
        return self.starts[-1]

    def stamp(self) -> Any:
        """Return names, sizes and times of the files."""
        found = [(path, path.stat()) for path in self.paths]
        return [[path.parent.name, stat.st_size, stat.st_mtime_ns] for path, stat in found]

    def read(self, start: int, stop: int) -> pa.Array:
        """Return the names of rows `start` to `stop`, pyarrow.StringArray."""
        return self.take(np.arange(start, stop))

    def take(self, rows: np.ndarray) -> pa.Array:
        """Return the names of rows in any order, pyarrow.StringArray."""
        order = np.argsort(rows, kind="stable")
        ordered = rows[order]
        files = np.searchsorted(self.starts, ordered, side="right") - 1
        found = [
            pa.array(_names(self.paths[at], ordered[low:high] - self.starts[at]), pa.string())
            for at, low, high in runs_of(files)
        ]
        back = np.empty(len(rows), np.int64)
        back[order] = np.arange(len(rows))
        return pa.concat_arrays([pa.array([], pa.string()), *found]).take(pa.array(back))


def _names(path: Path, rows: np.ndarray) -> np.ndarray:
    stored = np.load(path, mmap_mode="r")
    if stored.dtype == np.uint8:  # long ones, see `packed_texts`
        texts: np.ndarray = unpacked_texts(np.asarray(stored))[rows]
        return texts
    return pick(path, rows).astype(object)


RowIds = CountedIds | StoredIds
