"""What `load_dataset` puts together: ids, the rows as they came, those set aside, the dataset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from ..choice import Choice
from ..columns import dataset_of
from ..issues import Issue, Issues
from ..loaded import LoadedDataset
from ..rows import content_ids, dataset_fingerprint, key_ids
from ..schema import ROW_ID, SPLIT, Schema
from .cells import Reasons, usable
from .parts import Source, bad_row
from .roles import Roles
from .sources import locate
from .table_form import TableForm


def as_stored(table: pa.Table, stored: pa.Table) -> pa.Table:
    """Return the columns of the source: images with their bytes, the others as they are stored."""
    own = stored
    for item in table.schema:
        if pa.types.is_struct(item.type) and item.name in stored.column_names:
            own = replaced(own, item.name, table.column(item.name))
    return own


def titles_of(found: Source) -> tuple[str, ...] | None:
    """Return the names of the columns as all files of delimited text have them."""
    known = {(part.titles, tuple(part.table.column_names)) for part in found.parts}
    return known.pop()[0] if len(known) == 1 else None


def said_of_form(
    delimiter: str | None, header: bool | None, na: Sequence[str]
) -> dict[str, Choice]:
    """Return what was said of delimited text as choices, whatever the files are."""
    said = {"delimiter": None if delimiter is None else repr(TableForm(delimiter).delimiter)}
    said["header"] = None if header is None else ("first line" if header else "none")
    said["missing values"] = ", ".join(map(repr, na)) or None
    return {name: Choice(value, "given") for name, value in said.items() if value is not None}


def row_ids(
    table: pa.Table, roles: Roles, splits: np.ndarray | None, found: Source
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ids, and for the split the keys that exact copies share."""
    import datasets

    # Of the source's own columns: which of them are read as one text makes no other row.
    own = {name for part in found.parts for name in part.table.column_names}
    table = table.select([name for name in table.column_names if name in own])
    if splits is not None:
        # So that a row that is in both train and test has one id in each.
        table = replaced(table, SPLIT, pa.array(splits, pa.string()))
    plain = dataset_of(table, datasets.Features.from_arrow_schema(table.schema), key="loading")
    if roles.row_id is not None:
        ids = key_ids(plain, roles.row_id)
        return ids, ids
    ids = content_ids(plain.remove_columns(ROW_ID) if ROW_ID in table.column_names else plain)
    return ids, ids.astype("<U16")


def replaced(table: pa.Table, name: str, column: pa.Array | pa.ChunkedArray) -> pa.Table:
    """Put a column in the place of the one of its name, or behind the others."""
    if name in table.column_names:
        return table.set_column(table.column_names.index(name), name, column)
    return table.append_column(name, column)


def set_aside(ids: np.ndarray, reasons: Reasons, found: Source) -> list[Issue]:
    """Name the rows that cannot be used, with the reason and the place of each."""
    positions = np.flatnonzero(~usable(reasons))
    places = locate(found, positions)
    return [
        bad_row(str(ids[i]), f"{reasons[i]} ({place})")
        for i, place in zip(positions, places, strict=True)
    ]


def assemble(
    columns: dict[str, pa.Array],
    rows: pa.Table,
    *,
    schema: Schema,
    origin: str,
    bad: list[Issue],
    choices: dict[str, Choice],
) -> LoadedDataset:
    """Make the dataset: ids and splits first, then the columns of the source."""
    import datasets

    for name in rows.column_names:
        if name not in (ROW_ID, SPLIT):
            columns[name] = rows.column(name)
    table = pa.table(columns)
    features = datasets.Features.from_arrow_schema(table.schema)
    if schema.modality == "image":
        features[schema.inputs[0]] = datasets.Image(decode=False)
    key = dataset_fingerprint(dataset_of(table, features, key="loading"), schema)
    return LoadedDataset(
        dataset=dataset_of(table, features, key=key),
        schema=schema,
        set_aside=Issues.concat([Issues.from_rows(bad)]),
        origin=origin,
        fingerprint=key,
        choices=choices,
    )


def nothing_left(origin: str, bad: list[Issue]) -> str:
    """Say why there is no usable row, with the reasons counted."""
    if not bad:
        return f"There are no rows in {origin}."
    counted = Counter((issue.detail or "").partition(" (")[0] for issue in bad)
    listed = ", ".join(f"{reason}: {count}" for reason, count in counted.most_common())
    first = "; ".join(f"{issue.row_id}: {issue.detail}" for issue in bad[:3])
    return f"No usable row in {origin}. {len(bad)} set aside ({listed}). First: {first}."
