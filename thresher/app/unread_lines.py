"""Lines of the user's files that are no rows: where they stood, and in which clean data they stay.

No manifest says anything of them, since they have no id. As rows that were set aside in reading
they go where the quality of rows was asked about and stay elsewhere, but for lines with quotes and
lines above all rows: other lines could be read as another thing behind them. All come back with
``undo``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..core.broken_lines import CSV, FITS
from ..core.loaded import LoadedDataset
from .given import given_rows

STAY = "unreadable_lines"  # in the header of a manifest
FILE = "broken.parquet"


@dataclass(frozen=True)
class UnreadLines:
    """Lines that are no rows.

    Attributes
    ----------
    table : pyarrow.Table
        ``kind`` of file, ``split`` (empty for data in one table), ``row`` (how many rows of the
        whole source come before) and ``line``.
    """

    table: pa.Table

    @classmethod
    def of(cls, loaded: LoadedDataset, *, apart: bool) -> UnreadLines:
        """Return those of a source; `apart` says that its splits are written apart."""
        found: dict[str, list[Any]] = {"kind": [], "split": [], "row": [], "line": []}
        before = 0
        for part in given_rows(loaded).parts:
            if (broken := part.broken) is not None:
                count = len(broken.lines)
                found["kind"] += [broken.kind] * count
                found["split"] += [(part.split or "") if apart else ""] * count
                found["row"] += (before + broken.places).tolist()
                found["line"] += broken.lines
            before += part.rows
        return cls(pa.table(found, schema=_SCHEMA))

    @classmethod
    def load(cls, folder: Path) -> UnreadLines:
        """Read what `save` wrote; none where it wrote nothing."""
        path = folder / FILE
        return cls(pq.read_table(path) if path.is_file() else _SCHEMA.empty_table())

    def save(self, folder: Path) -> None:
        """Write them, where there are some."""
        if len(self.table):
            pq.write_table(self.table, folder / FILE)

    def safe(self, *, header: bool) -> UnreadLines:
        """Return those that change the meaning of no other line, whatever rows go.

        Parameters
        ----------
        header : bool
            Whether the first line of CSV names the columns.
        """
        keep = [
            (b'"' not in line or kind != CSV) and (row > 0 or (kind == CSV and header))
            for kind, row, line in self._columns("kind", "row", "line")
        ]
        return UnreadLines(self.table.filter(pa.array(keep, pa.bool_())))

    def among(
        self, stays: np.ndarray, splits: np.ndarray | None, *, form: str
    ) -> dict[str, list[tuple[int, bytes]]]:
        """Return how many written rows come before each, and the line, by split.

        Parameters
        ----------
        stays : ndarray of bool, shape (m,)
            Which rows of the source are written.
        splits : ndarray of object, shape (m,), or None
            The split of each, where they are written apart.
        form : str
            Format in which they are written; lines of another kind of file are left out.
        """
        found: dict[str, list[tuple[int, bytes]]] = {}
        before: dict[str, np.ndarray] = {}
        for kind, split, row, line in self._columns("kind", "split", "row", "line"):
            if form not in FITS[kind]:
                continue
            if split not in before:
                own = stays if splits is None else stays & (splits == split)
                before[split] = np.r_[0, np.cumsum(own)]
            found.setdefault(split, []).append((int(before[split][row]), line))
        return found

    def _columns(self, *names: str) -> list[tuple[Any, ...]]:
        return list(zip(*(self.table[name].to_pylist() for name in names), strict=True))


_SCHEMA = pa.schema(
    [
        ("kind", pa.string()),
        ("split", pa.string()),
        ("row", pa.int64()),
        ("line", pa.large_binary()),
    ]
)


def lines_stay(loaded: LoadedDataset, *, action: str) -> dict[str, str]:
    """Return what a manifest's header says of such lines; nothing where there are none."""
    broken = any(part.broken is not None for part in given_rows(loaded).parts)
    return {STAY: "keep" if action == "review" else "drop"} if broken else {}
