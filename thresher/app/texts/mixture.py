"""Mixtures of a user's sources of texts."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Unpack

from ...core.options import filled
from ...core.signatures import checked
from .options import StreamOptions

if TYPE_CHECKING:
    from curation.mixture.files import Mixture

PathLike = str | os.PathLike[str]


@checked
def curate_mixture(
    sources: Mapping[str, PathLike | Sequence[PathLike]],
    *,
    weights: Mapping[str, float],
    tokens: float,
    out: PathLike,
    tokenizer: PathLike = "words",
    most_passes: float = 4.0,
    random_state: int = 0,
    **options: Unpack[StreamOptions],
) -> Mixture:
    """Write files of so many tokens, of sources in given shares.

    Parameters
    ----------
    sources : mapping of str to path-like or sequence of path-like
        Files, folders or patterns of each source.
    weights : mapping of str to float
        Of each source, above 0.
    tokens : float
        The budget.
    out : path-like
        Gets a folder of files for each source.
    tokenizer : path-like
        ``"words"``, a file ``tokenizer.json`` or a folder that holds one.
    most_passes : float
        How often a source is gone through at most.
    random_state : int
    **options

    Returns
    -------
    Mixture

    Raises
    ------
    InputError
        For a source without a weight, or of which no file can be read.

    Examples
    --------
    >>> from pathlib import Path
    >>> from thresher.app import curate_mixture
    >>> _ = Path("web.txt").write_text("one two three" + chr(10) + "four five six")
    >>> mixed = curate_mixture({"web": "web.txt"}, weights={"web": 1}, tokens=9, out="mixed")
    >>> mixed.sources["web"].rows
    3
    """
    from curation import mix_sources

    asked = filled(StreamOptions, options)
    return mix_sources(
        sources,
        out,
        weights=weights,
        tokens=tokens,
        most_passes=most_passes,
        text=asked["text"],
        tokenizer=tokenizer,
        random_state=random_state,
        executor=asked["executor"],
        workers=asked["workers"],
    )
