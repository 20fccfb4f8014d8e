"""What a page sends, as answers of a desk; what becomes of one does not touch the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ....core.errors import InputError, StorageError, ThresherError, check_choice
from ..answering import storage_status, text_of, whole_of
from .row_content import RowContent

if TYPE_CHECKING:
    from active_learning import Desk

KINDS = ("label", "skip", "undo")
MOST_MESSAGES, MOST_NAME, MOST_KEY = 200, 200, 100
MOST_SECONDS = 86_400.0


@dataclass(frozen=True)
class Person:
    """Who labels, and the tab in which."""

    annotator: str
    lease: str

    @classmethod
    def of(cls, body: Mapping[str, Any], allowed: Sequence[str]) -> Person:
        """Read them from what was sent; names that are not offered are refused, where some are."""
        annotator, lease = text_of(body, "annotator"), text_of(body, "lease")
        if allowed and annotator not in allowed:
            listed = ", ".join(repr(name) for name in allowed)
            raise InputError(f"`annotator` must be one of {listed}, got {annotator[:80]!r}.")
        if len(annotator) > MOST_NAME or not annotator.isprintable():
            raise InputError(
                f"`annotator` must be at most {MOST_NAME} printable characters, got "
                f"{annotator[:80]!r}."
            )
        if not 0 < len(lease) <= MOST_KEY:
            raise InputError(f"`lease` must be a text of 1 to {MOST_KEY} characters.")
        return cls(annotator, lease)


class Mailbox:
    """Takes answers for a desk.

    Parameters
    ----------
    desk : Desk
    content : RowContent
    annotators : sequence of str
        Names that are offered; none for any.
    """

    def __init__(self, desk: Desk, content: RowContent, *, annotators: Sequence[str]) -> None:
        self._desk, self._content, self._annotators = desk, content, annotators

    def take(self, messages: object) -> list[dict[str, Any]]:
        """Record messages in their order; return one reply for each, under its key.

        ``error`` says what is wrong with an answer for good, ``retry`` that it may be sent again:
        then the ones after it were left alone too.
        """
        if not isinstance(messages, list) or len(messages) > MOST_MESSAGES:
            raise InputError(f"`messages` must be a list of at most {MOST_MESSAGES} answers.")
        replies: list[dict[str, Any]] = []
        later: dict[str, Any] | None = None
        for message in messages:
            if not isinstance(message, dict):
                raise InputError(f"An answer must be a JSON object, got {message!r:.80}.")
            key = text_of(message, "key")
            reply = later or self._reply(key, message)
            later = reply if reply.get("retry") else None
            replies.append({**reply, "key": key})
        return replies

    def _reply(self, key: str, message: Mapping[str, Any]) -> dict[str, Any]:
        from active_learning.sessions.desk_writer import DeskClosedError

        try:
            return self._record(key, message)
        except StorageError as error:
            return {"error": str(error), "retry": True, "status": storage_status(error)}
        except DeskClosedError:
            text = "The server is ending. Answers are taken once it runs again."
            return {"error": text, "retry": True, "status": 503}
        except ThresherError as error:
            return {"error": str(error)}

    def _record(self, key: str, message: Mapping[str, Any]) -> dict[str, Any]:
        from active_learning import SKIP

        if not 0 < len(key) <= MOST_KEY:
            raise InputError(f"`key` must be a text of 1 to {MOST_KEY} characters.")
        person = Person.of(message, self._annotators)
        number = whole_of(message, "row", low=0, high=len(self._content) - 1)
        row_id = self._content.row_ids[number]
        kind = check_choice("kind", text_of(message, "kind"), KINDS)
        if kind == "undo":
            self._desk.undo(person.annotator, row_id=row_id, lease=person.lease, key=key)
            return {"saved": True}
        label = SKIP if kind == "skip" else message.get("label")
        taken = self._desk.answer(
            person.annotator,
            row_id,
            label,
            lease=person.lease,
            seconds=_seconds(message),
            key=key,
        )
        return {"saved": True, "late": taken.late}


def _seconds(message: Mapping[str, Any]) -> float | None:
    value = message.get("seconds")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
        raise InputError(f"`seconds` must be a number from 0 on, got {value!r:.80}.")
    return min(float(value), MOST_SECONDS)
