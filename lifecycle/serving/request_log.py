"""One line of JSON for each request: no address, no content, nothing of a person."""

from __future__ import annotations

import json
import time
from typing import Any, TextIO

_encode = json.JSONEncoder(separators=(",", ":")).encode  # made once: half the time


class RequestLog:
    """Writes lines to an open file.

    Parameters
    ----------
    file : text file or None
        None writes nothing. A line that cannot be written (a full disk, a closed pipe) is counted
        in `lost`, and the request is answered all the same.
    """

    def __init__(self, file: TextIO | None) -> None:
        self.file = file
        self.lost = 0

    def write(self, **entry: Any) -> None:
        """Write one line, with the time, UTC in seconds since 1970."""
        if self.file is None:
            return
        line = _encode({"at": round(time.time(), 3), **entry})
        try:
            self.file.write(line + "\n")
            self.file.flush()
        except (OSError, ValueError):  # ValueError: the file was closed
            self.lost += 1
