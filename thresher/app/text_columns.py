"""Which columns of a user's rows hold text, and which do not."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from ..core.arrow_kinds import is_list, is_string
from ..core.loaded import LoadedDataset
from .given import given_rows

_WORDS = r"[^\d\s.,+\-eE]"  # something that is in no number


def columns_by_text(loaded: LoadedDataset) -> tuple[list[str], list[str]]:
    """Return the columns that hold text, also inside of lists and mappings, and the others.

    Images are none, whatever their paths say. Where no column has a cell that is more than a
    number, none holds text: a file of CSV has only text to say numbers with.
    """
    table = given_rows(loaded).table
    held = [item.name for item in table.schema if holds_text(item.type)]
    if not any(_has_words(table.column(name)) for name in held):
        held = []
    return held, [name for name in table.column_names if name not in held]


def holds_text(kind: pa.DataType) -> bool:
    """Tell whether cells of an Arrow type are text or hold some."""
    if pa.types.is_dictionary(kind):
        return holds_text(kind.value_type)
    if is_list(kind):
        return holds_text(kind.value_type)
    if pa.types.is_map(kind):
        return holds_text(kind.item_type)
    if pa.types.is_struct(kind):
        inside = [kind.field(at) for at in range(kind.num_fields)]
        return {part.name for part in inside} != {"bytes", "path"} and any(
            holds_text(part.type) for part in inside
        )
    return is_string(kind)


def _has_words(column: pa.ChunkedArray) -> bool:
    if not is_string(column.type):
        return True
    return bool(pc.any(pc.match_substring_regex(column, _WORDS)).as_py())
