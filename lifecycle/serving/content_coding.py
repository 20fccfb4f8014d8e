"""Packed bodies of requests (``Content-Encoding``), unpacked no further than is allowed."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from thresher.core.counted import counted

from .refusal import Refusal

# RFC 9110, 8.4.1: `x-gzip` means the same; "deflate" is zlib's format.
_WINDOW = {b"gzip": zlib.MAX_WBITS | 16, b"x-gzip": zlib.MAX_WBITS | 16, b"deflate": zlib.MAX_WBITS}
_PLAIN = (b"", b"identity")
FIRST_PIECE = 1024  # bytes


def unpacked(body: bytes, headers: Mapping[bytes, bytes], *, most: int) -> bytes:
    """Return a body as it was before it was packed.

    Parameters
    ----------
    body : bytes
    headers : mapping of bytes to bytes
    most : int
        Bytes, also of what it unpacks to: a small body that unpacks to a huge one is refused.

    Raises
    ------
    Refusal
        400 for a damaged body, 413 for one that unpacks to more, 415 for another coding.
    """
    said = headers.get(b"content-encoding", b"").strip().lower()
    if said in _PLAIN:
        return body
    if said not in _WINDOW:
        shown = said.decode("latin-1")[:40]
        raise Refusal(
            415, f"Content-Encoding {shown!r} is not taken here: gzip, deflate, or send it plain."
        )
    parts: list[bytes] = []
    size = at = 0
    try:
        while at < len(body) or not parts:  # gzip may be several members, one after the other
            part, read = _member(body, at, _WINDOW[said], most=most - size)
            parts.append(part)
            size, at = size + len(part), at + read
    except zlib.error as error:
        raise Refusal(400, f"The body is no {said.decode()} ({str(error)[:80]}).") from error
    except _TooLargeError:
        raise Refusal(413, f"The body unpacks to more than {counted(most, 'byte')}.") from None
    except EOFError:
        raise Refusal(400, f"The body is cut: its {said.decode()} does not end.") from None
    return b"".join(parts)


class _TooLargeError(Exception):
    pass


def _member(body: bytes, start: int, window: int, *, most: int) -> tuple[bytes, int]:
    """Unpack one member; return what it holds, and how many bytes of the body it took.

    It is handed over in ever larger pieces: what is behind a member's end is copied each time, and
    a body may be a million members that hold nothing.
    """
    unpacker, parts = zlib.decompressobj(window), list[bytes]()
    at, piece, left = start, FIRST_PIECE, most
    while not unpacker.eof:
        given = body[at : at + piece]
        if not given:
            raise EOFError
        parts.append(unpacker.decompress(given, left + 1))
        left -= len(parts[-1])
        if left < 0:
            raise _TooLargeError
        at, piece = at + len(given), 2 * piece
    return b"".join(parts), at - len(unpacker.unused_data) - start
