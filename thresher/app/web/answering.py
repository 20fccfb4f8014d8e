"""What the server says: JSON, and of what went wrong a sentence with what to do next."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ...core.counted import counted
from ...core.errors import InputError, StorageError, ThresherError

MOST_BYTES = 8_000_000
Endpoint = Callable[[Request], Awaitable[Response]]


class TooLargeError(InputError):
    """More was sent than the server takes at once."""


def refusal(error: str, *, status: int, **more: Any) -> JSONResponse:
    """Return an answer that says what is wrong."""
    return JSONResponse({"error": error, **more}, status_code=status)


def on_thresher_error(request: Request, error: Exception) -> Response:
    """Word what the user can mend."""
    del request
    if isinstance(error, StorageError):
        return refusal(str(error), status=storage_status(error))
    return refusal(str(error), status=413 if isinstance(error, TooLargeError) else 400)


def storage_status(error: StorageError) -> int:
    """Return 507 for a full disk, 503 for a file that another process holds."""
    return 507 if error.full else 503


def on_http_error(request: Request, error: Exception) -> Response:
    """Word what Starlette refuses: an unknown address, a wrong method."""
    status = int(getattr(error, "status_code", 500))
    words = {
        404: f"There is nothing at {request.url.path[:200]!r}.",
        405: f"{request.url.path[:200]!r} does not take {request.method}.",
    }
    return refusal(words.get(status, str(getattr(error, "detail", error))), status=status)


def on_failure(request: Request, error: Exception) -> Response:
    """Say that the fault is ours; the traceback is in the terminal."""
    del request
    text = f"The server failed ({type(error).__name__}); its terminal says where. Nothing that was"
    return refusal(f"{text} saved before is lost.", status=500)


async def read_body(request: Request, *, most_bytes: int = MOST_BYTES) -> dict[str, Any]:
    """Return the JSON object that was sent.

    Raises
    ------
    InputError
        When it is no JSON object, or too large.
    """
    size, parts = 0, []
    async for part in request.stream():
        size += len(part)
        if size > most_bytes:
            raise TooLargeError(
                f"More than {counted(most_bytes, 'byte was', 'bytes were')} sent at once. Send "
                "less in several parts."
            )
        parts.append(part)
    try:
        value = json.loads(b"".join(parts))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"What was sent is not JSON ({error}).") from error
    if not isinstance(value, dict):
        raise InputError(f"A JSON object was expected, got {type(value).__name__}.")
    return value


def text_of(body: Mapping[str, Any], name: str, *, default: str | None = None) -> str:
    """Return a text that was sent under a name."""
    value = body.get(name, default)
    if not isinstance(value, str):
        raise InputError(f"`{name}` must be a text, got {value!r:.80}.")
    return value


def whole_of(body: Mapping[str, Any], name: str, *, low: int, high: int) -> int:
    """Return a whole number in [low, high] that was sent under a name."""
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise InputError(f"`{name}` must be a whole number in [{low}, {high}], got {value!r:.80}.")
    return value


ERRORS: dict[Any, Callable[[Request, Exception], Response]] = {
    ThresherError: on_thresher_error,
    404: on_http_error,
    405: on_http_error,
    500: on_failure,
}
