"""Cells of tables that people open in a spreadsheet, which runs some texts as formulas.

A text that begins like a formula gets an apostrophe before it, as OWASP advises ("CSV Injection",
2024); one that begins with apostrophes and then like a formula gets another, so that the way back
is exact. Plain numbers such as −1 stay as they are: no spreadsheet runs them.
"""

from __future__ import annotations

import re
from typing import Any

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_ESCAPED = re.compile(r"'+[=+\-@\t\r]")
_NUMBER = re.compile(r"-\d+(\.\d+)?")


def escape_cell(value: Any) -> Any:
    """Return a text that no spreadsheet runs; anything else as it is."""
    if not isinstance(value, str) or not _FORMULA.match(value) or _NUMBER.fullmatch(value):
        return value
    return f"'{value}"


def unescape_cell(value: Any) -> Any:
    """Return what `escape_cell` was given."""
    return value[1:] if isinstance(value, str) and _ESCAPED.match(value) else value
