"""Issues: what the checks found, as one table that everything later reads."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from .errors import InputError
from .files import atomic_path
from .given_columns import number_column, text_column
from .missing import id_texts
from .shown import ShownRows
from .signatures import checked

SCHEMA = pa.schema(
    [
        ("row_id", pa.string()),
        ("check", pa.string()),
        ("score", pa.float32()),
        ("twin", pa.string()),
        ("suggested", pa.string()),
        ("detail", pa.string()),
    ]
)


@dataclass(frozen=True)
class Issue:
    """One finding.

    ``score`` is 0–1, low = bad. ``twin`` is the row that is the evidence (the kept copy, the leaked
    test row), ``suggested`` a better label, ``detail`` the reason in words.
    """

    row_id: str
    check: str
    score: float
    twin: str | None = None
    suggested: str | None = None
    detail: str | None = None


@dataclass(frozen=True, repr=False)
class Issues(ShownRows):
    """A table of findings with the columns of `SCHEMA`, worst first within each check.

    Examples
    --------
    >>> from thresher.core import Issues
    >>> issues = Issues.from_columns("label", row_ids=["r1", "r2"], scores=[0.1, 0.3])
    >>> issues.counts()
    {'label': 2}
    >>> [issue.row_id for issue in issues]
    ['r1', 'r2']
    """

    table: pa.Table

    def __post_init__(self) -> None:
        if self.table.schema.names != SCHEMA.names:
            raise InputError(
                f"An issues table has the columns {SCHEMA.names}, got {self.table.schema.names}."
            )

    @classmethod
    def empty(cls) -> Issues:
        """Return a table with no findings."""
        return cls(SCHEMA.empty_table())

    @classmethod
    def from_rows(cls, rows: Iterable[Issue]) -> Issues:
        """Make a table from single findings."""
        return cls(pa.Table.from_pylist([asdict(row) for row in rows], schema=SCHEMA))

    @classmethod
    @checked
    def from_columns(
        cls,
        check: str,
        *,
        row_ids: Iterable[str],
        scores: Iterable[float],
        twins: Iterable[str | None] | None = None,
        suggested: Iterable[str | None] | None = None,
        details: Iterable[str | None] | None = None,
    ) -> Issues:
        """Make a table for one check from columns of equal length; absent columns stay empty."""
        ids = id_texts("row_ids", row_ids)
        n = len(ids)
        columns = [
            pa.array(ids, pa.string()),
            pa.repeat(pa.scalar(check, pa.string()), n),
            number_column("scores", scores, n=n),
            text_column("twins", twins, n=n),
            text_column("suggested", suggested, n=n),
            text_column("details", details, n=n),
        ]
        return cls(pa.Table.from_arrays(columns, schema=SCHEMA))

    @classmethod
    def concat(cls, parts: Iterable[Issues]) -> Issues:
        """Join several tables, sorted by check, then score, then row id."""
        tables = [SCHEMA.empty_table(), *(part.table for part in parts)]
        table = pa.concat_tables(tables).combine_chunks()
        order = [("check", "ascending"), ("score", "ascending"), ("row_id", "ascending")]
        return cls(table.sort_by(order))

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __iter__(self) -> Iterator[Issue]:
        for batch in self.table.to_batches(max_chunksize=10_000):
            yield from (Issue(**row) for row in batch.to_pylist())

    def of(self, check: str) -> Issues:
        """Return the findings of one check."""
        return Issues(self.table.filter(pc.equal(self.table["check"], check)))

    def counts(self) -> dict[str, int]:
        """Return the number of findings of each check."""
        grouped = self.table.group_by("check").aggregate([([], "count_all")])
        pairs = zip(grouped["check"].to_pylist(), grouped["count_all"].to_pylist(), strict=True)
        return dict(sorted(pairs))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a Parquet file, atomically."""
        with atomic_path(path) as temporary:
            pq.write_table(self.table, temporary)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Issues:
        """Read what `save` wrote."""
        try:
            return cls(pq.read_table(path))
        except (OSError, pa.ArrowInvalid) as error:
            raise InputError(f"{path} cannot be read as an issues file ({error}).") from error
