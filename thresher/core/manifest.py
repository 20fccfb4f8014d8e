"""The manifest: what happens to every row, why, and on what evidence.

Checks find, the manifest decides, and only `Manifest.apply` changes a dataset; `undo` takes it
back. The file is Parquet beside JSON, holds no time stamps, and so has the same bytes for the same
decisions.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from .errors import InputError, check_column
from .files import atomic_path, read_json, write_json
from .fingerprint import fingerprint
from .given_columns import number_column, text_column
from .manifest_rows import check_same_rows, positions
from .missing import id_texts, read_numbers
from .schema import ROW_ID
from .shown import ShownRows
from .text_arrays import text_array, texts_beyond
from .ties import few_bits

if TYPE_CHECKING:
    import datasets

# A Dataset or a DatasetDict: what comes in goes out.
Rows = TypeVar("Rows")
FORMAT, PARTS_FORMAT = 1, 2
ACTIONS = ("keep", "drop", "relabel", "review")
SCHEMA = pa.schema(
    [
        ("row_id", pa.string()),
        ("action", pa.string()),
        ("reason", pa.string()),
        ("score", pa.float32()),
        ("twin", pa.string()),
        ("old_label", pa.string()),
        ("new_label", pa.string()),
    ]
)


@dataclass(frozen=True)
class Applied(Generic[Rows]):
    """A dataset after a manifest: the rows that stay, and the dropped ones as they were."""

    dataset: Rows
    removed: Rows


@dataclass(frozen=True, repr=False)
class Manifest(ShownRows):
    """One decision for every row, in the order of the dataset.

    Attributes
    ----------
    table : pyarrow.Table
        Columns of `SCHEMA`. ``action`` is one of `ACTIONS`; ``reason`` the check that asked for it
        (empty for ``keep``); ``score`` 0–1, low = bad, to four digits, so that every processor
        writes the same bytes; ``twin`` the row that is the evidence; ``old_label`` and
        ``new_label`` the label before and, for ``relabel``, after.
    header : dict
        JSON types only: dataset fingerprint, version, seed, thresholds, settings.

    Examples
    --------
    >>> import datasets
    >>> from thresher.core import Manifest, with_row_ids
    >>> rows = with_row_ids(datasets.Dataset.from_dict({"key": ["a", "b"]}), key="key")
    >>> doing, why = ["keep", "drop"], [None, "exact_duplicate"]
    >>> manifest = Manifest.from_columns(["a", "b"], doing, reasons=why, scores=[None, 0])
    >>> applied = manifest.apply(rows)
    >>> applied.dataset["key"][:]
    ['a']
    >>> manifest.undo(applied.dataset, applied.removed)["key"][:]
    ['a', 'b']
    """

    table: pa.Table
    header: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_columns(self.table)
        _check_table(self.table)

    @classmethod
    def from_columns(
        cls,
        row_ids: Iterable[str],
        actions: Iterable[str],
        *,
        reasons: Iterable[str | None],
        scores: Iterable[float | None],
        twins: Iterable[str | None] | None = None,
        old_labels: Iterable[str | None] | None = None,
        new_labels: Iterable[str | None] | None = None,
        header: dict[str, Any] | None = None,
    ) -> Manifest:
        """Make a manifest from columns of equal length; absent columns stay empty."""
        ids = id_texts("row_ids", row_ids)
        n = len(ids)
        columns = [
            pa.array(ids, pa.string()),
            text_column("actions", actions, n=n),
            text_column("reasons", reasons, n=n),
            number_column("scores", few_bits(read_numbers("scores", scores)), n=n),
            text_column("twins", twins, n=n),
            text_column("old_labels", old_labels, n=n),
            text_column("new_labels", new_labels, n=n),
        ]
        return cls(pa.Table.from_arrays(columns, schema=SCHEMA), header or {})

    @classmethod
    def keep_all(cls, row_ids: Iterable[str], *, header: dict[str, Any] | None = None) -> Manifest:
        """Make a manifest that changes nothing."""
        ids = id_texts("row_ids", row_ids)
        nothing = [None] * len(ids)
        actions = ["keep"] * len(ids)
        return cls.from_columns(ids, actions, reasons=nothing, scores=nothing, header=header)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @property
    def row_ids(self) -> np.ndarray:
        """Ids of all rows, ndarray of str, shape (n,)."""
        return text_array(self.table["row_id"].to_pylist())

    @property
    def actions(self) -> np.ndarray:
        """Action for each row, ndarray of str, shape (n,)."""
        return text_array(self.table["action"].to_pylist())

    @property
    def fingerprint(self) -> str:
        """Identifies the decisions and the header."""
        columns = [np.asarray(column.to_pylist(), dtype=object) for column in self.table.columns]
        return fingerprint(self.header, *columns)

    def counts(self) -> dict[str, int]:
        """Return the number of rows for each action, all four always named."""
        found = dict(zip(*np.unique(self.actions, return_counts=True), strict=True))
        return {action: int(found.get(action, 0)) for action in ACTIONS}

    def reasons(self) -> dict[str, dict[str, int]]:
        """Return the number of rows for each action and, within it, each reason."""
        grouped = self.table.group_by(["action", "reason"]).aggregate([([], "count_all")])
        result: dict[str, dict[str, int]] = {action: {} for action in ACTIONS}
        ordered = grouped.sort_by([("action", "ascending"), ("reason", "ascending")])
        for row in ordered.to_pylist():
            result[row["action"]][row["reason"] or ""] = row["count_all"]
        return result

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write ``manifest.parquet`` and ``manifest.json`` in a folder, atomically."""
        with atomic_path(folder) as temporary:
            temporary.mkdir()
            self.save_table(temporary / "manifest.parquet")
            write_json(temporary / "manifest.json", {"format": FORMAT, "header": self.header})

    def save_table(self, path: Path) -> None:
        """Write the decisions alone as a Parquet file."""
        pq.write_table(self.table, path)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Manifest:
        """Read what `save` or `ManifestParts.join` wrote, whole."""
        path = Path(folder)
        head = read_json(path / "manifest.json")
        if not isinstance(head, dict) or head.get("format") not in (FORMAT, PARTS_FORMAT):
            raise InputError(f"{path} is not a manifest of format {FORMAT}: decide again.")
        files = [part["file"] for part in head.get("parts", [{"file": "manifest.parquet"}])]
        tables = [read_decisions(path / name) for name in files] or [SCHEMA.empty_table()]
        return cls(pa.concat_tables(tables).combine_chunks(), head["header"])

    def rows_between(self, start: int, stop: int) -> Manifest:
        """Return the decisions of rows `start` to `stop`, by position."""
        return replace(self, table=self.table.slice(start, stop - start))

    def apply(self, dataset: Rows, *, label: str | None = None) -> Applied[Rows]:
        """Drop and relabel rows as decided; kept and reviewed rows stay as they are, in order.

        Parameters
        ----------
        dataset : datasets.Dataset or datasets.DatasetDict
            The rows that the manifest was made for, in any order, with the column ``row_id``. Of a
            ``DatasetDict`` every split stays a split; see `with_row_ids` for its ids.
        label : str, optional
            The label column; needed only when rows are relabeled.

        Raises
        ------
        InputError
            When rows are missing or unknown, or when a label is not the one that was judged.
        """
        from .columns import take_rows
        from .manifest_splits import apply_to_splits
        from .relabeling import replace_labels

        if isinstance(dataset, Mapping):
            return Applied(*apply_to_splits(self, dataset, label=label))
        here = self.align(_ids(dataset))
        actions = here.actions
        if (actions == "relabel").any():
            if label is None:
                raise InputError("The manifest relabels rows: name the label column with `label`.")
            dataset = replace_labels(dataset, label, here.table, undo=False)
        dropped = actions == "drop"
        stay, gone = np.flatnonzero(~dropped), np.flatnonzero(dropped)
        return Applied(take_rows(dataset, stay), take_rows(dataset, gone))

    def undo(self, applied: Rows, removed: Rows, *, label: str | None = None) -> Rows:
        """Put the dataset back as it was: all rows, in the manifest's order, with their old labels.

        Both parts are datasets, or both are a ``DatasetDict`` as `apply` gives them.

        Raises
        ------
        InputError
            When the two parts together are not the rows of the manifest.
        """
        import datasets as hf

        from .columns import take_rows
        from .manifest_splits import undo_in_splits
        from .relabeling import replace_labels

        if isinstance(applied, Mapping):
            whole: Rows = undo_in_splits(self, applied, removed, label=label)
            return whole
        parts: list[Any] = [applied, removed]
        joined = hf.concatenate_datasets(parts) if len(parts[1]) else parts[0]
        ids = _ids(joined)
        here = self.align(ids)
        if (here.actions == "relabel").any():
            if label is None:
                raise InputError("The manifest relabeled rows: name the column with `label`.")
            joined = replace_labels(joined, label, here.table, undo=True)
        back: Rows = take_rows(joined, positions(self.in_ids_of(ids).row_ids, ids))
        return back

    def align(self, row_ids: np.ndarray) -> Manifest:
        """Return the same decisions in the order of `row_ids`, which must be the same rows.

        Decisions of a version whose ids could look like numbers are given today's ids.

        Raises
        ------
        InputError
            When rows are missing, unknown or repeated; up to five are named.
        """
        known = self.in_ids_of(row_ids)
        mine = known.row_ids
        check_same_rows(mine, row_ids)
        if np.array_equal(mine, row_ids):
            return known
        return replace(self, table=known.table.take(pa.array(positions(row_ids, mine))))

    def in_ids_of(self, row_ids: np.ndarray) -> Manifest:
        """Return the same decisions; those of an older version in today's ids, where these are."""
        if len(self.table) == len(row_ids) and len(texts_beyond(self.row_ids, row_ids)):
            renewed = self._with_new_ids()
            if not len(texts_beyond(renewed.row_ids, row_ids)):
                return renewed
        return self

    def about(self, row_ids: np.ndarray) -> Manifest:
        """Return the decisions about some of the rows, in the manifest's order."""
        here = pc.is_in(self.table["row_id"], value_set=pa.array(row_ids, pa.string()))
        return replace(self, table=self.table.filter(here))

    def _with_new_ids(self) -> Manifest:
        from .rows import with_letters

        table = self.table
        for name in ("row_id", "twin"):
            old = np.array([text or "" for text in table[name].to_pylist()], dtype=object)
            new = [text or None for text in with_letters(old).tolist()]
            place = table.schema.get_field_index(name)
            table = table.set_column(place, SCHEMA.field(name), pa.array(new, pa.string()))
        return replace(self, table=table)

    def diff(self, other: Manifest) -> pa.Table:
        """Return the rows on which two manifests differ.

        Returns
        -------
        pyarrow.Table
            ``row_id``, then ``old_…`` (this manifest) and ``new_…`` (`other`) for action, reason
            and new label, sorted by row id; a row that only one of them has is null in the other.
        """
        names = ["action", "reason", "new_label"]
        left = self.table.select(["row_id", *names]).rename_columns(
            ["row_id", *(f"old_{name}" for name in names)]
        )
        right = other.table.select(["row_id", *names]).rename_columns(
            ["row_id", *(f"new_{name}" for name in names)]
        )
        both = left.join(right, keys="row_id", join_type="full outer")
        same = pa.array(np.ones(both.num_rows, dtype=bool))
        for name in names:
            old, new = (
                pc.fill_null(both[f"{side}_{name}"], "\0").combine_chunks()
                for side in ("old", "new")
            )
            same = pc.and_(same, pc.equal(old, new))
        return both.filter(pc.invert(same)).combine_chunks().sort_by("row_id")


def read_decisions(path: Path) -> pa.Table:
    """Read a Parquet file of decisions; an `InputError` names one that is none."""
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{path} cannot be read as a manifest ({error}).") from error
    _check_columns(table)
    return table


def _check_columns(table: pa.Table) -> None:
    if table.schema.names != SCHEMA.names:
        raise InputError(f"A manifest has the columns {SCHEMA.names}, got {table.schema.names}.")


def _ids(dataset: datasets.Dataset) -> np.ndarray:
    from .columns import read_row_ids

    check_column(ROW_ID, dataset.column_names)
    return read_row_ids(dataset)


def _check_table(table: pa.Table) -> None:
    wrong = sorted(set(pc.unique(table["action"]).to_pylist()) - set(ACTIONS), key=str)
    if wrong:
        raise InputError(f"An action is one of {', '.join(ACTIONS)}; got {wrong}.")
    distinct = pc.count_distinct(table["row_id"], mode="all").as_py()
    if distinct != table.num_rows or table["row_id"].null_count:
        raise InputError("A manifest has every row exactly once; row ids repeat or are missing.")
