"""The manifest of all rows, made and written a range of rows at a time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from thresher.core.manifest import Manifest
from thresher.core.manifest_parts import save_part

from .columns import Column
from .manifest_columns import Duplicates, Twins, with_decisions
from .row_ids import RowIds
from .stars import Grouped

# The files of a manifest do not depend on how much memory there is.
MANIFEST_ROWS = 1 << 20


def manifest_ranges(rows: int) -> dict[str, tuple[int, int]]:
    """Return the rows of each file of a manifest."""
    starts = range(0, rows, MANIFEST_ROWS)
    return {f"{at:06d}": (low, min(low + MANIFEST_ROWS, rows)) for at, low in enumerate(starts)}


@dataclass(frozen=True)
class SaveEntangled:
    """Task for one shard: ``rows.npy`` and ``decided.parquet``, of `decide_entangled`."""

    rows: np.ndarray
    decided: pa.Table

    def __call__(self, _: None, folder: Path) -> None:
        """Fill the folder."""
        np.save(folder / "rows.npy", self.rows)
        pq.write_table(self.decided, folder / "decided.parquet")


@dataclass(frozen=True)
class DecideRows:
    """Task over ranges of rows: ``manifest.parquet`` and ``decisions.json``.

    Attributes
    ----------
    grouped : Grouped
    row_ids : CountedIds or StoredIds
    codes : Column of int64 or None
    classes : tuple of str
    action : str
        What the policy does with duplicates.
    entangled : Path, optional
        Folder that `SaveEntangled` filled.
    """

    grouped: Grouped
    row_ids: RowIds
    codes: Column | None
    classes: tuple[str, ...]
    action: str
    entangled: Path | None = None

    def __call__(self, rows: tuple[int, int], folder: Path) -> None:
        """Fill the folder."""
        columns = self._duplicates(*rows).columns(self.action)
        decided, place = None, np.empty(0, np.int64)
        if self.entangled is not None:
            known = np.load(self.entangled / "rows.npy")
            low, high = np.searchsorted(known, rows).tolist()
            decided = pq.read_table(self.entangled / "decided.parquet").slice(low, high - low)
            place = known[low:high] - rows[0]
        save_part(Manifest(with_decisions(columns, decided, place)), folder)

    def _duplicates(self, start: int, stop: int) -> Duplicates:
        twins = Twins.read(self.grouped, start, stop)
        own = np.arange(start, stop)
        of = np.where(twins.kept, own, twins.duplicate_of)
        dropped = np.flatnonzero(~twins.kept)
        names = self.row_ids.read(start, stop)
        place = np.arange(len(own))
        place[dropped] = len(own) + np.arange(len(dropped))
        named = pa.concat_arrays([names, self.row_ids.take(of[dropped])]).take(pa.array(place))
        codes = twin_codes = None
        if self.codes is not None:
            codes = self.codes.read(start, stop)
            twin_codes = codes.copy()
            twin_codes[dropped] = self.codes.take(of[dropped])
        return Duplicates(twins.kept, twins.scores, names, named, codes, twin_codes, self.classes)
