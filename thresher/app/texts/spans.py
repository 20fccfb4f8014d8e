"""Passages that a user's texts share."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Unpack

from ...core.options import filled
from ...core.signatures import checked
from .options import StreamOptions

if TYPE_CHECKING:
    from curation.spans.files import RepeatedSpans

PathLike = str | os.PathLike[str]


@checked
def curate_spans(
    data: PathLike | Sequence[PathLike],
    *,
    out: PathLike,
    words: int = 50,
    action: str = "report",
    share: float = 0.5,
    **options: Unpack[StreamOptions],
) -> RepeatedSpans:
    """Find all passages of some words that stand more than once in files of texts of any size.

    Parameters
    ----------
    data : path-like or sequence of path-like
        As in `curate_contamination`.
    out : path-like
        Folder of the findings; ``clean`` in it gets the files without the later copies.
    words : int
        Least length of a span.
    action : {"report", "drop", "mask", "cut"}
    share : float
        Texts of which so much is repeated are dropped.
    **options

    Returns
    -------
    RepeatedSpans

    Raises
    ------
    InputError
        When no file can be read.

    Examples
    --------
    >>> from pathlib import Path
    >>> from thresher.app import curate_spans
    >>> notice = "this page may be copied by all who name us"
    >>> _ = Path("texts.txt").write_text(f"One. {notice}" + chr(10) + f"Two. {notice}")
    >>> curate_spans("texts.txt", out="found", words=8).spans
    1
    """
    from curation import find_repeated_spans

    asked = filled(StreamOptions, options)
    return find_repeated_spans(
        data,
        out,
        words=words,
        text=asked["text"],
        action=action,
        share=share,
        executor=asked["executor"],
        workers=asked["workers"],
    )
