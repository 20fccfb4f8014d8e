"""JSON Lines and JSON; a line or an object that cannot be a row is named, and costs no other."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ..broken_lines import JSON_LINES, JSON_LIST, BrokenLines
from ..choice import Choice
from .encoding import UNKNOWN, Decoded
from .parts import Part, Source, bad_row, first_line, table_of
from .text_files import read_text

OBJECTS = "objects"  # the choice that says that a file .json is JSON Lines
HALF = "half a character (a lone surrogate)"
TOO_DEEP = "nested too deep"
_ESCAPED_HALF = re.compile(rb"\\u[dD][89a-fA-F]")


def read_json_lines(path: Path, name: str, source: Source) -> Part:
    """Read a file of one JSON object a line."""
    decoded = read_text(path, name, source)
    return _lines(decoded, name, source)


def read_json(path: Path, name: str, source: Source) -> Part:
    """Read a JSON file: a list of objects, columns, one list under a name, or JSON Lines."""
    decoded = read_text(path, name, source)
    try:
        value = json.loads(decoded.data)
    except RecursionError:
        return _lines(decoded, name, source)
    except ValueError as error:
        if "Extra data" in str(error):
            source.choices[OBJECTS] = Choice("one a line", "JSON Lines under the name .json")
            return _lines(decoded, name, source)
        raise
    if isinstance(value, dict):
        lists = {key: item for key, item in value.items() if isinstance(item, list)}
        if len(lists) == 1 and all(isinstance(row, dict) for row in next(iter(lists.values()))):
            value = next(iter(lists.values()))
        elif lists and len({len(item) for item in lists.values()}) == 1:
            rows = zip(*lists.values(), strict=True)
            value = [dict(zip(lists, row, strict=True)) for row in rows]
    if not isinstance(value, list):
        raise ValueError("not a list of objects, nor columns of equal length")
    good: list[dict[str, Any]] = []
    numbers: list[int] = []
    broken: list[tuple[int, bytes]] = []
    for number, row in enumerate(value, 1):
        reason = _fault(row, decoded)
        if reason is None:
            good.append(row)
            numbers.append(number)
        else:
            source.bad.append(bad_row(f"{name}:{number}", reason))
            broken.append((len(good), json.dumps(row, ensure_ascii=holds_half(row)).encode()))
    lines = [json.dumps(row, ensure_ascii=False).encode() for row in good]
    part = _part(name, good, numbers, source, lines)
    return _with_broken(part, decoded, broken, kind=JSON_LIST)


def _lines(decoded: Decoded, name: str, source: Source) -> Part:
    rows: list[dict[str, Any]] = []
    numbers: list[int] = []
    lines: list[bytes] = []
    broken: list[tuple[int, bytes]] = []
    for number, line in enumerate(decoded.data.split(b"\n"), 1):
        if not line.strip():
            continue
        row, reason = read_row(line, decoded)
        if row is None:
            source.bad.append(bad_row(f"{name}:{number}", f"broken line ({reason})"))
            broken.append((len(rows), decoded.raw.get(number - 1, line)))
            continue
        rows.append(row)
        numbers.append(number)
        lines.append(line)
    part = _part(name, rows, numbers, source, lines)
    return _with_broken(part, decoded, broken, kind=JSON_LINES)


def _with_broken(
    part: Part, decoded: Decoded, broken: list[tuple[int, bytes]], *, kind: str
) -> Part:
    """Add what is no row, and whether the file begins with a byte order mark."""
    kept = None
    if broken:
        lines = [line for _, line in broken]
        if decoded.mark:
            lines = [line.replace(decoded.mark, UNKNOWN) for line in lines]
        kept = BrokenLines(kind, np.array([place for place, _ in broken], np.int64), lines)
    return replace(part, order_mark=decoded.order_mark, broken=kept)


def read_row(line: bytes, decoded: Decoded) -> tuple[dict[str, Any] | None, str]:
    """Return the object on a line, or None and why there is none."""
    if decoded.mark and decoded.mark in line:
        return None, decoded.fault
    try:
        row = json.loads(line)
    except RecursionError:
        return None, TOO_DEEP
    except ValueError as error:
        return None, first_line(error)
    if not isinstance(row, dict):
        return None, "not a JSON object"
    if _ESCAPED_HALF.search(line) and holds_half(row):
        return None, HALF
    return row, ""


def _fault(row: Any, decoded: Decoded) -> str | None:
    """Return why an object of a list cannot be a row, or None."""
    if not isinstance(row, dict):
        return "not a JSON object"
    if holds_half(row):
        return HALF
    if decoded.mark and decoded.mark in json.dumps(row, ensure_ascii=False).encode():
        return decoded.fault
    return None


def holds_half(value: Any) -> bool:
    """Tell whether a text somewhere in a JSON value is half of a character beyond 16 bits."""
    if isinstance(value, str):
        return not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value)
    if isinstance(value, dict):
        return any(holds_half(item) for pair in value.items() for item in pair)
    return isinstance(value, (list, tuple)) and any(map(holds_half, value))


def _part(
    name: str,
    rows: list[dict[str, Any]],
    numbers: list[int],
    source: Source,
    lines: list[bytes],
) -> Part:
    names = dict.fromkeys(column for row in rows for column in row)
    table, notes = table_of({column: [row.get(column) for row in rows] for column in names})
    source.choices |= notes
    kept = pa.array(lines, pa.large_binary())
    return Part(name, table, numbers=np.array(numbers, np.int64), lines=kept)
