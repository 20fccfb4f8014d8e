"""Which files there are, of which kind, and which of their columns is read."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import InputError, did_you_mean
from ..files import walk_files
from ..hidden import is_hidden
from ..loading.column_names import CHAT_NAMES, TEXT_NAMES, plain_name
from ..loading.compression import SUFFIXES as PACKED

KINDS = {
    "parquet": "parquet",
    "pq": "parquet",
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "json": "jsonl",
    "csv": "csv",
    "tsv": "tsv",
    "tab": "tsv",
    "txt": "txt",
    "text": "txt",
}
FIRST_NAMES = ("text", "content", "messages", "conversations")


@dataclass(frozen=True)
class TextShard:
    """One file of texts.

    Attributes
    ----------
    path : Path
    name : str
        How the file is called in messages and reports.
    kind : {"parquet", "jsonl", "csv", "tsv", "txt"}
    columns : tuple of str
        The columns that are read, joined by line feeds; empty: the usual one is found.
    """

    path: Path
    name: str
    kind: str
    columns: tuple[str, ...] = ()

    def state(self) -> list[str | int]:
        """Return what tells whether the file is still the same, without reading it."""
        known = self.path.stat()
        return [str(self.path.resolve()), known.st_size, known.st_mtime_ns, *self.columns]


def open_shards(
    sources: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    text: str | Sequence[str] | None = None,
) -> list[TextShard]:
    """List the files of texts that are named: files, patterns, and folders with all below them.

    Parameters
    ----------
    sources : path-like, str, or sequence of them
    text : str or sequence of str, optional
        Columns that are read, as a list or separated by commas; ignored for plain text.

    Returns
    -------
    list of TextShard
        In the order given, those of a folder or pattern by name; none twice.

    Raises
    ------
    InputError
        When nothing is found, or a file that was named is of another kind.
    """
    listed = [sources] if isinstance(sources, (str, os.PathLike)) else list(sources)
    columns = _names(text)
    found: dict[Path, TextShard] = {}
    for source in listed:
        for path, name in _files(Path(source).expanduser()):
            shard = TextShard(path, name, KINDS[kind_of(path)], columns)
            found.setdefault(path.resolve(), shard)
    if not found:
        raise InputError(
            f"There are no files of texts in {', '.join(map(str, listed)) or 'nothing'}: "
            f"{', '.join(sorted(KINDS))} are read, packed too."
        )
    return _with_own_names(list(found.values()))


def kind_of(path: Path) -> str:
    """Return a file's suffix in small letters without a dot, that of packing left out."""
    names = path.name.lower().split(".")
    if len(names) > 2 and names[-1] in PACKED:
        names.pop()
    return names[-1] if len(names) > 1 else ""


def usual_column(names: Iterable[str]) -> str:
    """Return the column that holds the text, by its name.

    Raises
    ------
    InputError
        When it is not clear.
    """
    listed = list(names)
    plain = {plain_name(name): name for name in reversed(listed)}
    for wanted in (*FIRST_NAMES, *sorted(TEXT_NAMES | CHAT_NAMES)):
        if wanted in plain:
            return plain[wanted]
    if len(listed) == 1:
        return listed[0]
    if not listed:
        raise InputError("no column holds text")
    raise InputError(
        f"no column is clearly the text; name one of {', '.join(listed)} with --text (`text`)"
    )


def check_columns(wanted: Sequence[str], names: Iterable[str]) -> None:
    """Raise an `InputError` that names the columns there are where one is missing."""
    listed = list(names)
    for name in wanted:
        if name not in listed:
            raise InputError(
                f"no column {name!r}; columns: {', '.join(listed)}.{did_you_mean(name, listed)}"
            )


def _names(text: str | Sequence[str] | None) -> tuple[str, ...]:
    if text is None:
        return ()
    parts = text.split(",") if isinstance(text, str) else list(text)
    return tuple(part.strip() for part in parts if part.strip())


def _files(source: Path) -> list[tuple[Path, str]]:
    if source.is_dir():
        below = sorted(walk_files(source, skip=is_hidden))
        return [(path, path.relative_to(source).as_posix()) for path in below if _read(path)]
    if source.exists():
        if not _read(source):
            raise InputError(
                f"{source} is not read as texts: its name must end in one of "
                f"{', '.join(sorted(KINDS))}, packed or not."
            )
        return [(source, source.name)]
    if glob.has_magic(str(source)):
        found = sorted(glob.glob(str(source), recursive=True))  # noqa: PTH207 — absolute patterns
        return [(Path(path), Path(path).name) for path in found if _read(Path(path))]
    raise InputError(f"There is no file or folder {str(source)!r}.")


def _read(path: Path) -> bool:
    return path.is_file() and kind_of(path) in KINDS


def _with_own_names(shards: list[TextShard]) -> list[TextShard]:
    """Call files by their place below the folder of all, where two have the same name."""
    names = [shard.name for shard in shards]
    if len(set(names)) == len(names):
        return shards
    places = [shard.path.resolve() for shard in shards]
    common = Path(os.path.commonpath([place.parent for place in places]))
    return [
        replace(shard, name=place.relative_to(common).as_posix())
        for shard, place in zip(shards, places, strict=True)
    ]
