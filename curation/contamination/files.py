"""Decontaminate files: find benchmark items in texts that are streamed, and drop or mask them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from thresher.core.counted import counted
from thresher.core.errors import InputError, check_choice, check_count, check_number
from thresher.core.executor import Executor
from thresher.core.files import write_json
from thresher.core.shown import Shown
from thresher.core.signatures import checked
from thresher.core.text_shards import TextShard, open_shards

from ..sharded.work import Work, open_work
from ..text_files.cleaning import ACTIONS, MASKS, clean_files, forget_clean_files
from ..text_files.seen import Seen, check_folder, failed_files, read_seen
from .index import WHOLE, BenchmarkIndex, Benchmarks, N, build_index
from .paraphrases import FindClose, JoinPassages, LearnLevel, read_level
from .reports import item_table, write_findings, write_told
from .scanning import CountSequences, JudgeFile, ScanFile

PathLike = str | os.PathLike[str]
COMMON = 10


@dataclass(frozen=True, repr=False)
class Decontamination(Shown):
    """What was found of benchmarks in files of texts.

    Attributes
    ----------
    folder : Path
        Holds ``passages.parquet`` (each passage of an item: file, line or row, range in characters,
        coverage of the item), ``rows.parquet`` (each contaminated text), ``items.parquet`` (each
        item: in how many texts it stands, the most that one holds, the share found anywhere),
        ``set_aside.parquet`` (rows and files that could not be read) and ``report.json``.
    rows, contaminated, unreadable : int
        Texts read, contaminated ones among them, and rows that could not be read.
    benchmarks : dict of str to dict
        For each benchmark its ``items`` and how many of them are ``contaminated``.
    failed : dict of str to str
        Files that could not be read at all, and why.
    paraphrases : dict or None
        Where they were looked for: ``level``, the similarity from which passages count, None where
        none has the ``precision`` that is asked for (which is then the highest there is), and
        ``texts``: further texts that hold one, listed in ``paraphrases.parquet``.
    clean : list of Path
        Files that were written again.
    """

    folder: Path
    rows: int
    contaminated: int
    unreadable: int
    benchmarks: dict[str, dict[str, int]]
    failed: dict[str, str]
    paraphrases: dict[str, Any] | None
    clean: list[Path]

    @property
    def passages(self) -> pa.Table:
        """The table of all passages."""
        return pq.read_table(self.folder / "passages.parquet")

    @property
    def items(self) -> pa.Table:
        """The table of all items."""
        return pq.read_table(self.folder / "items.parquet")

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {
            "folder": str(self.folder),
            "rows": self.rows,
            "contaminated": self.contaminated,
            "unreadable": self.unreadable,
            "benchmarks": self.benchmarks,
            "failed": self.failed,
            "paraphrases": self.paraphrases,
            "clean": [str(path) for path in self.clean],
        }


@checked
def decontaminate(
    sources: PathLike | Sequence[PathLike],
    benchmarks: Benchmarks | PathLike,
    out: PathLike,
    *,
    text: str | None = None,
    action: str = "report",
    n: int = N,
    coverage: float = 0.0,
    common: int = COMMON,
    paraphrases: bool = False,
    index: PathLike | None = None,
    executor: str | Executor = "serial",
    workers: int | None = None,
) -> Decontamination:
    r"""Find items of benchmarks in files of texts of any size, and drop or mask them.

    Each file is streamed once and compared with the word sequences of the benchmarks alone. What
    is done is kept in ``out/work``: a call that was killed goes on when it is made again. The
    findings are the same to the byte for any executor and number of workers.

    Parameters
    ----------
    sources : path-like or sequence of path-like
        Files, folders or patterns; see `thresher.core.text_shards.open_shards`.
    benchmarks : mapping of str to texts, or path-like
        For each benchmark a sequence of texts, or a mapping of names of items to texts; or the
        folder of an index that was kept.
    out : path-like
        Folder of the findings and, in ``clean``, of the files without what was found.
    text : str, optional
        Columns of the texts, separated by commas; the usual one is found.
    action : {"report", "drop", "mask", "cut"}
        Only report; leave contaminated texts out; put ``[removed]`` for the passages, or nothing.
    n : int
        Words of a sequence. Shorter items are looked for as wholes; those of fewer than 8 words
        count only where they are all of a text.
    coverage : float
        Share of an item's sequences from which a text is contaminated, in [0, 1]; 0: any one.
    common : int
        Sequences that stand in so many texts, most of which hold less than half of any item, are
        boilerplate and do not count.
    paraphrases : bool
        Also find one to three sentences that say what an item says, by mean word vectors (extra
        ``encoders``), where they can be told from look-alikes with an expected precision of 0.95.
    index : path-like, optional
        Folder to keep the index of the benchmarks in.
    executor, workers
        See `thresher.core.executor.get_executor`.

    Returns
    -------
    Decontamination

    Raises
    ------
    InputError
        On bad options, when no file can be read, or no item holds a word.

    Examples
    --------
    >>> from pathlib import Path
    >>> from curation import decontaminate
    >>> item = "which of these four rivers is the longest one in all of northern europe today"
    >>> _ = Path("texts.txt").write_text(f"A quiz: {item}?\nSome other text.\n")
    >>> found = decontaminate("texts.txt", {"quiz": [item]}, "found", action="drop")
    >>> found.contaminated, Path("found/clean/texts.txt").read_text()
    (1, 'Some other text.\n')
    """
    check_choice("action", action, ACTIONS)
    check_number("coverage", coverage, low=0, high=1)
    check_count("common", common, low=2)
    check_count("n", n)
    folder = Path(out)
    shards = open_shards(sources, text=text)
    check_folder(folder, shards)
    with open_work(folder / "work", executor=executor, workers=workers) as work:
        grams = _index(work, benchmarks, n=n, keep=None if index is None else Path(index))
        scanned, judged, counts = _searched(work, grams, shards, coverage=coverage, common=common)
        seen = read_seen(scanned)
        items = item_table(BenchmarkIndex.load(grams), counts, judged)
        rows = write_findings(folder, shards, scanned, judged, items=items, seen=seen)
        summary = _summary(shards, seen, items, rows)
        ranges = [path / "passages.parquet" for path in judged]
        if paraphrases:
            joined, level = _told(work, grams, shards, judged)
            ranges = [path / "ranges.parquet" for path in joined]
            texts = write_told(folder, shards, judged, joined, items=items, seen=seen)
            summary["paraphrases"] = level | {"texts": texts}
        else:
            (folder / "paraphrases.parquet").unlink(missing_ok=True)
        write_json(folder / "report.json", summary)
        clean: list[Path] = []
        if action != "report":
            target = folder / "clean"
            clean = clean_files(work, target, shards, ranges, seen=seen, mask=MASKS[action])
        else:
            forget_clean_files(work)
    return Decontamination(folder, **summary, clean=clean)


def _index(work: Work, benchmarks: Benchmarks | PathLike, *, n: int, keep: Path | None) -> Path:
    """Return the folder of the index, which is made or copied into the work folder if need be."""
    if isinstance(benchmarks, (str, os.PathLike)):
        loaded = BenchmarkIndex.load(benchmarks)
        if loaded.n != n:
            raise InputError(
                f"The index {benchmarks} has sequences of {counted(loaded.n, 'word')}; `n` is {n}."
            )
        return Path(benchmarks).resolve()
    made = build_index(benchmarks, n=n, whole=WHOLE)
    target = (work.folder / f"index-{made.key}" if keep is None else keep).resolve()
    if not target.exists() or BenchmarkIndex.load(target).key != made.key:
        made.save(target)
    return target


def _searched(
    work: Work, index: Path, shards: Sequence[TextShard], *, coverage: float, common: int
) -> tuple[tuple[Path, ...], tuple[Path, ...], Path]:
    """Return the folders of scanned files, of judged files, and of the counts of sequences."""
    key = BenchmarkIndex.load(index).key
    named = {f"{at:06d}": shard for at, shard in enumerate(shards)}
    states = [shard.state() for shard in shards]
    scanned = work.do("scan", ScanFile(str(index)), key=[key, states], shards=named)
    (counts,) = work.do(
        "count", CountSequences(str(index), scanned, common), key=[key, states, common]
    )
    judged = work.do(
        "judge",
        JudgeFile(str(index), counts, coverage),
        key=[key, states, common, coverage],
        shards=dict(zip(named, scanned, strict=True)),
    )
    return scanned, judged, counts


def _told(
    work: Work, index: Path, shards: Sequence[TextShard], judged: Sequence[Path]
) -> tuple[tuple[Path, ...], dict[str, Any]]:
    """Look for paraphrases; return the folders of passages of both kinds, and the level."""
    named = {f"{at:06d}": shard for at, shard in enumerate(shards)}
    texts = [BenchmarkIndex.load(index).key, [shard.state() for shard in shards]]
    close = work.do("close", FindClose(str(index)), key=texts, shards=named)
    key = [texts, [path.parent.name for path in judged]]
    (level,) = work.do("level", LearnLevel(str(index), close, tuple(judged)), key=key)
    pairs = dict(zip(named, zip(close, judged, strict=True), strict=True))
    joined = work.do("told", JoinPassages(str(index), level), key=key, shards=pairs)
    return joined, read_level(level)


def _summary(
    shards: Sequence[TextShard], seen: Sequence[Seen], items: pa.Table, rows: int
) -> dict[str, Any]:
    names = np.array(items["benchmark"].to_pylist(), object)
    hit = items["texts"].to_numpy() > 0
    return {
        "rows": sum(each.rows for each in seen),
        "contaminated": rows,
        "unreadable": sum(each.bad for each in seen),
        "benchmarks": {
            str(name): {"items": int((names == name).sum()),
                        "contaminated": int(hit[names == name].sum())}
            for name in dict.fromkeys(names.tolist())
        },
        "failed": failed_files(shards, seen),
        "paraphrases": None,
    }  # fmt: skip
