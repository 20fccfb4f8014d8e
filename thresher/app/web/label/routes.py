"""``/api/label/…``: the next rows, answers, leases and progress. Nothing waits for a model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ....core.errors import InputError
from ..answering import Endpoint, read_body, refusal, text_of, whole_of
from .messages import Mailbox, Person
from .progress import progress_of
from .row_content import RowContent

if TYPE_CHECKING:
    from active_learning import Desk, Task
    from active_learning.sessions.desk_rows import DeskRow

MOST_ROWS = 100
Work = Callable[[dict[str, Any]], dict[str, Any]]


class LabelRoutes:
    """What the labeling page asks for.

    Parameters
    ----------
    desk : Desk
    task : Task
    content : RowContent
    annotators : sequence of str
        Names that are offered; none for any.
    """

    def __init__(
        self, desk: Desk, task: Task, content: RowContent, *, annotators: Sequence[str]
    ) -> None:
        self._desk, self._task, self._content = desk, task, content
        self._annotators = annotators
        self._mailbox = Mailbox(desk, content, annotators=annotators)
        self._number = {row_id: number for number, row_id in enumerate(content.row_ids)}

    def all(self) -> list[Route]:
        """Return the routes, below the page's own address."""
        return [
            Route("/session", self._session, methods=["GET"]),
            Route("/progress", self._progress, methods=["GET"]),
            Route("/text/{number:int}", self._text, methods=["GET"]),
            Route("/next", _posted(self._next), methods=["POST"]),
            Route("/answers", self._answers, methods=["POST"]),
            Route("/undo", _posted(self._undo), methods=["POST"]),
            Route("/renew", _posted(self._renew), methods=["POST"]),
            Route("/release", _posted(self._release), methods=["POST"]),
        ]

    async def _session(self, request: Request) -> Response:
        del request
        limits = self._task.options()
        return JSONResponse(
            {
                "task": self._task.name,
                "classes": list(self._task.classes),
                "limits": {"low": limits.get("low"), "high": limits.get("high")},
            }
        )

    async def _progress(self, request: Request) -> Response:
        del request
        is_share = self._task.loss_of(1.0) == 0.0
        return JSONResponse(await asyncio.to_thread(progress_of, self._desk, is_share=is_share))

    async def _text(self, request: Request) -> Response:
        number = request.path_params["number"]
        if not 0 <= number < len(self._content):
            return refusal(f"There is no row {number}.", status=404)
        return JSONResponse({"text": self._content.text(number)})

    def _next(self, body: dict[str, Any]) -> dict[str, Any]:
        person = Person.of(body, self._annotators)
        count = whole_of(body, "count", low=1, high=MOST_ROWS)
        given = self._desk.next(
            person.annotator, lease=person.lease, count=count, have=self._have(body)
        )
        return {"rows": [self._row(row) for row in given.rows], "state": given.status}

    def _have(self, body: dict[str, Any]) -> list[str]:
        """Return the ids of the rows that the page holds."""
        numbers = body.get("have", [])
        if not isinstance(numbers, list) or len(numbers) > 4 * MOST_ROWS:
            raise InputError("`have` must be a list of the numbers of the rows on the page.")
        last = len(self._content) - 1
        return [
            self._content.row_ids[whole_of({"have": number}, "have", low=0, high=last)]
            for number in numbers
        ]

    def _row(self, row: DeskRow) -> dict[str, Any]:
        number = self._number[row.row_id]
        return {
            "row": number,
            "id": row.row_id,
            "content": self._content.of(number),
            "suggestion": row.suggestion,
            "suggestion_text": row.suggestion_text,
            "probability": row.probability,
            "reason": row.reason,
            "blind": row.blind,
        }

    async def _answers(self, request: Request) -> Response:
        body = await read_body(request)
        replies = await asyncio.to_thread(self._mailbox.take, body.get("messages"))
        if replies and replies[0].get("retry"):  # nothing was recorded
            return JSONResponse({**replies[0], "replies": replies}, replies[0]["status"])
        return JSONResponse({"replies": replies})

    def _undo(self, body: dict[str, Any]) -> dict[str, Any]:
        person = Person.of(body, self._annotators)
        again = self._desk.undo(person.annotator, lease=person.lease, key=text_of(body, "key"))
        return {"row": None if again is None else self._row(again)}

    def _renew(self, body: dict[str, Any]) -> dict[str, Any]:
        person = Person.of(body, self._annotators)
        self._desk.renew(person.annotator, person.lease)
        return {}

    def _release(self, body: dict[str, Any]) -> dict[str, Any]:
        person = Person.of(body, self._annotators)
        self._desk.release(person.annotator, person.lease)
        return {}


def _posted(work: Work) -> Endpoint:
    async def answer(request: Request) -> Response:
        body = await read_body(request)
        return JSONResponse(await asyncio.to_thread(work, body))

    return answer
