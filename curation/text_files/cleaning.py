"""Write files of texts again without ranges that were found in them: one task a file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from thresher.core.files import atomic_path
from thresher.core.text_shards import Block, Change, TextShard, rewrite_shard

from ..sharded.work import Work
from .ranges import joined_ranges
from .seen import Seen
from .targets import forget_targets, write_targets

# What takes the place of a range, by what is asked for; None: the row goes.
MASKS: dict[str, str | None] = {"drop": None, "mask": "[removed]", "cut": ""}
ACTIONS = ("report", *MASKS)
TASK = "clean"


@dataclass
class Removal:
    """Decides about blocks of one file, in their order: rows with ranges go, or the ranges do.

    Attributes
    ----------
    rows : ndarray of int64, shape (p,)
        Rows of ranges within the file, counted from 0 without unreadable ones.
    starts, ends : ndarray of int64, shape (p,)
        In characters.
    mask : str or None
        What takes the place of a range; None drops the row.
    """

    rows: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    mask: str | None
    _seen: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.rows, self.starts, self.ends = joined_ranges(self.rows, self.starts, self.ends)

    def __call__(self, block: Block) -> Change:
        """Return what becomes of the next block."""
        first, self._seen = self._seen, self._seen + len(block.texts)
        here = slice(*np.searchsorted(self.rows, [first, self._seen]))
        keep = np.ones(len(block.texts), bool)
        rows = self.rows[here] - first
        if self.mask is None:
            keep[rows] = False
            return Change(keep)
        texts = {}
        for row in np.unique(rows).tolist():
            of_row = rows == row
            text = block.texts[row]
            pieces, at = [], 0
            ranges = zip(self.starts[here][of_row], self.ends[here][of_row], strict=True)
            for start, end in ranges:
                pieces += [text[at:start], self.mask]
                at = end
            texts[row] = "".join([*pieces, text[at:]])
        return Change(keep, texts)


@dataclass(frozen=True)
class CleanFile:
    """Task over files, given with their ranges and target: writes the target, ``written.json``.

    A file without ranges and without unreadable rows is copied.
    """

    mask: str | None

    def __call__(self, job: tuple[TextShard, Path, Path, bool], folder: Path) -> None:
        """Write one file."""
        shard, ranges, target, untouched = job
        found = pq.read_table(ranges, columns=["row", "start", "end"])
        if untouched and not len(found):
            with atomic_path(target) as temporary:
                shutil.copyfile(shard.path, temporary)
            return
        rows, starts, ends = (found[name].to_numpy() for name in ("row", "start", "end"))
        written = rewrite_shard(shard, target, Removal(rows, starts, ends, self.mask))
        (folder / "written.json").write_text(json.dumps(asdict(written)), encoding="utf-8")


def clean_files(
    work: Work,
    folder: Path,
    shards: Sequence[TextShard],
    ranges: Sequence[Path],
    *,
    seen: Sequence[Seen],
    mask: str | None,
) -> list[Path]:
    """Write files again without ranges of their texts; those that cannot be read are left out.

    Parameters
    ----------
    work : Work
    folder : Path
        Gets a file of the same name for each.
    shards : sequence of TextShard
    ranges : sequence of Path
        For each a Parquet file with the columns row, start and end.
    seen : sequence of Seen
    mask : str or None
        What takes the place of a range; None drops the rows.

    Returns
    -------
    list of Path
    """
    jobs = {
        f"{at:06d}": (shard, ranges[at], folder / shard.name, seen[at].bad == 0)
        for at, shard in enumerate(shards)
        if seen[at].error is None
    }
    key = [mask, [shard.state() for shard in shards], [path.parent.parent.name for path in ranges]]
    targets = {name: job[2] for name, job in jobs.items()}
    write_targets(work, work.task(TASK, CleanFile(mask), key), jobs, targets)
    return list(targets.values())


def forget_clean_files(work: Work) -> None:
    """Remove clean files of an earlier call: they are not of what this one reports."""
    forget_targets(work, TASK)
