"""Find passages that texts in files share, and write the files without the later copies."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from thresher.core.errors import check_choice, check_count, check_number
from thresher.core.executor import Executor
from thresher.core.files import write_json
from thresher.core.shown import Shown
from thresher.core.signatures import checked
from thresher.core.text_shards import TextShard, open_shards

from ..sharded.work import Work, open_work
from ..text_files.cleaning import ACTIONS, MASKS, clean_files, forget_clean_files
from ..text_files.seen import check_folder, failed_files, read_seen, write_set_aside
from ..text_files.tables import write_table
from .scanning import (
    FOUND,
    JoinRanges,
    MarkSpans,
    ReadAnchors,
    ReadWindows,
    RepeatedAnchors,
    RepeatedWindows,
)
from .sorted_runs import ranges_for

PathLike = str | os.PathLike[str]
FEWEST_WORDS = 8
PLACE = [("row", pa.int64()), ("file", pa.string()), ("number", pa.int64())]
SPANS = pa.schema(
    [*PLACE, ("start", pa.int64()), ("end", pa.int64()), ("words", pa.int64()),
     ("source_row", pa.int64()), ("source_file", pa.string()), ("source_word", pa.int64())]
)  # fmt: skip
TEXTS = pa.schema(
    [*PLACE, ("words", pa.int64()), ("repeated", pa.int64()), ("share", pa.float32()),
     ("spans", pa.int64())]
)  # fmt: skip


@dataclass(frozen=True, repr=False)
class RepeatedSpans(Shown):
    """What texts in files repeat of texts before them, or of themselves.

    Attributes
    ----------
    folder : Path
        Holds ``spans.parquet`` (each span: file, line or row, range in characters, words, and the
        row and word where it stands first), ``texts.parquet`` (each text with spans: its words, the
        repeated ones, their share), ``set_aside.parquet`` and ``report.json``.
    rows, words : int
        Texts read, and their words.
    texts, spans, repeated : int
        Texts with spans, spans, and words in them.
    unreadable : int
        Rows that could not be read.
    failed : dict of str to str
        Files that could not be read at all, and why.
    clean : list of Path
        Files that were written again.
    """

    folder: Path
    rows: int
    words: int
    texts: int
    spans: int
    repeated: int
    unreadable: int
    failed: dict[str, str]
    clean: list[Path]

    @property
    def table(self) -> pa.Table:
        """The table of all spans."""
        return pq.read_table(self.folder / "spans.parquet")

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        names = ("rows", "words", "texts", "spans", "repeated", "unreadable", "failed")
        return {
            "folder": str(self.folder),
            **{name: getattr(self, name) for name in names},
            "clean": [str(path) for path in self.clean],
        }


@checked
def find_repeated_spans(
    sources: PathLike | Sequence[PathLike],
    out: PathLike,
    *,
    words: int = 50,
    text: str | None = None,
    action: str = "report",
    share: float = 0.5,
    executor: str | Executor = "serial",
    workers: int | None = None,
) -> RepeatedSpans:
    r"""Find all passages of some words that stand more than once in files of texts of any size.

    Every run of `words` words that occurs twice is found, in other texts or in the same one: what a
    suffix array would find. The first copy stays. Files are streamed three times; windows are
    compared by two hashes of 64 bits. What is done is kept in ``out/work``: a call that was killed
    goes on when it is made again. The findings are the same to the byte for any executor and number
    of workers.

    Parameters
    ----------
    sources, text, executor, workers
        As in `decontaminate`.
    out : path-like
        Folder of the findings and, in ``clean``, of the files without what was found.
    words : int
        Least length of a span, at least 8; case, punctuation and white space do not count.
    action : {"report", "drop", "mask", "cut"}
        Only report; leave out texts of which `share` is repeated; put ``[removed]`` for the spans,
        or nothing.
    share : float
        Of a text's words, in (0, 1].

    Returns
    -------
    RepeatedSpans

    Raises
    ------
    InputError
        On bad options, or when no file can be read.

    Examples
    --------
    >>> from pathlib import Path
    >>> from curation import find_repeated_spans
    >>> notice = "this page may be copied by all who name us"
    >>> _ = Path("texts.txt").write_text(f"One. {notice}\nTwo, longer. {notice}\n")
    >>> found = find_repeated_spans("texts.txt", "found", words=8, action="cut")
    >>> found.spans, Path("found/clean/texts.txt").read_text()
    (1, 'One. this page may be copied by all who name us\nTwo, longer. \n')
    """
    check_choice("action", action, ACTIONS)
    check_count("words", words, low=FEWEST_WORDS)
    check_number("share", share, low=0, high=1, low_open=True)
    folder = Path(out)
    shards = open_shards(sources, text=text)
    check_folder(folder, shards)
    with open_work(folder / "work", executor=executor, workers=workers) as work:
        read, marked = _searched(work, shards, words=words, share=share)
        seen = read_seen(read)
        counted = [int(np.load(path / "words.npy", mmap_mode="r")[-1]) for path in read]
        summary: dict[str, Any] = {
            "rows": sum(each.rows for each in seen),
            "words": sum(counted),
            **_write(folder, shards, read, marked),
            "unreadable": sum(each.bad for each in seen),
            "failed": failed_files(shards, seen),
        }
        write_json(folder / "report.json", summary)
        clean: list[Path] = []
        if action != "report":
            name = "dropped" if action == "drop" else "spans"
            ranges = [path / f"{name}.parquet" for path in marked]
            target = folder / "clean"
            clean = clean_files(work, target, shards, ranges, seen=seen, mask=MASKS[action])
        else:
            forget_clean_files(work)
    return RepeatedSpans(folder, clean=clean, **summary)


def _searched(
    work: Work, shards: Sequence[TextShard], *, words: int, share: float
) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Return the folders of files as they were read first and last."""
    named = {f"{at:06d}": shard for at, shard in enumerate(shards)}
    key = [words, [shard.state() for shard in shards]]
    read = work.do("anchors", ReadAnchors(words), key=key, shards=named)
    read_seen(read)
    ranges = _ranges(read, "anchor")
    parts = work.do("repeated", RepeatedAnchors(read), key=key, shards=ranges)
    (anchors,) = work.do("join", JoinRanges(parts, ("keys",)), key=["anchors", key])
    windows = work.do("windows", ReadWindows(words, anchors), key=key, shards=named)
    ranges = _ranges(windows, "hash")
    parts = work.do("found", RepeatedWindows(windows), key=key, shards=ranges)
    (found,) = work.do("join", JoinRanges(parts, FOUND), key=["windows", key])
    jobs = {name: (at, shard) for at, (name, shard) in enumerate(named.items())}
    marked = work.do("mark", MarkSpans(words, found, share), key=[key, share], shards=jobs)
    return read, marked


def _ranges(folders: Sequence[Path], key: str) -> dict[str, tuple[int, int]]:
    return {f"{at:06d}": bounds for at, bounds in enumerate(ranges_for(folders, key))}


def _write(
    folder: Path, shards: Sequence[TextShard], read: Sequence[Path], marked: Sequence[Path]
) -> dict[str, int]:
    """Write the tables, and return texts with spans, spans, and words in them."""
    words = [np.load(path / "words.npy", mmap_mode="r") for path in read]
    first = np.cumsum([0, *(len(each) - 1 for each in words)])
    names = np.array([shard.name for shard in shards], object)
    repeated = 0

    def spans() -> Iterator[pa.Table]:
        for at, path in enumerate(marked):
            for table in _groups(path / "spans.parquet"):
                yield _placed(table, names, at, first, words)

    def texts() -> Iterator[pa.Table]:
        nonlocal repeated
        for at, path in enumerate(marked):
            for table in _groups(path / "texts.parquet"):
                count, part = table["words"].to_numpy(), table["repeated"].to_numpy()
                repeated += int(part.sum())
                columns = {name: table[name] for name in table.column_names}
                columns |= {
                    "row": pa.array(table["row"].to_numpy() + first[at]),
                    "file": pa.array([names[at]] * len(table), pa.string()),
                    "share": pa.array((part / count).astype(np.float32)),
                }
                yield pa.table(columns).select(TEXTS.names)

    write_set_aside(folder, shards, read)
    count = write_table(folder / "spans.parquet", spans(), SPANS)
    rows = write_table(folder / "texts.parquet", texts(), TEXTS)
    return {"texts": rows, "spans": count, "repeated": repeated}


def _placed(
    table: pa.Table,
    names: np.ndarray,
    file: int,
    first: np.ndarray,
    words: Sequence[np.ndarray],
) -> pa.Table:
    """Name the file and the source of spans: the row of all, and the word in it, from 0."""
    source, place = table["source_file"].to_numpy(), table["source_place"].to_numpy()
    row, word = np.empty(len(table), np.int64), np.empty(len(table), np.int64)
    for each in np.unique(source).tolist():
        here = source == each
        found = np.searchsorted(words[each], place[here], side="right") - 1
        row[here] = found + first[each]
        word[here] = place[here] - words[each][found]
    columns = {name: table[name] for name in table.column_names}
    columns |= {
        "row": pa.array(table["row"].to_numpy() + first[file]),
        "file": pa.array([names[file]] * len(table), pa.string()),
        "source_row": pa.array(row),
        "source_file": pa.array(names[source].tolist(), pa.string()),
        "source_word": pa.array(word),
    }
    return pa.table(columns).select(SPANS.names)


def _groups(path: Path) -> Iterator[pa.Table]:
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            yield file.read_row_group(group)
