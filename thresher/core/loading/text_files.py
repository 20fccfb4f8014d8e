"""Files of text as UTF-8 bytes: unpacked, decoded, and what was found out about both said."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

from ..choice import Choice
from ..errors import InputError
from .compression import unpack_into
from .encoding import Decoded, to_utf8
from .foreign import LOOKED_AT, by_start
from .parts import Source


def read_text(path: Path, name: str, source: Source) -> Decoded:
    """Read a file of text, packed or not, in whatever encoding.

    Parameters
    ----------
    path : Path
    name : str
        How the file is called in messages.
    source : Source
        Says what the user told of the file; takes what was found out, and damage.

    Raises
    ------
    InputError
        For a workbook, a PDF or another file that is no text, whatever it is called.
    UnclearEncoding, TooLarge
        See `to_utf8` and `unpack_into`.
    """
    unpacked = io.BytesIO()
    packed = unpack_into(unpacked, path, name=name, source=source)
    data = path.read_bytes() if packed is None else unpacked.getvalue()
    other = by_start(data[:LOOKED_AT])
    if other:
        raise InputError(f"{name} holds no text. {other}")
    decoded = to_utf8(data, name=name, encoding=source.form.encoding)
    if b"\n" not in decoded.data and b"\r" in decoded.data:
        # As old Macintosh programs ended lines.
        decoded = replace(decoded, data=decoded.data.replace(b"\r", b"\n"), raw={})
    if packed is not None:
        source.choices["packed"] = Choice(packed, f"{name} begins as such files do")
    if decoded.reason:
        source.choices["encoding"] = Choice(decoded.encoding, decoded.reason)
    return decoded
