"""A finished curation in the order of arrival, to which rows are added without searching it anew.

In that order a row is decided on by the rows before it alone, so that rows that come later change
nothing that was decided. What they need of the earlier rows is where their vectors and hashes lie,
which of them were chosen, and the partition that they were searched through.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from thresher.core.errors import InputError
from thresher.core.files import read_json, write_json
from thresher.core.fingerprint import fingerprint

from .columns import Column

FILE, FORMAT = "kept.json", 1


@dataclass(frozen=True)
class Kept:
    """A finished curation.

    Attributes
    ----------
    rows : int
    sources : tuple of str
        What was curated, absolute paths.
    stamp : JSON types
        Names, sizes and times of the vectors.
    settings : dict
        Threshold, policy and seed, which later rows must share.
    found : dict
        ``exact``, ``method``, ``recall`` and ``pairs`` of the search.
    classes : tuple of str or None
        None where there were no labels.
    columns : dict of str to Column
        ``chosen``, ``target``, ``score``; ``protect`` and ``codes`` where there were some.
    hashed, decided : tuple of Path
        Folders of `HashRows` and of `DecideRows`.
    partition : tuple of Path or None
        Folders of `Sample` and of `Tune`, unless the search was exact.
    """

    rows: int
    sources: tuple[str, ...]
    stamp: Any
    settings: dict[str, Any]
    found: dict[str, Any]
    classes: tuple[str, ...] | None
    columns: dict[str, Column]
    hashed: tuple[Path, ...]
    decided: tuple[Path, ...]
    partition: tuple[Path, Path] | None

    @property
    def key(self) -> str:
        """Fingerprint of all that later rows depend on."""
        return fingerprint([self.rows, self.stamp, self.settings, self.found])

    def save(self, folder: Path) -> None:
        """Write ``kept.json``; paths are those seen from the folder."""

        def seen(paths: Sequence[Path]) -> list[str]:
            return [os.path.relpath(path, folder) for path in paths]

        write_json(
            folder / FILE,
            {
                "format": FORMAT,
                "rows": self.rows,
                "sources": list(self.sources),
                "stamp": self.stamp,
                "settings": self.settings,
                "found": self.found,
                "classes": None if self.classes is None else list(self.classes),
                "columns": {
                    name: {
                        "name": column.name,
                        "size": column.size,
                        "folders": seen(column.folders),
                    }
                    for name, column in self.columns.items()
                },
                "hashed": seen(self.hashed),
                "decided": seen(self.decided),
                "partition": None if self.partition is None else seen(self.partition),
            },
        )

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Kept:
        """Read what `save` wrote.

        Raises
        ------
        InputError
            When the folder is not that of a finished curation by arrival.
        """
        home = Path(folder)
        if not (home / FILE).is_file():
            raise InputError(
                f"{home} is not the work folder of a finished curation by arrival: curate the "
                "first rows with order='arrival' (`--order arrival`), and keep its work folder."
            )
        found = read_json(home / FILE)
        if found.get("format") != FORMAT:
            raise InputError(f"{home / FILE} is not of format {FORMAT}: curate its rows again.")

        def there(paths: Sequence[str]) -> tuple[Path, ...]:
            return tuple(home / path for path in paths)

        partition = None if found["partition"] is None else there(found["partition"])
        return cls(
            rows=found["rows"],
            sources=tuple(found["sources"]),
            stamp=found["stamp"],
            settings=found["settings"],
            found=found["found"],
            classes=None if found["classes"] is None else tuple(found["classes"]),
            columns={
                name: Column(there(column["folders"]), column["name"], column["size"])
                for name, column in found["columns"].items()
            },
            hashed=there(found["hashed"]),
            decided=there(found["decided"]),
            partition=None if partition is None else (partition[0], partition[1]),
        )

    def encoder(self, asked: str) -> str:
        """Return the encoder that the rows before were embedded with, a folder.

        Raises
        ------
        InputError
            When another one is asked for, or theirs is not there any more.
        """
        source = Path(self.sources[0])
        if not source.is_dir():
            raise InputError(f"The rows before are vectors, such as {source}: add vectors to them.")
        header = read_json(source / "embeddings.json")
        folder = source.parents[2] / f"encoder-{header['fingerprint']}"
        if asked not in ("auto", header["encoder"]):
            raise InputError(
                f"The rows before were embedded by {header['encoder']!r}, these are to be by "
                f"{asked!r}: their vectors cannot be compared. Leave out the encoder."
            )
        if not folder.is_dir():
            raise InputError(f"The encoder of the rows before is not in {folder} any more.")
        return str(folder)

    def followed_by(self, sources: tuple[str, ...], home: Path, work: Path) -> tuple[str, ...]:
        """Return all sources; refuse those that are there, and to work in the folder `home`."""
        if home.resolve() == work.resolve():
            raise InputError(f"The rows that are added to {home} need a work folder of their own.")
        again = sorted({*self.sources} & {*sources})
        if again:
            raise InputError(f"{again[0]} was curated before: leave it out.")
        return (*self.sources, *sources)

    def check(self, stamp: Any, settings: dict[str, Any]) -> None:
        """Refuse other settings, and vectors that changed; `stamp` is that of all rows now."""
        for name, value in settings.items():
            if value != self.settings[name]:
                raise InputError(
                    f"The rows before were curated with {name}={self.settings[name]!r}, these are "
                    f"to be with {value!r}: give the same, or curate all rows anew."
                )
        if stamp[: len(self.stamp)] != self.stamp:
            raise InputError(
                "The vectors of the rows before are not those that were curated: a file changed. "
                "Curate all rows anew."
            )


@dataclass(frozen=True)
class Joined:
    """One value a row: those of the rows before from a column, then those of later rows.

    Attributes
    ----------
    column : Column, optional
        Without it the earlier rows have the value 0.
    codes : ndarray, optional
        What the values of the column mean now, the last one for −1.
    later : Values
    """

    rows: int
    column: Column | None
    later: Any
    codes: np.ndarray | None = None

    def __len__(self) -> int:
        return self.rows + len(self.later)

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return the values of rows `start` to `stop`."""
        later: np.ndarray = self.later.read(max(start - self.rows, 0), max(stop - self.rows, 0))
        end = min(stop, self.rows)
        if start >= end:
            return later
        if self.column is None:
            return np.concatenate([np.zeros(end - start, later.dtype), later])
        before = self.column.read(start, end)
        return np.concatenate([before if self.codes is None else self.codes[before], later])

    def stamp(self) -> Any:
        """Return JSON types that change when the later values do."""
        codes = None if self.codes is None else self.codes.tolist()
        return [self.rows, codes, self.later.stamp()]
