"""Row ids that come back from a spreadsheet, which takes what looks like a number for one.

It drops leading zeros, writes 7 as ``7.0`` or ``1,5E+15``, and keeps 15 digits. What names one row
is that row; what is lost is said.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from typing import Any

from thresher.core.errors import InputError
from thresher.core.missing import is_missing

from ..sessions.state import State

DIGITS = 15
WHOLE = re.compile(r"\d+([.,]0+)?")
EXPONENT = re.compile(r"\d([.,]\d+)?[eE]\+?\d+")


class SheetIds:
    """Finds the rows of a pool by what a filled file holds in the column ``row_id``."""

    def __init__(self, state: State) -> None:
        self._state = state

    def find(self, cell: Any) -> str:
        """Return the id of the row that a cell names.

        Raises
        ------
        InputError
            When it names none, or a number that a spreadsheet may have made of several.
        """
        text = "" if is_missing(cell) else str(cell)
        try:
            return self._state.find(text)
        except InputError as error:
            found = self._by_number.get(_number(text))
            if found is not None:
                return found
            if EXPONENT.fullmatch(text.strip()):
                raise InputError(
                    f"The row id {text!r} is not in the pool: a spreadsheet has rounded it. Import "
                    "the column as text, or label in a .jsonl file."
                ) from error
            raise

    @cached_property
    def _by_number(self) -> dict[str, str]:
        """Ids of whole numbers by what a spreadsheet leaves of them, where that names one row."""
        numbers = {row: _number(row) for row in self._state.row_ids.tolist()}
        counts = Counter(numbers.values())
        return {number: row for row, number in numbers.items() if number and counts[number] == 1}


def changed_by_sheets(row_ids: Iterable[str]) -> list[str]:
    """Return the ids that a spreadsheet cannot keep: numbers of more than 15 digits or exponents.

    Those with leading zeros are found again.
    """
    return [
        row
        for row in row_ids
        if (row.isdecimal() and len(row.lstrip("0")) > DIGITS) or EXPONENT.fullmatch(row)
    ]


def _number(text: str) -> str:
    """Return the digits of a whole number without leading zeros, empty for all else."""
    if not WHOLE.fullmatch(text.strip()):
        return ""
    return re.split("[.,]", text.strip())[0].lstrip("0") or "0"
