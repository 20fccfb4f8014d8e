"""Records: several columns of text that are looked at as one."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from ..errors import InputError, check_column
from .roles import Wanted

BETWEEN_NAMES, BETWEEN_TEXTS = " + ", " | "


def with_one_text(table: pa.Table, wanted: Wanted) -> tuple[pa.Table, Wanted]:
    """Add a column that joins the columns that ``wanted.text`` names, separated by commas.

    Numbers are taken as text, missing values as empty. A name that is a column itself is that
    column, whatever commas it has.

    Raises
    ------
    InputError
        When one of several names is no column, or a column of lists or bytes.
    """
    text = wanted.text
    if text is None or "," not in text or text in table.column_names:
        return table, wanted
    names = [name.strip() for name in text.split(",")]
    columns = [_as_text(table, check_column(name, table.column_names)) for name in names]
    between = pa.scalar(BETWEEN_TEXTS, pa.large_string())
    joined = pc.binary_join_element_wise(
        *columns, between, null_handling="replace", null_replacement=""
    )
    name = BETWEEN_NAMES.join(names)
    return table.append_column(name, joined), replace(wanted, text=name)


def names_of(text: str, columns: list[str]) -> str:
    """Return what names a text column in `with_one_text`, given the columns of the source."""
    return text if text in columns else text.replace(BETWEEN_NAMES, ",")


def _as_text(table: pa.Table, name: str) -> pa.ChunkedArray:
    try:
        return table.column(name).cast(pa.large_string())
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
        kind = table.schema.field(name).type
        raise InputError(f"The column {name!r} holds {kind}, which is no text.") from error
