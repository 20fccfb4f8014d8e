"""Items of benchmarks in a user's files of texts, found and taken out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from ...core.errors import InputError
from ...core.options import filled
from ...core.signatures import checked
from ..sources import read_benchmark
from .options import StreamOptions

if TYPE_CHECKING:
    from curation.contamination.files import Decontamination

PathLike = str | os.PathLike[str]


@checked
def curate_contamination(
    data: PathLike | Sequence[PathLike],
    *,
    benchmark: PathLike | Sequence[PathLike] | Mapping[str, Sequence[str]],
    out: PathLike,
    benchmark_text: str | None = None,
    action: str = "report",
    words: int = 13,
    coverage: float = 0.0,
    common: int = 10,
    paraphrases: bool = False,
    index: PathLike | None = None,
    **options: Unpack[StreamOptions],
) -> Decontamination:
    """Find items of benchmarks in files of texts of any size, and drop or mask them.

    Parameters
    ----------
    data : path-like or sequence of path-like
        Parquet, JSON Lines, CSV, TSV and plain text, packed or not; folders and patterns of them.
    benchmark : path-like, sequence of path-like, or mapping of str to sequence of str
        Files of items, each a benchmark that is called like the file; texts by name of the
        benchmark; or the folder of an index that was kept.
    out : path-like
        Folder of the findings; ``clean`` in it gets the files without what was found.
    benchmark_text : str, optional
        Columns of the items, separated by commas; found out when left out.
    action : {"report", "drop", "mask", "cut"}
    words : int
        Words of a sequence.
    coverage : float
        Share of an item's sequences from which a text is contaminated; 0: any one.
    common : int
        Sequences in so many texts, most of which hold little of an item, are boilerplate.
    paraphrases : bool
        Also find passages that tell an item in other words (extra ``encoders``).
    index : path-like, optional
        Folder to keep the index of the benchmarks in.
    **options

    Returns
    -------
    Decontamination

    Raises
    ------
    InputError
        When no file can be read, or there is no item with a word.

    Examples
    --------
    >>> from pathlib import Path
    >>> from thresher.app import curate_contamination
    >>> item = "which of these four rivers is the longest one in all of northern europe today"
    >>> _ = Path("texts.txt").write_text("A quiz: " + item)
    >>> curate_contamination("texts.txt", benchmark={"quiz": [item]}, out="found").contaminated
    1
    """
    from curation import decontaminate

    asked = filled(StreamOptions, options)
    return decontaminate(
        data,
        _benchmarks(benchmark, benchmark_text),
        out,
        text=asked["text"],
        action=action,
        n=words,
        coverage=coverage,
        common=common,
        paraphrases=paraphrases,
        index=index,
        executor=asked["executor"],
        workers=asked["workers"],
    )


def _benchmarks(given: Any, text: str | None) -> Any:
    """Return the folder of an index, or the texts of each benchmark by the rows of its file."""
    if isinstance(given, Mapping):
        return given
    paths = [given] if isinstance(given, (str, os.PathLike)) else list(given)
    if not paths:
        raise InputError("There is no benchmark: name files of items.")
    if len(paths) == 1 and (Path(paths[0]) / "index.json").is_file():
        return paths[0]
    read: dict[str, dict[str, str]] = {}
    for path in paths:
        name = Path(path).name.partition(".")[0] or str(path)
        if name in read:
            raise InputError(f"Two benchmarks are called {name!r}; rename one of the files.")
        texts = read_benchmark(path, text=text, form={})
        read[name] = {str(row): each for row, each in enumerate(texts, 1)}
    return read
