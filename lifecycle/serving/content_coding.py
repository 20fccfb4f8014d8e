"""Packed bodies of requests (``Content-Encoding``), unpacked no further than is allowed."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from .refusal import Refusal

# RFC 9110, 8.4.1: `x-gzip` means the same; "deflate" is zlib's format.
_WINDOW = {b"gzip": zlib.MAX_WBITS | 16, b"x-gzip": zlib.MAX_WBITS | 16, b"deflate": zlib.MAX_WBITS}
_PLAIN = (b"", b"identity")


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
    size = 0
    while body or not parts:  # gzip may be several members, one after the other
        unpacker = zlib.decompressobj(_WINDOW[said])
        try:
            parts.append(unpacker.decompress(body, most - size + 1))
        except zlib.error as error:
            raise Refusal(400, f"The body is no {said.decode()} ({str(error)[:80]}).") from error
        size += len(parts[-1])
        if size > most:
            raise Refusal(413, f"The body unpacks to more than {most:,} bytes.")
        if not unpacker.eof:
            raise Refusal(400, f"The body is cut: its {said.decode()} does not end.")
        body = unpacker.unused_data
    return b"".join(parts)
