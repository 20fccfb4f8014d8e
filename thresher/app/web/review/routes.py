"""What the review page asks for; all of it goes to a `ReviewDesk`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ....core.counted import counted
from ....core.errors import InputError
from ...reviewing.cards import SHORT, WHOLE, cards, search
from ...reviewing.desk import ReviewDesk
from ...reviewing.export import export
from ...reviewing.overview import overview, split_codes, verdict_codes
from ...reviewing.table import DECIDED
from ..answering import Endpoint, read_body, text_of
from ..page import Page
from .messages import row_numbers, take_messages
from .packing import pack

# Cards in one answer, with whole texts, and characters of a search.
MOST_CARDS, MOST_WHOLE, MOST_TEXT = 400, 4, 1000
# Row numbers of a verdict on all of some million rows.
MOST_BODY = 64_000_000
Work = Callable[[ReviewDesk, Mapping[str, Any]], Response]


def review_page(desk: ReviewDesk, *, people: Sequence[str] = ()) -> Page:
    """Return the review of some decisions as a page of a site.

    Only `people` may give verdicts, or anybody where there are none.
    """

    def messages(desk: ReviewDesk, body: Mapping[str, Any]) -> Response:
        replies = take_messages(desk, body.get("messages"), people=people)
        return JSONResponse({"replies": replies})

    reads: dict[str, Work] = {
        "overview": _overview,
        "list": _list,
        "rows": _rows,
        "cards": _cards,
        "search": _search,
        "verdicts": _verdicts,
        "map": _map,
        "preview": _preview,
    }
    changes: dict[str, Work] = {
        "messages": messages,
        "apply": _apply,
        "export": _export,
    }
    return Page(
        "review",
        "Review",
        (
            *(Route(f"/{name}", _reading(desk, work)) for name, work in reads.items()),
            *(
                Route(f"/{name}", _changing(desk, work), methods=["POST"])
                for name, work in changes.items()
            ),
        ),
    )


def _reading(desk: ReviewDesk, work: Work) -> Endpoint:
    async def read(request: Request) -> Response:
        return await run_in_threadpool(work, desk, dict(request.query_params))

    return read


def _changing(desk: ReviewDesk, work: Work) -> Endpoint:
    async def change(request: Request) -> Response:
        body = await read_body(request, most_bytes=MOST_BODY)
        return await run_in_threadpool(work, desk, body)

    return change


def _binary(arrays: Mapping[str, np.ndarray], **said: Any) -> Response:
    return Response(pack(arrays, **said), media_type="application/octet-stream")


def _overview(desk: ReviewDesk, asked: Mapping[str, Any]) -> Response:
    del asked
    return JSONResponse(overview(desk))


def _list(desk: ReviewDesk, asked: Mapping[str, Any]) -> Response:
    name = text_of(asked, "of")
    if name not in (DECIDED, *desk.table.checks):
        raise InputError(f"There is no list {name!r}: {', '.join((DECIDED, *desk.table.checks))}.")
    listed = desk.table.listed(name)
    arrays = {
        "rows": listed.rows,
        "twins": listed.twins,
        "scores": listed.scores,
        "suggested": listed.suggested,
    }
    return _binary(arrays, grouped=listed.grouped)


def _rows(desk: ReviewDesk, asked: Mapping[str, Any]) -> Response:
    del asked
    table = desk.table
    codes, names = split_codes(table)
    arrays: dict[str, np.ndarray] = {
        "actions": table.actions,
        "reasons": table.reasons,
        "given": table.given,
        "splits": codes,
    }
    return _binary(arrays, splits=names)


def _cards(desk: ReviewDesk, asked: Mapping[str, Any]) -> Response:
    rows = row_numbers(text_of(asked, "rows").split(","), desk)
    whole = "whole" in asked
    most = MOST_WHOLE if whole else MOST_CARDS
    if len(rows) > most:
        raise InputError(f"At most {counted(most, 'row')} at once, got {len(rows)}.")
    return JSONResponse(cards(desk.table, rows, length=WHOLE if whole else SHORT))


def _search(desk: ReviewDesk, asked: Mapping[str, Any]) -> Response:
    text = text_of(asked, "text")[:MOST_TEXT]
    return _binary({"rows": search(desk.table, text).astype(np.int32)})


def _verdicts(desk: ReviewDesk, asked: Mapping[str, Any]) -> Response:
    desk.journal.catch_up()
    if asked.get("since") == str(desk.journal.last):
        return _binary({}, last=desk.journal.last)
    arrays, said = verdict_codes(desk)
    return _binary(arrays, **said)


def _map(desk: ReviewDesk, asked: Mapping[str, Any]) -> Response:
    del asked
    return _binary({"places": desk.map().ravel()})


def _preview(desk: ReviewDesk, asked: Mapping[str, Any]) -> Response:
    del asked
    return JSONResponse(desk.preview())


def _apply(desk: ReviewDesk, body: Mapping[str, Any]) -> Response:
    out = text_of(body, "out").strip()
    if not out:
        raise InputError("Name a file for the clean data.")
    return JSONResponse(desk.apply(Path(out).expanduser()).to_json())


def _export(desk: ReviewDesk, body: Mapping[str, Any]) -> Response:
    kind = text_of(body, "format")
    rows = row_numbers(body.get("rows"), desk)
    return Response(
        export(desk, rows, kind=kind),
        media_type="text/csv; charset=utf-8" if kind == "csv" else "application/jsonl",
    )
