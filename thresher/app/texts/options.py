"""Options of commands that stream files of texts."""

from __future__ import annotations

from typing import Annotated, TypedDict

from ...core.options import Option


class StreamOptions(TypedDict, total=False):
    """What is read of files of texts, and who does the work."""

    text: Annotated[
        str | None, Option(None, "Columns of the texts, separated by commas; else the usual one.")
    ]
    executor: Annotated[str, Option("serial", "serial, processes or ray.")]
    workers: Annotated[int | None, Option(None, "Default: one a processor.", low=1)]
