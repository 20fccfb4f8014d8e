"""How results print: in one line, as a table in a notebook, and as a DataFrame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from .counted import counted

if TYPE_CHECKING:
    import pandas as pd

# Entries of a sequence, characters of a text, and rows of a table that are shown.
ENTRIES, CHARACTERS, ROWS = 3, 60, 10


class Shown:
    """A dataclass that prints in one line: arrays by type and shape, long values cut.

    Give the dataclass ``repr=False``, or its own `__repr__` takes the place of this one. One whose
    arrays of shape (n,) have an entry for each of its rows has also `to_pandas`.
    """

    def __repr__(self) -> str:
        shown = (field for field in fields(self) if field.repr)  # type: ignore[arg-type]
        inside = ", ".join(f"{field.name}={brief(getattr(self, field.name))}" for field in shown)
        return f"{type(self).__name__}({inside})"


class ShownRows(Shown):
    """A `Shown` with a line for each row: its ``table``, or its arrays as long as ``row_ids``."""

    def to_pandas(self) -> pd.DataFrame:
        """Return a DataFrame with a line for each row."""
        return self._frame(None)

    def _repr_html_(self) -> str:
        """Show the first rows; the others are not converted."""
        shown = self._frame(ROWS)
        table = getattr(self, "table", None)
        total = table.num_rows if isinstance(table, pa.Table) else len(self.row_ids)  # type: ignore[attr-defined]
        more = f"<p>The first {ROWS} of {counted(total, 'row')}</p>" if total > len(shown) else ""
        return f"<p>{escape(repr(self))}</p>{shown.to_html()}{more}"

    def _frame(self, first: int | None) -> pd.DataFrame:
        import pandas as pd

        table = getattr(self, "table", None)
        if isinstance(table, pa.Table):
            return (table if first is None else table.slice(0, first)).to_pandas()
        n = len(self.row_ids)  # type: ignore[attr-defined]
        values = {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
        return pd.DataFrame(
            {
                name: value[:first]
                for name, value in values.items()
                if isinstance(value, np.ndarray) and value.shape == (n,)
            }
        )


def brief(value: Any) -> str:
    """Return a value in few characters; arrays and tables by what they are, not what they hold."""
    if isinstance(value, np.ndarray):
        return f"<{value.dtype} {value.shape}>"
    if hasattr(value, "num_rows"):  # a table of Arrow, or a dataset of Hugging Face
        return f"<{counted(value.num_rows, 'row')}: {', '.join(value.column_names)}>"
    if isinstance(value, (tuple, list)):
        inside = ", ".join(map(brief, value[:ENTRIES]))
        more = f", … {len(value)} in all" if len(value) > ENTRIES else ""
        return f"[{inside}{more}]"
    if isinstance(value, Mapping):
        inside = ", ".join(f"{name}: {brief(value[name])}" for name in list(value)[:ENTRIES])
        return "{" + inside + (f", … {len(value)} in all" if len(value) > ENTRIES else "") + "}"
    if isinstance(value, float):
        return f"{value:.4g}"
    text = repr(value)
    short = isinstance(value, Shown) or len(text) <= CHARACTERS
    return text if short else f"{text[:CHARACTERS]}…"
