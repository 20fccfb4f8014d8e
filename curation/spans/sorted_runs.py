"""Keys of 64 bits in sorted runs on disk: written as they come, merged range by range.

Merging takes memory for one range of keys only, and what comes out does not depend on how many
ranges there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

# Keys that are sorted at once: 32 MB, and as much again for each column beside them.
RUN = 2**22


@dataclass
class RunWriter:
    """Collects columns whose first is the key, and writes them sorted by it, run by run.

    Rows of one key and one check are written once in a run, the first of them, with whether there
    were more (``many``).

    Attributes
    ----------
    folder : Path
    names : tuple of str
        Of the columns: the key first, then the check of the key if there is one.
    check : bool
        Whether the second column tells rows of one key apart.
    """

    folder: Path
    names: tuple[str, ...]
    check: bool = False
    _parts: list[tuple[np.ndarray, ...]] = field(default_factory=list)
    _count: int = 0
    _runs: int = 0

    def add(self, *columns: np.ndarray) -> None:
        """Take some rows."""
        self._parts.append(columns)
        self._count += len(columns[0])
        if self._count >= RUN:
            self.flush()

    def flush(self) -> None:
        """Write what has come since the last run."""
        if self._count:
            columns = [np.concatenate(parts) for parts in zip(*self._parts, strict=True)]
            first, many, order = first_of_each(columns[0], columns[1] if self.check else None)
            for name, values in zip(self.names, columns, strict=True):
                np.save(self.folder / f"{name}-{self._runs:05d}.npy", values[order][first])
            np.save(self.folder / f"many-{self._runs:05d}.npy", many)
            self._runs += 1
        self._parts, self._count = [], 0


def first_of_each(
    keys: np.ndarray, checks: np.ndarray | None, many: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the first row of each key, whether there are more of it, and the order by keys.

    Parameters
    ----------
    keys : ndarray of uint64, shape (n,)
    checks : ndarray, shape (n,), optional
        Rows of one key count as the same only where this is equal to that of the first.
    many : ndarray of bool, shape (n,), optional
        Rows that stand for several.

    Returns
    -------
    first : ndarray of int64, shape (k,)
        Into the order; the first of equal keys is the one that came first.
    many : ndarray of bool, shape (k,)
    order : ndarray of int64, shape (n,)
    """
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    new = np.ones(len(ordered), bool)
    new[1:] = ordered[1:] != ordered[:-1]
    first = np.flatnonzero(new)
    same = np.ones(len(ordered), bool)
    if checks is not None:
        group = np.cumsum(new) - 1
        same = checks[order] == checks[order[first]][group]
    more = np.add.reduceat(same.astype(np.int64), first) > 1 if len(first) else np.zeros(0, bool)
    if many is not None and len(first):
        more |= np.logical_or.reduceat(many[order] & same, first)
    return first, more, order


def ranges_for(folders: Sequence[Path], key: str) -> list[tuple[int, int]]:
    """Return ranges of keys, ends included, of which each has about a run of rows in all files."""
    total = sum(
        len(np.load(path, mmap_mode="r"))
        for folder in folders
        for path in sorted(folder.glob(f"{key}-*.npy"))
    )
    parts = 1 << max(0, (total // RUN).bit_length())
    width = (1 << 64) // parts
    return [(at * width, (at + 1) * width - 1) for at in range(parts)]


def rows_within(
    folder: Path, names: Sequence[str], low: int, high: int
) -> Iterator[list[np.ndarray]]:
    """Yield the columns of each run, ``many`` last, where the key lies in [low, high]."""
    for path in sorted(folder.glob(f"{names[0]}-*.npy")):
        keys = np.load(path, mmap_mode="r")
        cut = slice(
            int(np.searchsorted(keys, np.uint64(low))),
            int(np.searchsorted(keys, np.uint64(high), side="right")),
        )
        number = path.stem.rpartition("-")[2]
        yield [
            np.asarray(np.load(folder / f"{name}-{number}.npy", mmap_mode="r")[cut])
            for name in (*names, "many")
        ]
