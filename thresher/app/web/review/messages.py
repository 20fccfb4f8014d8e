"""What a page says of rows, each message under a key; a wrong one leaves the others alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ....core.errors import InputError, StorageError, ThresherError, check_choice
from ...reviewing.desk import ReviewDesk
from ..answering import text_of

KINDS = ("say", "undo")
MOST_MESSAGES, MOST_NAME, MOST_KEY = 200, 200, 100


def take_messages(
    desk: ReviewDesk, messages: object, *, people: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Carry messages out in their order; return one reply for each, under its key.

    ``error`` says what is wrong with a message for good, ``retry`` that it may be sent again: then
    the ones after it were left alone too. Only `people` are listened to, where some are named.
    """
    if not isinstance(messages, list) or len(messages) > MOST_MESSAGES:
        raise InputError(f"`messages` must be a list of at most {MOST_MESSAGES} messages.")
    replies: list[dict[str, Any]] = []
    later: dict[str, Any] | None = None
    for message in messages:
        if not isinstance(message, dict):
            raise InputError(f"A message must be a JSON object, got {message!r:.80}.")
        key = text_of(message, "key")
        reply = later or _reply(desk, key, message, people)
        later = reply if reply.get("retry") else None
        replies.append({**reply, "key": key})
    return replies


def _reply(
    desk: ReviewDesk, key: str, message: Mapping[str, Any], people: Sequence[str]
) -> dict[str, Any]:
    try:
        if not 0 < len(key) <= MOST_KEY:
            raise InputError(f"`key` must be a text of 1 to {MOST_KEY} characters.")
        kind = check_choice("kind", text_of(message, "kind"), KINDS)
        person = _person(message, people)
        return (_say if kind == "say" else _undo)(desk, key, message, person)
    except StorageError as error:
        return {"error": str(error), "retry": True, "status": 507 if error.full else 503}
    except ThresherError as error:
        return {"error": str(error)}


def _say(desk: ReviewDesk, key: str, message: Mapping[str, Any], person: str) -> dict[str, Any]:
    label, note = message.get("label"), message.get("note")
    step = desk.say(
        text_of(message, "verdict"),
        row_numbers(message.get("rows"), desk),
        person=person,
        label=None if label is None else text_of(message, "label"),
        note=None if note is None else text_of(message, "note"),
        new_label=message.get("new_label") is True,
        key=key,
    )
    return {"saved": True, "step": step.id}


def _undo(desk: ReviewDesk, key: str, message: Mapping[str, Any], person: str) -> dict[str, Any]:
    del message
    step = desk.undo(person, key=key)
    if step is None:
        return {"saved": True, "step": desk.journal.last, "undone": None}
    said = {"verdict": step.verdict, "label": step.label, "rows": step.rows.tolist()}
    return {"saved": True, "step": desk.journal.last, "undone": said}


def row_numbers(values: object, desk: ReviewDesk) -> list[int]:
    """Return row numbers that were sent, all of which are there."""
    if not isinstance(values, list):
        raise InputError(f"`rows` must be a list of row numbers, got {values!r:.80}.")
    try:
        numbers = [int(value) for value in values]
    except (TypeError, ValueError) as error:
        raise InputError(f"`rows` must hold row numbers ({error}).") from error
    if numbers and not 0 <= min(numbers) <= max(numbers) < len(desk.table):
        raise InputError(
            f"Row numbers go from 0 to {len(desk.table) - 1}, got {min(numbers)} to {max(numbers)}."
        )
    return numbers


def _person(message: Mapping[str, Any], people: Sequence[str]) -> str:
    name = text_of(message, "person", default="").strip()
    if people and name not in people:
        listed = ", ".join(repr(each) for each in people)
        raise InputError(f"`person` must be one of {listed}, got {name[:80]!r}.")
    if not name or len(name) > MOST_NAME or not name.isprintable():
        raise InputError(f"Say who you are: `person` is 1 to {MOST_NAME} printable characters.")
    return name
