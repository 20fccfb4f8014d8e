"""Numbers written with a comma, ``1,5`` and ``1.299,00``, as programs in half of the world do."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from ..arrow_kinds import is_string
from ..choice import Choice
from .cells import MOSTLY

_WHOLE = r"^\s*[+-]?(\d+|\d{1,3}(\.\d{3})+)"
COMMA = rf"{_WHOLE},\d+\s*$"
NUMBER = rf"{_WHOLE}(,\d+)?\s*$"
# 1,299 may be a thousand and more; with another number of digits behind the comma it is none.
NO_THOUSANDS = r",(\d{1,2}|\d{4,})\s*$"


def with_decimal_points(table: pa.Table) -> tuple[pa.Table, dict[str, Choice]]:
    """Write decimal commas as points in columns of text that hold such numbers, and say where."""
    found = []
    for position, item in enumerate(table.schema):
        if is_string(item.type) and _has_decimal_commas(table.column(position)):
            table = table.set_column(position, item.name, _with_points(table.column(position)))
            found.append(item.name)
    if not found:
        return table, {}
    return table, {"decimal commas": Choice(", ".join(found), "read as points")}


def _with_points(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Write the numbers with points; other entries (``k.A.``, ``1.5``) stay as they are."""
    written = pc.replace_substring(pc.replace_substring(column, ".", ""), ",", ".")
    return pc.if_else(pc.match_substring_regex(column, NUMBER), written, column)


def _has_decimal_commas(column: pa.ChunkedArray) -> bool:
    filled = column.filter(pc.not_equal(pc.utf8_trim_whitespace(column), "").fill_null(False))
    if not len(filled) or not pc.any(pc.match_substring(filled.slice(0, 100), ",")).as_py():
        return False
    commas = pc.match_substring_regex(filled, COMMA)
    numbers = pc.match_substring_regex(filled, NUMBER)
    if pc.mean(numbers).as_py() < MOSTLY or not pc.any(commas).as_py():
        return False
    return bool(pc.any(pc.and_(commas, pc.match_substring_regex(filled, NO_THOUSANDS))).as_py())
