"""`curate_shards`: near duplicates and wrong labels of more rows than fit in memory."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import thresher
from thresher.core.counted import counted
from thresher.core.errors import InputError, check_choice
from thresher.core.executor import Executor
from thresher.core.manifest_parts import ManifestParts
from thresher.core.urls import places, resolved

from ..decisions.policy import Policy
from .arrays import ShardedArray
from .confident_learning import ConfidentLabels, find_label_issues_in_shards
from .deciding import DecideRows, SaveEntangled, manifest_ranges
from .facts import places_of
from .given import Given, SavedRows, check_arrival, joined, read_given, save_given
from .kept import Kept
from .manifest_columns import Judged, Twins, decide_entangled
from .memory import Need, part_blocks_for
from .opening import open_vectors
from .pairs import RECALL, NeighborPairs, search
from .parquet_files import ShardColumn
from .row_ids import RowIds
from .stars import Grouped, group_by_stars
from .work import Work, open_work

Paths = Sequence[str | os.PathLike[str]]
ORDERS = ("degree", "arrival")


def curate_shards(
    source_shards: Paths,
    work_folder: str | os.PathLike[str],
    *,
    threshold: float,
    pred_probs: Paths | None = None,
    labels: np.ndarray | Sequence[int] | Sequence[str] | ShardColumn | None = None,
    classes: Sequence[str] | None = None,
    splits: np.ndarray | Sequence[str] | ShardColumn | None = None,
    priority: np.ndarray | None = None,
    policy: Policy | Mapping[str, Any] | None = None,
    executor: str | Executor = "serial",
    workers: int | None = None,
    method: str = "auto",
    recall: float = RECALL,
    random_state: int = 0,
    order: str = "degree",
    against: str | os.PathLike[str] | None = None,
    memory: float | None = None,
) -> ManifestParts:
    """Find near duplicates and wrong labels in many shards, and decide on every row.

    Each step is done shard by shard and kept in the work folder: a run that was killed goes on
    where it stopped when it is called again. The manifest is the same, byte for byte, for all
    executors, any number of workers, any memory, and the same rows cut into other files.

    Parameters
    ----------
    source_shards : sequence of path
        Folders of embeddings, from `embed_shards` or `Embeddings.save`, or ``.npy`` files of
        vectors, whose rows are then named by their number.
    work_folder : path
        Made if needed. The manifest is in its folder ``manifest``.
    threshold : float
        Cosine of near duplicates.
    pred_probs : sequence of path, optional
        ``.npy`` files of out-of-sample probabilities, (rows, classes), by which wrong labels are
        found (confident learning); needs `labels`.
    labels : array of int or str, shape (n,), or ShardColumn, optional
        Codes (−1 = missing) or names. A duplicate of a row with another label is only reviewed.
    classes : sequence of str, optional
        Class names in the order of the columns.
    splits : array of str, shape (n,), or ShardColumn, optional
        Rows of splits that the policy protects are kept, and rows close to them are duplicates.
    priority : ndarray of float, shape (n,), optional
        Of close rows, the highest is kept.
    policy : Policy or mapping of its fields, optional
    executor, workers
        See `get_executor`.
    method, recall, random_state
        See `neighbor_pairs`.
    order : {"degree", "arrival"}
        Of close rows the one is kept that has more neighbors; or the one that came first, and then
        each row is decided on by those before it alone, so that rows can be added later.
    against : path, optional
        Work folder of a finished curation by arrival, to whose rows these are added without
        searching them again; the manifest is that of curating all of them by arrival at once.
    memory : float, optional
        GB that all processes may use together, with Ray and SLURM each; default: what is free.

    Returns
    -------
    ManifestParts
        What `decide` makes of `find_near_duplicates` and of `find_label_issues` with the method
        ``"confident"``, where those fit in memory and the search is exact.

    Raises
    ------
    InputError
        On arguments that do not go together, on bad values, the rows of which are named, and where
        the memory does not suffice.
    """
    check_choice("order", order, ORDERS)
    kept = None
    sources = tuple(map(resolved, places(source_shards)))
    if against is not None:
        kept = Kept.load(against)
        sources = kept.followed_by(sources, Path(against), Path(work_folder))
    known = {"labels": labels, "classes": classes, "splits": splits, "priority": priority}
    by_arrival = order == "arrival" or kept is not None
    curation = _opened(sources, kept, known, pred_probs, Policy.read(policy), by_arrival=by_arrival)
    with open_work(Path(work_folder), executor=executor, workers=workers) as work:
        return curation.run(
            curation.within(work, memory),
            threshold=threshold,
            method=method,
            recall=recall,
            random_state=random_state,
        )


def _opened(
    sources: tuple[str, ...],
    kept: Kept | None,
    known: Mapping[str, Any],
    pred_probs: Paths | None,
    policy: Policy,
    *,
    by_arrival: bool,
) -> _Curation:
    """Open and check what is curated; `known` of the rows are labels, classes and the like."""
    vectors, row_ids = open_vectors(sources)
    probs = _open_probs(pred_probs, known["labels"])
    width = 0 if probs is None else probs.width
    rows = len(row_ids) - (0 if kept is None else kept.rows)
    given = read_given(rows, **known, width=width, protected=policy.protected)
    if by_arrival:
        check_arrival(given, kept, judged=probs is not None)
    _check_width(width, given)
    if kept is not None:
        given = joined(kept, given)
    return _Curation(sources, vectors, row_ids, given, probs, policy, by_arrival, kept)


@dataclass(frozen=True)
class _Curation:
    """What is curated, opened and checked."""

    sources: tuple[str, ...]
    vectors: ShardedArray
    row_ids: RowIds
    given: Given
    probs: ShardedArray | None
    policy: Policy
    by_arrival: bool
    kept: Kept | None

    def within(self, work: Work, memory: float | None) -> Work:
        """Return the work with parts of rows that fit into the memory."""
        here = work.executor.name in ("serial", "processes")
        workers = work.executor.workers if here else 1
        need = Need(len(self.vectors), self.vectors.width, workers, self.probs is not None)
        return replace(work, part_blocks=part_blocks_for(need, memory, here=here))

    def run(self, work: Work, **asked: Any) -> ManifestParts:
        """Search, group and decide; `asked` is what `search` takes."""
        settings = {
            "threshold": asked["threshold"],
            "random_state": asked["random_state"],
            "policy": self.policy.to_json(),
        }
        if self.kept is not None:
            self.kept.check(self.vectors.stamp(), settings)
        place = places_of(self.row_ids, work, key=self.row_ids.stamp())
        pairs = search(self.vectors, work, **asked, kept=self.kept)
        rows = len(self.row_ids)
        saved = save_given(self.given, work, rows=rows, key=pairs.key)
        facts = saved.facts(None if self.by_arrival else place)
        key = [saved.key, self.row_ids.stamp(), self.by_arrival]
        grouped = group_by_stars(pairs.edges, pairs.equal, facts, work, key=key, before=self.kept)
        decide = DecideRows(
            grouped, self.row_ids, saved.codes, self.given.classes, self.policy.near_duplicate
        )
        key += [self.policy.to_json(), None if self.probs is None else self.probs.stamp()]
        wrong = None
        if self.probs is not None:
            wrong, entangled = self._judge(self.probs, grouped, work, key=key)
            decide = replace(decide, entangled=entangled)
        parts = self._decide(decide, work, key=key)
        header = _header(pairs, wrong, asked) | {"policy": self.policy.to_json()}
        if self.by_arrival:
            header |= self._arrival(pairs, grouped)
        manifest = ManifestParts.join(parts, work.folder / "manifest", header=header)
        if self.by_arrival:
            self._keep(pairs, grouped, saved, parts, settings, header).save(work.folder)
        return manifest

    def _decide(self, decide: DecideRows, work: Work, *, key: Any) -> tuple[Path, ...]:
        """Return the folders of the decisions; those of full files from before as they are."""
        ranges = manifest_ranges(len(self.row_ids))
        known: tuple[Path, ...] = ()
        if self.kept is not None:
            whole = [name for name, (_, stop) in ranges.items() if stop <= self.kept.rows]
            known = self.kept.decided[: len(whole)]
        left = dict(list(ranges.items())[len(known) :])
        return known + work.do("decide", decide, key=key, shards=left)

    def _arrival(self, pairs: NeighborPairs, grouped: Grouped) -> dict[str, Any]:
        """Return what a header says of pairs with an earlier kept row, the only ones that count."""
        before = 0 if self.kept is None else self.kept.found["pairs"]
        said = pairs.method
        if pairs.exact:
            said = "exact: each row and the kept rows before it"
        return {"order": "arrival", "pairs": before + grouped.pairs, "search": said}

    def _keep(
        self,
        pairs: NeighborPairs,
        grouped: Grouped,
        saved: SavedRows,
        parts: tuple[Path, ...],
        settings: dict[str, Any],
        header: dict[str, Any],
    ) -> Kept:
        columns = {
            "chosen": grouped.chosen,
            "target": grouped.target,
            "score": grouped.score,
            "protect": saved.protect,
            "codes": saved.codes,
        }
        recall = pairs.recall
        found = {
            "exact": pairs.exact,
            "method": header["search"],
            "recall": recall and [recall.estimate, recall.low, recall.high, recall.sampled_rows],
            "pairs": header["pairs"],
        }
        return Kept(
            rows=len(self.row_ids),
            sources=self.sources,
            stamp=self.vectors.stamp(),
            settings=settings,
            found=found,
            classes=None if saved.codes is None else self.given.classes,
            columns={name: column for name, column in columns.items() if column is not None},
            hashed=pairs.equal.hashed,
            decided=parts,
            partition=pairs.partition,
        )

    def _judge(
        self, probs: ShardedArray, grouped: Grouped, work: Work, *, key: Any
    ) -> tuple[ConfidentLabels, Path]:
        """Find wrong labels; some numbers a row are then in memory."""
        rows, splits = len(self.row_ids), self.given.splits
        assert self.given.codes is not None
        codes = self.given.codes.read(0, rows)
        wrong = find_label_issues_in_shards(probs, codes, work)
        split_of = None if splits is None else splits.read(0, rows)
        judged = Judged(split_of, codes, self.given.classes, wrong)
        twins = Twins.read(grouped, 0, rows)
        decided = decide_entangled(twins, self.row_ids, judged, policy=self.policy)
        (entangled,) = work.do("entangled", SaveEntangled(*decided), key=key)
        return wrong, entangled


def _open_probs(pred_probs: Paths | None, labels: Any) -> ShardedArray | None:
    if pred_probs is None:
        return None
    if labels is None:
        raise InputError("`pred_probs` judges labels: give `labels` too.")
    return ShardedArray.open(pred_probs)


def _check_width(width: int, given: Given) -> None:
    if width and width != len(given.classes):
        raise InputError(
            f"`pred_probs` has {counted(width, 'column')}, but there are "
            f"{counted(len(given.classes), 'class', 'classes')}. Give `classes` in the order of "
            "the columns."
        )


def _header(
    pairs: NeighborPairs, wrong: ConfidentLabels | None, asked: Mapping[str, Any]
) -> dict[str, Any]:
    measured = pairs.recall
    return {
        "thresher": thresher.__version__,
        "dataset": pairs.content,
        "seed": asked["random_state"],
        "threshold": asked["threshold"],
        "search": pairs.method,
        "pairs": len(pairs.edges),
        "recall": None
        if measured is None
        else [float(measured.estimate), float(measured.low), float(measured.high)],
        "noise_rate": None
        if wrong is None
        else [wrong.noise_rate.estimate, wrong.noise_rate.low, wrong.noise_rate.high],
    }
