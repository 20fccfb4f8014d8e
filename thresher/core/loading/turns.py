"""Conversations as text: who says what, turn after turn.

Columns of ``[{"role": …, "content": …}, …]`` (``messages``) or ``[{"from": …, "value": …}, …]``
(``conversations``), as Arrow lists or as JSON text.
"""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from ..arrow_kinds import is_list, is_string
from .column_names import CHAT_NAMES, plain_name

SPEAKER, SAID = ("role", "from", "speaker"), ("content", "value", "text")
BETWEEN_TURNS = "\n"
LOOKED_AT = 20


def with_turns_as_text(table: pa.Table) -> tuple[pa.Table, tuple[str, ...]]:
    """Replace columns of conversations by their text, and return which these were."""
    found = []
    for position, item in enumerate(table.schema):
        if _holds_turns(item, table.column(position)):
            texts = [_rendered(value) for value in table.column(position).to_pylist()]
            table = table.set_column(position, item.name, pa.array(texts, pa.large_string()))
            found.append(item.name)
    return table, tuple(found)


def _holds_turns(item: pa.Field, column: pa.ChunkedArray) -> bool:
    kind = item.type
    if is_list(kind) and pa.types.is_struct(kind.value_type):
        names = {kind.value_type.field(i).name for i in range(kind.value_type.num_fields)}
        return bool(names & set(SPEAKER)) and bool(names & set(SAID))
    if not is_string(kind) or plain_name(item.name) not in CHAT_NAMES:
        return False
    sample = column.drop_null().slice(0, LOOKED_AT).to_pylist()
    return bool(sample) and all(_turns(value) is not None for value in sample)


def _turns(value: Any) -> list[dict[str, Any]] | None:
    """Return the turns of a conversation, which may be written as JSON; None if it is none."""
    if isinstance(value, str):
        if not value.lstrip().startswith("["):
            return None
        try:
            value = json.loads(value)
        except ValueError:
            return None
    if not isinstance(value, list) or not all(isinstance(turn, dict) for turn in value):
        return None
    return value if all(_first(turn, SPEAKER) or _first(turn, SAID) for turn in value) else None


def _rendered(value: Any) -> str | None:
    if value is None:
        return None
    turns = _turns(value)
    if turns is None:  # a stray text among conversations stays what it is
        return str(value)
    return BETWEEN_TURNS.join(_turn(turn) for turn in turns)


def _turn(turn: dict[str, Any]) -> str:
    who, said = _first(turn, SPEAKER), _first(turn, SAID)
    return f"{who}: {_plain(said)}" if who else _plain(said)


def _first(turn: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((turn[name] for name in names if turn.get(name)), None)


def _plain(said: Any) -> str:
    """Return what was said as text, of several parts the texts."""
    if isinstance(said, list):
        parts = [part.get("text") if isinstance(part, dict) else part for part in said]
        return " ".join(str(part) for part in parts if part)
    return "" if said is None else str(said)
