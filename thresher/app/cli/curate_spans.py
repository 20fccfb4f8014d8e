"""``thresher curate spans``: passages that texts in files of any size share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ...core.counted import counted
from ..terminal import write_line
from .options import Json
from .text_streams import Executor, OutFolder, Sources, Text, Workers, closing_lines


def spans(
    sources: Sources,
    *,
    out: OutFolder,
    words: Annotated[int, typer.Option(min=8, help="Least length of a span.")] = 50,
    text: Text = None,
    action: Annotated[
        str,
        typer.Option(help="report; or drop texts, mask later copies, cut them out: OUT/clean."),
    ] = "report",
    share: Annotated[
        float, typer.Option(help="Texts of which so much is repeated are dropped, in (0, 1].")
    ] = 0.5,
    executor: Executor = "serial",
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Find all passages of some words that stand more than once in files of texts.

    In other texts or in the same one; the first copy stays. Case, punctuation and white space do
    not count. A run that was interrupted goes on when it is called again.

    Example: thresher curate spans crawl/ --out found --action cut --executor processes
    """
    from .. import curate_spans
    from ..console import shown_progress

    with shown_progress():
        done = curate_spans(
            sources,
            out=out,
            words=words,
            text=text,
            action=action,
            share=share,
            executor=executor,
            workers=workers,
        )
    found = done.to_json()
    write_line(json.dumps(found, sort_keys=True) if as_json else _shown(found, done.folder))


def _shown(found: dict[str, Any], folder: Path) -> str:
    lines = [
        f"{counted(found['rows'], 'text')} of {counted(found['words'], 'word')}; "
        f"{counted(found['unreadable'], 'row')} could not be read",
        f"{counted(found['spans'], 'repeated span')} in {counted(found['texts'], 'text')}, "
        f"{counted(found['repeated'], 'word')}",
    ]
    return "\n".join([*lines, *closing_lines(folder, found)])
