"""Several columns of text that are looked at as one."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from ..errors import InputError, check_column
from .roles import Roles, Wanted

BETWEEN_NAMES, BETWEEN_TEXTS = " + ", " | "


def with_one_text(table: pa.Table, wanted: Wanted) -> tuple[pa.Table, Wanted]:
    """Add a column that joins the columns that ``wanted.text`` names, separated by commas.

    A name that is a column itself is that column, whatever commas it has.

    Raises
    ------
    InputError
        When one of several names is no column, or a column of lists or bytes.
    """
    text = wanted.text
    if text is None or "," not in text or text in table.column_names:
        return table, wanted
    names = [check_column(name.strip(), table.column_names) for name in text.split(",")]
    joined, name = join_texts(table, names)
    return table.append_column(name, joined), replace(wanted, text=name)


def with_texts_as_one(table: pa.Table, roles: Roles) -> tuple[pa.Table, Roles]:
    """Add a column that joins the columns of text, where roles have found several."""
    if roles.modality != "text" or len(roles.inputs) < 2:
        return table, roles
    joined, name = join_texts(table, roles.inputs)
    return table.append_column(name, joined), replace(roles, inputs=(name,))


def join_texts(table: pa.Table, names: Sequence[str]) -> tuple[pa.ChunkedArray, str]:
    """Join columns row by row, and their names: numbers as text, nothing for a missing value.

    A row is missing where all of its entries are.
    """
    columns = [_as_text(table, name) for name in names]
    between = pa.scalar(BETWEEN_TEXTS, pa.large_string())
    joined = pc.binary_join_element_wise(
        *columns, between, null_handling="replace", null_replacement=""
    )
    filled = [pc.not_equal(pc.utf8_trim_whitespace(each), "").fill_null(False) for each in columns]
    any_filled = functools.reduce(pc.or_, filled)
    joined = pc.if_else(any_filled, joined, pa.scalar(None, pa.large_string()))
    return joined, BETWEEN_NAMES.join(names)


def names_of(text: str, columns: list[str]) -> str:
    """Return what names a text column in `with_one_text`, given the columns of the source."""
    return text if text in columns else text.replace(BETWEEN_NAMES, ",")


def _as_text(table: pa.Table, name: str) -> pa.ChunkedArray:
    try:
        return table.column(name).cast(pa.large_string())
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
        kind = table.schema.field(name).type
        raise InputError(f"The column {name!r} holds {kind}, which is no text.") from error
